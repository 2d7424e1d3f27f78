"""No value in the body of a write makes a mapping of the catalogue fail: what it cannot translate goes out as
it came, the product refuses it, and the caller reads that."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import unquote_plus, urlsplit

import pytest

from isthmus.api.call_parsing import parse_call
from isthmus.authoring.contract.catalog_entry import CatalogEntry, MappedMethod
from isthmus.authoring.contract.replay_upstreams import SingleAnswerUpstream
from isthmus.engine import unified
from isthmus.engine.upstream import OutgoingRequest
from isthmus.errors import BadRequest, MappingFailed, RemoteError
from isthmus.http.messages import HttpResponse
from tests.contract.catalog import entry, integration_names, model
from tests.contract.odd_bodies import bodies_of
from tests.contract.sending import exchange_of, last_request, requests_of
from tests.selection import IN_FULL, Walk

_NO_WRITES: Final = frozenset({"list", "get", "delete"})
_MAPPINGS = [(name, each) for name in integration_names() for each in entry(name).mappings]
_LONG: Final = "9" * 400
_DEEP: Final = {"a": [1]}


@pytest.mark.parametrize(("integration", "model_name"), _MAPPINGS, ids=["-".join(each) for each in _MAPPINGS])
async def test_a_body_is_sent_or_refused(integration: str, model_name: str, walk: Walk) -> None:
    assert await _complaints_about(entry(integration), model_name, walk=walk) == []


async def test_a_mapping_that_fails_on_an_odd_value_is_found() -> None:
    def unguarded(copy: CatalogEntry) -> None:
        for cell in copy.mappings["ticketing"]["cells"]:
            mapping = cell["config"].get("request_body_mapping", "")
            cell["config"]["request_body_mapping"] = mapping.replace(
                "$id(body.team.id)", "$number(body.team.id)"
            )

    complaints = await _complaints_about(entry("zendesk").copy_changed(unguarded), "ticketing", "tickets")
    assert any(text.startswith('ticketing/tickets.create: team.id is "nonsense": ') for text in complaints)
    assert all("team.id is" in text for text in complaints)


async def test_a_step_before_a_write_that_fails_is_found() -> None:
    def unguarded(copy: CatalogEntry) -> None:
        for cell in copy.mappings["ticketing"]["cells"]:
            for step in cell["config"].get("before", []):
                if isinstance(step["config"], str):
                    step["config"] = step["config"].replace("$string($name)", "$name")

    complaints = await _complaints_about(entry("jira").copy_changed(unguarded), "ticketing", "tickets")
    assert any("tickets.update: status.name is true, alone" in text for text in complaints)


AS_IT_CAME: Final = [
    ("freshdesk", "tickets", {"team": {"id": "7a"}}, {"group_id": "7a"}),
    ("freshdesk", "tickets", {"team": {"id": _LONG}}, {"group_id": _LONG}),
    ("freshdesk", "tickets", {"team": {"id": "12345678901234567"}}, {"group_id": "12345678901234567"}),
    ("freshdesk", "tickets", {"status": {"name": "odd"}}, {"status": "odd"}),
    ("freshdesk", "tickets", {"status": {"name": "closed"}}, {"status": 5}),
    ("freshdesk", "tickets", {"custom_fields": "odd"}, {"custom_fields": "odd"}),
    ("freshdesk", "contacts", {"first_name": "Ann", "last_name": _DEEP}, {"name": 'Ann {"a":[1]}'}),
    ("github", "tickets", {"collections": [{"id": "v1"}]}, {"milestone": "v1"}),
    ("github", "tickets", {"status": {"name": "odd"}}, {"state": "odd"}),
    ("github", "tickets", {"status": {"name": "active"}}, {"state": "open"}),
    ("github", "tickets", {"assignees": ["ann", {"id": "bob"}]}, {"assignees": ["ann", "bob"]}),
    ("github", "tags", {"custom_fields": ["odd"]}, {"custom_fields": ["odd"]}),
    ("linear", "tickets", {"priority": {"id": "high"}}, {"priority": "high"}),
    ("linear", "tickets", {"assignees": ["ann"]}, {"assigneeId": "ann"}),
    ("linear", "tickets", {"assignees": []}, {"assigneeId": None}),
    ("linear", "tickets", {"due_date": _DEEP}, {"dueDate": _DEEP}),
    ("linear", "tickets", {"due_date": "2024-05-06T07:08:09Z"}, {"dueDate": "2024-05-06"}),
    ("redmine", "tickets", {"priority": {"id": "high"}}, {"priority_id": "high"}),
    (
        "redmine",
        "tickets",
        {"custom_fields": {"1": "a", "two": "b"}},
        {"custom_fields": [{"id": 1, "value": "a"}, {"id": "two", "value": "b"}]},
    ),
    ("trello", "tickets", {"assignees": ["m1"]}, {"idMembers": ["m1"]}),
    ("trello", "tickets", {"due_date": "12"}, {"due": "12"}),
    ("trello", "tickets", {"due_date": 2024}, {"due": 2024}),
    ("trello", "tickets", {"due_date": "2024-05-06"}, {"due": "2024-05-06T00:00:00.000Z"}),
    ("zendesk", "tickets", {"tags": ["vip", {"name": "new"}]}, {"tags": ["vip", "new"]}),
    ("zendesk", "tickets", {"status": {"name": True}}, {"status": True}),
    ("zendesk", "tickets", {"custom_fields": [1]}, {"custom_fields": [1]}),
    ("jira", "tickets", {"due_date": 5}, {"duedate": 5}),
    ("jira", "tickets", {"assignees": ["ann"]}, {"assignee": "ann"}),
    (
        "jira",
        "tickets",
        {
            "collections": [
                "api",
                {"id": "5"},
                {"id": "6", "type": "component"},
                {"id": "7", "type": "version"},
                {"id": "8", "type": "epic"},
                {"id": "9", "type": "sprint"},
                {"id": "10", "type": None},
            ]
        },
        {"components": ["api", {"id": "5"}, {"id": "6"}, {"id": "10"}], "fixVersions": [{"id": "7"}]},
    ),
    ("jira", "tickets", {"custom_fields": "odd"}, {"custom_fields": "odd"}),
    ("hubspot", "contacts", {"name": _DEEP}, {"firstname": _DEEP}),
    ("hubspot", "contacts", {"name": "Ann Lee"}, {"firstname": "Ann", "lastname": "Lee"}),
    ("hubspot", "contacts", {"custom_fields": "odd"}, {"custom_fields": "odd"}),
    ("hubspot", "opportunities", {"probability": "much"}, {"hs_deal_stage_probability": "much"}),
    ("hubspot", "opportunities", {"probability": "25"}, {"hs_deal_stage_probability": 0.25}),
    ("hubspot", "opportunities", {"tags": ["t1", {"id": "t2"}]}, {"hs_tag_ids": "t1;t2"}),
    ("pipedrive", "contacts", {"owner": {"id": _LONG}}, {"owner_id": _LONG}),
    ("pipedrive", "accounts", {"addresses": [{"city": _DEEP}]}, {"address": {"value": '{"a":[1]}'}}),
    ("pipedrive", "opportunities", {"close_date": True}, {"expected_close_date": True}),
    ("pipedrive", "tasks", {"due_date": 5}, {"due_date": 5}),
    ("pipedrive", "tasks", {"due_date": "2024-05-06"}, {"due_date": "2024-05-06"}),
    (
        "pipedrive",
        "tasks",
        {"due_date": "2024-05-06T07:08:09+02:00"},
        {"due_date": "2024-05-06", "due_time": "05:08"},
    ),
    ("pipedrive", "tasks", {"status": "odd"}, {"done": "odd"}),
    ("pipedrive", "leads", {"status": "odd"}, {"is_archived": "odd"}),
    ("salesforce", "opportunities", {"close_date": [5]}, {"CloseDate": [5]}),
    ("salesforce", "tasks", {"due_date": "soon"}, {"ActivityDate": "soon"}),
    ("salesforce", "leads", {"custom_fields": "odd"}, {"custom_fields": "odd"}),
]
_INSIDE: Final = {"redmine": "issue", "zendesk": "ticket", "jira": "fields", "hubspot": "properties"}


@pytest.mark.parametrize(("integration", "resource", "body", "sent"), AS_IT_CAME)
async def test_what_cannot_be_translated_goes_out_as_it_came(
    integration: str, resource: str, body: dict[str, Any], sent: dict[str, Any]
) -> None:
    unified_model = "ticketing" if "ticketing" in entry(integration).mappings else "crm"
    path = f"{unified_model}/{resource}.update"
    _, _, _, written = await last_request(integration, path, id="1", body=body)
    if integration == "linear":
        written = written["variables"]["input"]
    inside = _INSIDE.get(integration)
    assert (written[inside] if inside else written) == sent


@pytest.mark.parametrize("integration", ["freshdesk", "github", "jira", "trello", "zendesk"])
@pytest.mark.parametrize("id", ["", [], None])
async def test_a_comment_without_the_id_of_its_ticket_is_refused(integration: str, id: object) -> None:
    with pytest.raises(BadRequest):
        await requests_of(
            integration,
            "ticketing/comments.create",
            body={"ticket": {"id": id}, "body": "Hi", "is_private": True},
        )


async def test_empty_custom_fields_are_none() -> None:
    nothing: list[object] = [None, [], {}, ""]
    for empty in nothing:
        _, _, _, sent = await last_request(
            "hubspot", "crm/accounts.update", id="1", body={"name": "x", "custom_fields": empty}
        )
        assert sent == {"properties": {"name": "x"}}


async def _complaints_about(
    catalogued: CatalogEntry, model_name: str, resource: str = "", *, walk: Walk = IN_FULL
) -> list[str]:
    return [
        f"{cell.name}: {what}: {found}"
        for cell in catalogued.mapped_methods
        if cell.model == model_name and cell.method not in _NO_WRITES and resource in (cell.resource, "")
        for what, body in walk.draw(bodies_of(catalogued, cell))
        if (found := await _complaint(catalogued, cell, body))
    ]


class _Sent(Exception):
    """The call's own request went out: what is answered plays no part any more."""


