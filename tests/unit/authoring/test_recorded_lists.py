"""What a recording makes of cursors and ids, and how it waits: of a provider that answers from memory."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.fakes.clock import VirtualClock
from tests.unit.engine.upstreams import MemoryUpstream, answer

from isthmus.authoring.contract.catalog_entry import CatalogEntry, Models
from isthmus.authoring.contract.replay_upstreams import ReplayUpstream
from isthmus.authoring.recording.record_ids import IdFields
from isthmus.authoring.recording.recorder import LONGEST_WAIT_SECONDS, Recorder, Recording
from isthmus.authoring.recording.redaction import Redaction
from isthmus.definitions.body_path import BodyPath
from isthmus.engine import proxy
from isthmus.engine.calls import Call, ListResult
from isthmus.http.messages import HttpRequest, HttpResponse

LIST, GET = ("notes", "list"), ("notes", "get")
MODEL = """
name: desk
resources:
  notes:
    methods: [list, get]
    schema: { type: object, properties: { id: { type: string } } }
"""
HOST = "https://desk.example"
PAGES = 3


@dataclass
class Desk:
    """A provider of six notes, two on a page. `cursor`: makes the cursor of a page from its number, from 2.
    `id`: makes the id of a note. `refusals`: answers that come before all others."""

    cursor: Any = str
    id: Any = lambda number: number
    cursor_path: str = "next"
    cursor_param: str = "after"
    method: dict[str, Any] = field(default_factory=dict)
    refusals: list[HttpResponse] = field(default_factory=list)
    id_name: str = "id"

    @property
    def entry_data(self) -> dict[str, Any]:
        pagination = {"cursor_path": self.cursor_path, "cursor_param": self.cursor_param}
        listing = {"path": "/notes", "response_path": "items", **self.method}
        return {
            "name": "desk",
            "config": {
                "base_url": HOST,
                "pagination": {"format": "cursor", "config": pagination},
                "resources": {"notes": {"list": listing, "get": {"path": "/notes/{{id}}"}}},
            },
        }

    def make_note(self, number: int) -> dict[str, Any]:
        return {self.id_name: self.id(number), "rank": "2", "count": 3, "none": None}

    def respond(self, request: HttpRequest) -> HttpResponse:
        if self.refusals:
            return self.refusals.pop(0)
        parts = urlsplit(request.url)
        notes = {str(self.id(number)): self.make_note(number) for number in range(1, 2 * PAGES + 1)}
        if parts.path != "/notes":
            note = notes.get(parts.path.rpartition("/")[2])
            return answer({"fault": "gone"}, 404) if note is None else answer(note)
        if isinstance(request.body, bytes) and request.body:
            sent = json.loads(request.body).get(self.cursor_param)
        else:
            sent = next(iter(parse_qs(parts.query).get(self.cursor_param, [])), None)
        page = next((n for n in range(2, PAGES + 1) if self.matches(n, sent)), 1)
        items = list(notes.values())[2 * page - 2 : 2 * page]
        body: dict[str, Any] = {"items": items, "echo": "2"}
        if not self.cursor_path.startswith("$"):
            body["next"] = None if page == PAGES else self.cursor(page + 1)
        else:
            body["more"] = page < PAGES
        return answer(body)

    def matches(self, page: int, sent: str | None) -> bool:
        cursor = str(self.cursor(page))
        return sent is not None and (sent == cursor or cursor.endswith(f"={sent}"))


def read_mappings(folder: Path) -> dict[str, Any]:
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("mappings/*.json")}


async def record(
    desk: Desk, *methods: tuple[str, str], folder: Path = Path(), pages: int = PAGES, **options: Any
) -> list[Recording]:
    models = Models(folder / "unified")
    entry = CatalogEntry("desk", folder, models, desk.entry_data, read_mappings(folder))
    recorder = Recorder(
        MemoryUpstream(desk.respond), entry, entry.file.config, limit=2, pages=pages, query={}, **options
    )
    await recorder.record_methods(methods)
    hosts = frozenset({"desk.example"})
    return await recorder.build_recordings(Redaction(b"key", frozenset(), hosts=hosts, host="desk.example"))


async def record_list(desk: Desk, *, pages: int = PAGES) -> list[dict[str, Any]]:
    (recording,) = await record(desk, LIST, pages=pages)
    assert recording.skipped is None
    return recording.exchanges


async def replay(desk: Desk, exchanges: list[dict[str, Any]]) -> list[Any]:
    """The records that a walk through the recorded pages gives."""
    data = json.loads(json.dumps(exchanges))
    entry = CatalogEntry("desk", Path(), Models(), desk.entry_data, {}, {"notes.list": data})
    upstream, cursor = ReplayUpstream(entry), None
    records: list[Any] = []
    for _ in range(2 * PAGES):
        query: dict[str, Any] = {"next_cursor": cursor} if cursor else {}
        result = await proxy.call_method(
            upstream, entry.file.config, "notes", Call.from_values("list", query=query)
        )
        assert isinstance(result, ListResult)
        records += result.records
        cursor = result.next_cursor
        if cursor is None:
            return records
    raise AssertionError("the walk does not end")


DESKS = {
    "a word": Desk(cursor=lambda page: f"page-{page}"),
    "a text of digits": Desk(cursor=str),
    "a small number": Desk(cursor=lambda page: page),
    "a large number": Desk(cursor=lambda page: 7_000_000 + page),
    "a page token": Desk(cursor=lambda page: f"t{page}", cursor_param="page_token"),
    "an address": Desk(cursor=lambda page: f"{HOST}/notes?after={page}0000{page}"),
    "the last id": Desk(cursor=lambda page: 2 * page - 2, cursor_path="$.more ? $.items[-1].id"),
    "the last long id": Desk(
        cursor=lambda page: f"note-{7_000_000 + 2 * page - 2}",
        id=lambda number: f"note-{7_000_000 + number}",
        cursor_path="$.more ? $.items[-1].id",
    ),
    "in the body": Desk(
        cursor=lambda page: 7_000_000 + page, method={"method": "post", "paginate_in_body": True}
    ),
}


@pytest.mark.parametrize("pages", [PAGES, PAGES - 1])
@pytest.mark.parametrize("desk", DESKS.values(), ids=list(DESKS))
async def test_a_recorded_walk_can_be_walked_again(desk: Desk, pages: int) -> None:
    exchanges = await record_list(desk, pages=pages)
    if pages < PAGES and desk.cursor_path.startswith("$"):
        exchanges[-1]["response"]["body"]["more"] = False  # an expression's last page is the author's to mark
    assert len(await replay(desk, exchanges)) == 2 * pages


async def test_a_cursor_is_replaced_where_it_stands_and_an_equal_value_is_not() -> None:
    desk = DESKS["a text of digits"]
    first, second, last = await record_list(desk)
    assert [each["request"].get("query") for each in (first, second, last)] == [
        {"limit": "2"},
        {"limit": "2", "after": "cursor-1"},
        {"limit": "2", "after": "cursor-2"},
    ]
    assert [each["response"]["body"]["next"] for each in (first, second, last)] == [
        "cursor-1",
        "cursor-2",
        None,
    ]
    for exchange in (first, second, last):
        assert exchange["response"]["body"]["echo"] == "2"
        assert [item["rank"] for item in exchange["response"]["body"]["items"]] == ["2", "2"]


async def test_a_cursor_that_is_a_number_stays_one_and_null_stays_null() -> None:
    exchanges = await record_list(DESKS["a large number"])
    assert [each["response"]["body"]["next"] for each in exchanges] == [1, 2, None]
    assert [each["request"].get("query", {}).get("after") for each in exchanges] == [None, "1", "2"]
    for item in exchanges[0]["response"]["body"]["items"]:
        assert (item["count"], item["none"]) == (3, None)


async def test_a_number_that_was_sent_in_a_body_stays_what_it_was_there() -> None:
    first, second, _ = await record_list(DESKS["in the body"])
    assert first["response"]["body"]["next"] == 1
    assert str(second["request"]["body"]["after"]) == "1"
    assert "7000002" not in json.dumps([first, second])


async def test_a_cursor_that_is_a_records_id_is_redacted_as_the_id() -> None:
    first, second, _ = await record_list(DESKS["the last long id"])
    shown = first["response"]["body"]["items"][-1]["id"]
    assert second["request"]["query"]["after"] == shown
    assert (len(shown), "7000002" in shown) == (len("note-7000002"), False)


@pytest.mark.parametrize(("total", "kept"), [(9, 4), ("9", "4")])
async def test_a_total_of_the_last_page_stays_of_its_kind(total: object, kept: object) -> None:
    config = {"total_path": "meta.total"}
    entry = CatalogEntry("desk", Path(), Models(), Desk().entry_data, {})
    entry.definition["config"]["pagination"] = {"format": "offset", "config": config}
    body = {"items": [{"id": 1}, {"id": 2}], "meta": {"total": total}}
    recorder = Recorder(
        MemoryUpstream(lambda _: answer(body)), entry, entry.file.config, limit=2, pages=2, query={}
    )
    await recorder.record_methods([LIST])
    (recording,) = await recorder.build_recordings(Redaction(b"key", frozenset()))
    assert [each["response"]["body"]["meta"]["total"] for each in recording.exchanges] == [total, kept]


def map_ids(folder: Path, expression: str) -> Path:
    """A folder whose mapping makes the unified id by an expression."""
    (folder / "unified" / "desk").mkdir(parents=True)
    (folder / "unified" / "desk" / "model.yaml").write_text(MODEL)
    (folder / "mappings").mkdir()
    config = {"response_mapping_method": "item", "response_mapping": f'{{ "id": {expression} }}'}
    cell = {"resource_name": "notes", "method_name": "list", "config": config}
    mapping = {"unified_model": "desk", "integration": "desk", "cells": [cell]}
    (folder / "mappings" / "desk.json").write_text(json.dumps(mapping))
    return folder


def read_got_ids(recordings: list[Recording]) -> list[str]:
    return [each["request"]["path_params"]["id"] for each in recordings[1].exchanges]


@pytest.mark.parametrize(
    ("id_name", "mapped", "fields"),
    [
        ("id", None, None),
        ("slug", "response.slug", None),
        ("slug", None, IdFields(other=BodyPath("slug"))),
        ("slug", None, IdFields({"notes": BodyPath("slug")}, BodyPath("id"))),
        ("slug", "response.rank", IdFields({"notes": BodyPath("slug")})),
    ],
)
async def test_a_note_is_read_by_the_id_that_the_mapping_or_the_author_names(
    tmp_path: Path, id_name: str, mapped: str | None, fields: IdFields | None
) -> None:
    folder = tmp_path if mapped is None else map_ids(tmp_path, mapped)
    desk = Desk(id=lambda number: f"main{'x' * number}", id_name=id_name)
    recordings = await record(desk, LIST, GET, folder=folder, id_fields=fields)
    assert [each.skipped for each in recordings] == [None, None]
    listed = [item[id_name] for each in recordings[0].exchanges for item in each["response"]["body"]["items"]]
    assert read_got_ids(recordings) == [*listed, "no-such-id"]
    shown = [each["response"]["body"].get(id_name) for each in recordings[1].exchanges]
    assert shown == [*listed, None]


@pytest.mark.parametrize(
    ("mapped", "said"),
    [
        (None, "name the field of the ids by --id-field"),
        ("$number(response.slug)", "the mapping of desk/notes.list fails on what notes.list answered"),
    ],
)
async def test_ids_that_are_not_found_are_told_and_no_field_is_guessed(
    tmp_path: Path, mapped: str | None, said: str
) -> None:
    folder = tmp_path if mapped is None else map_ids(tmp_path, mapped)
    desk = Desk(id=lambda number: f"main{'x' * number}", id_name="slug")
    recordings = await record(desk, LIST, GET, folder=folder)
    assert recordings[0].skipped is None
    assert said in (recordings[1].skipped or "")
    assert recordings[1].exchanges == []


def refuse(seconds: int | None) -> HttpResponse:
    headers = {} if seconds is None else {"retry_after": str(seconds)}
    return answer({"fault": "slow down"}, 429, **headers)


async def test_a_recording_waits_as_long_as_a_rate_limit_asks() -> None:
    clock, told = VirtualClock(auto_advance=True), []
    desk = Desk(refusals=[refuse(40), refuse(None), refuse(200)])
    recordings = await record(
        desk, LIST, GET, clock=clock, report_wait=lambda name, seconds: told.append((name, seconds))
    )
    assert [each.skipped for each in recordings] == [None, None]
    assert told == [("notes.list", 40), ("notes.list", 10), ("notes.list", 200)]
    assert clock.monotonic() == 250
    statuses = [each["response"]["status"] for each in recordings[1].exchanges]
    assert statuses == [200] * 2 * PAGES + [404]


async def test_a_refusal_for_its_rate_is_not_recorded_as_the_error_of_an_unknown_id() -> None:
    desk = Desk(refusals=[refuse(7)])
    (recording,) = await record(desk, GET, clock=VirtualClock(auto_advance=True))
    assert [each["response"]["status"] for each in recording.exchanges] == [404]


@pytest.mark.parametrize(
    ("waits", "waited"), [([LONGEST_WAIT_SECONDS + 1], 0), ([LONGEST_WAIT_SECONDS, 1], LONGEST_WAIT_SECONDS)]
)
async def test_a_recording_does_not_wait_longer_than_it_may(waits: list[int], waited: int) -> None:
    clock = VirtualClock(auto_advance=True)
    desk = Desk(refusals=[refuse(seconds) for seconds in waits])
    (recording,) = await record(desk, LIST, clock=clock)
    assert recording.exchanges == []
    assert f"asks for {waits[-1]} more seconds, and a call waits 300 at most" in (recording.skipped or "")
    assert clock.monotonic() == waited
