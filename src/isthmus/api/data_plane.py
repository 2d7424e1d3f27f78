"""The handlers of the data plane: `/unified/*`, `/proxy/*` and `/custom/*`.

Every call is checked in the same order: token, kind of token, the token's rate limit, account, the account's
rate limit, writes on a read-only account, idempotency key, and then the mapping. Only a call with an
idempotency key reads the database here: everything else that a call needs is cached by the environment's
epoch.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final

from isthmus.accounts.connections.connections import Connection, Connections
from isthmus.accounts.connections.gateway import BeforeWrite
from isthmus.accounts.idempotency import IdempotencyKeys
from isthmus.accounts.lifecycle.actions import run_custom_action
from isthmus.api.authentication import Authentication, get_account_of_token
from isthmus.api.call_explanations import CallExplanations
from isthmus.api.call_parsing import parse_account_id, read_custom_call, read_data_call, wants_explanation
from isthmus.api.idempotency import read_idempotency_key, run_once
from isthmus.api.incoming_request import IncomingRequest
from isthmus.api.outgoing_response import OutgoingResponse, make_error_response, make_json_response
from isthmus.api.request_limits import RequestLimits, with_rate_limit_headers
from isthmus.engine import custom, proxy, unified
from isthmus.engine.calls import Call, CallResult, ListResult, StreamResult
from isthmus.engine.custom import is_read
from isthmus.engine.unified import UnifiedTarget
from isthmus.errors import IsthmusError, MethodNotAllowed, NotFound
from isthmus.kit.call_warnings import make_warning_headers
from isthmus.tenancy import Principal

__all__ = ["ACTIONS", "COLLECTION_METHODS", "CUSTOM_VERBS", "ITEM_METHODS", "DataPlane"]

ITEM_METHODS: Final = {"GET": "get", "PATCH": "update", "DELETE": "delete"}
COLLECTION_METHODS: Final = {"GET": "list", "POST": "create", "PATCH": "update", "DELETE": "delete"}
CUSTOM_VERBS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
ACTIONS: Final = "_"
"""The segment that stands in place of a resource, before the name of an action."""

_VERBS: Final = {
    method: verb for table in (ITEM_METHODS, COLLECTION_METHODS) for verb, method in table.items()
}


class DataPlane:
    """Serves the calls of the data plane. Each public method serves the requests under one first path
    segment."""

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
        self._explanations = CallExplanations(authentication, connections)

    async def serve_unified(self, request: IncomingRequest) -> OutgoingResponse:
        """Serves `/unified/{model}/{resource}[/{id} or /{method}]`."""
        if len(request.segments) not in (3, 4):
            raise NotFound(
                f"no route {request.verb} /{'/'.join(request.segments)}. Unified calls are "
                "/unified/{model}/{resource}, with /{id} for one record."
            )
        _, model, resource = request.segments[:3]
        method, record_id = _resolve_method(request, request.segments[3:])
        if wants_explanation(request):
            return await self._explanations.explain_unified(request, model, resource, method, record_id)

        async def run(connection: Connection, call: Call) -> CallResult:
            """Calls the unified method, mapped for the account's integration."""
            schema, mapping, name = await connection.find_mapping(model, resource, method)
            target = UnifiedTarget(model, resource, schema, connection.integration_name)
            return await unified.call_method(
                connection.upstream,
                connection.definition,
                target,
                mapping,
                call.with_method(name),
                refuses_unknown_names=connection.refuses_unknown_names,
            )

        return await self._serve_call(request, method, record_id, run)

    async def serve_proxy(self, request: IncomingRequest) -> OutgoingResponse:
        """Serves `/proxy/{resource}[/{id} or /{method}]` and `/proxy/_/{action}`."""
        if len(request.segments) not in (2, 3):
            raise NotFound(
                f"no route {request.verb} /{'/'.join(request.segments)}. Proxy calls are "
                "/proxy/{resource}, with /{id} for one record; raw paths are served under /custom."
            )
        resource = request.segments[1]
        if resource == ACTIONS:
            return await self._run_action(request)
        method, record_id = _resolve_method(request, request.segments[2:])
        if wants_explanation(request):
            return await self._explanations.explain_proxy(request, resource, method, record_id)

        async def run(connection: Connection, call: Call) -> CallResult:
            """Calls the method of the provider's resource."""
            return await proxy.call_method(connection.upstream, connection.definition, resource, call)

        return await self._serve_call(request, method, record_id, run)

    async def serve_custom(self, request: IncomingRequest) -> OutgoingResponse:
        """Serves `/custom/{path}` with any verb: calls a path of the provider's own API."""
        if request.verb not in CUSTOM_VERBS:
            raise MethodNotAllowed(
                f"{request.verb} is not forwarded. Use one of {', '.join(CUSTOM_VERBS)}.",
                headers={"allow": ", ".join(CUSTOM_VERBS)},
            )
        if wants_explanation(request):
            return await self._explanations.explain_custom(request)

        async def run(connection: Connection, principal: Principal) -> CallResult:
            """Calls the path; a read is cancelled once the caller hangs up."""
            call = await read_custom_call(
                request, request.rest_of_path, is_trusted=principal.kind == "api_token"
            )
            # A GET with a methodConfig may send a write to the provider.
            connection.require_writable("get" if is_read(call.verb, call.method_config) else "methodConfig")
            calling = custom.call_custom(connection.upstream, connection.definition, call)
            can_be_cancelled = is_read(call.verb, call.method_config) and (
                call.raw is None or isinstance(call.raw.data, bytes)
            )
            return await (request.run_until_disconnect(calling) if can_be_cancelled else calling)

        method = "get" if is_read(request.verb, None) else request.verb
        return await self._check_and_run(request, method, run)

    async def _run_action(self, request: IncomingRequest) -> OutgoingResponse:
        """Serves `POST /proxy/_/{action}`: runs the steps of an action that the integration defines."""
        if request.verb != "POST" or len(request.segments) != 3:
            raise MethodNotAllowed("Actions are run by POST /proxy/_/{action}.", headers={"allow": "POST"})
        name = request.segments[2]
        if wants_explanation(request):
            return await self._explanations.explain_action(request, name)

        async def run(connection: Connection, call: Call) -> CallResult:
            """Runs the steps of the action."""
            return await run_custom_action(connection, name, call)

        return await self._serve_call(request, "custom", None, run, label=f"the action {name}")

    async def _serve_call(
        self,
        request: IncomingRequest,
        method: str,
        record_id: str | None,
        run_call: Callable[[Connection, Call], Coroutine[Any, Any, CallResult]],
        *,
        label: str | None = None,
    ) -> OutgoingResponse:
        """Checks the request, parses its call and runs it. A GET is cancelled once the caller hangs up."""

        async def run(connection: Connection, _: Principal) -> CallResult:
            """Parses the call and runs it."""
            calling = run_call(connection, await read_data_call(request, method, record_id))
            return await (request.run_until_disconnect(calling) if request.verb == "GET" else calling)

        return await self._check_and_run(request, method, run, label=label)

    async def _check_and_run(
        self,
        request: IncomingRequest,
        method: str,
        run: Callable[[Connection, Principal], Awaitable[CallResult]],
        *,
        label: str | None = None,
    ) -> OutgoingResponse:
        """Makes the checks that all calls share, in the order of the module's docstring, then runs the call.

        `label`: what error messages call the method, where that is not its name.
        """
        principal = await self._authentication.authenticate_any_token(request.headers.get("authorization"))
        token_standing = self._limits.take_token(principal)
        account_id = get_account_of_token(principal, request.query_string) or parse_account_id(request.query)
        connection = await self._connections.open(
            principal.environment_id, account_id, request_id=request.request_id
        )
        account_standing = self._limits.take_account(connection.account.id)
        if request.verb != "GET":
            connection.require_writable(method, label)
        key = read_idempotency_key(request)
        if key is None and token_standing is None and account_standing is None:
            return _make_response(await run(connection, principal))

        async def respond_and_mark(before_write: BeforeWrite) -> OutgoingResponse:
            """Runs the call, with its writes marked, and converts its result."""
            return _make_response(await run(connection.with_before_write(before_write), principal))

        try:
            if key is None:
                response = _make_response(await run(connection, principal))
            else:
                response = await run_once(
                    self._idempotency,
                    request,
                    key,
                    environment_id=principal.environment_id,
                    account_id=connection.account.id,
                    make_response=respond_and_mark,
                )
        except IsthmusError as error:
            response = make_error_response(error, request.request_id)
        return with_rate_limit_headers(response, token_standing, account_standing)


