"""What an evaluation holds in memory: what its frames reach, without its input and bindings.

A walk over data that may be large, so it looks up from its work now and then.
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

_DOORS: Final = ("isthmus.expressions.expression", "isthmus.expressions.trace")
_PLACES: Final = 2**24
_LONG: Final = 1_000
_BATCH: Final = 100
_PIECE: Final = 10_000
_GIVEN: Final = 1
_LAST: Final = 255
_NUMBERS: Final[frozenset[type]] = frozenset({int, float, bool, type(None)})


class MemoryEstimate:
    """Weighs one evaluation, again and again; its input and bindings are walked through once.

    What was seen is marked by its address in a table, since a set would need more than what it looks at;
    two objects 256 MiB apart count as one. A mark tells in which weighing it was made. A number counts for
    eight bytes, shared or not.

    `check_time`: called now and then; may raise, and may let others run. `excluded`: types that are
    not walked into and count for nothing.
    """

    def __init__(self, check_time: Callable[[], None], excluded: tuple[type, ...] = ()) -> None:
        self._check_time = check_time
        self._excluded = (type, ModuleType, CodeType, FrameType, threading.Thread, MemoryEstimate, *excluded)
        self._seen = bytearray()
        self._mark = _LAST

    def measure_frames(self, extra: Any, max_bytes: int) -> int:
        """Bytes of `extra` and of what the frames reach from the caller up to the door of the evaluation."""
        roots: list[Any] = [extra]
        given: list[Any] = []
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            if frame.f_globals.get("__name__") in _DOORS:
                given = [frame.f_locals.get("input"), frame.f_locals.get("bindings")]
                break
            roots.extend(frame.f_locals.values())
            frame = frame.f_back
        return self.measure(roots, given, max_bytes)

    def measure(self, roots: Iterable[Any], given: Iterable[Any], max_bytes: int) -> int:
        """Bytes of all that can be reached from `roots` and not from `given`.

        The walk stops as soon as the sum exceeds `max_bytes`.
        """
        if self._mark == _LAST:
            self._seen = bytearray(_PLACES)
            for values, inside in self._walk(given):
                self._mark_as_given(values, inside)
            self._mark = _GIVEN
        self._mark += 1
        total = 0
        for values, inside in self._walk(roots):
            total += self._add_sizes(values, inside)
            if total > max_bytes:
                break
        return total

    def _walk(self, roots: Iterable[Any]) -> Iterator[tuple[Iterable[Any], _Inside]]:
        """Pieces of all that can be reached, each with the place for what is to be walked into."""
        inside = _Inside([], [roots])
        while inside.short or inside.long:
            if inside.short:
                some = inside.short[-_BATCH:]
                del inside.short[-_BATCH:]
                yield gc.get_referents(*some), inside
            else:
                rest = iter(inside.long.pop())
                while part := list(islice(rest, _PIECE)):
                    yield part, inside
                    self._check_time()
            self._check_time()

    def _mark_as_given(self, values: Iterable[Any], inside: _Inside) -> None:
        """Mark values as given."""
        seen, short = self._seen, inside.short
        for value in values:
            place = id(value) >> 4 & (_PLACES - 1)
            if seen[place]:
                continue
            seen[place] = _GIVEN
            kind = value.__class__
            if kind is dict or kind is list:
                if len(value) < _LONG:
                    short.append(value)
                else:
                    inside.long.append(value if kind is list else [*value, *value.values()])
            elif kind is not str and kind not in _NUMBERS:
                self._queue_contents(value, inside)

    def _add_sizes(self, values: Iterable[Any], inside: _Inside) -> int:
        """Mark the values that are new, and say what they take."""
        total, mark = 0, self._mark
        seen, size_of, short = self._seen, sys.getsizeof, inside.short
        for value in values:
            kind = value.__class__
            if kind in _NUMBERS:
                total += 8
                continue
            place = id(value) >> 4 & (_PLACES - 1)
            if seen[place] == mark or seen[place] == _GIVEN:
                continue
            seen[place] = mark
            if kind is dict or kind is list:
                if len(value) < _LONG:
                    short.append(value)
                else:
                    inside.long.append(value if kind is list else [*value, *value.values()])
            elif kind is not str and not self._queue_contents(value, inside):
                continue
            total += size_of(value)
        return total

    def _queue_contents(self, value: Any, inside: _Inside) -> bool:
        """Walk into a value that is no JSON, unless it belongs to the program."""
        if isinstance(value, self._excluded):
            return False
        inside.short.append(value.__closure__ if isinstance(value, FunctionType) else value)
        return True


class _Inside(NamedTuple):
    """What is still to be walked into. `long`: lists of values, and lists with many."""

    short: list[Any]
    long: list[Iterable[Any]]
