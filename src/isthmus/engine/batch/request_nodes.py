"""Runs a request node of a batch: its calls, their pages, and the waits between them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from isthmus.definitions.graph_nodes import RequestNode
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
from isthmus.kit.call_warnings import CallWarning

__all__ = ["Admit", "NodeCaller", "RequestNodeRun"]

_READ_METHODS: Final = frozenset({"list", "get"})
_RECORD_METHODS: Final = frozenset({"get", "create", "update", "delete"})
_THROTTLED: Final = 429
_ERRORS_OF_ONE_CALL: Final = (BadRequest, MappingFailed, UpstreamError)
"""Errors that another element of the loop need not meet."""


@dataclass(frozen=True, slots=True)
class _Page:
    """The records of one call, and the cursor of the next page."""

    records: list[Any]
    next_cursor: str | None


class RequestNodeRun:
    """One run of a request node of a batch. `caller`: makes its calls. `errors`: those of the calls that
    failed. `warnings`: what the calls left out, each once."""

    def __init__(
        self,
        name: str,
        node: RequestNode,
        scope: NodeScope,
        caller: NodeCaller,
        parse_call: ParseNodeCall,
        budget: Budget,
    ) -> None:
        self.errors: list[NodeError] = []
        self.warnings: dict[CallWarning, None] = {}
        self._name = name
        self._node = node
        self._scope = scope
        self._caller = caller
        self._parse_call = parse_call
        self._budget = budget
        self._pages: list[tuple[tuple[int, ...], list[ProducedRecord]]] = []
        self._seen: set[bytes] = set()
        self._call_count = 0
        self._has_succeeded = False
        self._is_stopped = False

    @property
    def records(self) -> list[ProducedRecord]:
        """The records so far, in the order of the loop, whichever call was answered first."""
        return [record for _, page in sorted(self._pages, key=lambda entry: entry[0]) for record in page]

    async def run(self) -> bool:
        """Makes all calls of the node. Returns True if one succeeded, or there was none to make. Reads of a
        loop run at the same time; writes one after the other, in the order of the records."""
        frames = make_first_frames(self._node, self._scope)
        self._count_calls(len(frames))
        is_read = self._node.method_name in _READ_METHODS
        await process_queue(frames, self._run_frame, at_once=self._budget.limits.at_once if is_read else 1)
        return self._has_succeeded or not self.errors

    def _count_calls(self, count: int) -> None:
        """Adds `count` calls to those of the node; a page of a call is not counted. Raises
        UnprocessableRequest above the limit of calls a node."""
        self._call_count += count
        if self._call_count > self._budget.limits.calls:
            raise UnprocessableRequest(
                f"{self._name} would make more than {self._budget.limits.calls} calls in one batch. Loop "
                "over fewer records, or send several batches."
            )

    async def _run_frame(self, frame: CallFrame) -> list[CallFrame]:
        """Makes one call of the node, of a list all pages, and returns the frames that recursion adds.
        Keeps the error of a call that fails."""
        if self._is_stopped:
            return []
        try:
            further = await self._walk_frame(frame)
            self._count_calls(len(further))
        except IsthmusError as error:
            # An error that every further call would meet is kept once.
            if not self._is_stopped:
                self.errors.append(NodeError(error, frame.find_turn(self._node)))
            too_many = self._budget.is_full or self._call_count > self._budget.limits.calls
            self._is_stopped = self._is_stopped or too_many or not isinstance(error, _ERRORS_OF_ONE_CALL)
            return []
        self._has_succeeded = True
        return further

    async def _walk_frame(self, frame: CallFrame) -> list[CallFrame]:
        """Reads all pages of one call, and returns the frames that recursion adds."""
        call = await make_call(self._name, self._node, self._scope, frame, self._parse_call)
        if self._node.recurse is not None:
            identity = fingerprint_call(call)
            if identity in self._seen:
                return []
            self._seen.add(identity)

        async def fetch(cursor: str | None) -> _Page:
            """Fetches one page of the call."""
            return await self._fetch_page(replace(call, cursor=cursor))

        further: list[CallFrame] = []
        number = 0
        async with aclosing(walk_pages(fetch, call.cursor, max_pages=self._budget.limits.pages)) as pages:
            async for page in pages:
                accepted, limit_error = self._budget.count_records(page.records)
                produced = [ProducedRecord(value, frame.bindings) for value in accepted]
                self._pages.append(((*frame.place, number), produced))
                if limit_error is not None:
                    raise limit_error
                further += make_recursive_frames(
                    self._name, self._node, self._scope, frame, number, page.records
                )
                number += 1
        return further

    async def _fetch_page(self, call: Call) -> _Page:
        """Fetches one page. A throttled read is repeated after the wait, where time is left."""
        while True:
            try:
                async with self._budget.places:
                    result = await self._caller.call(
                        self._node.resource, call, self._budget.wait_for_rate_limit
                    )
            except RemoteError as error:
                if call.method not in _READ_METHODS or error.status != _THROTTLED:
                    raise
                if not await self._budget.wait(_parse_retry_after(error)):
                    raise
            else:
                self.warnings |= dict.fromkeys(result.warnings)
                return await self._to_page(result)

    async def _to_page(self, result: CallResult) -> _Page:
        """Returns the records of a result. Raises UnprocessableRequest for bytes."""
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
        if self._node.is_unified and self._node.method_name not in _RECORD_METHODS:
            value = value["result"]
        return _Page(as_records(value), None)


def _parse_retry_after(error: RemoteError) -> float:
    """Returns the wait that a throttled answer asks for, in seconds; 1 where it names none."""
    text = error.headers.get("retry-after", "")
    return float(text) if text.isdecimal() else 1.0


Admit = Callable[[], Awaitable[None]]
"""Awaited before each request to the provider; returns when it may be sent."""


class NodeCaller(Protocol):
    """The port by which a batch makes the unified and proxy calls of its account."""

    @property
    def context(self) -> Mapping[str, Any]:
        """The account's context, read anew for each use. Calls may read the credentials in it."""
        ...

    @property
    def public_context(self) -> Mapping[str, Any]:
        """The context without its secrets, which transforms may put into the answer."""
        ...

    async def call(self, resource: str, call: Call, admit: Admit) -> CallResult:
        """Fetches one page of a list, or makes a call of another method. `resource`: `model/resource`, or the
        name of a proxy resource. Raises what a caller's call raises."""
        ...
