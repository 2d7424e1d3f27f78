"""Answers the calls of sandbox accounts with the recorded exchanges of the catalogue, and with what was
written to the account.

The values in a method's path (an id, a parent's id) must be those of an exchange or of a written record, or
the answer is "not found".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson

from isthmus.accounts.sandbox.body_places import find_record_path, get_path, set_path
from isthmus.accounts.sandbox.exchange_choice import (
    add_path_values,
    choose_exchanges,
    find_not_found_response,
    list_path_parameters,
    list_successes,
)
from isthmus.accounts.sandbox.list_views import ListedMethod, WrittenRecords, answer_list
from isthmus.accounts.sandbox.record_writes import RecordWrites, WriteDecision
from isthmus.accounts.sandbox.recorded_records import RecordedRecords, read_recorded_records
from isthmus.accounts.sandbox.stored_records import RecordStore, StoredRecord
from isthmus.definitions.file_models import Exchange, ExchangeRequest, ExchangeResponse
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.methods import MethodDefinition
from isthmus.definitions.pagination import Pagination
from isthmus.engine.bodies import dump_json
from isthmus.engine.upstream import AccountFacts, Operation, OutgoingRequest
from isthmus.errors import NotFound
from isthmus.expressions import UNDEFINED
from isthmus.http.messages import HttpResponse
from isthmus.integrations.catalog.exchanges import ExchangeSource
from isthmus.kit.call_warnings import CallWarning

__all__ = ["SandboxUpstream"]

_WRITES: Final = frozenset({"create", "update", "delete"})
_TRANSPORT_HEADERS: Final = frozenset(
    {"content-length", "content-encoding", "transfer-encoding", "connection"}
)


class SandboxUpstream:
    """An `engine.upstream.Upstream` that answers with recorded exchanges, keeps writes in `store`, and sends
    nothing."""

    __slots__ = (
        "_definition",
        "_exchanges",
        "_integration",
        "_methods",
        "_store",
        "_writes",
        "account",
        "context",
    )

    def __init__(
        self,
        account: AccountFacts,
        context: Mapping[str, Any],
        integration: str,
        definition: IntegrationConfig,
        exchanges: ExchangeSource,
        store: RecordStore,
    ) -> None:
        self.account = account
        self.context = context
        self._integration = integration
        self._definition = definition
        self._exchanges = exchanges
        self._store = store
        self._methods: dict[tuple[str, str], tuple[MethodDefinition, Pagination | None]] = {}
        self._writes: dict[str, RecordWrites] = {}

    async def send(self, request: OutgoingRequest) -> HttpResponse:
        """Return the recorded response that fits the request best, with what was written, or a 404. Raises
        NotFound for a method without recorded exchanges, and BadRequest or Conflict for a write that cannot
        be kept."""
        method, pagination = self._find_method(request.operation.resource, request.operation.method)
        request = add_path_values(request, method)
        operation = request.operation
        exchanges = self._find_exchanges(operation.resource, operation.method, method)
        answer: ExchangeResponse | None
        warnings: tuple[CallWarning, ...] = ()
        if operation.kind in _WRITES:
            decision = await self._write(operation, method, exchanges)
            answer, warnings = decision.answer, decision.warnings
        elif operation.kind == "get":
            answer = self._answer_get(request, method, exchanges)
        else:
            listed = ListedMethod(method, pagination, exchanges)
            answer, warnings = answer_list(listed, request, self._read_written(operation.resource))
        if answer is None:
            answer = find_not_found_response(self._iterate_candidates(exchanges, operation.resource))
        return _to_http_response(request, answer, warnings)

    async def update_context(self, patch: Mapping[str, Any]) -> None:
        """Does nothing: a sandbox account is the same for every call."""

    async def _write(
        self, operation: Operation, method: MethodDefinition, exchanges: Sequence[Exchange]
    ) -> WriteDecision:
        """Store what the write comes to, and return that. Raises BadRequest and Conflict."""
        writes = self._get_writes(operation.resource)
        decisions: list[WriteDecision] = []

        def decide(stored: Sequence[StoredRecord]) -> WriteDecision:
            """Decide the write, given what was written before."""
            decisions.append(writes.decide(operation, exchanges, list_path_parameters(method), stored))
            return decisions[-1]

        await self._store.write(decide)
        return decisions[-1]

    def _answer_get(
        self, request: OutgoingRequest, method: MethodDefinition, exchanges: Sequence[Exchange]
    ) -> ExchangeResponse | None:
        """Return the response with the record that is asked for; None if there is none."""
        operation = request.operation
        chosen = choose_exchanges(exchanges, request, method, None)
        path = find_record_path(method)
        written = self._read_written(operation.resource)
        if written.recorded is None or operation.id is None or path is None:
            return chosen[0].response if chosen else None
        writes = self._get_writes(operation.resource)
        row = written.own.get(writes.find_id(operation.id, [*written.own.values()]))
        if row is None:
            return chosen[0].response if chosen else None
        if row.is_deleted:
            return None
        template = next(iter(chosen or list_successes(exchanges)), None)
        if template is None:
            return None
        record = get_path(template.response.body, path)
        value = row.values if row.is_created or record is UNDEFINED else written.edit(record)
        body = set_path(template.response.body, path, value)
        return template.response.model_copy(update={"body": body})

    def _read_written(self, resource: str) -> WrittenRecords:
        """Return what was written to the account, as a call to the resource sees it."""
        stored = self._store.list_records() if self._store.has_records else ()
        if not stored:
            return WrittenRecords()
        recorded = self._get_writes(resource).recorded
        own = {record.record_id: record for record in stored if record.collection == recorded.collection}
        return WrittenRecords(recorded, stored, own)

    def _get_writes(self, resource: str) -> RecordWrites:
        """Return what decides the writes of a resource. It is made of all exchanges of the resource once."""
        writes = self._writes.get(resource)
        if writes is None:
            recorded: RecordedRecords = read_recorded_records(
                self._definition, self._exchanges, self._integration, resource
            )
            writes = self._writes[resource] = RecordWrites(recorded)
        return writes

    def _find_method(self, resource: str, name: str) -> tuple[MethodDefinition, Pagination | None]:
        """Return the definition of a method and its pagination, None without pagination. Raises NotFound."""
        plan = self._methods.get((resource, name))
        if plan is None:
            method = self._definition.find_method(resource, name)
            if method is None:
                raise NotFound(
                    f"raw paths and inline methods have no recorded answer for {self._integration}. "
                    "Connect a real account to call them."
                )
            plan = self._methods[(resource, name)] = (method, self._definition.choose_pagination(method))
        return plan

    def _find_exchanges(self, resource: str, name: str, method: MethodDefinition) -> Sequence[Exchange]:
        """Return the recorded exchanges of a method or, without one, the example of its definition. Raises
        NotFound."""
        recorded = self._exchanges.find_exchanges(self._integration, resource, name)
        if recorded:
            return recorded
        sample = None if method.examples is None else method.examples.response
        if sample is None:
            raise NotFound(
                f"no answer of {resource}.{name} is recorded for the sandbox of {self._integration}. "
                "Connect a real account to call it."
            )
        return [_make_sample_exchange(sample)]

    def _iterate_candidates(self, recorded: Sequence[Exchange], resource: str) -> Iterator[Exchange]:
        """Yield the exchanges of the method first, then those of `get` of the resource, then all of the
        integration."""
        yield from recorded
        yield from self._exchanges.find_exchanges(self._integration, resource, "get")
        yield from self._exchanges.iter_all(self._integration)


def _make_sample_exchange(text: str) -> Exchange:
    """Return an exchange made from `examples.response` of a method: JSON, or plain text if it is no JSON."""
    try:
        body, content_type = orjson.loads(text), "application/json"
    except orjson.JSONDecodeError:
        body, content_type = text, "text/plain"
    response = ExchangeResponse(status=200, headers={"content-type": content_type}, body=body)
    return Exchange(provenance="documented", request=ExchangeRequest(), response=response, note=None)


def _to_http_response(
    request: OutgoingRequest, answer: ExchangeResponse, warnings: tuple[CallWarning, ...]
) -> HttpResponse:
    """Return the recorded response as the response of an HTTP request."""
    headers = {
        name.lower(): value
        for name, value in answer.headers.items()
        if name.lower() not in _TRANSPORT_HEADERS
    }
    body = b""
    if isinstance(answer.body, str) and "json" not in headers.get("content-type", ""):
        body = answer.body.encode()
    elif answer.body is not None:
        body = dump_json(answer.body)
        headers.setdefault("content-type", "application/json")
    return HttpResponse(
        status=answer.status, headers=headers, body=body, url=request.http.url, warnings=warnings
    )
