"""A `NodeCaller` over records in memory, whose every answer takes its time on a clock that tests move."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import TypeAdapter
from tests.fakes.clock import VirtualClock

from isthmus.api.call_parsing import parse_node_call
from isthmus.definitions.graph_nodes import Node
from isthmus.engine.batch import Admit, BatchLimits, BatchOutcome, run_batch
from isthmus.engine.calls import Call, CallResult, ListResult, StreamResult, ValueResult
from isthmus.engine.graph.structure import Graph
from isthmus.errors import IsthmusError, NotFound

NODE: TypeAdapter[Any] = TypeAdapter(Node)

Rows = Callable[[Call], Any]


class DeskCalls:
    """`rows`: by resource, what a call gives: an array for `list`, which is paged by `size`; an exception is
    raised, and a result returned as it is. `most` is how many calls were under way at once."""

    def __init__(
        self,
        clock: VirtualClock,
        rows: Mapping[str, Rows | Any],
        *,
        size: int = 2,
        seconds: float = 1.0,
        context: Mapping[str, Any] | None = None,
    ) -> None:
        self.context: Mapping[str, Any] = context or {}
        self.public_context: Mapping[str, Any] = {}
        self.asked: list[tuple[str, Call]] = []
        self.under_way = 0
        self.most = 0
        self.cancelled = 0
        self._clock = clock
        self._rows = rows
        self._size = size
        self._seconds = seconds

    async def call(self, resource: str, call: Call, admit: Admit) -> CallResult:
        """Answers a call after its time, and counts how many are under way."""
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            await admit()
            self.asked.append((resource, call))
            await self._clock.sleep(self._seconds)
            return self._answer(resource, call)
        finally:
            self.under_way -= 1

    def _answer(self, resource: str, call: Call) -> CallResult:
        """Returns the result for a resource, or raises the exception that stands for it."""
        if resource not in self._rows:
            raise NotFound(f"no resource {resource}")
        rows = self._rows[resource]
        value = rows(call) if callable(rows) else rows
        if isinstance(value, IsthmusError):
            raise value
        if isinstance(value, ListResult | StreamResult | ValueResult):
            return value
        if call.method != "list":
            return ValueResult(value)
        start = int(call.cursor or 0)
        end = start + (call.limit or self._size)
        return ListResult(value[start:end], str(end) if end < len(value) else None)

    @property
    def order(self) -> list[str]:
        """The resources in the order of their calls."""
        return [resource for resource, _ in self.asked]


def graph_of(*nodes: dict[str, Any]) -> Graph:
    """Builds a graph of nodes; one without `type` is a list call."""
    return Graph.from_nodes(
        [NODE.validate_python(node if "type" in node else {"method": "list", **node}) for node in nodes]
    )


def limits(**changed: Any) -> BatchLimits:
    """Returns generous limits, with these changes."""
    return BatchLimits(**{"seconds": 1_000.0, **changed})


async def ran(
    calls: DeskCalls, clock: VirtualClock, *nodes: dict[str, Any], **options: Any
) -> dict[str, Any]:
    """Runs a batch and returns the body of its answer. `args`, `count_request` and `limits` as of
    `run_batch`."""
    outcome = await outcome_of(calls, clock, *nodes, **options)
    return outcome.body


async def outcome_of(
    calls: DeskCalls, clock: VirtualClock, *nodes: dict[str, Any], **options: Any
) -> BatchOutcome:
    """Runs a batch on virtual time and returns its outcome."""
    extra_names = {"args": options.pop("args", {}), "tenant_id": "acme"}
    arguments = {"limits": limits(), "parse_call": parse_node_call, **options}
    return await clock.driven(
        run_batch(graph_of(*nodes), calls, extra_names=extra_names, clock=clock, **arguments)
    )