class _Provider(SingleAnswerUpstream):
    """Answers the steps before a call with the record as it is read."""

    def __init__(self, catalogued: CatalogEntry, cell: MappedMethod) -> None:
        known = catalogued.find_exchanges(cell.proxy_methods[0][0], "get", error=False)
        super().__init__(catalogued, known[0] if known else exchange_of({}))
        self._last = cell.proxy_methods

    async def send(self, request: OutgoingRequest) -> HttpResponse:
        answer = await super().send(request)
        if (request.operation.resource, request.operation.method) in self._last:
            raise _Sent
        return answer


async def _complaint(catalogued: CatalogEntry, cell: MappedMethod, body: object) -> str:
    provider = _Provider(catalogued, cell)
    target = unified.UnifiedTarget(cell.model, cell.resource, model(cell.model).file.resources[cell.resource])
    call = parse_call(cell.method, id="1" if cell.method == "update" else None, body=body)
    try:
        await unified.call_method(provider, catalogued.file.config, target, cell.config, call)
    except MappingFailed as failed:
        return str(failed)
    except (_Sent, BadRequest, RemoteError):
        pass
    return next((wrong for request in provider.sent if (wrong := _wrong_in(request))), "")


def _wrong_in(request: OutgoingRequest) -> str:
    address, sent = urlsplit(request.http.url), request.http.body
    body = unquote_plus(sent.decode()) if isinstance(sent, bytes) else ""
    if "//" in address.path or "[object Object]" in unquote_plus(address.query) + body:
        return f"sent to {request.http.url[:200]}: {body[:200]}"
    return ""
