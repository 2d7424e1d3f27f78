"""Byte streams, which are read once: their readers, and draining and branching them within limits."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

from isthmus.expressions.errors import LIMIT, ExpressionError, make_function_error, make_limit_error
from isthmus.expressions.host_value import Host, make_host_type
from isthmus.expressions.values import UNDEFINED

__all__ = [
    "MAX_BRANCH_LAG_BYTES",
    "MAX_DRAINED_BYTES",
    "READER",
    "STREAM",
    "Stream",
    "StreamReader",
    "drain_stream",
]

MAX_DRAINED_BYTES: Final = 50 * 1024 * 1024
MAX_BRANCH_LAG_BYTES: Final = 8 * 1024 * 1024


class Stream(Host):
    """A source of chunks of bytes, or of text in UTF-8. Whoever reads it locks it first."""

    __slots__ = ("_source", "locked")

    def __init__(self, source: AsyncIterator[bytes | str]) -> None:
        self._source = source
        self.locked = False

    def to_text(self) -> str:
        """Return the text that JavaScript gives for a stream."""
        return "[object ReadableStream]"

    def lock(self, function: str) -> None:
        """Reserve the stream for one reader; raises ExpressionError where another one has it."""
        if self.locked:
            raise make_function_error(function, f"{function}: the stream is locked, another reader has it")
        self.locked = True

    async def read_chunk(self) -> bytes | None:
        """Return the next chunk; None at the end."""
        try:
            part = await anext(self._source)
        except StopAsyncIteration:
            return None
        return part.encode() if isinstance(part, str) else bytes(part)

    async def close(self) -> None:
        """End the source, where it can be ended."""
        close = getattr(self._source, "aclose", None)
        if close is not None:
            await close()


class StreamReader(Host):
    """Reads a stream chunk by chunk, as the reader of a JavaScript ReadableStream; it locks the stream."""

    __slots__ = ("_stream", "closed")

    def __init__(self, stream: Stream) -> None:
        stream.lock("getReader")
        self._stream: Stream | None = stream
        self.closed = False

    async def read(self) -> dict[str, object]:
        """Read the next chunk as `{value, done}`; after the end `value` is missing."""
        part = await self._stream.read_chunk() if self._stream is not None else None
        self.closed = part is None
        return {"done": True} if part is None else {"value": part, "done": False}

    def release(self) -> object:
        """`releaseLock()`: give the stream back, so that another reader can have it."""
        if self._stream is not None:
            self._stream.locked = False
            self._stream = None
        return UNDEFINED

    async def cancel(self) -> object:
        """`cancel()`: end the stream."""
        if self._stream is not None:
            await self._stream.close()
        self.closed = True
        return UNDEFINED


async def drain_stream(stream: Stream, function: str, limit: int = MAX_DRAINED_BYTES) -> bytes:
    """Return all bytes left in a stream; raises ExpressionError for a locked one and for more than `limit`
    bytes."""
    stream.lock(function)
    parts: list[bytes] = []
    size = 0
    while (part := await stream.read_chunk()) is not None:
        size += len(part)
        if size > limit:
            await stream.close()
            raise make_limit_error(function, "drained bytes of a stream", limit)
        parts.append(part)
    return b"".join(parts)


class _Branches:
    """One stream for two branches; each keeps what the other reads first, up to `MAX_BRANCH_LAG_BYTES`."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._reading = asyncio.Lock()
        self._queues: tuple[deque[bytes], deque[bytes]] = (deque(), deque())
        self._sizes = [0, 0]
        self._ended = False

    async def read_branch(self, index: int) -> AsyncIterator[bytes]:
        """Yield the chunks of one branch (0 or 1)."""
        queue_of_reader, other = self._queues[index], self._queues[1 - index]
        while True:
            async with self._reading:
                if not queue_of_reader and not self._ended:
                    await self._read_for_both(queue_of_reader, other, index)
            if not queue_of_reader:
                return
            part = queue_of_reader.popleft()
            self._sizes[index] -= len(part)
            yield part

    async def _read_for_both(
        self, queue_of_reader: deque[bytes], queue_of_other: deque[bytes], index: int
    ) -> None:
        """Read one chunk into both queues; raises ExpressionError if the other branch is too far
        behind."""
        part = await self._stream.read_chunk()
        if part is None:
            self._ended = True
            return
        for position, queue in ((index, queue_of_reader), (1 - index, queue_of_other)):
            queue.append(part)
            self._sizes[position] += len(part)
        if self._sizes[1 - index] > MAX_BRANCH_LAG_BYTES:
            raise ExpressionError(
                LIMIT,
                f"teeStream went over the limit: one branch is more than {MAX_BRANCH_LAG_BYTES} bytes behind",
            )


def branch_stream(stream: Stream) -> list[Stream]:
    """Return two unlocked streams with the bytes of one, which becomes locked; raises ExpressionError if
    it was."""
    stream.lock("teeStream")
    branches = _Branches(stream)
    return [Stream(branches.read_branch(0)), Stream(branches.read_branch(1))]


async def _cancel_stream(stream: Stream, reason: object) -> object:
    """`cancel()` of a stream that no reader has: end it; raises ExpressionError for a locked one."""
    stream.lock("cancel")
    await stream.close()
    return UNDEFINED


STREAM: Final = make_host_type(
    Stream,
    {"locked": lambda stream: stream.locked},
    {"cancel": _cancel_stream, "tee": branch_stream, "getReader": StreamReader},
    async_methods=frozenset({"cancel"}),
)

READER: Final = make_host_type(
    StreamReader,
    {"closed": lambda reader: reader.closed},
    {"read": StreamReader.read, "releaseLock": StreamReader.release, "cancel": StreamReader.cancel},
    async_methods=frozenset({"read", "cancel"}),
)
