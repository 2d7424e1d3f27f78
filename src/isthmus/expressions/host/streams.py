"""Byte streams that are read once (`functions.md` §6.3), drained and branched within bounds (§10)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Final

from isthmus.expressions.errors import LIMIT, ExpressionError, function_error, limit_error
from isthmus.expressions.host_value import Host, host_type
from isthmus.expressions.values import UNDEFINED

__all__ = ["DRAINED_BYTES", "LAG_BYTES", "READER", "STREAM", "Stream", "StreamReader", "drain"]

DRAINED_BYTES: Final = 50 * 1024 * 1024
LAG_BYTES: Final = 8 * 1024 * 1024


class Stream(Host):
    """A source of chunks; text chunks count as UTF-8. Whoever reads it locks it first."""

    __slots__ = ("_source", "locked")

    def __init__(self, source: AsyncIterator[bytes | str]) -> None:
        self._source = source
        self.locked = False

    def to_text(self) -> str:
        return "[object ReadableStream]"

    def lock(self, function: str) -> None:
        """Take the stream for one reader; raises when it is taken already."""
        if self.locked:
            raise function_error(function, f"{function}: the stream is locked, another reader has it")
        self.locked = True

    async def chunk(self) -> bytes | None:
        """The next chunk; None at the end."""
        try:
            part = await anext(self._source)
        except StopAsyncIteration:
            return None
        return part.encode() if isinstance(part, str) else bytes(part)

    async def close(self) -> None:
        close = getattr(self._source, "aclose", None)
        if close is not None:
            await close()


class StreamReader(Host):
    __slots__ = ("_stream", "closed")

    def __init__(self, stream: Stream) -> None:
        stream.lock("getReader")
        self._stream: Stream | None = stream
        self.closed = False

    async def read(self) -> dict[str, object]:
        """`{value, done}`; after the end `value` is missing."""
        part = await self._stream.chunk() if self._stream is not None else None
        self.closed = part is None
        return {"done": True} if part is None else {"value": part, "done": False}

    def release(self) -> object:
        if self._stream is not None:
            self._stream.locked = False
            self._stream = None
        return UNDEFINED

    async def cancel(self) -> object:
        if self._stream is not None:
            await self._stream.close()
        self.closed = True
        return UNDEFINED


async def drain(stream: Stream, function: str, limit: int = DRAINED_BYTES) -> bytes:
    """All of a stream; raises for a locked one and for more than `limit` bytes."""
    stream.lock(function)
    parts: list[bytes] = []
    size = 0
    while (part := await stream.chunk()) is not None:
        size += len(part)
        if size > limit:
            await stream.close()
            raise limit_error(function, "drained bytes of a stream", limit)
        parts.append(part)
    return b"".join(parts)


class _Branching:
    """One source read for two branches; what only one has taken so far is kept, up to `LAG_BYTES`."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._reading = asyncio.Lock()
        self._kept: tuple[deque[bytes], deque[bytes]] = (deque(), deque())
        self._sizes = [0, 0]
        self._ended = False

    async def branch(self, index: int) -> AsyncIterator[bytes]:
        mine, other = self._kept[index], self._kept[1 - index]
        while True:
            async with self._reading:
                if not mine and not self._ended:
                    await self._pull(mine, other, index)
            if not mine:
                return
            part = mine.popleft()
            self._sizes[index] -= len(part)
            yield part

    async def _pull(self, mine: deque[bytes], other: deque[bytes], index: int) -> None:
        part = await self._stream.chunk()
        if part is None:
            self._ended = True
            return
        for position, queue in ((index, mine), (1 - index, other)):
            queue.append(part)
            self._sizes[position] += len(part)
        if self._sizes[1 - index] > LAG_BYTES:
            raise ExpressionError(
                LIMIT, f"teeStream went over the limit: one branch is more than {LAG_BYTES} bytes behind"
            )


def tee(stream: Stream) -> list[Stream]:
    """Two unlocked branches with the same bytes; the stream itself becomes locked."""
    stream.lock("teeStream")
    branching = _Branching(stream)
    return [Stream(branching.branch(0)), Stream(branching.branch(1))]


async def _cancel(stream: Stream, reason: object) -> object:
    stream.lock("cancel")
    await stream.close()
    return UNDEFINED


STREAM: Final = host_type(
    Stream,
    {"locked": lambda stream: stream.locked},
    {"cancel": _cancel, "tee": tee, "getReader": StreamReader},
    async_methods=frozenset({"cancel"}),
)

READER: Final = host_type(
    StreamReader,
    {"closed": lambda reader: reader.closed},
    {"read": StreamReader.read, "releaseLock": StreamReader.release, "cancel": StreamReader.cancel},
    async_methods=frozenset({"read", "cancel"}),
)
