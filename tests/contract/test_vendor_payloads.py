"""What vendors really send, read from outside the project, maps to valid records with nothing lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from isthmus.authoring.contract.checks import iter_schema_errors
from isthmus.authoring.contract.lost_values_check import FieldTraces, trace_exchange
from isthmus.authoring.contract.recorded_calls import map_answer
from isthmus.definitions.file_models import Exchange
from isthmus.errors import RemoteError
from tests.contract.catalog import entry

_PAYLOADS = Path(__file__).parents[3] / "shared" / "vendor-data" / "payloads"

PAYLOADS = [
    ("hubspot", "crm", "contacts", "list", "hubspot/test/search/contacts/1-first-page.json"),
    ("hubspot", "crm", "contacts", "search", "hubspot/test/search/contacts/1-first-page.json"),
    ("hubspot", "crm", "contacts", "list", "hubspot/test/search/contacts/2-second-page.json"),
    ("hubspot", "crm", "contacts", "search", "hubspot/test/search/contacts/2-second-page.json"),
    ("hubspot", "crm", "contacts", "search", "hubspot/test/read-via-search/contacts-response.json"),
    ("zendesk", "ticketing", "users", "list", "zendesksupport/test/read/incremental/users-2-last-page.json"),
    ("okta", "user-directory", "users", "list", "okta/test/read-users.json"),
    ("okta", "user-directory", "groups", "list", "okta/test/read-groups.json"),
    ("okta", "user-directory", "groups", "list", "okta/test/read-groups-with-custom-fields.json"),
    ("jira", "ticketing", "tickets", "list", "atlassian/test/read-issues.json"),
    ("freshdesk", "ticketing", "tickets", "list", "freshdesk/test/tickets.json"),
    ("pipedrive", "crm", "opportunities", "list", "pipedrive/test/deals.json"),
    ("stripe", "crm", "contacts", "list", "stripe/internal/reader/test/customers/1-first-page.json"),
    ("stripe", "crm", "contacts", "list", "stripe/internal/reader/test/customers/2-last-page.json"),
    ("stripe", "crm", "contacts", "list", "stripe/internal/reader/test/customers/with-metadata.json"),
    ("salesforce", "crm", "opportunities", "list", "salesforce/test/read-opportunity-with-account.json"),
    ("stripe", "crm", "contacts", "create", "stripe/test/write/customers/new.json"),
    ("freshdesk", "ticketing", "contacts", "create", "freshdesk/test/create-contacts.json"),
    ("okta", "user-directory", "users", "create", "okta/test/write-user-create.json"),
    ("jira", "ticketing", "tickets", "create", "atlassian/test/create-issue.json"),
]


@pytest.mark.parametrize(("integration", "model", "resource", "method", "path"), PAYLOADS)
async def test_a_real_page_maps_to_valid_records_with_nothing_lost(
    integration: str, model: str, resource: str, method: str, path: str
) -> None:
    payload = _PAYLOADS / path
    if not payload.is_file():
        pytest.skip(f"shared vendor-data/payloads/{path} absent")
    catalogued = entry(integration)
    cell = catalogued.find_mapped_method(model, resource, method) or catalogued.find_mapped_method(
        model, resource, "list"
    )
    assert cell is not None
    exchange = _exchange(json.loads(payload.read_text("utf-8")))
    choice = (cell.proxy_methods[0][0], method)
    found = await map_answer(catalogued, cell, choice, exchange)
    assert found
    assert [text for record in found for text in iter_schema_errors(catalogued, cell, record)] == []
    traces = FieldTraces()
    await trace_exchange(catalogued, cell, choice, exchange, traces)
    assert traces.lost == []


ERRORS = [
    (
        "hubspot",
        "crm",
        "contacts",
        400,
        "hubspot/test/search/error-invalid-object.json",
        "Unable to infer object type",
    ),
    ("zendesk", "ticketing", "tickets", 403, "zendesksupport/test/forbidden.json", "You do not have access"),
    (
        "zendesk",
        "ticketing",
        "tickets",
        400,
        "zendesksupport/test/missing-parameter.json",
        "Parameter brands is",
    ),
    ("okta", "user-directory", "users", 401, "okta/test/error.json", "Invalid token provided"),
    (
        "jira",
        "ticketing",
        "tickets",
        400,
        "atlassian/test/create-issue-invalid-project.json",
        "project: Specify a valid",
    ),
    (
        "jira",
        "ticketing",
        "tickets",
        404,
        "atlassian/test/delete-issue-not-found.json",
        "Issue does not exist",
    ),
    ("stripe", "crm", "contacts", 404, "stripe/test/delete/err-not-found.json", "No such"),
    ("salesforce", "crm", "contacts", 400, "salesforce/test/unknown-field.json", "No such column"),
    ("salesforce", "crm", "contacts", 404, "salesforce/test/crm/delete/not-found.json", "entity is deleted"),
    ("slack", "user-directory", "users", 401, "slack/test/error-with-message.json", "not_authed"),
    ("jira", "ticketing", "tickets", 404, "atlassian/test/path-not-found.json", "No message available"),
]


@pytest.mark.parametrize(("integration", "model", "resource", "status", "path", "message"), ERRORS)
async def test_a_real_error_is_told_in_its_own_words(
    integration: str, model: str, resource: str, status: int, path: str, message: str
) -> None:
    payload = _PAYLOADS / path
    if not payload.is_file():
        pytest.skip(f"shared vendor-data/payloads/{path} absent")
    catalogued = entry(integration)
    cell = catalogued.find_mapped_method(model, resource, "list")
    assert cell is not None
    exchange = _exchange(json.loads(payload.read_text("utf-8")), status)
    choice = cell.proxy_methods[0]
    with pytest.raises(RemoteError, match=message) as caught:
        await map_answer(catalogued, cell, choice, exchange)
    assert caught.value.status == status


def _exchange(body: Any, status: int = 200) -> Exchange:
    headers = {"content-type": "application/json"}
    return Exchange.model_validate(
        {"provenance": "recorded", "response": {"status": status, "headers": headers, "body": body}}
    )
