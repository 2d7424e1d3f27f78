"""What an upstream left out reaches the result of each kind of call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.engine.mapped_calls import METHODS, run
from tests.unit.engine.upstreams import MemoryUpstream, answer, integration

from isthmus.engine import custom, proxy
from isthmus.engine.calls import Call
from isthmus.engine.custom import CustomCall
from isthmus.http.messages import HttpResponse
from isthmus.kit.call_warnings import CallWarning

LEFT_OUT = (CallWarning("unfiltered", "the filter was not applied", "query.name"),)
DEFINITION = integration(METHODS)


class _Stream:
    """A body without bytes."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b""

    async def close(self) -> None:
        """Does nothing."""


def _answering(**body: Any) -> MemoryUpstream:
    """Returns an upstream whose one answer left something out."""
    return MemoryUpstream([replace(answer(body), warnings=LEFT_OUT)])


@pytest.mark.parametrize("method", ["list", "get", "create", "update", "delete", "search"])
async def test_a_proxy_call_tells_what_its_answer_left_out(method: str) -> None:
    result = await proxy.call_method(_answering(items=[]), DEFINITION, "things", Call(method=method, id="1"))

    assert result.warnings == LEFT_OUT


@pytest.mark.parametrize("method", ["list", "get", "create", "update", "delete", "zap"])
async def test_a_unified_call_tells_what_its_answer_left_out(method: str) -> None:
    mapping = {"method": "search"} if method == "zap" else {}

    result = await run(_answering(items=[]), mapping, Call(method=method, id="1"))

    assert result.warnings == LEFT_OUT


async def test_a_custom_call_tells_what_its_answer_left_out() -> None:
    call = CustomCall(verb="GET", path="things", parameters=Call(method="get"))

    result = await custom.call_custom(_answering(), DEFINITION, call)

    assert result.warnings == LEFT_OUT


async def test_bytes_that_are_passed_on_tell_what_they_left_out() -> None:
    streamed = HttpResponse(200, {}, b"", "", stream=_Stream(), warnings=LEFT_OUT)

    result = await proxy.call_method(
        MemoryUpstream([streamed]), DEFINITION, "things", Call(method="get", id="1")
    )

    assert result.warnings == LEFT_OUT
