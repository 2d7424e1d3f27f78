"""A body is read back in the format it was sent in, and recorded pages are told apart by what it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from isthmus.authoring.contract.catalog_entry import CatalogEntry, Models
from isthmus.authoring.contract.replay_upstreams import NotRecorded, ReplayUpstream
from isthmus.authoring.contract.sent_bodies import parse_sent_body
from isthmus.definitions.methods import MethodDefinition
from isthmus.engine.bodies import encode_body
from isthmus.engine.responses import parse_body
from isthmus.engine.upstream import Operation, OutgoingRequest
from isthmus.http.messages import HttpRequest

ROOT = {"root": "tsRequest"}


def method(body_format: str, **config: Any) -> MethodDefinition:
    return MethodDefinition.model_validate(
        {"path": "/list", "method": "post", "body_format": body_format, "body_format_config": config}
    )


def request(definition: MethodDefinition, body: Any) -> OutgoingRequest:
    data, _ = encode_body(definition, body, "brackets")
    http = HttpRequest(method="POST", url="https://a.example/list", headers={}, body=data)
    return OutgoingRequest(http, Operation("list", "things", "list", body=body))


@pytest.mark.parametrize(
    ("definition", "body", "read"),
    [
        (method("json"), {"a": [1, None]}, {"a": [1, None]}),
        (
            method("form"),
            {"a": 1, "m": {"k": True}, "l": [1, 2]},
            {"a": "1", "m": {"k": "true"}, "l": ["1", "2"]},
        ),
        (method("xml", **ROOT), {"user": {"@name": "a", "age": 4}}, {"user": {"@name": "a", "age": "4"}}),
        (method("xml"), {"user": {"@name": "a"}}, {"user": {"@name": "a"}}),
        (method("raw"), "text", "text"),
        (None, {"a": 1}, {"a": 1}),
    ],
)
def test_a_body_is_read_as_it_was_sent(definition: MethodDefinition | None, body: Any, read: Any) -> None:
    assert parse_sent_body(definition, request(definition or method("json"), body)) == read


def test_no_body_is_none() -> None:
    http = HttpRequest(method="GET", url="https://a.example", headers={})
    assert parse_sent_body(method("form"), OutgoingRequest(http, Operation("list", "a", "list"))) is None


@pytest.mark.parametrize("place", [lambda page: {"page": page}, lambda page: {"variables": {"page": page}}])
@pytest.mark.parametrize(("body_format", "config"), [("json", {}), ("form", {}), ("xml", ROOT)])
async def test_a_page_is_found_by_the_cursor_in_any_body(
    tmp_path: Path, body_format: str, config: dict[str, Any], place: Callable[[int], dict[str, Any]]
) -> None:
    listing = {"path": "/list", "method": "post", "body_format": body_format, "body_format_config": config}
    pages: list[dict[str, Any]] = [
        {"provenance": "documented", "request": {"body": body}, "response": {"status": 200, "body": answer}}
        for body, answer in ((place(1), ["one"]), (place(2), ["two"]))
    ]
    definition = {"name": "desk", "config": {"resources": {"things": {"list": listing}}}}
    entry = CatalogEntry("desk", tmp_path, Models(), definition, {}, {"things.list": pages})
    found = method(body_format, **config)
    answer = await ReplayUpstream(entry).send(request(found, place(2)))
    assert parse_body(method("json"), answer).body == ["two"]
    with pytest.raises(NotRecorded):
        await ReplayUpstream(entry).send(request(found, place(3)))