def _resolve_method(request: IncomingRequest, segments: tuple[str, ...]) -> tuple[str, str | None]:
    """Returns the method's name in the definition, and the record's id, None if the path has none.
    `segments`: those behind the resource, one at most. Raises MethodNotAllowed."""
    if segments and request.verb == "POST":
        if segments[0] in _VERBS:
            verb = _VERBS[segments[0]]
            raise MethodNotAllowed(
                f"{segments[0]} is no custom method. It is called by {verb} without /{segments[0]}"
                f"{', with the id in its place' if segments[0] in ITEM_METHODS.values() else ''}.",
                headers={"allow": "GET, HEAD, PATCH, DELETE"},
            )
        return segments[0], None
    method = (ITEM_METHODS if segments else COLLECTION_METHODS).get(request.verb)
    if method is None:
        raise MethodNotAllowed(
            f"{request.verb} is not served here. Use GET, POST, PATCH or DELETE.",
            headers={"allow": "GET, HEAD, POST, PATCH, DELETE"},
        )
    return method, segments[0] if segments else None


def _make_response(result: CallResult) -> OutgoingResponse:
    """Converts the result of a call to a response, whose header names what the call left out."""
    headers = dict(result.headers)
    if result.warnings:
        headers.update(make_warning_headers(result.warnings))
    if isinstance(result, StreamResult):
        content_type = headers.pop("content-type", "application/octet-stream")
        return OutgoingResponse(result.status, content_type, headers=headers, stream=result.stream)
    body = result.body
    if isinstance(result, ListResult):
        return make_json_response(body, headers=headers)
    return make_json_response(body, status=result.status, headers=headers)
