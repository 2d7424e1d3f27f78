"""What the mappings of directories and of one more CRM ask: filters, orders and writes, as sent."""

from __future__ import annotations

import pytest

from isthmus.errors import BadRequest, RemoteError
from tests.contract.sending import last_request, requests_of

NO_RECORDS: list[object] = []


async def test_okta_lists_plainly_without_filters() -> None:
    method, path, query, _ = await last_request("okta", "user-directory/users.list", answer=NO_RECORDS)
    assert (method, path, query) == ("GET", "/api/v1/users", {})


async def test_okta_filters_in_one_search() -> None:
    filters = (
        "status=active&emails[email]=a@b.example&updated_at[gt]=2024-01-01"
        "&created_at[lte]=2025-01-01T00:00:00Z"
    )
    _, _, query, _ = await last_request("okta", "user-directory/users.list", filters, answer=NO_RECORDS)
    assert query["search"] == (
        '(status eq "ACTIVE" or status eq "RECOVERY" or status eq "PASSWORD_EXPIRED")'
        ' and profile.email eq "a@b.example" and created le "2025-01-01T00:00:00.000Z"'
        ' and lastUpdated gt "2024-01-01T00:00:00.000Z"'
    )


async def test_okta_keeps_a_quote_inside_its_text() -> None:
    filters = 'emails[email]=a" or status pr or "b'
    _, _, query, _ = await last_request("okta", "user-directory/users.list", filters, answer=NO_RECORDS)
    assert query["search"] == r'profile.email eq "a\" or status pr or \"b"'


async def test_okta_lists_members_by_group() -> None:
    _, path, _, _ = await last_request(
        "okta", "user-directory/users.list", "groups[id]=00g1", answer=NO_RECORDS
    )
    assert path == "/api/v1/groups/00g1/users"


async def test_okta_ends_the_log_it_reads() -> None:
    filters = "action=user.session.start&created_at[gte]=2025-01-01"
    _, path, query, _ = await last_request(
        "okta", "user-directory/activities.list", filters, answer=NO_RECORDS
    )
    assert (path, query["since"]) == ("/api/v1/logs", "2025-01-01T00:00:00.000Z")
    assert query["filter"] == 'eventType eq "user.session.start"'
    assert query["until"] > query["since"]


async def test_okta_keeps_what_a_write_of_a_group_leaves_out() -> None:
    current = {"id": "00g1", "profile": {"name": "Gates", "floor": "3"}}
    read, write = await requests_of(
        "okta", "user-directory/groups.update", id="00g1", body={"description": "All gates"}, answer=current
    )
    assert read[:2] == ("GET", "/api/v1/groups/00g1")
    assert write[0] == "PUT"
    assert write[3] == {"profile": {"name": "Gates", "floor": "3", "description": "All gates"}}


async def test_okta_takes_a_role_from_the_user_that_is_named() -> None:
    method, path, _, _ = await last_request(
        "okta", "user-directory/role_assignments.delete", "user_id=00u1", id="ra1"
    )
    assert (method, path) == ("DELETE", "/api/v1/users/00u1/roles/ra1")
    with pytest.raises(BadRequest, match="user_id"):
        await last_request("okta", "user-directory/role_assignments.delete", id="ra1")


async def test_slack_looks_an_address_up() -> None:
    nobody = {"ok": False, "error": "users_not_found"}
    _, path, query, _ = await last_request(
        "slack", "user-directory/users.list", "emails[email]=a@b.example", answer=nobody
    )
    assert (path, query) == ("/api/users.lookupByEmail", {"email": "a@b.example"})


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("invalid_auth", 401),
        ("missing_scope", 403),
        ("user_not_found", 404),
        ("internal_error", 502),
        ("invalid_cursor", 400),
    ],
)
async def test_slack_fails_with_the_status_that_fits(error: str, status: int) -> None:
    with pytest.raises(RemoteError, match=error) as caught:
        await last_request("slack", "user-directory/users.list", answer={"ok": False, "error": error})
    assert caught.value.status == status


async def test_slack_asks_whose_the_token_is() -> None:
    answer = {"ok": True, "user_id": "U1", "user": {"id": "U1"}}
    first, second = await requests_of("slack", "user-directory/me.list", answer=answer)
    assert first[1] == "/api/auth.test"
    assert (second[1], second[2]["user"]) == ("/api/users.info", "U1")


async def test_slack_names_a_group_in_the_body() -> None:
    method, path, query, body = await last_request(
        "slack", "user-directory/groups.update", id="S1", body={"description": "x"}, answer={"ok": True}
    )
    assert (method, path, query) == ("POST", "/api/usergroups.update", {})
    assert body == {"usergroup": "S1", "description": "x"}


async def test_pipedrive_filters_and_orders_a_list() -> None:
    filters = "owner[id]=7&account[id]=3&updated_at[gt]=2024-01-01&sort_by[updated_at]=DESC&limit=900"
    _, path, query, _ = await last_request("pipedrive", "crm/contacts.list", filters, answer={"data": []})
    assert path == "/api/v2/persons"
    assert query == {
        "owner_id": "7",
        "org_id": "3",
        "updated_since": "2024-01-01T00:00:00Z",
        "sort_by": "update_time",
        "sort_direction": "desc",
        "limit": "500",
    }


async def test_pipedrive_is_sent_numbers_and_only_what_it_lets_be_written() -> None:
    hash = "d4de1c1518b4531717c676029a45911c340390a6"
    body = {
        "first_name": "Femke",
        "last_name": "de Wit",
        "account": {"id": "3"},
        "email_addresses": [{"email": "femke@b.example"}],
        "tags": [{"id": "5"}],
        "custom_fields": {hash: "Tuesdays", "visible_to": 3, "picture_id": 4},
    }
    _, _, _, sent = await last_request("pipedrive", "crm/contacts.create", body=body, answer={"data": {}})
    assert sent == {
        "name": "Femke de Wit",
        "org_id": 3,
        "emails": [{"value": "femke@b.example", "label": "work", "primary": True}],
        "label_ids": [5],
        "custom_fields": {hash: "Tuesdays"},
        "visible_to": 3,
    }


async def test_pipedrive_dues_are_sent_in_utc() -> None:
    body = {"subject": "Call", "due_date": "2025-03-31T00:30:00+02:00"}
    _, _, _, sent = await last_request("pipedrive", "crm/tasks.create", body=body, answer={"data": {}})
    assert (sent["due_date"], sent["due_time"]) == ("2025-03-30", "22:30")
