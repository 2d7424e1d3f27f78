"""Writes to sandbox accounts: what is answered, and what reads and lists show of it, in each pagination."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.unit.accounts.sandbox.product import CURSOR, FORMATS, Sandbox
from tests.unit.integrations.small_catalog import exchange, ticket

from isthmus.definitions.mapping import MappingConfig
from isthmus.definitions.unified_model import UnifiedResource
from isthmus.engine import proxy, unified
from isthmus.engine.calls import Call
from isthmus.engine.queries import parse_query
from isthmus.errors import BadRequest, Conflict, RemoteError
from isthmus.expressions.host import Blob

REFUSED = {"fault": "no subject"}
NO_TICKET = {"fault": "no such ticket"}


def sending(recorded: dict[str, Any], body: Any) -> dict[str, Any]:
    """The exchange, with a body that was sent."""
    recorded["request"]["body"] = body
    return recorded


def recorded_writes() -> dict[str, list[dict[str, Any]]]:
    """Exchanges of the tickets 1 to 5, of writes to them, and of the comments of ticket 1."""
    gets = [exchange(ticket(number), id=str(number)) for number in range(1, 6)]
    gets.append(exchange(NO_TICKET, status=404, id="999"))
    made = {"no": 6, "subject": "Made up", "state": "new", "url": "https://b.example/tickets/6"}
    renamed = exchange({**ticket(2), "subject": "Other"}, id="2")
    return {
        "tickets.get": gets,
        "tickets.create": [
            sending(exchange(made, status=201), {"subject": "Made up"}),
            sending(exchange(REFUSED, status=422), {"subject": ""}),
        ],
        "tickets.update": [sending(renamed, {"subject": "Other"}), exchange(NO_TICKET, status=404, id="999")],
        "tickets.delete": [
            exchange({"gone": 3}, id="3"),
            exchange(NO_TICKET, status=404, id="999"),
        ],
    }


@pytest.fixture(params=FORMATS)
def sandbox(request: pytest.FixtureRequest, tmp_path: Path) -> Sandbox:
    pagination, pages = FORMATS[request.param]
    return Sandbox(tmp_path, pagination, {"tickets.list": pages, **recorded_writes()})


@pytest.fixture
def paged(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path, CURSOR, {"tickets.list": FORMATS["cursor"][1], **recorded_writes()})


async def create(sandbox: Sandbox, subject: str) -> dict[str, Any]:
    made: dict[str, Any] = (await sandbox.call("create", body={"subject": subject})).body
    return made


async def is_missing(sandbox: Sandbox, id: str, method: str = "get") -> bool:
    with pytest.raises(RemoteError) as refused:
        await sandbox.call(method, id=id)
    return (refused.value.status, refused.value.raw_response) == (404, NO_TICKET)


@pytest.mark.parametrize("size", [None, 1, 2, 3, 7])
async def test_created_records_come_first_in_each_walk(sandbox: Sandbox, size: int | None) -> None:
    for subject in ("one", "two"):
        await create(sandbox, subject)
    pages = await sandbox.walk("" if size is None else f"limit={size}")
    assert [number for page in pages for number in page] == [8, 7, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("size", [None, 1, 2, 3])
@pytest.mark.parametrize("deleted", [(1, 2), (3, 4), (2, 3, 5), (1, 2, 3, 4, 5)])
async def test_a_walk_is_whole_without_the_deleted_records(
    sandbox: Sandbox, size: int | None, deleted: tuple[int, ...]
) -> None:
    for number in deleted:
        await sandbox.call("delete", id=str(number))
    pages = await sandbox.walk("" if size is None else f"limit={size}")
    left = [number for number in (1, 2, 3, 4, 5) if number not in deleted]
    assert [number for page in pages for number in page] == left


async def test_a_created_record_has_what_was_sent_and_an_id_of_its_own(paged: Sandbox) -> None:
    made = await create(paged, "Mine")
    assert made == {"no": 7, "subject": "Mine", "state": "new", "url": "https://b.example/tickets/7"}
    assert (await paged.call("get", id="7")).body == made
    assert (await create(paged, "Mine too"))["no"] == 8


async def test_what_the_recorded_create_sent_is_not_passed_on(paged: Sandbox) -> None:
    made = (await paged.call("create", body={"colour": "blue"})).body
    assert (made["subject"], made["colour"], made["state"]) == (None, "blue", "new")


def nested(depth: int) -> dict[str, Any]:
    """An object with this many objects in each other."""
    value: dict[str, Any] = {}
    for _ in range(depth - 1):
        value = {"in": value}
    return value


async def test_a_body_that_is_nested_too_deeply_is_refused_and_not_stored(paged: Sandbox) -> None:
    kept = nested(100)
    assert (await paged.call("update", id="2", body=kept)).body == {**ticket(2), **kept}
    for depth in (101, 251):
        with pytest.raises(BadRequest, match="at most 100 nested"):
            await paged.call("create", body=nested(depth))
    assert await paged.walk() == [[1, 2], [3, 4], [5]]


async def test_an_integer_beyond_64_bits_is_answered(paged: Sandbox) -> None:
    assert (await paged.call("create", body={"size": 10**30})).body["size"] == 1e30  # as JSON is read


@pytest.mark.parametrize("text", ["²", "9" * 25, "9" * 5_000])
async def test_a_text_that_is_no_plain_number_stays_text_in_a_field_of_numbers(
    tmp_path: Path, text: str
) -> None:
    record = {"no": 1, "size": 3, "tags": []}
    files = {
        "tickets.get": [exchange(record, id="1")],
        "tickets.update": [sending(exchange({**record, "size": 4}, id="1"), {"size": 4})],
    }
    sandbox = Sandbox(tmp_path, None, files)
    for sent, shown in (("12", 12), (text, text)):
        assert (await sandbox.call("update", id="1", body={"size": sent})).body["size"] == shown


@pytest.mark.parametrize(
    "sent",
    [
        {"body": [{"subject": "Mine"}]},
        {"body": "Mine"},
        {"body": None},
        {"raw_body": b'{"subject": "Mine"}', "content_type": "application/json", "body_passthrough": True},
    ],
)
async def test_a_body_that_is_no_object_is_said_not_to_be_kept(paged: Sandbox, sent: dict[str, Any]) -> None:
    for method, id in (("create", None), ("update", "2")):
        call = Call(method=method, id=id, **sent)
        result = await proxy.call_method(paged.upstream, paged.definition, "tickets", call)
        assert [(warning.code, warning.field) for warning in result.warnings] == [("not_stored", "body")]
    assert await paged.walk() == [[1, 2], [3, 4], [5]]
    assert (await paged.call("get", id="2")).body == ticket(2)


async def test_a_file_in_a_body_is_said_not_to_be_kept(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path, CURSOR, recorded_writes(), body_format="multipart")
    file = Blob(b"x", "text/plain")
    body = {"subject": "Mine", "state": {"scan": file}, "scans": [file]}
    for method, id in (("create", None), ("update", "2")):
        result = await sandbox.call(method, id=id, body=body)
        assert [(warning.code, warning.field) for warning in result.warnings] == [
            ("not_stored", "body.state.scan"),
            ("not_stored", "body.scans"),
        ]
        assert (result.body["subject"], "scans" in result.body) == ("Mine", False)


async def test_an_updated_record_shows_the_change_everywhere(paged: Sandbox) -> None:
    changed = {**ticket(2), "subject": "Changed"}
    assert (await paged.call("update", id="2", body={"subject": "Changed"})).body == changed
    assert (await paged.call("get", id="2")).body == changed
    assert (await paged.call(query_string="limit=2")).records == [ticket(1), changed]


async def test_changes_of_a_record_add_up(paged: Sandbox) -> None:
    made = await create(paged, "Mine")
    for change in ({"state": "open"}, {"colour": "blue"}):
        await paged.call("update", id="7", body=change)
    assert (await paged.call("get", id="7")).body == {**made, "state": "open", "colour": "blue"}


async def test_a_deleted_record_is_not_found_again(paged: Sandbox) -> None:
    await create(paged, "Mine")
    for id in ("3", "7"):
        assert (await paged.call("delete", id=id)).body == {"gone": int(id)}
        assert await is_missing(paged, id)
        assert await is_missing(paged, id, "update")
        assert await is_missing(paged, id, "delete")
    assert (await create(paged, "Later"))["no"] == 8


async def test_unknown_records_are_neither_changed_nor_deleted(paged: Sandbox) -> None:
    for method in ("update", "delete"):
        assert await is_missing(paged, "77", method)
    assert await paged.walk() == [[1, 2], [3, 4], [5]]


async def test_what_the_product_refused_is_refused(paged: Sandbox) -> None:
    with pytest.raises(RemoteError) as refused:
        await paged.call("create", body={"subject": ""})
    assert (refused.value.status, refused.value.raw_response) == (422, REFUSED)
    assert await paged.walk() == [[1, 2], [3, 4], [5]]


async def test_a_name_that_is_the_id_is_taken_once(tmp_path: Path) -> None:
    files = {
        "tickets.get": [exchange({"name": "bug", "id": 1}, id="bug")],
        "tickets.create": [sending(exchange({"name": "chart", "id": 2}), {"name": "chart"})],
        "tickets.update": [sending(exchange({"name": "bugs", "id": 1}, id="bug"), {"new_name": "bugs"})],
    }
    sandbox = Sandbox(tmp_path, None, files)
    assert (await sandbox.call("create", body={"name": "gate"})).body == {"name": "gate", "id": 3}
    for taken in ("gate", "bug"):
        with pytest.raises(Conflict, match=f"has a record {taken} in tickets already"):
            await sandbox.call("create", body={"name": taken})
    with pytest.raises(Conflict, match="has a record gate"):
        await sandbox.call("update", id="bug", body={"new_name": "gate"})
    await sandbox.call("update", id="bug", body={"new_name": "insect"})
    assert (await sandbox.call("get", id="insect")).body == {"name": "insect", "id": 1}
    with pytest.raises(RemoteError):
        await sandbox.call("get", id="bug")


@pytest.mark.parametrize("id", ["", "a\0b", "a\n", "\ud800", "x" * 256, "9" * 5_000])
async def test_an_id_that_no_database_holds_is_refused(paged: Sandbox, id: str) -> None:
    for method, path in (("create", None), ("update", "2")):
        with pytest.raises(BadRequest, match="must have 1 to 255 characters") as refused:
            await paged.call(method, id=path, body={"no": id})
        assert refused.value.details["failures"][0]["path"] == "body.no"
    assert await paged.walk() == [[1, 2], [3, 4], [5]]


@pytest.mark.parametrize("id", ["x" * 255, "ψ 👩‍🚀", "9" * 255])
async def test_an_id_of_the_caller_leaves_room_for_others(paged: Sandbox, id: str) -> None:
    assert (await paged.call("create", body={"no": id})).body["no"] == id
    assert (await create(paged, "Mine"))["no"] == 7


def sending_rank(id: int, rank: int, sent: dict[str, Any]) -> dict[str, Any]:
    """An update of a ticket, which shows its rank."""
    return sending(exchange({**ticket(id), "rank": rank}, id=str(id)), sent)


@pytest.mark.parametrize(
    ("updates", "is_changed"),
    [
        ([sending_rank(2, 2, {"rank": 2})], True),
        ([sending(exchange(ticket(2), id="2"), {"rank": 2}), sending_rank(3, 5, {"rank": 5})], True),
        ([sending(exchange(ticket(2), id="2"), {"rank": 2})], False),
    ],
    ids=["shown", "contradicted", "names the record"],
)
async def test_a_value_that_is_the_id_by_chance_may_be_changed(
    tmp_path: Path, updates: list[dict[str, Any]], is_changed: bool
) -> None:
    gets = [exchange(ticket(number), id=str(number)) for number in (2, 3)]
    sandbox = Sandbox(tmp_path, None, {"tickets.get": gets, "tickets.update": updates})
    await sandbox.call("update", id="3", body={"rank": 7, "subject": "Changed"})
    shown = {**ticket(3), "subject": "Changed"}
    assert (await sandbox.call("get", id="3")).body == ({**shown, "rank": 7} if is_changed else shown)


async def test_a_sent_id_of_the_record_names_it(tmp_path: Path) -> None:
    """And is no value that other fields of the record are found by."""
    record = {"no": "T-12", "code": "T-12", "subject": "a"}
    files = {
        "tickets.get": [exchange(record, id="T-12")],
        "tickets.update": [sending(exchange(record, id="T-12"), {"no": "T-12", "code": "T-12"})],
    }
    sandbox = Sandbox(tmp_path, None, files)
    await sandbox.call("update", id="T-12", body={"no": "T-12", "subject": "b"})
    assert (await sandbox.call("get", id="T-12")).body == {**record, "subject": "b"}


async def test_a_record_that_is_created_again_is_listed_once(tmp_path: Path) -> None:
    files = {
        "tickets.list": [exchange({"items": [{"name": "bug", "id": 1}, {"name": "chart", "id": 2}]})],
        "tickets.get": [exchange({"name": "bug", "id": 1}, id="bug")],
        "tickets.create": [sending(exchange({"name": "gate", "id": 3}), {"name": "gate"})],
        "tickets.delete": [exchange(None, status=204, id="bug")],
    }
    sandbox = Sandbox(tmp_path, None, files)
    await sandbox.call("delete", id="bug")
    await sandbox.call("create", body={"name": "bug"})
    assert (await sandbox.call()).records == [{"name": "bug", "id": 4}, {"name": "chart", "id": 2}]
    assert (await sandbox.call("get", id="bug")).body == {"name": "bug", "id": 4}


async def test_what_a_delete_shows_of_a_record_is_that_record(tmp_path: Path) -> None:
    files = {
        "tickets.get": [exchange(ticket(number), id=str(number)) for number in (1, 2)],
        "tickets.delete": [exchange({**ticket(1), "deleted": True}, id="1")],
    }
    sandbox = Sandbox(tmp_path, None, files)
    assert (await sandbox.call("delete", id="2")).body == {**ticket(2), "deleted": True}


async def test_a_parent_in_a_path_of_the_mapping_is_told_apart(tmp_path: Path) -> None:
    files = {
        "comments.list": [
            exchange({"items": [{"id": 1, "text": "a"}]}, query={"ticket_id": "1"}),
            exchange({"items": [{"id": 2, "text": "b"}]}, query={"ticket_id": "2"}),
        ],
        "comments.create": [
            sending(exchange({"id": 3, "text": "c"}, query={"ticket_id": "1"}), {"text": "c"})
        ],
    }
    sandbox = Sandbox(tmp_path, CURSOR, files)
    mapping = MappingConfig.model_validate(
        {
            "resource": "comments",
            "query_mapping": "{}",
            "path_mapping": "'/tickets/' & query.ticket.id & '/c'",
            "response_mapping_method": "item",
            "response_mapping": "{ 'id': $string(response.id) }",
        }
    )
    target = unified.UnifiedTarget("desk", "comments", UnifiedResource())

    async def call(method: str, ticket_id: str, **values: Any) -> Any:
        call = Call(method=method, query=parse_query(f"ticket[id]={ticket_id}"), **values)
        return await unified.call_method(sandbox.upstream, sandbox.definition, target, mapping, call)

    await call("create", "2", body={"text": "d"})
    for parent, ids in (("1", ["1"]), ("2", ["4", "2"])):
        assert [record["id"] for record in (await call("list", parent)).records] == ids
    with pytest.raises(RemoteError):
        await call("list", "3")


async def test_an_answer_without_the_record_is_kept_with_the_record_made_up(tmp_path: Path) -> None:
    """As with products that answer a create with an id alone, and an update with nothing."""
    listed = [
        {"Id": "T-1", "Kind": "ticket", "Subject": "a"},
        {"Id": "T-2", "Kind": "ticket", "Subject": "b"},
    ]
    files = {
        "tickets.list": [exchange({"items": listed})],
        "tickets.get": [exchange(record, id=record["Id"]) for record in listed],
        "tickets.create": [sending(exchange({"id": "T-1", "ok": True}), {"Subject": "c"})],
        "tickets.update": [exchange(None, status=204, id="T-1")],
    }
    sandbox = Sandbox(tmp_path, None, files)
    assert (await sandbox.call("create", body={"Subject": "Mine"})).body == {"id": "T-3", "ok": True}
    assert (await sandbox.call("get", id="T-3")).body == {"Id": "T-3", "Kind": "ticket", "Subject": "Mine"}
    assert (await sandbox.call("update", id="T-1", body={"Subject": "New"})).body is None
    assert [record["Subject"] for record in (await sandbox.call()).records] == ["Mine", "New", "b"]


async def test_a_create_whose_record_nothing_shows_is_said_not_to_be_kept(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path, None, {"tickets.create": [sending(exchange(None, status=204), {"to": 1})]})
    result = await sandbox.call("create", body={"to": 2})
    assert [warning.code for warning in result.warnings] == ["not_stored"]


async def test_records_are_listed_below_the_parent_they_were_created_at(tmp_path: Path) -> None:
    files = {
        **recorded_writes(),
        "comments.list": [
            exchange({"items": [{"id": 1, "text": "a"}]}, query={"ticket_id": "1"}),
            exchange({"gone": True}, status=404, query={"ticket_id": "9"}),
        ],
        "comments.create": [
            sending(exchange({"id": 2, "text": "b"}, query={"ticket_id": "1"}), {"text": "b"})
        ],
    }
    sandbox = Sandbox(tmp_path, CURSOR, files)

    async def list_ids(ticket_id: str) -> list[int]:
        page = await sandbox.call(resource="comments", query_string=f"ticket_id={ticket_id}")
        return [record["id"] for record in page.records]

    made = await create(sandbox, "Mine")
    assert await list_ids(str(made["no"])) == []
    for parent in ("1", str(made["no"])):
        await sandbox.call("create", "comments", f"ticket_id={parent}", body={"text": "c"})
    assert await list_ids("1") == [3, 1]
    assert await list_ids(str(made["no"])) == [4]
    with pytest.raises(RemoteError):
        await list_ids("8")


async def test_pages_that_are_asked_for_by_an_id_lead_over_written_records(tmp_path: Path) -> None:
    following = "$count(body.items) > 0 ? { 'from': $string(body.items[-1].no) }"
    pagination = {"format": "dynamic", "config": {"get_pagination_values_expression": following}}
    pages = [
        exchange({"items": [ticket(1), ticket(2)]}),
        exchange({"items": [ticket(3), ticket(4)]}, query={"from": "2"}),
        exchange({"items": [ticket(5)]}, query={"from": "4"}),
        exchange({"items": []}, query={"from": "5"}),
    ]
    sandbox = Sandbox(tmp_path, pagination, {"tickets.list": pages, **recorded_writes()})
    await create(sandbox, "Mine")
    for number in (2, 3, 4):
        await sandbox.call("delete", id=str(number))
    assert [number for page in await sandbox.walk() for number in page] == [7, 1, 5]
    await sandbox.call("delete", id="1")
    assert [number for page in await sandbox.walk() for number in page] == [7, 5]
