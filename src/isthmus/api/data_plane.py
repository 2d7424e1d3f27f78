"""The data plane: `/unified/*` and `/proxy/*` (`api.md` §4.1, §4.3), reached ahead of all other routes.

Checks run in the order of `api.md` §4: token, token kind, the token's rate limit, account, the account's rate
limit, sandbox writes, then the mapping. Nothing here reads the database: what a call needs is cached by the
environment's epoch.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from isthmus.accounts.connections import Connection, Connections
from isthmus.api.answers import Answer, json_answer
from isthmus.api.authentication import Authentication
from isthmus.api.incoming import Incoming, parse_json_body
from isthmus.api.request_limits import RequestLimits
from isthmus.engine import proxy, unified
from isthmus.engine.calls import NO_BODY, Call, read_call
from isthmus.engine.queries import parse
from isthmus.engine.results import CallResult, ListResult, StreamResult
from isthmus.engine.unified import Target
from isthmus.errors import BadRequest, MethodNotAllowed, NotFound, failure

__all__ = ["COLLECTION_METHODS", "ITEM_METHODS", "DataPlane"]

ITEM_METHODS: Final = {"GET": "get", "PATCH": "update", "DELETE": "delete"}
COLLECTION_METHODS: Final = {"GET": "list", "POST": "create", "PATCH": "update", "DELETE": "delete"}
_VERBS: Final = {
    method: verb for table in (ITEM_METHODS, COLLECTION_METHODS) for verb, method in table.items()
}


class DataPlane:
    def __init__(
        self, authentication: Authentication, limits: RequestLimits, connections: Connections
    ) -> None:
        self._authentication = authentication
        self._limits = limits
        self._connections = connections

    async def unified(self, incoming: Incoming) -> Answer:
        """`/unified/{model}/{resource}[/{id} or /{method}]`."""
        if len(incoming.segments) not in (3, 4):
            raise NotFound(
                f"no route {incoming.verb} /{'/'.join(incoming.segments)}. Unified calls are "
                "/unified/{model}/{resource}, with /{id} for one record."
            )
        _, model, resource = incoming.segments[:3]
        method, identity = _method(incoming, incoming.segments[3:])

        async def run(connection: Connection, call: Call) -> CallResult:
            schema, mapping = await connection.mapping(model, resource, method)
            target = Target(model, resource, schema)
            return await unified.call(connection.upstream, connection.definition, target, mapping, call)

        return await self._serve(incoming, method, identity, run)

    async def proxy(self, incoming: Incoming) -> Answer:
        """`/proxy/{resource}[/{id} or /{method}]`."""
        if len(incoming.segments) not in (2, 3):
            raise NotFound(
                f"no route {incoming.verb} /{'/'.join(incoming.segments)}. Proxy calls are "
                "/proxy/{resource}, with /{id} for one record; raw paths are not served here."
            )
        resource = incoming.segments[1]
        method, identity = _method(incoming, incoming.segments[2:])

        async def run(connection: Connection, call: Call) -> CallResult:
            return await proxy.call(connection.upstream, connection.definition, resource, call)

        return await self._serve(incoming, method, identity, run)

    async def _serve(
        self,
        incoming: Incoming,
        method: str,
        identity: str | None,
        run: Callable[[Connection, Call], Awaitable[CallResult]],
    ) -> Answer:
        principal = await self._authentication.principal(incoming.headers.get("authorization"))
        self._limits.take_token(principal)
        connection = await self._connections.open(
            principal.environment_id, _account_id(incoming.query_string), request_id=incoming.request_id
        )
        self._limits.take_account(connection.account.id)
        connection.require_writable(method)
        return _answer(await run(connection, await _read(incoming, method, identity)))


async def _read(incoming: Incoming, method: str, identity: str | None) -> Call:
    raw = await incoming.read_body() if incoming.verb != "GET" else b""
    call = read_call(
        method,
        id=identity,
        query_string=incoming.query_string,
        content_type=incoming.headers.get("content-type"),
        headers=incoming.forwardable_headers,
    )
    if call.body_passthrough:
        return replace(call, raw_body=raw)
    body = parse_json_body(raw, incoming.content_type)
    return call if body is NO_BODY else replace(call, body=body)


def _method(incoming: Incoming, rest: tuple[str, ...]) -> tuple[str, str | None]:
    """The method's name in the definition, and the record's id from the path."""
    if rest and incoming.verb == "POST":
        if rest[0] in _VERBS:
            verb = _VERBS[rest[0]]
            raise MethodNotAllowed(
                f"{rest[0]} is no custom method. It is called by {verb} without /{rest[0]}"
                f"{', with the id in its place' if rest[0] in ITEM_METHODS.values() else ''}.",
                headers={"allow": "GET, PATCH, DELETE"},
            )
        return rest[0], None
    method = (ITEM_METHODS if rest else COLLECTION_METHODS).get(incoming.verb)
    if method is None:
        raise MethodNotAllowed(
            f"{incoming.verb} is not served here. Use GET, POST, PATCH or DELETE.",
            headers={"allow": "GET, POST, PATCH, DELETE"},
        )
    return method, rest[0] if rest else None


def _account_id(query_string: bytes) -> str:
    value = parse(query_string).nested.get("integrated_account_id")
    if isinstance(value, str) and value:
        return value
    if value:
        raise BadRequest(
            "integrated_account_id was sent more than once. Send the id of the one account to call.",
            failures=[failure("integrated_account_id", "must be sent once", "bad_value")],
        )
    raise BadRequest(
        "integrated_account_id is missing. Add ?integrated_account_id=<id>; GET /integrated-account lists "
        "the accounts of this environment.",
        failures=[failure("integrated_account_id", "must be the id of an integrated account", "required")],
    )


def _answer(result: CallResult) -> Answer:
    if isinstance(result, StreamResult):
        headers = dict(result.headers)
        content_type = headers.pop("content-type", "application/octet-stream")
        return Answer(result.status, content_type, headers=headers, stream=result.stream)
    body = result.body
    if isinstance(result, ListResult):
        return json_answer(body, headers=result.headers)
    return json_answer(body, status=result.status, headers=result.headers)
