"""What an agent writes with a tool of a shipped product arrives whole: a fake provider gets each field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import pytest
from aiohttp import web

from isthmus.accounts.sandbox.sandbox_accounts import build_example_context
from isthmus.definitions.file_models import Exchange
from isthmus.definitions.methods import MethodDefinition
from isthmus.definitions.schema_examples import make_example
from isthmus.engine.queries import nest_pairs
from isthmus.engine.xml import parse_xml
from tests.contract.catalog import CatalogEntry, entry, integration_names
from tests.fakes.listening import listening
from tests.integration.serving import Server
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


async def connect(server: Server, of: CatalogEntry, url: str) -> str:
    """Installs the integration with the provider at `url` in its place; returns the id of an account."""
    here = {"base_url": url, "no_auth": True}
    config = of.file.config
    override = {
        "actions": {name: {"steps": []} for name in config.actions},
        "resources": {
            resource: {name: here for name, method in methods.items() if method is not None}
            for resource, methods in config.resources.items()
        },
    }
    body = {"integration_id": of.name, "override": override}
    await server.ok("POST", "/environment-integration", json=body)
    method = next(iter(config.credentials))
    values = {"authentication_method": method, "context": build_example_context(config)}
    return str((await server.account_of(of.name, **values))["id"])


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


def read_body(method: MethodDefinition, body: bytes) -> Any:
    """Returns the body of a request as JSON, from the format in which the method sends it."""
    if method.body_format == "form":
        return nest_pairs(parse_qsl(body.decode(), keep_blank_values=True))
    if method.body_format == "xml":
        return parse_xml(body, method.body_format_config)
    return json.loads(body) if body else None


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
