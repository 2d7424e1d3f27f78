"""Runs two documents that differ in one field of a definition against a provider over real HTTP, and compares
what the provider was asked and the caller answered.

A case can't be had by naming a field: the field is found by walking the loaded definition along the case's
path, both documents are made from one by that path, and a run that differs from its own repetition counts for
nothing.
"""

from __future__ import annotations

import asyncio
import copy
import re
import typing
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any, Final

from aiohttp import web

from isthmus.accounts.rows.context import build_effective_context
from isthmus.api.call_parsing import parse_call
from isthmus.definitions.field_types import DefinitionModel
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.load import load_integration, load_mapping, load_unified_model
from isthmus.definitions.mapping import MappingConfig
from isthmus.definitions.unified_model import UnifiedModelDefinition
from isthmus.engine import proxy, unified
from isthmus.engine.authorization.flows import authorize
from isthmus.engine.calls import NO_BODY, CallResult, StreamResult
from isthmus.engine.queries import parse_query
from isthmus.engine.steps import run_action
from isthmus.engine.unified import UnifiedTarget
from isthmus.engine.upstream import AccountFacts, OutgoingRequest
from isthmus.errors import IsthmusError, NotFound
from isthmus.expressions.host import Blob
from isthmus.http import Guard, HttpClient
from isthmus.http.messages import HttpResponse

__all__ = ["ABSENT", "Case", "Mirror", "Reply", "fields_of", "observe", "proven_field", "running"]

ABSENT: Final = object()
ROOTS: Final[tuple[type[DefinitionModel], ...]] = (IntegrationConfig, MappingConfig, UnifiedModelDefinition)
MODEL, RESOURCE, INTEGRATION = "crm", "contacts", "mirror"
_TRANSPORT: Final = frozenset({"host", "user-agent", "accept-encoding", "content-length", "accept"})
_ONCE: Final = re.compile(r'oauth_(?:nonce|timestamp|signature)="(?![^"]*%26)[^"]*"')
"""What a signature makes anew for each request; a PLAINTEXT one (RFC 5849 §3.4.4) holds an `&`, and stays."""


