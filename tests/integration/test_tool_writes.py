"""What is written with the names of a schema arrives whole: a fake provider of each shipped product gets each
field, of tools and of unified bodies."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

import pytest
from aiohttp import web

from isthmus.definitions.file_models import Exchange
from isthmus.definitions.schema_examples import make_example
from tests.contract.catalog import MappedMethod, entry, integration_names, model
from tests.fakes.listening import listening
from tests.fakes.storing import read_body
from tests.integration.serving import Server
from tests.integration.shipped_accounts import connect
from tests.integration.toolset import Tool, Toolset

Leaf = tuple[tuple[str, ...], str]


@dataclass
class Provider:
    """Answers each request as `exchange` says, and keeps the last one."""

    exchange: Exchange | None = None
    url: str = ""
    body: bytes = b""
    seen: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        assert self.exchange is not None
        self.url, self.body = unquote_plus(request.raw_path), await request.read()
        self.seen.append(request.method)
        response = self.exchange.response
        body = None if response.body is None else json.dumps(response.body).encode()
        return web.Response(status=response.status, body=body, content_type="application/json")


def make_arguments(tool: Tool) -> dict[str, Any]:
    """Returns a value for each name of the tool's schemas, and for no other."""
    values = {**make_example(tool["query_schema"]), **make_example(tool["body_schema"])}
    return {name: _fill(value) for name, value in values.items()}


def _fill(value: Any) -> Any:
    """Returns the value with an entry in each empty object, which may hold any."""
    if isinstance(value, list):
        return [_fill(item) for item in value]
    if isinstance(value, dict):
        return {key: _fill(item) for key, item in value.items()} or {"cf_own": "of our own"}
    return value


def iterate_leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[Leaf]:
    """Yields the names that lead to each scalar, without indexes, and the scalar as text."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from iterate_leaves(item, (*path, key))
    elif isinstance(value, list):
        for item in value:
            yield from iterate_leaves(item, path)
    else:
        yield path, value if isinstance(value, str) else json.dumps(value)


def find_lost(given: Any, sent: Any, url: str) -> list[Leaf]:
    """Returns what was given and is neither in the body that was sent, at any depth, nor in the URL."""
    arrived = set(iterate_leaves(sent))
    ends = {(path[start:], text) for path, text in arrived for start in range(len(path))}
    return [
        (path, text)
        for path, text in iterate_leaves(given)
        if (path, text) not in ends and not (len(path) == 1 and text in url)
    ]


@pytest.mark.walk(share=0.2)
@pytest.mark.parametrize("name", integration_names())
async def test_what_a_toolset_sends_goes_out_whole(server: Server, name: str) -> None:
    of = entry(name)
    provider = Provider()
    async with listening(provider.answer) as url:
        toolset = await Toolset.load(server, await connect(server, of, url), "create,update,custom")
        written = 0
        for tool in toolset.tools.values():
            if not tool["body_schema"]["properties"]:
                continue
            given = make_arguments(tool)
            assert set(tool["required"]) <= given.keys()
            place = (tool["resource"], tool["method"])
            provider.exchange = of.find_exchanges(*place, error=False)[0]
            await toolset.use(tool["name"], given)
            method = of.file.config.find_method(*place)
            assert method is not None
            fields = {key: given[key] for key in tool["body_schema"]["properties"]}
            assert fields, tool["name"]
            assert find_lost(fields, read_body(method, provider.body), provider.url) == [], tool["name"]
            written += 1
    assert len(provider.seen) == written > 0


def make_marked(schema: Mapping[str, Any], field: Mapping[str, Any], marks: Iterator[int]) -> Any:
    """Returns a value for a schema, each text and number in it a mark of its own. `field`: the model's schema
    of the same, for entries that the schema does not describe."""
    kinds = schema.get("type") or field.get("type", "string")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    if kind == "array":
        return [make_marked(schema.get("items", {}), field.get("items", {}), marks)]
    if kind == "object":
        properties = schema.get("properties") or field.get("properties", {})
        return {name: make_marked(part, {}, marks) for name, part in properties.items() if name != "type"}
    if kind == "boolean":
        return True
    mark = next(marks)
    return mark if kind in ("integer", "number") else str(mark)


def holds_mark(sent: str, value: Any) -> bool:
    """Returns True if a request holds a mark of the value."""
    return any(mark in sent for _, mark in iterate_leaves(value) if mark.isdigit())


def list_words(field: Mapping[str, Any]) -> list[Any]:
    """Lists the usual values of a model's field: words, or objects with one as their name."""
    name = field.get("properties", {}).get("name", {})
    return [*field.get("x-enum", ()), *({"name": word} for word in name.get("x-enum", ()))]


@pytest.mark.walk(share=0.2)
@pytest.mark.parametrize("name", integration_names())
async def test_each_field_of_a_unified_body_goes_out(server: Server, name: str) -> None:
    of = entry(name)
    provider = Provider()
    async with listening(provider.answer) as url:
        account = await connect(server, of, url)

        async def write(cell: MappedMethod, body: dict[str, Any]) -> str:
            """Makes a unified call; returns the request that it made."""
            path = f"/unified/{cell.model}/{cell.resource}?integrated_account_id={account}"
            await server.ok("POST", path, json=body)
            return f"{provider.url} {unquote_plus(provider.body.decode())}"

        for cell in of.mapped_methods:
            if cell.method != "create":
                continue
            await server.install_of_model(cell.model)
            provider.exchange = of.find_exchanges(*cell.proxy_methods[0], error=False)[0]
            path = f"/unified/{cell.model}/{cell.resource}/{name}/meta/create"
            schema = (await server.ok("GET", path))["request_body_schema"]
            fields = model(cell.model).schemas[cell.resource]["properties"]
            marks = itertools.count(7007001)
            given = {
                key: make_marked(part, fields[key], marks)
                for key, part in schema["properties"].items()
                if "x-alias-of" not in part and (key != "custom_fields" or "properties" in part)
            }
            whole = await write(cell, given)
            required = {key: given[key] for key in schema.get("required", ())}
            bare = await write(cell, required)
            for key, value in given.items():
                if holds_mark(whole, value) or (key in required and holds_mark(bare, value)):
                    continue
                # It is a flag or one of a few words, or gives way to another field, as to the full name.
                tried = [value, *list_words(fields[key])]
                assert any([await write(cell, {**required, key: item}) != bare for item in tried]), key
