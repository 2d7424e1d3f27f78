"""The data plane: `/unified/*`, `/proxy/*`, `/custom/*` (`api.md` §4), reached ahead of all other routes.

Checks run in the order of `api.md` §4: token, token kind, the token's rate limit, account, the account's rate
limit, sandbox writes, idempotency, then the mapping. Nothing here reads the database but for calls with an
idempotency key: what a call needs is cached by the environment's epoch.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from isthmus.accounts.connections.connections import Connection, Connections
from isthmus.accounts.idempotency import IdempotencyKeys
from isthmus.accounts.lifecycle.actions import run_custom_action
from isthmus.api.authentication import Authentication, own_account
from isthmus.api.call_parameters import parse_account_id
from isthmus.api.call_plans import CallPlans, wants_plan
from isthmus.api.hang_ups import while_connected
from isthmus.api.idempotency import key_of, once
from isthmus.api.incoming_request import Incoming
from isthmus.api.outgoing_response import Answer, error_answer, json_answer
from isthmus.api.rate_limit_headers import told
from isthmus.api.request_bodies import read_custom_call, read_data_call
from isthmus.api.request_limits import RequestLimits
from isthmus.engine import custom, proxy, unified
from isthmus.engine.calls import Call
from isthmus.engine.custom import is_read
from isthmus.engine.results import CallResult, ListResult, StreamResult
from isthmus.engine.unified import Target
from isthmus.errors import IsthmusError, MethodNotAllowed, NotFound
from isthmus.tenancy import Principal

__all__ = ["ACTIONS", "COLLECTION_METHODS", "CUSTOM_VERBS", "ITEM_METHODS", "DataPlane"]

ITEM_METHODS: Final = {"GET": "get", "PATCH": "update", "DELETE": "delete"}
COLLECTION_METHODS: Final = {"GET": "list", "POST": "create", "PATCH": "update", "DELETE": "delete"}
CUSTOM_VERBS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
ACTIONS: Final = "_"
"""Stands where a resource would, before the name of an action."""

_VERBS: Final = {
    method: verb for table in (ITEM_METHODS, COLLECTION_METHODS) for verb, method in table.items()
}


class DataPlane:
    def __init__(
        self,
        authentication: Authentication,
        limits: RequestLimits,
        connections: Connections,
        idempotency: IdempotencyKeys,
    ) -> None:
        self._authentication = authentication
        self._limits = limits
        self._connections = connections
        self._idempotency = idempotency
        self._plans = CallPlans(authentication, connections)

    async def unified(self, incoming: Incoming) -> Answer:
        """`/unified/{model}/{resource}[/{id} or /{method}]`."""
        if len(incoming.segments) not in (3, 4):
            raise NotFound(
                f"no route {incoming.verb} /{'/'.join(incoming.segments)}. Unified calls are "
                "/unified/{model}/{resource}, with /{id} for one record."
            )
        _, model, resource = incoming.segments[:3]
        method, identity = _method(incoming, incoming.segments[3:])
        if wants_plan(incoming.query_string):
            return await self._plans.unified(incoming, model, resource, method, identity)

        async def run(connection: Connection, call: Call) -> CallResult:
            schema, mapping = await connection.mapping(model, resource, method)
            target = Target(model, resource, schema, connection.integration_name)
            return await unified.call(connection.upstream, connection.definition, target, mapping, call)

        return await self._serve(incoming, method, identity, run)

    async def proxy(self, incoming: Incoming) -> Answer:
        """`/proxy/{resource}[/{id} or /{method}]`, and `/proxy/_/{action}`."""
        if len(incoming.segments) not in (2, 3):
            raise NotFound(
                f"no route {incoming.verb} /{'/'.join(incoming.segments)}. Proxy calls are "
                "/proxy/{resource}, with /{id} for one record; raw paths are served under /custom."
            )
        resource = incoming.segments[1]
        if resource == ACTIONS:
            return await self._action(incoming)
        method, identity = _method(incoming, incoming.segments[2:])
        if wants_plan(incoming.query_string):
            return await self._plans.proxy(incoming, resource, method, identity)

        async def run(connection: Connection, call: Call) -> CallResult:
            return await proxy.call(connection.upstream, connection.definition, resource, call)

        return await self._serve(incoming, method, identity, run)

    async def custom(self, incoming: Incoming) -> Answer:
        """`ANY /custom/{path}`: a path of the provider itself (`api.md` §4.4)."""
        if incoming.verb not in CUSTOM_VERBS:
            raise MethodNotAllowed(
                f"{incoming.verb} is not forwarded. Use one of {', '.join(CUSTOM_VERBS)}.",
                headers={"allow": ", ".join(CUSTOM_VERBS)},
            )
        if wants_plan(incoming.query_string):
            return await self._plans.custom(incoming)

        async def work(connection: Connection, principal: Principal) -> CallResult:
            call = await read_custom_call(
                incoming, incoming.rest_of_path, is_trusted=principal.kind == "api_token"
            )
            # A call that looks like a read may write out a method that is none.
            connection.require_writable("get" if is_read(call.verb, call.method_config) else "methodConfig")
            calling = custom.call(connection.upstream, connection.definition, call)
            may_end = is_read(call.verb, call.method_config) and (
                call.raw is None or isinstance(call.raw.data, bytes)
            )
            return await (while_connected(incoming, calling) if may_end else calling)

        return await self._answered(incoming, "get" if is_read(incoming.verb, None) else incoming.verb, work)

    async def _action(self, incoming: Incoming) -> Answer:
        """`POST /proxy/_/{action}`: steps that the integration defines (`definitions.md` §1.12)."""
        if incoming.verb != "POST" or len(incoming.segments) != 3:
            raise MethodNotAllowed("Actions are run by POST /proxy/_/{action}.", headers={"allow": "POST"})
        name = incoming.segments[2]
        if wants_plan(incoming.query_string):
            return await self._plans.action(incoming, name)

        async def run(connection: Connection, call: Call) -> CallResult:
            return await run_custom_action(connection, name, call)

        return await self._serve(incoming, "custom", None, run, called=f"the action {name}")

    async def _serve(
        self,
        incoming: Incoming,
        method: str,
        identity: str | None,
        run: Callable[[Connection, Call], Coroutine[Any, Any, CallResult]],
        *,
        called: str | None = None,
    ) -> Answer:
        async def work(connection: Connection, _: Principal) -> CallResult:
            calling = run(connection, await read_data_call(incoming, method, identity))
            return await (while_connected(incoming, calling) if incoming.verb == "GET" else calling)

        return await self._answered(incoming, method, work, called=called)

    async def _answered(
        self,
        incoming: Incoming,
        method: str,
        work: Callable[[Connection, Principal], Awaitable[CallResult]],
        *,
        called: str | None = None,
    ) -> Answer:
        """The checks that all calls share, in the order of `api.md` §4, then the call itself."""
        principal = await self._authentication.any_principal(incoming.headers.get("authorization"))
        of_token = self._limits.take_token(principal)
        query = incoming.query_string
        account = own_account(principal, query) or parse_account_id(query)
        connection = await self._connections.open(
            principal.environment_id, account, request_id=incoming.request_id
        )
        of_account = self._limits.take_account(connection.account.id)
        connection.require_writable(method, called)
        key = key_of(incoming)
        if key is None and of_token is None and of_account is None:
            return _answer(await work(connection, principal))

        async def answered() -> Answer:
            return _answer(await work(connection, principal))

        try:
            answer = await (
                answered() if key is None else self._once(incoming, key, principal, connection, answered)
            )
        except IsthmusError as failed:
            answer = error_answer(failed, incoming.request_id)
        return told(answer, of_token, of_account)

    async def _once(
        self,
        incoming: Incoming,
        key: str,
        principal: Principal,
        connection: Connection,
        work: Callable[[], Awaitable[Answer]],
    ) -> Answer:
        return await once(
            self._idempotency,
            incoming,
            key,
            environment_id=principal.environment_id,
            account_id=connection.account.id,
            work=work,
        )


def _method(incoming: Incoming, rest: tuple[str, ...]) -> tuple[str, str | None]:
    """The method's name in the definition, and the record's id from the path."""
    if rest and incoming.verb == "POST":
        if rest[0] in _VERBS:
            verb = _VERBS[rest[0]]
            raise MethodNotAllowed(
                f"{rest[0]} is no custom method. It is called by {verb} without /{rest[0]}"
                f"{', with the id in its place' if rest[0] in ITEM_METHODS.values() else ''}.",
                headers={"allow": "GET, HEAD, PATCH, DELETE"},
            )
        return rest[0], None
    method = (ITEM_METHODS if rest else COLLECTION_METHODS).get(incoming.verb)
    if method is None:
        raise MethodNotAllowed(
            f"{incoming.verb} is not served here. Use GET, POST, PATCH or DELETE.",
            headers={"allow": "GET, HEAD, POST, PATCH, DELETE"},
        )
    return method, rest[0] if rest else None


def _answer(result: CallResult) -> Answer:
    if isinstance(result, StreamResult):
        headers = dict(result.headers)
        content_type = headers.pop("content-type", "application/octet-stream")
        return Answer(result.status, content_type, headers=headers, stream=result.stream)
    body = result.body
    if isinstance(result, ListResult):
        return json_answer(body, headers=result.headers)
    return json_answer(body, status=result.status, headers=result.headers)
