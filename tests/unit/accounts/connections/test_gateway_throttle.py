"""What a gateway asks a definition's expressions holds up nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, cast

import pytest
from tests.unit.expressions.test_turns import ENDLESS
from tests.unit.expressions.turn_counter import count_turns

from isthmus.accounts.connections.gateway import Gateway, GatewayAccount, GatewayParts
from isthmus.api.call_parsing import parse_call
from isthmus.definitions import load_integration
from isthmus.engine import provider_errors, proxy
from isthmus.engine.calls import CallResult, ListResult
from isthmus.engine.evaluation import EvaluationSettings, evaluate_or_undefined, use_evaluation_settings
from isthmus.engine.upstream import AccountFacts
from isthmus.errors import MappingFailed
from isthmus.expressions import Limits
from isthmus.http.messages import HttpRequest, HttpResponse, HttpStream
from isthmus.kit.clock import SystemClock


class AtOnce:
    """A way out that answers before anybody else could have a turn, and an account that nobody waits at."""

    is_unthrottled = True

    async def send(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, {"content-type": "application/json"}, b"[]", request.url)

    def record_success(self) -> None:
        """Nobody stands behind."""

    record_failure = record_success

    def record(self, record: object) -> None:
        """Nobody reads the log."""


class Watched(AtOnce):
    """A way out that answers with a stream, and an account that tells what became of it."""

    def __init__(self) -> None:
        self.answered = asyncio.Event()
        self.seen: list[str] = []

    async def send(self, request: HttpRequest) -> HttpResponse:
        self.answered.set()
        return HttpResponse(200, {}, b"", request.url, stream=cast(HttpStream, self))

    async def close(self) -> None:
        self.seen.append("closed")

    def record_failure(self) -> None:
        self.seen.append("failed")


def called(config: Mapping[str, Any], way: AtOnce | None = None) -> Coroutine[Any, Any, CallResult]:
    """A list of a new account, through its gateway."""
    definition = load_integration(
        {"base_url": "https://api.acme.test", "resources": {"things": {"list": {"path": "/l"}}}, **config}
    )
    ports = cast(Any, way or AtOnce())
    parts = GatewayParts(ports, SystemClock(), ports, ports, ports, ports, 3600.0)
    facts = AccountFacts("a", "t", "e", authentication_method="api_key")
    account = GatewayAccount(facts, "acme", definition, {"api_key": "k"}, 1, ports, ports)
    return proxy.call_method(Gateway(parts, account, "r"), definition, "things", parse_call("list"))


@pytest.mark.parametrize(
    ("config", "fails"),
    [
        ({"rate_limit": {"is_rate_limited": ENDLESS}}, False),
        ({"error_expression": ENDLESS}, False),
        ({"authorization": {"format": "header", "config": {"expression": ENDLESS}}}, True),
    ],
)
async def test_others_have_their_turn(config: Mapping[str, Any], fails: bool) -> None:
    call = called(config)
    async with count_turns() as turns:
        with use_evaluation_settings(EvaluationSettings(limits=Limits(seconds=0.2))):
            if fails:
                with pytest.raises(MappingFailed, match="seconds"):
                    await call
            else:
                assert isinstance(await call, ListResult)
        assert turns() > 1


async def test_a_caller_who_hangs_up_while_an_answer_is_looked_at_leaves_nobody_waiting() -> None:
    way = Watched()
    with use_evaluation_settings(EvaluationSettings(limits=Limits(seconds=5))):
        task = asyncio.ensure_future(called({"rate_limit": {"is_rate_limited": ENDLESS}}, way))
        await way.answered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert way.seen == ["failed", "closed"]


async def test_the_expressions_of_a_rate_limit_are_evaluated_once_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fields = []

    def counted(field: str, *arguments: Any) -> Any:
        fields.append(field)
        return evaluate_or_undefined(field, *arguments)

    monkeypatch.setattr(provider_errors, "evaluate_or_undefined", counted)
    assert isinstance(await called({"rate_limit": {"is_rate_limited": "status = 503"}}), ListResult)
    assert fields == ["rate_limit.is_rate_limited"]
