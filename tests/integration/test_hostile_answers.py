"""What callers get when a provider's answer is cut, of a wrong length or type, endless, or no HTTP at all."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from tests.fakes.hostile import ANSWERS, CUT_ANSWERS, RECORDS, HostileAnswer, HostileProvider, running
from tests.integration.larkdesk import MODEL, connect, install
from tests.integration.serving import Server

pytestmark = pytest.mark.walk(of="file", share=0.25)

PAGE: Final = Path(__file__).parents[2] / "docs" / "reference" / "hostile-answers.md"
COLUMNS: Final = {
    "lists": ("proxy list", "unified list"),
    "proxy records": ("proxy get",),
    "unified records": ("unified get",),
    "custom calls": ("custom",),
    "lists in batches": ("batch list",),
    "records in batches": ("batch get",),
}
"""The calls of each column of the page."""

_PATHS: Final = {
    "proxy list": "/proxy/tickets",
    "unified list": f"/unified/{MODEL}/tickets",
    "proxy get": "/proxy/tickets/1",
    "unified get": f"/unified/{MODEL}/tickets/1",
    "custom": "/custom/v1/tickets",
}
_NODES: Final = {"batch list": {"method": "list"}, "batch get": {"method": "get", "id": "1"}}
_CALLS: Final = tuple(call for calls in COLUMNS.values() for call in calls)
_HURRY: Final = {"timeout_seconds": 0.05}
_NUMBERS: Final = [str(record["number"]) for record in RECORDS]
_ROW: Final = re.compile(r"^\| (?!---|the provider's )(.+?) \|$", re.MULTILINE)


@dataclass
class Desk:
    """Two accounts of a hostile provider. `hurried`: the one whose calls of methods end after 50 ms."""

    server: Server
    provider: HostileProvider
    patient: str
    hurried: str

    async def call(self, name: str, answer: HostileAnswer) -> str:
        """Makes one of the calls to a provider that gives this answer. Returns what its caller gets, in the
        words of the page."""
        self.provider.answer = answer
        try:
            status, body = await self._send(name, is_hurried=answer.never_comes)
        except aiohttp.ClientPayloadError:
            return "broken off"
        if status != 200:
            has_pages = name in _NODES and _describe_list(body) == "all"
            return f"all, then {status}" if has_pages else str(status)
        return _describe_list(body) if name.endswith("list") else self._describe_value(name, body)

    async def _send(self, name: str, *, is_hurried: bool) -> tuple[int, Any]:
        """Makes a call; returns its status and body, of a batch those of its one node."""
        account = self.hurried if is_hurried else self.patient
        if name in _NODES:
            return await self._send_batch(account, {"resource": f"{MODEL}/tickets", **_NODES[name]})
        path = f"{_PATHS[name]}?integrated_account_id={account}"
        if name == "custom":
            method = {"method": "get", **(_HURRY if is_hurried else {})}
            return await self.server.call("POST", path, json={"methodConfig": method})
        return await self.server.call("GET", path)

    async def _send_batch(self, account: str, node: dict[str, str]) -> tuple[int, Any]:
        """Sends a batch of one node; returns the status of its error, else 200, and its result."""
        body = {"integrated_account_id": account, "resources": [node]}
        answer = await self.server.ok("POST", "/batch-request", json=body)
        (errors,), (records,) = answer["errors"].values(), answer["result"].values()
        status = errors[0]["statusCode"] if errors else 200
        return status, {"result": records} if node["method"] == "list" or errors else records[0]

    def _describe_value(self, name: str, body: Any) -> str:
        """Returns what a call that is no list gave, in the words of the page."""
        value = body["result"] if name == "custom" and isinstance(body, dict) else body
        if value is None:
            return "nothing"
        if isinstance(value, dict) and str(value.get("number")) == _NUMBERS[0]:
            return "all"
        _, _, text = self.provider.last_answer.partition("\r\n\r\n")
        if isinstance(value, dict) and value == json.loads(text):
            return "all"
        assert str(value) == text.strip('"'), "a value was invented"
        return "as sent"


def _describe_list(body: Any) -> str:
    """Returns what a list gave, in the words of the page."""
    numbers = [str(record["number"]) for record in body["result"]]
    assert numbers in ([], _NUMBERS), "a record is missing, or was invented"
    return ("all" if numbers else "empty") + (", goes on" if body.get("next_cursor") else "")


@pytest.fixture
async def desk(desk_server: Server) -> AsyncIterator[Desk]:
    async with running() as provider:
        install_id = await install(desk_server)
        override = {"resources": {"tickets": {"list": _HURRY, "get": _HURRY}}}
        yield Desk(
            desk_server,
            provider,
            patient=await connect(desk_server, install_id, provider.url),
            hurried=await connect(desk_server, install_id, provider.url, integration_override=override),
        )


def _read_page() -> dict[str, list[str]]:
    """Returns what the page says of each answer: the cells of its columns, by the answer's name."""
    rows = [row.split(" | ") for row in _ROW.findall(PAGE.read_text())]
    return {name: cells for name, *cells in rows}


def _cut(name: str, call: str) -> Iterator[HostileAnswer]:
    """Yields an answer to a call as it is cut. Every tenth byte is the cut of one of the seven calls."""
    path = "/tickets" if call.endswith("list") or call == "custom" else "/tickets/1"
    return CUT_ANSWERS[name].cut_each(path, 10 * (1 + _CALLS.index(call)), 10 * len(_CALLS))


def test_the_page_has_every_hostile_answer() -> None:
    assert list(_read_page()) == [*CUT_ANSWERS, *ANSWERS]


@pytest.mark.parametrize("column", COLUMNS)
async def test_a_hostile_answer_gives_what_the_page_says(desk: Desk, column: str) -> None:
    position = list(COLUMNS).index(column)
    documented = {name: {cells[position]} for name, cells in _read_page().items()}
    found: dict[str, set[str]] = {name: set() for name in documented}
    for call in COLUMNS[column]:
        for name, answer in ANSWERS.items():
            found[name].add(await desk.call(call, answer))
        for name in CUT_ANSWERS:
            for answer in _cut(name, call):
                found[name].add(await desk.call(call, answer))
    assert found == documented
