"""What the mappings ask of the products: filters, orders and writes, as they are sent."""

from __future__ import annotations

import pytest

from isthmus.errors import BadRequest
from tests.contract.catalog import entry
from tests.contract.sending import last_request


async def test_hubspot_lists_without_a_search() -> None:
    method, path, query, body = await last_request("hubspot", "crm/contacts.list", "limit=500")
    assert (method, path, body) == ("GET", "/crm/v3/objects/contacts", None)
    assert query["limit"] == "100"
    assert query["associations"] == "companies"
    assert "hs_lead_status" in query["properties"].split(",")


async def test_hubspot_filters_orders_and_pages_in_a_search() -> None:
    method, path, query, body = await last_request(
        "hubspot",
        "crm/contacts.list",
        "email_addresses[email]=a@b.example&updated_at[gt]=2024-01-01T00:00:00Z&updated_at[lte]=2024-02-01T00:00:00Z"
        "&sort_by[created_at]=desc&limit=20&next_cursor=40",
    )
    assert (method, path, query) == ("POST", "/crm/v3/objects/contacts/search", {})
    assert body["filterGroups"] == [
        {
            "filters": [
                {"propertyName": "email", "operator": "EQ", "value": "a@b.example"},
                {"propertyName": "lastmodifieddate", "operator": "GT", "value": "1704067200000"},
                {"propertyName": "lastmodifieddate", "operator": "LTE", "value": "1706745600000"},
            ]
        }
    ]
    assert body["sorts"] == [{"propertyName": "createdate", "direction": "DESCENDING"}]
    assert str(body["limit"]) == "20"
    assert body["after"] == "40"


@pytest.mark.parametrize("resource", ["contacts", "accounts", "opportunities"])
async def test_hubspot_is_sent_what_is_no_time_as_it_came(resource: str) -> None:
    _, path, _, body = await last_request(
        "hubspot", f"crm/{resource}.list", "created_at=0&updated_at[gt]=x&updated_at[lt]=2024-01-01&sort_by="
    )
    assert path.endswith("/search")
    sent = [(each["operator"], each["value"]) for each in body["filterGroups"][0]["filters"]]
    assert sent == [("EQ", "0"), ("GT", "x"), ("LT", "1704067200000")]
    assert "sorts" not in body


async def test_hubspot_finds_deals_by_status_and_links() -> None:
    _, path, _, body = await last_request("hubspot", "crm/opportunities.list", "status=lost&account[id]=7")
    assert path == "/crm/v3/objects/deals/search"
    assert body["filterGroups"][0]["filters"] == [
        {"propertyName": "associations.company", "operator": "EQ", "value": "7"},
        {"propertyName": "hs_is_closed", "operator": "EQ", "value": "true"},
        {"propertyName": "hs_is_closed_won", "operator": "EQ", "value": "false"},
    ]


async def test_hubspot_lists_archived_owners_as_inactive_users() -> None:
    _, path, query, _ = await last_request("hubspot", "crm/users.list", "is_active=false&email=a@b.example")
    assert (path, query["archived"], query["email"]) == ("/crm/v3/owners", "true", "a@b.example")


async def test_hubspot_creates_a_deal_with_its_links() -> None:
    body = {
        "name": "Valves",
        "stage": {"id": "appointmentscheduled"},
        "amount": 15800,
        "account": {"id": "1"},
        "contact": [{"id": "2"}, {"id": "3"}],
        "custom_fields": {"dealtype": "newbusiness"},
    }
    method, path, _, sent = await last_request("hubspot", "crm/opportunities.create", body=body)
    assert (method, path) == ("POST", "/crm/v3/objects/deals")
    assert sent["properties"] == {
        "dealname": "Valves",
        "amount": 15800,
        "dealstage": "appointmentscheduled",
        "dealtype": "newbusiness",
    }
    assert [link["to"]["id"] for link in sent["associations"]] == ["1", "2", "3"]


async def test_hubspot_updates_only_what_is_sent() -> None:
    method, path, _, sent = await last_request(
        "hubspot", "crm/contacts.update", id="5", body={"title": "Buyer"}
    )
    assert (method, path) == ("PATCH", "/crm/v3/objects/contacts/5")
    assert sent == {"properties": {"jobtitle": "Buyer"}}


async def test_zendesk_lists_without_a_search_in_the_order_asked_for() -> None:
    method, path, query, _ = await last_request(
        "zendesk", "ticketing/tickets.list", "sort_by[updated_at]=desc"
    )
    assert (method, path) == ("GET", "/api/v2/tickets")
    assert query == {"sort": "-updated_at", "page[size]": "100"}


