"""`POST /batch-request` (`api.md` §4.5): several calls of one account in one request.

Checks run in the order of all data-plane calls. The account's rate limit is counted by each request to the
provider, not by the batch, and is waited for.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from isthmus.accounts.connections.batch_calls import ResourceCalls
from isthmus.accounts.connections.connections import Connection, Connections
from isthmus.accounts.idempotency import IdempotencyKeys
from isthmus.api.authentication import Authentication
from isthmus.api.call_parameters import parse_node_call
from isthmus.api.call_plans import wants_plan
from isthmus.api.hang_ups import while_connected
from isthmus.api.idempotency import key_of, once
from isthmus.api.incoming_request import Incoming, parse_json_body
from isthmus.api.outgoing_response import Answer, error_answer, json_answer
from isthmus.api.rate_limit_headers import told
from isthmus.api.request_limits import RequestLimits
from isthmus.definitions.fields import JsonObject, Part
from isthmus.definitions.load import DefinitionInvalid, load
from isthmus.definitions.nodes import Node, RequestNode, unknown_fields
from isthmus.engine.batch import BatchLimits, run_batch
from isthmus.engine.calls import NO_BODY
from isthmus.engine.graph.structure import Graph
from isthmus.errors import BadRequest, IsthmusError, MethodNotAllowed, NotFound, failure
from isthmus.kit.clock import Clock
from isthmus.tenancy import Principal

__all__ = ["BatchDoor", "BatchRequest", "read_batch"]

_SOURCE: Final = "batch request"
_NODES: Final = "resources"


class BatchRequest(Part):
    """The body of a batch request."""

    integrated_account_id: str = Field(min_length=1, description="The account that every node calls.")
    resources: tuple[Node, ...] = Field(min_length=1, description="The nodes.")
    args: JsonObject = Field(default={}, description="Values that nodes read as `args`.")


class BatchDoor:
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

    async def batch_request(self, incoming: Incoming) -> Answer:
        principal = await self._authentication.principal(incoming.headers.get("authorization"))
        _check_route(incoming)
        _refuse_plan(incoming)
        standing = self._limits.take_token(principal)
        try:
            answer = await self._answered(incoming, principal)
        except IsthmusError as failed:
            answer = error_answer(failed, incoming.request_id)
        return told(answer, standing)

    async def _answered(self, incoming: Incoming, principal: Principal) -> Answer:
        body = parse_json_body(await incoming.read_body(), incoming.content_type, can_pass=False)
        account_id = _account_id(body)
        connection = await self._connections.open(
            principal.environment_id, account_id, request_id=incoming.request_id
        )
        key = key_of(incoming)

        async def work() -> Answer:
            return await self._run(incoming, connection, body)

        if key is None:
            return await while_connected(incoming, work())
        # Whoever sends a key means to ask again, and finds the answer then: it is worked out to its end.
        return await once(
            self._idempotency,
            incoming,
            key,
            environment_id=principal.environment_id,
            account_id=account_id,
            work=work,
        )

    async def _run(self, incoming: Incoming, connection: Connection, body: Any) -> Answer:
        request = read_batch(body, most=self._batch.nodes)
        graph = Graph.of(request.resources, where=_NODES)
        account = connection.account
        outcome = await run_batch(
            graph,
            ResourceCalls(self._connections, connection, incoming.request_id),
            parse_call=parse_node_call,
            roots={"args": request.args, "tenant_id": account.tenant_id},
            take=lambda: self._limits.take_account(account.id),
            limits=self._batch,
            clock=self._clock,
        )
        try:
            return json_answer(outcome.body)
        except TypeError:  # seldom, so that only then each record is tried by itself
            return json_answer(outcome.sayable(_can_be_said).body)


def _can_be_said(value: Any) -> bool:
    try:
        json_answer(value)
    except TypeError:
        return False
    return True


def read_batch(body: Any, *, most: int) -> BatchRequest:
    """Raises BadRequest with everything that is wrong with it, and nothing was run."""
    request = load(BatchRequest, body, source=_SOURCE)
    nodes = request.resources
    failures = [
        *(
            failure(name, "is no field of a batch request", "unknown_field")
            for name in request.model_extra or ()
        ),
        *unknown_fields(nodes, _NODES),
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
    if len(nodes) > most:
        failures.append(failure(_NODES, f"must have {most} nodes at most, and has {len(nodes)}", "too_long"))
    if failures:
        raise DefinitionInvalid(_SOURCE, failures)
    return request


def _check_route(incoming: Incoming) -> None:
    if len(incoming.segments) != 1:
        raise NotFound(
            f"no route {incoming.verb} /{'/'.join(incoming.segments)}. Batches go to /batch-request."
        )
    if incoming.verb != "POST":
        raise MethodNotAllowed("Batch requests are sent by POST.", headers={"allow": "POST"})


def _refuse_plan(incoming: Incoming) -> None:
    """Whoever asks for a plan counts on nothing being sent."""
    if wants_plan(incoming.query_string):
        raise BadRequest(
            "a batch request has no plan: what its nodes send follows from what others answer. Leave "
            "isthmus_explain out, or ask for the plan of one call.",
            failures=[failure("isthmus_explain", "must be left out of a batch request", "not_allowed")],
        )


def _account_id(body: Any) -> str:
    """Before the rest of the body is looked at: whether the account may be called comes first."""
    if body is NO_BODY or not isinstance(body, dict):
        raise BadRequest(
            "the body must be a JSON object {integrated_account_id, resources, args?}.",
            failures=[failure("body", "must be an object", "type")],
        )
    found = body.get("integrated_account_id")
    if isinstance(found, str) and found:
        return found
    raise BadRequest(
        "integrated_account_id is missing. Put the id of the account that every node calls into the body; "
        "GET /integrated-account lists the accounts of this environment.",
        failures=[failure("integrated_account_id", "must be the id of an integrated account", "required")],
    )