@dataclass(frozen=True)
class Reply:
    """What the provider answers. `seconds`: how slow it is. `elsewhere`: a path of its second address that it
    redirects to."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    seconds: float = 0.0
    elsewhere: str | None = None


THINGS: Final = Reply(
    {
        "items": [{"id": 1, "name": "a", "size": 3}, {"id": 2, "name": "b", "size": 4}],
        "next": "c2",
        "back": "c0",
        "more": False,
        "total": 2,
        "pages": 1,
        "deep": {"next": "d2"},
    }
)


@dataclass(frozen=True)
class Case:
    """The field at `path` holds `value` in one document and `other` in the other one.

    `path`: dotted, below `integration`, `mapping` or `model`; numbers are indices. `given`: what both
    documents hold besides, by path. `call`: `list`, `get 7`, `create`, a custom method's name, each with a
    query if wanted; or `action <name>`. `replies`: by path below the base URL, for any other path `THINGS`.
    A document with a mapping is called through it.
    """

    path: str
    value: Any
    call: str = "list"
    other: Any = ABSENT
    given: Mapping[str, Any] = field(default_factory=dict)
    body: Any = NO_BODY
    replies: Mapping[str, Reply] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    method: str = "api_key"

    def documents(self, mirror: Mirror) -> tuple[dict[str, Any], dict[str, Any]]:
        """Returns the two documents: with `value`, and with `other`."""
        document = copy.deepcopy(base_document(mirror))
        for path, value in self.given.items():
            _put(document, path, _addressed(value, mirror))
        with_value, with_other = copy.deepcopy(document), document
        _put(with_value, self.path, _addressed(self.value, mirror))
        _put(with_other, self.path, _addressed(self.other, mirror))
        return with_value, with_other


def base_document(mirror: Mirror) -> dict[str, Any]:
    """Returns a definition and a model that work, to put fields into."""
    item = {"path": "/things/{{id}}"}
    methods: dict[str, Any] = {
        "list": {"path": "/things", "response_path": "items"},
        "get": item,
        "create": {"path": "/things", "method": "post"},
        "update": {**item, "method": "patch"},
        "delete": {**item, "method": "delete"},
        "zap": {"path": "/zap", "method": "post"},
    }
    return {
        "integration": {
            "base_url": f"{mirror.url}/v1",
            "authorization": {"format": "bearer", "config": {}},
            "resources": {"things": methods, "others": {"list": {"path": "/others"}, "get": item}},
        },
        "model": {"name": MODEL, "resources": {RESOURCE: {"schema": {"type": "object"}}}},
    }


def fields_of(roots: tuple[type[DefinitionModel], ...] = ROOTS) -> set[tuple[type[DefinitionModel], str]]:
    """Returns every field of every part of a definition, by walking their annotations."""
    pending, seen = list(roots), set[type[DefinitionModel]]()
    while pending:
        model = pending.pop()
        if model not in seen:
            seen.add(model)
            pending += [part for info in model.model_fields.values() for part in _parts(info.annotation)]
    return {(model, name) for model in seen for name in model.model_fields}


def _parts(annotation: Any) -> Iterator[type[DefinitionModel]]:
    """Yields the models in an annotation."""
    if isinstance(annotation, type) and issubclass(annotation, DefinitionModel):
        yield annotation
    for inner in typing.get_args(annotation):
        yield from _parts(inner)


def proven_field(case: Case, mirror: Mirror) -> tuple[type[DefinitionModel], str]:
    """Returns the model and the name of the field that a case is about. Raises AssertionError if its path
    leads to none."""
    root, *steps = case.path.split(".")
    value: Any = _loaded(case.documents(mirror)[0])[root]
    for step in steps[:-1]:
        if isinstance(value, DefinitionModel):
            value = getattr(value, _field_name(type(value), step))
        else:
            value = value[int(step)] if step.isdigit() else value[step]
    assert isinstance(value, DefinitionModel), f"{case.path} leads to no part of a definition"
    name = _field_name(type(value), steps[-1])
    assert name in value.model_fields_set, f"{case.path} sets no {name}"
    return type(value), name


def _field_name(model: type[DefinitionModel], key: str) -> str:
    """Returns the name of the field with this name or alias. Raises AssertionError."""
    for name, info in model.model_fields.items():
        if key in (name, info.alias):
            return name
    raise AssertionError(f"{model.__name__} has no field {key}")


async def observe(case: Case, document: Mapping[str, Any], mirror: Mirror, http: HttpClient) -> Any:
    """Makes the case's call; returns what the provider was asked, and what the caller was answered."""
    mirror.replies = {f"/v1{path}": reply for path, reply in case.replies.items()}
    mirror.asked.clear()
    try:
        answer = await _called(case, document, http)
    except IsthmusError as failed:
        answer = [type(failed).__name__, failed.status, failed.message, failed.details, dict(failed.headers)]
        answer.append(getattr(failed, "insight", None))
    return list(mirror.asked), answer


async def _called(case: Case, document: Mapping[str, Any], http: HttpClient) -> Any:
    """Makes the case's call on a document; returns its result as plain values."""
    loaded = _loaded(document)
    config: IntegrationConfig = loaded["integration"]
    context = build_effective_context({"api_key": "k", **case.context}, config.reveal_variables())
    upstream = _Upstream(http, context, case.method)
    head, _, query = case.call.partition("?")
    name, _, identity = head.partition(" ")
    call = parse_call(
        name,
        id=identity or None,
        query=parse_query(query),
        body=case.body,
        raw_body=case.body.data if isinstance(case.body, Blob) else None,
        headers={"x-need": "1"} if "needs" in query else {},
    )
    if name == "action":
        if identity not in config.actions:
            raise NotFound(f"no action {identity}")
        return await run_action(upstream, config, identity, config.actions[identity], query=call.query.nested)
    if "mapping" not in loaded:
        return await _told(await proxy.call_method(upstream, config, "things", call))
    resource = loaded["model"].resources.get(RESOURCE)
    if resource is None:
        raise NotFound(f"no resource {RESOURCE}")
    target = UnifiedTarget(loaded["model"].name, RESOURCE, resource, INTEGRATION)
    result = await unified.call_method(upstream, config, target, loaded["mapping"], call)
    return await _told(result)


