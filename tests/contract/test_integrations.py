"""Every integration of the catalogue, by being there."""

from __future__ import annotations

import pytest

from isthmus.integrations.contract import checks, linting
from isthmus.integrations.contract.gaps import gaps_are_borne
from isthmus.integrations.contract.losses import nothing_is_lost
from tests.contract.catalog import Entry, entry, integration_names


@pytest.fixture(params=integration_names())
def integration(request: pytest.FixtureRequest) -> Entry:
    return entry(request.param)


def test_lint_finds_nothing(integration: Entry) -> None:
    assert linting.lint_is_clean(integration) == []


def test_nothing_in_it_is_still_to_be_built(integration: Entry) -> None:
    assert checks.executes(integration) == []


def test_its_files_name_what_is_there(integration: Entry) -> None:
    assert checks.names_exist(integration) == []


def test_its_examples_show_answers_pages_and_errors(integration: Entry) -> None:
    assert checks.examples_are_complete(integration) == []


async def test_its_answers_map_to_valid_records(integration: Entry) -> None:
    assert await checks.records_are_valid(integration) == []


async def test_its_lists_end(integration: Entry) -> None:
    assert await checks.pages_end(integration) == []


async def test_what_it_lists_can_be_read(integration: Entry) -> None:
    assert await checks.listed_records_can_be_read(integration) == []


async def test_its_errors_are_told(integration: Entry) -> None:
    assert await checks.errors_map(integration) == []


async def test_sourced_fields_are_mapped_or_left_out_for_a_reason(integration: Entry) -> None:
    assert await checks.fields_are_mapped(integration) == []


async def test_what_its_records_hold_is_carried_or_left_out_for_a_reason(integration: Entry) -> None:
    assert await nothing_is_lost(integration) == []


async def test_it_bears_what_a_provider_leaves_out(integration: Entry) -> None:
    assert await gaps_are_borne(integration) == []


async def test_what_was_read_can_be_written(integration: Entry) -> None:
    assert await checks.writes_are_built(integration) == []
