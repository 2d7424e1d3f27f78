"""Runs the graph of a batch in memory, within a budget of time, calls and records.

The records that a node had when it failed, or when the time was over, are in the answer beside its error.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from isthmus.definitions.graph_nodes import RequestNode, SpoolNode, TransformNode
from isthmus.engine.batch.budget import BatchLimits, Budget
from isthmus.engine.batch.outcome import BatchOutcome, NodeError
from isthmus.engine.batch.request_nodes import NodeCaller, RequestNodeRun
from isthmus.engine.evaluation import evaluate_mapping
from isthmus.engine.graph.concurrency import process_queue
from isthmus.engine.graph.frames import ParseNodeCall
from isthmus.engine.graph.node_scopes import NodeScope, ProducedRecord
from isthmus.engine.graph.scheduler import NodeScheduler
from isthmus.engine.graph.structure import Graph
from isthmus.engine.responses import as_records
from isthmus.errors import FailedDependency, IsthmusError, UpstreamTimeout
from isthmus.expressions import UNDEFINED
from isthmus.kit.call_warnings import CallWarning
from isthmus.kit.clock import Clock, SystemClock

__all__ = ["run_batch"]

_CLOCK: Final = SystemClock()
_LOG = logging.getLogger("isthmus.engine")


async def run_batch(
    graph: Graph,
    caller: NodeCaller,
    *,
    parse_call: ParseNodeCall,
    extra_names: Mapping[str, Any],
    count_request: Callable[[], object] = lambda: None,
    limits: BatchLimits,
    clock: Clock = _CLOCK,
) -> BatchOutcome:
    """Runs every node once, after all that it depends on. A failing node does not end the others; those that
    depend on it are skipped, with an error that says so.

    `parse_call`: makes the call of a node. `extra_names`: names besides the account's context and `resources`
    (`args`, `tenant_id`). `count_request`: counts one request to the provider; where it raises
    TooManyRequests, the batch waits. Cancelling ends all nodes at once.
    """
    budget = Budget(limits, clock, count_request)
    return await _BatchRun(graph, caller, parse_call, extra_names, limits, budget).run(clock)


class _BatchRun:
    """One run of a batch: its scheduler, and the records, errors and warnings of each node so far."""

    def __init__(
        self,
        graph: Graph,
        caller: NodeCaller,
        parse_call: ParseNodeCall,
        extra_names: Mapping[str, Any],
        limits: BatchLimits,
        budget: Budget,
    ) -> None:
        self._graph = graph
        self._caller = caller
        self._parse_call = parse_call
        self._extra_names = extra_names
        self._limits = limits
        self._budget = budget
        self._scheduler = NodeScheduler(graph)
        self._records: dict[str, list[ProducedRecord]] = {}
        self._errors: dict[str, list[NodeError]] = {name: [] for name in graph.nodes}
        self._warnings: dict[str, Iterable[CallWarning]] = {}

    async def run(self, clock: Clock) -> BatchOutcome:
        """Runs the nodes until all ended or the time is over."""
        nodes_task = asyncio.ensure_future(
            process_queue(
                self._scheduler.start_ready(), self._run_and_start_next, at_once=self._limits.at_once
            )
        )
        timeout_task = asyncio.ensure_future(clock.sleep(self._limits.seconds))
        try:
            await asyncio.wait((nodes_task, timeout_task), return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended = nodes_task.done()
            for task in (nodes_task, timeout_task):
                task.cancel()
            await asyncio.gather(nodes_task, timeout_task, return_exceptions=True)
        if ended:
            nodes_task.result()
        self._add_errors_of_unfinished()
        return BatchOutcome(self._graph, self._records, self._errors, self._warnings)

    async def _run_and_start_next(self, name: str) -> list[str]:
        """Runs one node. Returns the names of the nodes that start because of it."""
        return self._scheduler.finish_and_start_next(name, succeeded=await self._run_node(name))

    async def _run_node(self, name: str) -> bool:
        """Runs one node, and keeps its error. Returns True if it succeeded."""
        try:
            return await self._execute(name)
        except IsthmusError as error:
            self._errors[name].append(NodeError(error))
        except Exception:
            # Other nodes may have written meanwhile, which the caller must learn: the batch is answered.
            _LOG.exception("the node %s of a batch failed", name)
            self._errors[name].append(
                NodeError(IsthmusError("Isthmus failed to run this node. The server's log has the cause."))
            )
        return False

    async def _execute(self, name: str) -> bool:
        """Runs a node by its type, and keeps its records. Returns True if it succeeded. Raises what a
        transform raises, and errors of a request node that belong to no single call."""
        node = self._graph.nodes[name]
        records = self._records[name] = []
        match node:
            case SpoolNode():
                records += [
                    record for before in self._graph.dependencies[name] for record in self._records[before]
                ]
                return True
            case TransformNode():
                values = await self._transform(name, node)
                accepted, limit_error = self._budget.count_records(values)
                records += [ProducedRecord(record) for record in accepted]
                if limit_error is not None:
                    raise limit_error
                return True
            case RequestNode():
                scope = self._make_scope(name, self._caller.context)
                requests = RequestNodeRun(name, node, scope, self._caller, self._parse_call, self._budget)
                try:
                    return await requests.run()
                finally:
                    records += requests.records
                    self._errors[name] += requests.errors
                    self._warnings[name] = requests.warnings

    async def _transform(self, name: str, node: TransformNode) -> list[Any]:
        """Returns the values that a transform computes. Raises MappingFailed."""
        scope = self._make_scope(name, self._caller.public_context)
        value = await evaluate_mapping(
            f"{name}.config.expression", node.config.expression, scope.make_expression_names()
        )
        return [] if value is UNDEFINED or value == "" else as_records(value)

    def _make_scope(self, name: str, context: Mapping[str, Any]) -> NodeScope:
        """Makes the names that the templates and expressions of a node see. `context`: of the account."""
        return NodeScope(self._graph, name, self._records, context=context, extra_names=self._extra_names)

    def _add_errors_of_unfinished(self) -> None:
        """Gives each node that was skipped, or did not end in time, an error that says so."""
        for name, failed_nodes in self._scheduler.skipped.items():
            self._errors[name].append(NodeError(_make_skipped_error(name, failed_nodes)))
        for name in self._scheduler.unfinished_nodes:
            error = _make_timeout_error(self._limits.seconds, has_started=self._scheduler.has_started(name))
            self._errors[name].append(NodeError(error))


def _make_skipped_error(name: str, failed_nodes: tuple[str, ...]) -> IsthmusError:
    """Returns the error of a node that was not run, because nodes that it depends on failed."""
    return FailedDependency(
        f"{name} was not run, since {', '.join(failed_nodes)} failed. Their own errors say why.",
        details={"depends_on": list(failed_nodes)},
    )


def _make_timeout_error(seconds: float, *, has_started: bool) -> IsthmusError:
    """Returns the error of a node that had not ended when the time of the batch was over."""
    if has_started:
        return UpstreamTimeout(
            f"The batch was ended after {seconds:g} s, while this node ran. What it had by then is in the "
            "answer; whether a call on its way was carried out is not known. Ask for less at once."
        )
    return UpstreamTimeout(
        f"The batch was ended after {seconds:g} s, before this node began. Ask for less at once."
    )
