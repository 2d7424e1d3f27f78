"""Every list of every integration, in the sandbox account that an environment has of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

import pytest

from isthmus.authoring.contract.sandbox_checks import SANDBOX_CHECKS, SandboxList, find_recorded_list_methods
from tests.contract.catalog import entry, integration_names


def _lists() -> Iterator[tuple[str, str, str]]:
    for name in integration_names():
        for cell in find_recorded_list_methods(entry(name)):
            yield name, cell.model, cell.resource


@pytest.fixture(params=list(_lists()), ids=".".join)
def sandbox(request: pytest.FixtureRequest) -> SandboxList:
    name, model_name, resource = request.param
    cell = entry(name).find_mapped_method(model_name, resource, "list")
    assert cell is not None
    return SandboxList(entry(name), cell)


@pytest.mark.walk(share=0.15)
@pytest.mark.parametrize("check", SANDBOX_CHECKS, ids=[check.__name__ for check in SANDBOX_CHECKS])
async def test_a_sandbox_answers(
    sandbox: SandboxList, check: Callable[[SandboxList], Awaitable[list[str]]]
) -> None:
    assert await check(sandbox) == []