async def _told(result: CallResult) -> Any:
    """Returns status, headers and body of a result."""
    if isinstance(result, StreamResult):
        return result.status, dict(result.headers), b"".join([part async for part in result.stream])
    return result.status, dict(result.headers), repr(result.body)


def _loaded(document: Mapping[str, Any]) -> dict[str, Any]:
    """Loads the parts of a document, by name. Raises DefinitionInvalid."""
    loaded: dict[str, Any] = {
        "integration": load_integration(document["integration"], source="integration"),
        "model": load_unified_model(document["model"], source="model"),
    }
    if "mapping" in document:
        mapping = {"resource": "things", **document["mapping"]}
        loaded["mapping"] = load_mapping(mapping, source="mapping")
    return loaded


def _put(document: Any, path: str, value: Any) -> None:
    """Puts a value into the document at a dotted path; ABSENT removes what is there."""
    *parents, last = path.split(".")
    for step in parents:
        document = document[int(step)] if isinstance(document, list) else document.setdefault(step, {})
    if value is ABSENT:
        document.pop(last, None)
    elif isinstance(document, list):
        document[int(last)] = value
    else:
        document[last] = value


def _addressed(value: Any, mirror: Mirror) -> Any:
    """Returns the value with the provider's address in place of `@here`."""
    if isinstance(value, str):
        return value.replace("@here", mirror.url)
    if isinstance(value, dict):
        return {key: _addressed(item, mirror) for key, item in value.items()}
    return [_addressed(item, mirror) for item in value] if isinstance(value, list) else value


class _Upstream:
    """An upstream that sends with the case's credentials."""

    def __init__(self, http: HttpClient, context: Mapping[str, Any], method: str) -> None:
        self.context = dict(context)
        self.account = AccountFacts("a", "t", "e", authentication_method=method)
        self._http = http

    async def send(self, request: OutgoingRequest) -> HttpResponse:
        """Sends an authorized request. Raises AssertionError if the authorization makes a request of its
        own."""
        try:
            next(authorize(request, self.context))
        except StopIteration as done:
            return await self._http.send(done.value)
        raise AssertionError("no authorization asks first")

    async def update_context(self, patch: Mapping[str, Any]) -> None:
        """Merges the patch into the context, one level deep."""
        self.context.update(patch)


class Mirror:
    """A provider that answers what it is told to, and writes down what it was asked."""

    def __init__(self) -> None:
        self.url = self.second_url = ""
        self.replies: Mapping[str, Reply] = {}
        self.asked: list[Any] = []

    async def answer(self, request: web.Request) -> web.Response:
        """Writes the request down, and answers with the reply of its path."""
        headers = sorted(
            (name.lower(), _ONCE.sub("", value))
            for name, value in request.headers.items()
            if name.lower() not in _TRANSPORT
        )
        self.asked.append([request.method, request.raw_path, headers, await request.read()])
        reply = self.replies.get(request.path, THINGS)
        if reply.seconds:
            await asyncio.sleep(reply.seconds)
        if reply.elsewhere is not None:
            return web.Response(status=307, headers={"location": self.second_url + reply.elsewhere})
        options: dict[str, Any] = {"status": reply.status, "headers": reply.headers}
        if isinstance(reply.body, bytes):
            return web.Response(body=reply.body, content_type=reply.content_type, **options)
        return web.json_response(reply.body, **options)


@asynccontextmanager
async def running() -> AsyncIterator[tuple[Mirror, HttpClient]]:
    """Runs the provider under two addresses; yields it, and a client that may reach it."""
    mirror, app = Mirror(), web.Application()
    app.router.add_route("*", "/{tail:.*}", mirror.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        for _ in range(2):
            await web.TCPSite(runner, "127.0.0.1", 0).start()
        urls = [f"http://127.0.0.1:{address[1]}" for address in runner.addresses]
        mirror.url, mirror.second_url = urls
        async with HttpClient(Guard((ip_network("127.0.0.0/8"),))) as http:
            yield mirror, http
    finally:
        await runner.cleanup()
