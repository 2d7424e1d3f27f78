"""`POST /batch-request`: several calls of one account in one request.

The checks run in the same order as those of other data-plane calls. Each request to the provider counts
against the account's rate limit, and waits where the limit is reached; the batch itself does not count.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from pydantic import Field

from isthmus.accounts.connections.batch_calls import BatchCalls
from isthmus.accounts.connections.connections import Connection, Connections
from isthmus.accounts.connections.gateway import BeforeWrite
from isthmus.accounts.idempotency import IdempotencyKeys
from isthmus.api.authentication import Authentication
from isthmus.api.call_parsing import parse_node_call, wants_explanation
from isthmus.api.idempotency import read_idempotency_key, run_once
from isthmus.api.incoming_request import IncomingRequest, parse_json_body
from isthmus.api.outgoing_response import OutgoingResponse, make_error_response, make_json_response
from isthmus.api.request_limits import RequestLimits, with_rate_limit_headers
from isthmus.definitions.field_types import DefinitionModel, JsonObject
from isthmus.definitions.graph_nodes import Node, RequestNode, find_unknown_fields
from isthmus.definitions.load import DefinitionInvalid, load
from isthmus.engine.batch import BatchLimits, run_batch
from isthmus.engine.calls import NO_BODY
from isthmus.engine.graph.structure import Graph
from isthmus.errors import BadRequest, DatabaseUnavailable, IsthmusError, MethodNotAllowed, NotFound, failure
from isthmus.kit.call_warnings import make_warning_headers
from isthmus.kit.clock import Clock
from isthmus.tenancy import Principal

__all__ = ["BatchRequest", "BatchRequests", "parse_batch_request"]

_SOURCE: Final = "batch request"
_NODES: Final = "resources"


class BatchRequest(DefinitionModel):
    """The body of a batch request."""

    integrated_account_id: str = Field(min_length=1, description="The account that every node calls.")
    resources: tuple[Node, ...] = Field(min_length=1, description="The nodes.")
    args: JsonObject = Field(default={}, description="Values that nodes read as `args`.")


class BatchRequests:
    """Serves batch requests: checks the token and the account, then runs the graph of calls."""

    def __init__(
        self,
        authentication: Authentication,
        limits: RequestLimits,
        connections: Connections,
        idempotency: IdempotencyKeys,
        batch: BatchLimits,
        clock: Clock,
    ) -> None:
        self._authentication = authentication
        self._limits = limits
        self._connections = connections
        self._idempotency = idempotency
        self._batch = batch
        self._clock = clock

    async def serve(self, request: IncomingRequest) -> OutgoingResponse:
        """Serves `POST /batch-request`."""
        principal = await self._authentication.authenticate_api_token(request.headers.get("authorization"))
        _check_route(request)
        _refuse_explanation(request)
        standing = self._limits.take_token(principal)
        try:
            response = await self._respond(request, principal)
        except IsthmusError as error:
            response = make_error_response(error, request.request_id)
        return with_rate_limit_headers(response, standing)

    async def _respond(self, request: IncomingRequest, principal: Principal) -> OutgoingResponse:
        """Runs the batch, or returns the stored response of an earlier request with the same idempotency
        key."""
        body = parse_json_body(await request.read_body(), request.content_type, can_pass_through=False)
        account_id = _read_account_id(body)
        connection = await self._connections.open(
            principal.environment_id, account_id, request_id=request.request_id
        )
        key = read_idempotency_key(request)

        async def respond(before_write: BeforeWrite | None = None) -> OutgoingResponse:
            """Runs the batch, once it is known that no earlier response is stored."""
            calls = BatchCalls(self._connections, connection, request.request_id, before_write)
            return await self._run(calls, connection, body)

        if key is None:
            return await request.run_until_disconnect(respond())
        # A caller that sends a key will ask again for the response: it runs to its end.
        return await run_once(
            self._idempotency,
            request,
            key,
            environment_id=principal.environment_id,
            account_id=account_id,
            make_response=respond,
        )

    async def _run(self, calls: BatchCalls, connection: Connection, body: Any) -> OutgoingResponse:
        """Parses the batch, runs its nodes by `calls` and returns their records and errors. Raises BadRequest
        for an invalid batch."""
        batch = parse_batch_request(body, max_nodes=self._batch.nodes)
        graph = Graph.from_nodes(batch.resources, where=_NODES)
        account = connection.account
        outcome = await run_batch(
            graph,
            calls,
            parse_call=parse_node_call,
            extra_names={"args": batch.args, "tenant_id": account.tenant_id},
            count_request=lambda: self._limits.take_account(account.id),
            limits=self._batch,
            clock=self._clock,
        )
        headers = make_warning_headers(outcome.warnings)
        try:
            response = make_json_response(outcome.body, headers=headers)
        except TypeError:  # rare, so that only then each record is tried by itself
            response = make_json_response(outcome.without_unwritable(_has_json_form).body, headers=headers)
        return replace(response, is_provisional=outcome.has_error(DatabaseUnavailable))


def _has_json_form(value: Any) -> bool:
    """Returns True if the value can be written as JSON."""
    try:
        make_json_response(value)
    except TypeError:
        return False
    return True


def parse_batch_request(body: Any, *, max_nodes: int) -> BatchRequest:
    """Parses the JSON value of a batch request. Raises BadRequest with everything that is wrong with it."""
    request = load(BatchRequest, body, source=_SOURCE)
    nodes = request.resources
    failures = [
        *(
            failure(name, "is no field of a batch request", "unknown_field")
            for name in request.model_extra or ()
        ),
        *find_unknown_fields(nodes, _NODES),
        *(
            failure(
                f"{_NODES}.{index}.response_format",
                "must be raw for a proxy resource, or left out",
                "bad_value",
            )
            for index, node in enumerate(nodes)
            if isinstance(node, RequestNode)
            and not node.is_unified
            and node.response_format not in (None, "raw")
        ),
    ]
    if len(nodes) > max_nodes:
        failures.append(
            failure(_NODES, f"must have {max_nodes} nodes at most, and has {len(nodes)}", "too_long")
        )
    if failures:
        raise DefinitionInvalid(_SOURCE, failures)
    return request


def _check_route(request: IncomingRequest) -> None:
    """Raises NotFound for a longer path, MethodNotAllowed for a verb other than POST."""
    if len(request.segments) != 1:
        raise NotFound(
            f"no route {request.verb} /{'/'.join(request.segments)}. Batches go to /batch-request."
        )
    if request.verb != "POST":
        raise MethodNotAllowed("Batch requests are sent by POST.", headers={"allow": "POST"})


def _refuse_explanation(request: IncomingRequest) -> None:
    """Raises BadRequest for `isthmus_explain=true`, because a caller who asks for an explanation expects
    that nothing is sent."""
    if wants_explanation(request):
        raise BadRequest(
            "a batch request cannot be explained: what its nodes send follows from what others answer. Leave "
            "isthmus_explain out, or explain a single call.",
            failures=[failure("isthmus_explain", "must be left out of a batch request", "not_allowed")],
        )


def _read_account_id(body: Any) -> str:
    """Reads the account's id before the rest of the body is checked: the account's own checks come first.
    Raises BadRequest."""
    if body is NO_BODY or not isinstance(body, dict):
        raise BadRequest(
            "the body must be a JSON object {integrated_account_id, resources, args?}.",
            failures=[failure("body", "must be an object", "type")],
        )
    account_id = body.get("integrated_account_id")
    if isinstance(account_id, str) and account_id:
        return account_id
    raise BadRequest(
        "integrated_account_id is missing. Put the id of the account that every node calls into the body; "
        "GET /integrated-account lists the accounts of this environment.",
        failures=[failure("integrated_account_id", "must be the id of an integrated account", "required")],
    )
