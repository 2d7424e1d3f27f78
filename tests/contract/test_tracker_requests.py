"""What the mappings of help desks and trackers ask: filters, orders and writes, as they are sent."""

from __future__ import annotations

import pytest

from isthmus.errors import BadRequest
from tests.contract.sending import last_request, requests_of

NOTHING = {"issues": [], "isLast": True}


async def test_jira_always_narrows_its_query() -> None:
    _, path, query, _ = await last_request("jira", "ticketing/tickets.list", answer=NOTHING)
    assert path == "/rest/api/2/search/jql"
    assert query["jql"] == 'created >= "1970-01-01" ORDER BY created ASC'


async def test_jira_filters_and_orders_in_its_query() -> None:
    filters = (
        "status[id]=active&assignees[id]=70121:x&workspace[id]=NB&updated_at[gte]=2024-01-01T00:00:00Z"
        '&search=ga"te&sort_by[updated_at]=desc&next_cursor=abc'
    )
    _, _, query, _ = await last_request("jira", "ticketing/tickets.list", filters, answer=NOTHING)
    assert query["jql"] == (
        'statusCategory = "In Progress" AND assignee = "70121:x" AND project = "NB"'
        ' AND updated >= 1704067200000 AND text ~ "gate" ORDER BY updated DESC'
    )
    assert query["nextPageToken"] == "abc"


ISSUE = {
    "id": "10301",
    "fields": {"status": {"id": "1", "name": "To Do", "statusCategory": {"key": "new"}}},
    "transitions": [
        {"id": "31", "to": {"id": "3", "name": "Done", "statusCategory": {"key": "done"}}},
        {"id": "21", "to": {"id": "2", "name": "Doing", "statusCategory": {"key": "indeterminate"}}},
    ],
}


@pytest.mark.parametrize(("status", "transition"), [({"id": "2"}, "21"), ({"name": "completed"}, "31")])
async def test_jira_changes_a_status_by_the_transition_that_leads_there(
    status: dict[str, str], transition: str
) -> None:
    asked, moved, written = await requests_of(
        "jira", "ticketing/tickets.update", id="NB-2", body={"status": status, "name": "x"}, answer=ISSUE
    )
    assert asked[:2] == ("GET", "/rest/api/2/issue/NB-2")
    assert moved[:2] == ("POST", "/rest/api/2/issue/NB-2/transitions")
    assert moved[3] == {"transition": {"id": transition}}
    assert (written[0], written[3]) == ("PUT", {"fields": {"summary": "x"}})


@pytest.mark.parametrize("status", [{"id": "1", "name": "open"}, {"name": "open"}, {"name": "To Do"}])
async def test_jira_leaves_a_status_that_is_the_same(status: dict[str, str]) -> None:
    made = await requests_of(
        "jira", "ticketing/tickets.update", id="NB-2", body={"status": status}, answer=ISSUE
    )
    assert [request[0] for request in made] == ["GET", "PUT"]


async def test_jira_asks_for_no_status_where_none_is_written() -> None:
    made = await requests_of("jira", "ticketing/tickets.update", id="NB-2", body={"name": "x"}, answer=ISSUE)
    assert [request[0] for request in made] == ["PUT"]


async def test_jira_walks_users_by_range() -> None:
    page = [{"accountId": "1"}]
    _, path, query, _ = await last_request("jira", "ticketing/users.list", "limit=20", answer=page)
    assert (path, query["startAt"], query["maxResults"]) == ("/rest/api/2/users/search", "0", "20")


async def test_freshdesk_lists_old_tickets_too() -> None:
    _, path, query, _ = await last_request("freshdesk", "ticketing/tickets.list", answer=[])
    assert (path, query["updated_since"]) == ("/api/v2/tickets", "1970-01-01T00:00:00Z")


async def test_freshdesk_lists_by_who_asked() -> None:
    filters = "contact[id]=5&updated_at[gte]=2024-01-01&sort_by[updated_at]=desc"
    _, path, query, _ = await last_request("freshdesk", "ticketing/tickets.list", filters, answer=[])
    del query["include"]
    assert path == "/api/v2/tickets"
    assert query == {
        "requester_id": "5",
        "updated_since": "2024-01-01T00:00:00Z",
        "order_by": "updated_at",
        "order_type": "desc",
    }


async def test_freshdesk_searches_by_anything_else() -> None:
    filters = "status[id]=2&tags[id]=o%27clock&created_at[gt]=2024-01-01&updated_at[lte]=2025-01-01T10:00:00Z"
    _, path, query, _ = await last_request(
        "freshdesk", "ticketing/tickets.list", filters, answer={"total": 0, "results": []}
    )
    assert path == "/api/v2/search/tickets"
    assert query["query"] == (
        "\"status:2 AND tag:'oclock' AND created_at:>'2024-01-01' AND updated_at:<'2025-01-01'\""
    )


async def test_freshdesk_is_sent_no_parameter_that_its_path_does_not_know() -> None:
    _, path, query, _ = await last_request(
        "freshdesk", "ticketing/comments.list", "ticket[id]=10&limit=3", answer=[]
    )
    assert (path, query) == ("/api/v2/tickets/10/conversations", {"per_page": "3"})
    with pytest.raises(BadRequest, match="ticket"):
        await last_request("freshdesk", "ticketing/comments.list", answer=[])


async def test_freshdesk_replies_unless_a_comment_is_private() -> None:
    note = {"ticket": {"id": "10"}, "body": "wet", "is_private": True, "author": {"id": "7"}}
    _, path, _, body = await last_request("freshdesk", "ticketing/comments.create", body=note)
    assert (path, body) == ("/api/v2/tickets/10/notes", {"body": "wet", "private": True, "user_id": 7})
    reply = {"ticket": {"id": "10"}, "body": "dry"}
    _, path, _, body = await last_request("freshdesk", "ticketing/comments.create", body=reply)
    assert (path, body) == ("/api/v2/tickets/10/reply", {"body": "dry"})


async def test_freshdesk_is_sent_its_numbers_for_states_and_priorities() -> None:
    body = {
        "name": "Gate",
        "description": "Stuck",
        "contact": {"name": "Femke", "emails": [{"email": "femke@b.example"}]},
        "status": {"name": "resolved"},
        "priority": {"id": "3"},
        "custom_fields": {"cf_berth": "N4", "spam": False},
    }
    _, _, _, sent = await last_request("freshdesk", "ticketing/tickets.create", body=body)
    assert sent == {
        "subject": "Gate",
        "description": "Stuck",
        "email": "femke@b.example",
        "name": "Femke",
        "status": 4,
        "priority": 3,
        "custom_fields": {"cf_berth": "N4"},
    }
