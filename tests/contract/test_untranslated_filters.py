"""What no mapping can translate goes out as it came, as a value: the product says what is wrong with it."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from isthmus.api.call_parsing import parse_call
from isthmus.authoring.contract.replay_upstreams import SingleAnswerUpstream
from isthmus.engine import proxy
from isthmus.engine.queries import parse_query
from isthmus.errors import BadRequest
from tests.contract.catalog import entry
from tests.contract.sending import exchange_of, last_request

_ADDED = '2024-01-01" OR x:y'


@pytest.mark.parametrize(
    ("integration", "path", "asked", "sent"),
    [
        (
            "salesforce",
            "crm/contacts.list",
            {"created_at": "0", "updated_at[gt]": "it's", "sort_by[name]": "up"},
            {
                "q": "SELECT FIELDS(STANDARD) FROM Contact"
                " WHERE CreatedDate = '0' AND LastModifiedDate > 'it\\'s' ORDER BY Name ASC, Id"
            },
        ),
        (
            "salesforce",
            "crm/users.list",
            {"is_active": "true OR Name != ''"},
            {
                "q": "SELECT Id, Name, Email, IsActive, CreatedDate, LastModifiedDate FROM User"
                " WHERE IsActive = 'true OR Name != \\'\\'' ORDER BY Id"
            },
        ),
        (
            "jira",
            "ticketing/tickets.list",
            {"created_at": _ADDED, "updated_at[lt]": "2024-01-01", "sort_by[created_at]": "DESC, key"},
            {"jql": 'created = "2024-01-01 OR x:y" AND updated < 1704067200000 ORDER BY created ASC'},
        ),
        (
            "jira",
            "ticketing/tickets.list",
            {"created_at[gt]": "12", "updated_at": "2024"},
            {"jql": 'created > "12" AND updated = "2024" ORDER BY created ASC'},
        ),
        (
            "okta",
            "user-directory/users.list",
            {"status": 'a" or status pr', "emails[email]": "\\", "created_at[gte]": _ADDED},
            {
                "search": '(status eq "A\\" OR STATUS PR") and profile.email eq "\\\\"'
                ' and created ge "2024-01-01\\" OR x:y"'
            },
        ),
        (
            "zendesk",
            "ticketing/tickets.list",
            {"created_at": _ADDED},
            {"query": "created:2024-01-01ORx:y", "filter[type]": "ticket"},
        ),
        (
            "github",
            "ticketing/tickets.list",
            {"created_at": _ADDED, "status[id]": "reopened"},
            {"q": "repo:octo-org/octo-repo is:issue state:reopened created:2024-01-01ORx:y"},
        ),
        (
            "freshdesk",
            "ticketing/tickets.list",
            {"created_at": "0", "status[id]": "In Progress"},
            {"query": "\"status:'In Progress' AND created_at:'0'\""},
        ),
        (
            "freshdesk",
            "ticketing/tickets.list",
            {"assignees[id]": "null", "team[id]": "null", "ticket_type[id]": "null", "tags[id]": "null"},
            {"query": '"agent_id:null AND group_id:null AND type:null AND tag:null"'},
        ),
        ("freshdesk", "ticketing/tickets.list", {"updated_at[gte]": "x"}, {"updated_since": "x"}),
        (
            "freshdesk",
            "ticketing/contacts.list",
            {"updated_at[gt]": "x", "is_active": "y"},
            {"updated_since": "x", "state": "y"},
        ),
        (
            "pipedrive",
            "crm/accounts.list",
            {"updated_at[gte]": "x", "updated_at[lt]": "2024-01-01", "sort_by": "name"},
            {"updated_since": "x", "updated_until": "2024-01-01T00:00:00Z"},
        ),
        ("pipedrive", "crm/tasks.list", {"status": "late"}, {"done": "late"}),
        (
            "redmine",
            "ticketing/tickets.list",
            {"created_at": "0", "updated_at[gt]": "x", "sort_by[created_at]": "up"},
            {"created_on": "0", "updated_on": ">=x", "sort": "created_on:asc"},
        ),
        ("stripe", "crm/contacts.list", {"created_at": "0"}, {"created": "0"}),
        ("trello", "ticketing/comments.list", {"ticket[id]": "1", "created_at[gt]": "x"}, {"since": "x"}),
    ],
)
async def test_a_filter_goes_out_as_it_came(
    integration: str, path: str, asked: dict[str, str], sent: dict[str, str]
) -> None:
    _, _, query, _ = await last_request(
        integration, path, urlencode(asked), answer={"data": [], "results": []}
    )
    assert {name: query.get(name) for name in sent} == sent
    assert not {"order_by", "sort_direction", "sort_by"} & query.keys()


async def test_linear_is_sent_filters_as_they_came() -> None:
    asked = {"created_at": "0", "updated_at[gt]": "2024-01-01", "priority[id]": "x", "sort_by": ""}
    _, _, _, body = await last_request(
        "linear", "ticketing/tickets.list", urlencode(asked), answer={"data": {"list": {"nodes": []}}}
    )
    assert body["variables"]["filter"] == {
        "priority": {"eq": "x"},
        "createdAt": {"eq": "0"},
        "updatedAt": {"gt": "2024-01-01T00:00:00.000Z"},
    }


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ({}, {"first": 50}),
        ({"limit": "7", "next_cursor": "c"}, {"first": 7, "after": "c"}),
        ({"limit": "500"}, {"first": 100}),
    ],
)
async def test_linear_pages_by_the_variables_of_its_document(
    asked: dict[str, str], sent: dict[str, Any]
) -> None:
    answer: dict[str, Any] = {"data": {"list": {"nodes": []}}}
    _, _, query, body = await last_request("linear", "ticketing/teams.list", urlencode(asked), answer=answer)
    assert (query, body["variables"]) == ({}, sent)


@pytest.mark.parametrize(
    ("integration", "path"),
    [
        ("freshdesk", "ticketing/comments.list"),
        ("github", "ticketing/comments.list"),
        ("jira", "ticketing/comments.list"),
        ("redmine", "ticketing/comments.list"),
        ("trello", "ticketing/comments.list"),
        ("zendesk", "ticketing/comments.list"),
    ],
)
async def test_a_parent_without_an_id_is_refused(integration: str, path: str) -> None:
    with pytest.raises(BadRequest, match=r"has no value|lacks required .* ticket\[id\]"):
        await last_request(integration, path, "ticket[id]=")


@pytest.mark.parametrize(
    ("integration", "resource"),
    [("trello", "cards"), ("stripe", "customers"), ("tableau", "users"), ("jira", "users")],
)
async def test_an_empty_limit_of_a_proxy_call_is_none(integration: str, resource: str) -> None:
    provider = SingleAnswerUpstream(entry(integration), exchange_of([]))
    call = parse_call("list", query=parse_query("limit="))
    await proxy.call_method(provider, entry(integration).file.config, resource, call)
    assert provider.sent
