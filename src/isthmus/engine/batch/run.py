"""A graph of nodes run in memory, within a budget of time, calls and records.

What a node had when it failed, or when time was over, is in the answer beside its error.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from isthmus.definitions.nodes import RequestNode, SpoolNode, TransformNode
from isthmus.engine.batch.budget import BatchLimits, Budget
from isthmus.engine.batch.outcome import BatchOutcome, NodeError
from isthmus.engine.batch.request_nodes import NodeCalls, RequestNodeRun
from isthmus.engine.evaluation import evaluate_mapping
from isthmus.engine.graph.concurrency import process_queue
from isthmus.engine.graph.frames import ParseNodeCall
from isthmus.engine.graph.frontier import Frontier
from isthmus.engine.graph.node_scopes import NodeScope, ProducedRecord
from isthmus.engine.graph.structure import Graph
from isthmus.engine.responses import as_records
from isthmus.errors import FailedDependency, IsthmusError, UpstreamTimeout
from isthmus.expressions import UNDEFINED
from isthmus.kit.clock import Clock, SystemClock

__all__ = ["run_batch"]

_CLOCK: Final = SystemClock()
_LOG = logging.getLogger("isthmus.engine")


async def run_batch(
    graph: Graph,
    calls: NodeCalls,
    *,
    parse_call: ParseNodeCall,
    roots: Mapping[str, Any],
    take: Callable[[], object] = lambda: None,
    limits: BatchLimits,
    clock: Clock = _CLOCK,
) -> BatchOutcome:
    """Runs every node once, after all that it depends on. A failing node fails alone; those behind it are
    skipped, with an error that says so.

    `roots`: names besides the account's context and `resources` (`args`, `tenant_id`). `take`: counts one
    request to the provider, raising TooManyRequests where it has to wait; then it waits. Cancelling ends all
    nodes at once.
    """
    budget = Budget(limits, clock, take)
    return await _BatchRun(graph, calls, parse_call, roots, limits, budget).outcome(clock)


class _BatchRun:
    def __init__(
        self,
        graph: Graph,
        calls: NodeCalls,
        parse_call: ParseNodeCall,
        roots: Mapping[str, Any],
        limits: BatchLimits,
        budget: Budget,
    ) -> None:
        self._graph = graph
        self._calls = calls
        self._parse_call = parse_call
        self._roots = roots
        self._limits = limits
        self._budget = budget
        self._frontier = Frontier(graph)
        self._records: dict[str, list[ProducedRecord]] = {}
        self._errors: dict[str, list[NodeError]] = {name: [] for name in graph.nodes}

    async def outcome(self, clock: Clock) -> BatchOutcome:
        everything = asyncio.ensure_future(
            process_queue(self._frontier.ready(), self._settled, at_once=self._limits.at_once)
        )
        patience = asyncio.ensure_future(clock.sleep(self._limits.seconds))
        try:
            await asyncio.wait((everything, patience), return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended = everything.done()
            for task in (everything, patience):
                task.cancel()
            await asyncio.gather(everything, patience, return_exceptions=True)
        if ended:
            everything.result()
        self._tell_unsettled()
        return BatchOutcome(self._graph, self._records, self._errors)

    async def _settled(self, name: str) -> list[str]:
        return self._frontier.settle(name, well=await self._node(name))

    async def _node(self, name: str) -> bool:
        """Whether the nodes behind it may run."""
        try:
            return await self._ran(name)
        except IsthmusError as failed:
            self._errors[name].append(NodeError(failed))
        except Exception:
            # Others may have written meanwhile: the caller has to learn of that, whatever is wrong here.
            _LOG.exception("the node %s of a batch failed", name)
            self._errors[name].append(
                NodeError(IsthmusError("Isthmus failed to run this node. The server's log has the cause."))
            )
        return False

    async def _ran(self, name: str) -> bool:
        node = self._graph.nodes[name]
        records = self._records[name] = []
        match node:
            case SpoolNode():
                records += [each for before in self._graph.edges[name] for each in self._records[before]]
                return True
            case TransformNode():
                found = await self._transformed(name, node)
                kept, refused = self._budget.records(found)
                records += [ProducedRecord(each) for each in kept]
                if refused is not None:
                    raise refused
                return True
            case RequestNode():
                scope = self._scope(name, self._calls.context)
                requests = RequestNodeRun(name, node, scope, self._calls, self._parse_call, self._budget)
                try:
                    return await requests.run()
                finally:
                    records += requests.records
                    self._errors[name] += requests.errors

    async def _transformed(self, name: str, node: TransformNode) -> list[Any]:
        scope = self._scope(name, self._calls.shown_context)
        value = await evaluate_mapping(
            f"{name}.config.expression", node.config.expression, scope.of_expressions()
        )
        return [] if value is UNDEFINED or value == "" else as_records(value)

    def _scope(self, name: str, context: Mapping[str, Any]) -> NodeScope:
        return NodeScope(self._graph, name, self._records, context=context, roots=self._roots)

    def _tell_unsettled(self) -> None:
        for name, lost in self._frontier.skipped.items():
            self._errors[name].append(NodeError(_skipped_error(name, lost)))
        for name in self._frontier.unsettled:
            failed = _timeout_error(self._limits.seconds, has_begun=self._frontier.has_begun(name))
            self._errors[name].append(NodeError(failed))


def _skipped_error(name: str, lost: tuple[str, ...]) -> IsthmusError:
    return FailedDependency(
        f"{name} was not run, since {', '.join(lost)} failed. Their own errors say why.",
        details={"depends_on": list(lost)},
    )


def _timeout_error(seconds: float, *, has_begun: bool) -> IsthmusError:
    if has_begun:
        return UpstreamTimeout(
            f"The batch was ended after {seconds:g} s, while this node ran. What it had by then is in the "
            "answer; whether a call on its way was carried out is not known. Ask for less at once."
        )
    return UpstreamTimeout(
        f"The batch was ended after {seconds:g} s, before this node began. Ask for less at once."
    )
