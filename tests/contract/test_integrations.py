"""Every integration of the catalogue, by being there."""

from __future__ import annotations

import inspect

import pytest

from isthmus.authoring.contract.suite import CHECKS, Check
from tests.contract.catalog import Entry, entry, integration_names


@pytest.fixture(params=integration_names())
def integration(request: pytest.FixtureRequest) -> Entry:
    return entry(request.param)


@pytest.mark.parametrize("check", CHECKS, ids=[check.name for check in CHECKS])
async def test_an_integration_keeps_the_contract(integration: Entry, check: Check) -> None:
    found = check.run(integration)
    assert (await found if inspect.isawaitable(found) else found) == [], check.holds_when
