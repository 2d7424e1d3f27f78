"""The limits of the contract's checks, on an integration of a few lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.contract.catalog import CATALOG

from isthmus.authoring.contract.catalog_entry import CatalogEntry, Models
from isthmus.authoring.contract.checks import check_errors, check_pagination
from isthmus.authoring.contract.replay_upstreams import NotRecorded, ReplayUpstream
from isthmus.authoring.contract.sandbox_checks import SandboxList
from isthmus.authoring.contract.suite import Check, run_suite
from isthmus.engine.upstream import Operation, OutgoingRequest
from isthmus.errors import BadRequest
from isthmus.http.messages import HttpRequest

MODELS = Models(CATALOG / "unified")
DEFINITION = {
    "name": "desk",
    "config": {
        "base_url": "https://desk.example",
        "credentials": {"api_key": {"config": {"fields": [{"name": "api_key", "type": "password"}]}}},
        "pagination": {"format": "cursor", "config": {"cursor_path": "next", "cursor_param": "after"}},
        "error_expression": "data.fault ? { 'status': data.fault, 'message': 'no' }",
        "resources": {
            "tags": {"list": {"path": "/tags", "response_path": "tags"}, "get": {"path": "/tags/{{id}}"}}
        },
    },
}
LIST = {
    "resource_name": "tags",
    "method_name": "list",
    "config": {"response_mapping_method": "item", "response_mapping": "{ 'id': response.name }"},
}
MAPPINGS = {"ticketing": {"unified_model": "ticketing", "integration": "desk", "cells": [LIST]}}


def entry(
    folder: Path, lists: list[dict[str, Any]], gets: list[dict[str, Any]] | None = None
) -> CatalogEntry:
    return CatalogEntry(
        "desk", folder, MODELS, DEFINITION, MAPPINGS, {"tags.list": lists, "tags.get": gets or []}
    )


def exchange(
    body: Any, *, status: int = 200, query: dict[str, str] | None = None, id: str | None = None
) -> dict[str, Any]:
    request = {"query": query or {}, "path_params": {} if id is None else {"id": id}}
    return {"provenance": "documented", "request": request, "response": {"status": status, "body": body}}


def pages(count: int) -> list[dict[str, Any]]:
    """A list of so many pages, with a record on each."""
    return [
        exchange(
            {"tags": [{"name": f"t{number}"}], "next": f"c{number + 1}" if number + 1 < count else None},
            query={"after": f"c{number}"} if number else {},
        )
        for number in range(count)
    ]


@pytest.mark.parametrize(("count", "ends"), [(51, True), (52, False)])
async def test_a_list_is_followed_over_fifty_cursors(tmp_path: Path, count: int, ends: bool) -> None:
    complaints = await check_pagination(entry(tmp_path, pages(count)))
    assert ["does not end" in complaint for complaint in complaints] == ([] if ends else [True])


async def test_a_sandbox_is_read_over_fifty_pages(tmp_path: Path) -> None:
    async def read(count: int) -> list[list[dict[str, Any]]]:
        made = entry(tmp_path, pages(count))
        return await SandboxList(made, made.mapped_methods[0]).read_pages({"limit": "1"})

    assert len(await read(50)) == 50
    with pytest.raises(BadRequest, match="does not end within 50 pages"):
        await read(51)


@pytest.mark.parametrize(
    ("answered", "told", "complaints"),
    [
        (400, 400, []),
        (400, 503, ["ticketing/tags.list: 400 is raised as 503"]),
        (404, 400, ["ticketing/tags.list: 404 is raised as 400"]),
        (200, 503, []),
        (200, 400, []),
    ],
)
async def test_an_error_is_raised_with_its_own_status_if_that_is_one_of_an_error(
    tmp_path: Path, answered: int, told: int, complaints: list[str]
) -> None:
    made = entry(tmp_path, [exchange({"fault": told}, status=answered)])
    assert await check_errors(made) == complaints


async def replay(made: CatalogEntry, method: str, *, id: str | None = None, **query: str) -> Any:
    """The body that is replayed for a request."""
    http = HttpRequest(method="GET", url="https://desk.example/tags", headers={})
    request = OutgoingRequest(http, Operation("list" if id is None else "get", "tags", method, id, query))
    return (await ReplayUpstream(made).send(request)).body


async def test_only_what_differs_between_pages_tells_them_apart(tmp_path: Path) -> None:
    made = entry(tmp_path, [exchange(page, query={"sort": "name", "after": page}) for page in ("one", "two")])
    assert await replay(made, "list", after="two", sort="age") == b'"two"'
    with pytest.raises(NotRecorded):
        await replay(made, "list", after="three", sort="name")


@pytest.mark.parametrize(
    ("id", "query", "is_recorded"),
    [
        ("9", {"with": "notes"}, True),
        ("9", {"with": "notes", "more": "x"}, True),
        ("9", {}, False),
        ("9", {"with": "all"}, False),
        ("8", {"with": "notes"}, False),
    ],
)
async def test_an_error_answers_the_request_that_says_what_was_recorded(
    tmp_path: Path, id: str, query: dict[str, str], is_recorded: bool
) -> None:
    found, missing = (
        exchange({"name": "a"}, id="1"),
        exchange({}, status=404, id="9", query={"with": "notes"}),
    )
    made = entry(tmp_path, [], [found, missing])
    if is_recorded:
        assert await replay(made, "get", id=id, **query) == b"{}"
    else:
        with pytest.raises(NotRecorded):
            await replay(made, "get", id=id, **query)


@pytest.mark.parametrize("error", [BadRequest("no list"), NotRecorded("GET /tags")])
async def test_a_check_that_raises_has_failed(tmp_path: Path, error: Exception) -> None:
    def fail(_: CatalogEntry) -> list[str]:
        raise error

    check = Check("own", "it does not raise", fail, runs_on_broken=True)
    outcome = (await run_suite(entry(tmp_path, pages(1)), [check]))[-1]
    assert (outcome.name, outcome.status, outcome.complaints) == ("own", "failed", [str(error)])
