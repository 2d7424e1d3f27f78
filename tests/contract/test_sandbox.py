"""Every list of every integration, in the sandbox account that an environment has of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from isthmus.authoring.contract.sandbox_checks import SANDBOX_CHECKS, SandboxList, find_recorded_list_methods
from tests.contract.catalog import entry, integration_names


@pytest.mark.walk(share=0.15)
@pytest.mark.parametrize("check", SANDBOX_CHECKS, ids=[check.__name__ for check in SANDBOX_CHECKS])
@pytest.mark.parametrize("name", integration_names())
async def test_a_sandbox_answers(name: str, check: Callable[[SandboxList], Awaitable[list[str]]]) -> None:
    complaints = [
        f"{method.name}: {text}"
        for method in find_recorded_list_methods(entry(name))
        for text in await check(SandboxList(entry(name), method))
    ]
    assert complaints == []
