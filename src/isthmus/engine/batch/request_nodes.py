"""Runs a request node of a batch: its calls, their pages, and the waits between them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from isthmus.definitions.nodes import RequestNode
from isthmus.engine.batch.budget import Budget
from isthmus.engine.batch.outcome import NodeError
from isthmus.engine.calls import Call, CallResult, ListResult, StreamResult
from isthmus.engine.graph.concurrency import process_queue, walk_pages
from isthmus.engine.graph.frames import (
    CallFrame,
    ParseNodeCall,
    fingerprint_call,
    make_call,
    make_first_frames,
    make_recursive_frames,
)
from isthmus.engine.graph.node_scopes import NodeScope, ProducedRecord
from isthmus.engine.responses import as_records
from isthmus.errors import (
    BadRequest,
    IsthmusError,
    MappingFailed,
    RemoteError,
    UnprocessableRequest,
    UpstreamError,
)

__all__ = ["Admit", "NodeCalls", "RequestNodeRun"]

_READ_METHODS: Final = frozenset({"list", "get"})
_STANDARD_METHODS: Final = frozenset({"list", "get", "create", "update", "delete"})
_THROTTLED: Final = 429
_ERRORS_OF_ONE_CALL: Final = (BadRequest, MappingFailed, UpstreamError)
"""Errors that another element of the loop need not meet."""


@dataclass(frozen=True, slots=True)
class _Page:
    records: list[Any]
    next_cursor: str | None


class RequestNodeRun:
    """One run of a request node. `records` in the order of the loop, whatever was answered first."""

    def __init__(
        self,
        name: str,
        node: RequestNode,
        scope: NodeScope,
        calls: NodeCalls,
        parse_call: ParseNodeCall,
        budget: Budget,
    ) -> None:
        self.errors: list[NodeError] = []
        self._name = name
        self._node = node
        self._scope = scope
        self._calls = calls
        self._parse_call = parse_call
        self._budget = budget
        self._pages: list[tuple[tuple[int, ...], list[ProducedRecord]]] = []
        self._seen: set[bytes] = set()
        self._frames = 0
        self._has_done_one = False
        self._is_over = False

    @property
    def records(self) -> list[ProducedRecord]:
        return [record for _, page in sorted(self._pages, key=lambda each: each[0]) for record in page]

    async def run(self) -> bool:
        """Whether a call went well, or there was none to make. Loops of reads go side by side; writes one
        after the other, in the order of the records."""
        frames = make_first_frames(self._node, self._scope)
        self._count(len(frames))
        is_read = self._node.method_name in _READ_METHODS
        await process_queue(frames, self._frame, at_once=self._budget.limits.at_once if is_read else 1)
        return self._has_done_one or not self.errors

    def _count(self, frames: int) -> None:
        self._frames += frames
        if self._frames > self._budget.limits.calls:
            raise UnprocessableRequest(
                f"{self._name} would make more than {self._budget.limits.calls} calls in one batch. Loop "
                "over fewer records, or send several batches."
            )

    async def _frame(self, frame: CallFrame) -> list[CallFrame]:
        """One call of the node, a list to its end; the frames that it adds."""
        if self._is_over:
            return []
        try:
            further = await self._walk(frame)
            self._count(len(further))
        except IsthmusError as failed:
            # One that every further call would meet is told once.
            if not self._is_over:
                self.errors.append(NodeError(failed, frame.turn(self._node)))
            too_many = self._budget.is_full or self._frames > self._budget.limits.calls
            self._is_over = self._is_over or too_many or not isinstance(failed, _ERRORS_OF_ONE_CALL)
            return []
        self._has_done_one = True
        return further

    async def _walk(self, frame: CallFrame) -> list[CallFrame]:
        call = await make_call(self._name, self._node, self._scope, frame, self._parse_call)
        if self._node.recurse is not None:
            identity = fingerprint_call(call)
            if identity in self._seen:
                return []
            self._seen.add(identity)

        async def fetch(cursor: str | None) -> _Page:
            return await self._fetched(replace(call, cursor=cursor))

        further: list[CallFrame] = []
        number = 0
        async with aclosing(walk_pages(fetch, call.cursor, most=self._budget.limits.pages)) as pages:
            async for page in pages:
                kept, refused = self._budget.records(page.records)
                made = [ProducedRecord(each, frame.bindings) for each in kept]
                self._pages.append(((*frame.place, number), made))
                if refused is not None:
                    raise refused
                further += make_recursive_frames(
                    self._name, self._node, self._scope, frame, number, page.records
                )
                number += 1
        return further

    async def _fetched(self, call: Call) -> _Page:
        """One page. A provider that asks to wait gets it, where the call only reads and time is left."""
        while True:
            try:
                async with self._budget.places:
                    result = await self._calls.call(self._node.resource, call, self._budget.admit)
            except RemoteError as failed:
                if call.method not in _READ_METHODS or failed.status != _THROTTLED:
                    raise
                if not await self._budget.waited(_parse_retry_after(failed)):
                    raise
            else:
                return await self._page(result)

    async def _page(self, result: CallResult) -> _Page:
        if isinstance(result, StreamResult):
            await result.stream.close()
            raise UnprocessableRequest(
                f"{self._name} was answered with a file, which JSON cannot hold. Call {self._node.resource} "
                "by itself for it."
            )
        if isinstance(result, ListResult):
            records = result.records
            return _Page(records if isinstance(records, list) else list(records.values()), result.next_cursor)
        value = result.body
        if self._node.is_unified and self._node.method_name not in _STANDARD_METHODS:
            value = value["result"]
        return _Page(as_records(value), None)


def _parse_retry_after(failed: RemoteError) -> float:
    text = failed.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else 1.0


Admit = Callable[[], Awaitable[None]]
"""Awaited before each request to the provider: returns when it may be sent."""


class NodeCalls(Protocol):
    """The unified and proxy calls of one account."""

    @property
    def context(self) -> Mapping[str, Any]:
        """The account's context, read anew for each use: what a call is made of may hold credentials."""
        ...

    @property
    def shown_context(self) -> Mapping[str, Any]:
        """The same without its secrets: what an answer may be made of."""
        ...

    async def call(self, resource: str, call: Call, admit: Admit) -> CallResult:
        """One page of a list, or one call of another method. `resource`: `model/resource`, or a proxy
        resource's name. Raises what a call of a caller raises."""
        ...
