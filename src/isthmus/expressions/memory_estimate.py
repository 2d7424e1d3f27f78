"""Estimates the memory that an evaluation holds: what its frames reach, without its input and bindings.

The walk is over data that may be large, so it checks the time now and then.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, Final, NamedTuple

__all__ = ["MemoryEstimate"]

_ENTRY_MODULES: Final = ("isthmus.expressions.expression", "isthmus.expressions.trace")
_TABLE_SIZE: Final = 2**24
_MIN_LONG_LENGTH: Final = 1_000
_BATCH_SIZE: Final = 100
_PIECE_SIZE: Final = 10_000
_GIVEN_MARK: Final = 1
_LAST_MARK: Final = 255
_NUMBER_TYPES: Final[frozenset[type]] = frozenset({int, float, bool, type(None)})


class MemoryEstimate:
    """Measures one evaluation, again and again. Its input and bindings are walked through at the first
    measurement, and again after every 254th, when the marks run out.

    What was seen is marked by its address in a table, since a set would need more memory than what it looks
    at; two objects 256 MiB apart count as one. A mark tells in which measurement it was made. A number counts
    for eight bytes, shared or not.

    `check_time`: called now and then; may raise, and may let others run. `excluded`: types that are not
    walked into and count for nothing.
    """

    def __init__(self, check_time: Callable[[], None], excluded: tuple[type, ...] = ()) -> None:
        self._check_time = check_time
        self._excluded = (type, ModuleType, CodeType, FrameType, threading.Thread, MemoryEstimate, *excluded)
        self._seen = bytearray()
        self._mark = _LAST_MARK

    def measure_frames(self, extra: Any, max_bytes: int) -> int:
        """Return the bytes of `extra` and of what the frames reach, from the caller up to the function that
        started the evaluation; all frames, if there is no such function."""
        roots: list[Any] = [extra]
        given: list[Any] = []
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            if frame.f_globals.get("__name__") in _ENTRY_MODULES:
                given = [frame.f_locals.get("input"), frame.f_locals.get("bindings")]
                break
            roots.extend(frame.f_locals.values())
            frame = frame.f_back
        return self.measure(roots, given, max_bytes)

    def measure(self, roots: Iterable[Any], given: Iterable[Any], max_bytes: int) -> int:
        """Return the bytes of all that can be reached from `roots` and not from `given`.

        `given`: walked only when the marks are made anew, so it must stay the same. The walk stops as soon as
        the sum exceeds `max_bytes`.
        """
        if self._mark == _LAST_MARK:
            self._seen = bytearray(_TABLE_SIZE)
            for values, queue in self._walk(given):
                self._mark_as_given(values, queue)
            self._mark = _GIVEN_MARK
        self._mark += 1
        total = 0
        for values, queue in self._walk(roots):
            total += self._add_sizes(values, queue)
            if total > max_bytes:
                break
        return total

    def _walk(self, roots: Iterable[Any]) -> Iterator[tuple[Iterable[Any], _WalkQueue]]:
        """Yield everything that can be reached, piece by piece, each with the queue for what is to be walked
        into."""
        queue = _WalkQueue([], [roots])
        while queue.short or queue.long:
            if queue.short:
                some = queue.short[-_BATCH_SIZE:]
                del queue.short[-_BATCH_SIZE:]
                yield gc.get_referents(*some), queue
            else:
                rest = iter(queue.long.pop())
                while part := list(islice(rest, _PIECE_SIZE)):
                    yield part, queue
                    self._check_time()
            self._check_time()

    def _mark_as_given(self, values: Iterable[Any], queue: _WalkQueue) -> None:
        """Mark values as parts of the input or bindings, which count for nothing."""
        seen, short = self._seen, queue.short
        for value in values:
            place = id(value) >> 4 & (_TABLE_SIZE - 1)
            if seen[place]:
                continue
            seen[place] = _GIVEN_MARK
            kind = value.__class__
            if kind is dict or kind is list:
                if len(value) < _MIN_LONG_LENGTH:
                    short.append(value)
                else:
                    queue.long.append(value if kind is list else [*value, *value.values()])
            elif kind is not str and kind not in _NUMBER_TYPES:
                self._queue_contents(value, queue)

    def _add_sizes(self, values: Iterable[Any], queue: _WalkQueue) -> int:
        """Mark the values that are new; returns their bytes."""
        total, mark = 0, self._mark
        seen, size_of, short = self._seen, sys.getsizeof, queue.short
        for value in values:
            kind = value.__class__
            if kind in _NUMBER_TYPES:
                total += 8
                continue
            place = id(value) >> 4 & (_TABLE_SIZE - 1)
            if seen[place] == mark or seen[place] == _GIVEN_MARK:
                continue
            seen[place] = mark
            if kind is dict or kind is list:
                if len(value) < _MIN_LONG_LENGTH:
                    short.append(value)
                else:
                    queue.long.append(value if kind is list else [*value, *value.values()])
            elif kind is not str and not self._queue_contents(value, queue):
                continue
            total += size_of(value)
        return total

    def _queue_contents(self, value: Any, queue: _WalkQueue) -> bool:
        """Queue the contents of a value that is no JSON; False if it belongs to the program and counts for
        nothing."""
        if isinstance(value, self._excluded):
            return False
        queue.short.append(value.__closure__ if isinstance(value, FunctionType) else value)
        return True


class _WalkQueue(NamedTuple):
    """What is still to be walked into. `long`: lists of values, and lists with many items."""

    short: list[Any]
    long: list[Iterable[Any]]