async def test_zendesk_filters_in_a_search_query() -> None:
    _, path, query, _ = await last_request(
        "zendesk",
        "ticketing/tickets.list",
        "status[id]=open&assignees[id]=42&updated_at[gte]=2024-01-01T00:00:00Z&search=frozen pump&limit=30"
        "&next_cursor=abc",
    )
    assert path == "/api/v2/search/export"
    assert query == {
        "filter[type]": "ticket",
        "query": "status:open assignee:42 updated>=2024-01-01T00:00:00Z frozen pump",
        "page[size]": "30",
        "page[after]": "abc",
    }


async def test_zendesk_users_are_agents_and_admins() -> None:
    _, path, query, _ = await last_request("zendesk", "ticketing/users.list")
    assert path == "/api/v2/users"
    assert query["role[]"] == "admin"  # the last of the two


async def test_zendesk_comments_need_their_ticket() -> None:
    with pytest.raises(BadRequest):
        await last_request("zendesk", "ticketing/comments.list")
    _, path, _, _ = await last_request("zendesk", "ticketing/comments.list", "ticket[id]=35")
    assert path == "/api/v2/tickets/35/comments"


async def test_zendesk_comments_are_an_update_of_the_ticket() -> None:
    body = {"ticket": {"id": "35"}, "body": "Done.", "is_private": True}
    method, path, _, sent = await last_request("zendesk", "ticketing/comments.create", body=body)
    assert (method, path) == ("PUT", "/api/v2/tickets/35")
    assert sent == {"ticket": {"comment": {"body": "Done.", "public": False}}}


async def test_zendesk_writes_ticket_fields_by_id_and_attributes_by_name() -> None:
    body = {
        "name": "Seal",
        "description": "Leaks.",
        "status": {"name": "resolved"},
        "contact": {"name": "Mo", "emails": [{"email": "mo@acme.example"}]},
        "tags": [{"name": "seal"}],
        "custom_fields": {"360001": "hall 3", "external_id": "x-1"},
    }
    method, path, _, sent = await last_request("zendesk", "ticketing/tickets.create", body=body)
    assert (method, path) == ("POST", "/api/v2/tickets")
    assert sent["ticket"] == {
        "subject": "Seal",
        "comment": {"body": "Leaks."},
        "status": "solved",
        "requester": {"email": "mo@acme.example", "name": "Mo"},
        "tags": ["seal"],
        "custom_fields": [{"id": 360001, "value": "hall 3"}],
        "external_id": "x-1",
    }


async def test_github_lists_open_and_closed_issues_unless_asked() -> None:
    _, path, query, _ = await last_request("github", "ticketing/tickets.list", "limit=50")
    assert path.endswith("/issues")
    assert query == {"state": "all", "per_page": "50"}
    _, _, query, _ = await last_request(
        "github",
        "ticketing/tickets.list",
        "status[id]=closed&assignees[id]=mo&tags[id]=bug&updated_at[gt]=2024-01-01T00:00:00Z&sort_by[updated_at]=asc",
    )
    assert query == {
        "state": "closed",
        "assignee": "mo",
        "labels": "bug",
        "since": "2024-01-01T00:00:00Z",
        "sort": "updated",
        "direction": "asc",
    }


async def test_github_searches_in_its_repository_for_what_the_list_cannot_filter() -> None:
    _, path, query, _ = await last_request(
        "github", "ticketing/tickets.list", "search=pump&tags[id]=good first&created_at[gte]=2024-01-01"
    )
    assert path == "/search/issues"
    context = entry("github").example_context
    expected = (
        f'repo:{context["owner"]}/{context["repo"]} is:issue label:"good first" created:>=2024-01-01 pump'
    )
    assert query["q"] == expected


async def test_github_lists_comments_of_a_ticket_or_of_all() -> None:
    _, path, _, _ = await last_request("github", "ticketing/comments.list", "ticket[id]=58")
    assert path.endswith("/issues/58/comments")
    _, path, query, _ = await last_request("github", "ticketing/comments.list")
    assert path.endswith("/issues/comments")
    assert query == {}


async def test_github_closes_an_issue_with_the_reason() -> None:
    body = {"status": {"name": "resolved"}, "assignees": [{"id": "mo"}], "tags": []}
    method, path, _, sent = await last_request("github", "ticketing/tickets.update", id="58", body=body)
    assert method == "PATCH"
    assert path.endswith("/issues/58")
    assert sent == {"state": "closed", "state_reason": "completed", "assignees": ["mo"], "labels": []}


async def test_github_labels_are_read_by_name() -> None:
    _, path, _, _ = await last_request("github", "ticketing/tags.get", id="good first issue")
    assert path.endswith("/labels/good%20first%20issue")
