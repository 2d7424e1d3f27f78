"""Filters of sandbox lists: what is applied to the records, and what is named instead."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.accounts.sandbox.product import CURSOR, Sandbox
from tests.unit.integrations.small_catalog import exchange

from isthmus.api.call_parsing import parse_call
from isthmus.definitions.mapping import MappingConfig
from isthmus.definitions.unified_model import UnifiedResource
from isthmus.engine import unified
from isthmus.engine.calls import ListResult
from isthmus.engine.queries import parse_query

RECORDS = [
    {"no": 1, "email": "a@x.example", "state": "open", "project": {"id": 7}, "tags": ["a"]},
    {"no": 2, "email": "b@x.example", "state": "open", "project": {"id": 8}, "tags": []},
    {"no": 3, "email": "c@x.example", "state": "closed", "project": {"id": 7}, "tags": []},
]


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    pages = [
        exchange({"items": RECORDS[:2], "paging": {"next": "c2"}}, query={"state": "all"}),
        exchange({"items": RECORDS[2:], "paging": {}}, query={"state": "all", "after": "c2"}),
    ]
    created = exchange({**RECORDS[0], "no": 4})
    created["request"]["body"] = {"email": "a@x.example", "state": "open"}
    files = {
        "tickets.list": pages,
        "tickets.get": [exchange(record, id=str(record["no"])) for record in RECORDS],
        "tickets.create": [created],
        "tickets.update": [exchange(RECORDS[0], id="1")],
    }
    return Sandbox(tmp_path, CURSOR, files)


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("email=b@x.example", [2]),
        ("email=nobody@x.example", []),
        ("state=closed", [3]),
        ("project_id=7", [1, 3]),
        ("project_id=7&state=open", [1]),
        ("state=all", [1, 2, 3]),
        ("remote_query[state]=closed", [3]),
        ("state=open&remote_query[state]=closed", [3]),
    ],
)
async def test_a_parameter_with_the_name_of_a_field_keeps_the_records_with_its_value(
    sandbox: Sandbox, query: str, numbers: list[int]
) -> None:
    assert await sandbox.list_warned(f"{query}&limit=5") == (numbers, [])


@pytest.mark.parametrize("size", [1, 2])
async def test_a_filtered_list_is_paged(sandbox: Sandbox, size: int) -> None:
    pages = await sandbox.walk(f"limit={size}&project_id=7")
    assert [number for page in pages for number in page] == [1, 3]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("colour=blue", "query.colour"),
        ("state=any", "query.state"),
        ("email=~x", "query.email"),
        ("email=a@x.example,b@x.example", "query.email"),
        ("tags=a", "query.tags"),
        ("project_id=mine", "query.project_id"),
        ("created[gt]=2020", "query.created.gt"),
        ("colour=", "query.colour"),
        ("remote_query[colour]=blue", "query.remote_query.colour"),
        ("remote_query[created][gt]=2020", "query.remote_query.created.gt"),
    ],
)
async def test_what_cannot_be_applied_offline_is_named(sandbox: Sandbox, query: str, field: str) -> None:
    assert await sandbox.list_warned(f"{query}&limit=5") == ([1, 2, 3], [field])


async def test_created_and_changed_records_are_filtered_as_they_are_now(sandbox: Sandbox) -> None:
    await sandbox.call("create", body={"email": "d@x.example", "state": "open"})
    assert await sandbox.list_warned("email=d@x.example") == ([5], [])
    await sandbox.call("update", id="2", body={"state": "closed"})
    assert await sandbox.list_warned("state=closed&limit=5") == ([2, 3], [])
    assert await sandbox.list_warned("state=open&limit=5") == ([5, 1], [])


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("emails[email]=b@x.example", []),
        ("search=tide", ["query.search"]),
        ("status=open", ["query.status"]),
        ("owner[id]=7", ["query.owner.id"]),
        ("search=tide&emails[email]=b@x.example", ["query.search"]),
        ("search=tide&status=", ["query.search"]),
        ("remote_query[q]=tide", ["query.remote_query.q"]),
        ("remote_query[sort]=tide&search=tide", ["query.search", "query.remote_query.sort"]),
        ("colour=blue", []),  # no one knows it, which another warning says
        ("", []),
    ],
)
async def test_a_filter_of_a_unified_call_is_named_as_its_caller_did(
    sandbox: Sandbox, query: str, fields: list[str]
) -> None:
    mapping = MappingConfig.model_validate(
        {
            "resource": "tickets",
            "query_mapping": """{
                "email": query.emails.email,
                "q": query.search ? "text ~ " & query.search,
                "code": query.status = "open" ? 2,
                "filter": query.owner.id ? "owner = " & query.owner.id,
                "expand": "owner"
            }""",
            "response_mapping": "{ 'id': $string(response.no) }",
        }
    )
    target = unified.UnifiedTarget("desk", "tickets", UnifiedResource())
    call = parse_call("list", query=parse_query(f"{query}&limit=5"))
    result = await unified.call_method(sandbox.upstream, sandbox.definition, target, mapping, call)
    assert isinstance(result, ListResult)
    named = [warning.field for warning in result.warnings if warning.code == "unfiltered"]
    assert named == fields
