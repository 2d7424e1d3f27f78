"""Meters one evaluation: what it uses of time, depth and memory, and the error when that is too much.

Work is charged in steps before it is done. Steps only say when to look at the clock, and the clock decides,
so they may be counted generously: an item of a list, a character of a long text, a node of the tree. Memory
is measured now and then: what the frames of the evaluation hold, without its input and bindings.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from time import monotonic
from typing import Any, Final, TypeVar

from isthmus.expressions.errors import LIMIT, ExpressionError
from isthmus.expressions.limits import DEFAULT_OUTPUT_CHARS, Limits
from isthmus.expressions.memory_estimate import MemoryEstimate

__all__ = [
    "MAX_FREE_ITEMS",
    "MAX_FREE_LENGTH",
    "MAX_FREE_RESULT",
    "Meter",
    "charge_bytes_use",
    "charge_current",
    "charge_each",
    "charge_text_use",
    "current_evaluation",
    "get_remaining_seconds",
    "pace",
]

MAX_FREE_LENGTH: Final = 999
"""Longer texts and lists are charged by their length where they are used; shorter ones are part of a step."""

MAX_FREE_ITEMS: Final = 9_999
"""Longer lists are also charged item by item while a loop iterates over them."""

MAX_FREE_RESULT: Final = 99
"""Longer texts are charged when they are made; shorter ones count among the process's small objects."""

Item = TypeVar("Item")

_FIRST_SLICE_STEPS: Final = 1_000
_MAX_SLICE_STEPS: Final = 800
_SLICE_SECONDS: Final = 0.002
_TURN_SECONDS: Final = 0.05
_STEPS_BETWEEN_WATCHES: Final = 100_000
_MIN_ALLOWED_GROWTH: Final = 200_000
_MAX_UNCHECKED_BYTES: Final = 32 * 2**20


class Meter:
    """Counts the work of one evaluation.

    `steps_left`: steps until the clock is checked, of the `slice_steps` between two checks. `deadline`: when
    the time is over, on the monotonic clock in seconds; 0 before the first check. `checked_at`: when the
    clock was last checked. `awaited_seconds`: time spent waiting, which does not count. `depth_left`: calls
    that may still be nested. `result_chars_left`: characters that the result may still have.
    `unchecked_bytes`: bytes of long texts and lists since memory was measured. `used_bytes`: bytes of long
    texts that the function now running has worked with. `trace`: called with every value, if an author wants
    to see them. `pause`: lets others run where this runs on an event loop; called every 50 ms. The time runs
    from the first check, so that a short evaluation never pays for one.
    """

    # Values that most evaluations never change stay on the class, so that an evaluation starts quickly.
    steps_left = _FIRST_SLICE_STEPS
    slice_steps = _MAX_SLICE_STEPS
    deadline = 0.0
    checked_at = 0.0
    awaited_seconds = 0.0
    unchecked_bytes = 0
    used_bytes = 0
    steps_since_watch = _STEPS_BETWEEN_WATCHES
    allocated_blocks = 0
    allowed_growth = _MIN_ALLOWED_GROWTH
    result_chars_left = DEFAULT_OUTPUT_CHARS
    trace: Callable[[int, Any, Any], None] | None = None
    pause: Callable[[Meter], None] | None = None
    last_turn = 0.0
    memory_estimate: MemoryEstimate | None = None

    limits: Limits
    depth_left: int

    @property
    def limit_code(self) -> str:
        """The code of errors of time and depth."""
        return LIMIT

    def fork(self) -> Meter:
        """Return a meter with the same limits, for work in another thread."""
        meter = Meter()
        meter.limits = self.limits
        meter.depth_left = self.depth_left
        return meter

    def charge(self, steps: int) -> None:
        """Charge `steps` of work before doing them. Raises `ExpressionError` when the time is over."""
        self.steps_left -= steps
        if self.steps_left < 0:
            self.check_clock()

    def check_clock(self) -> None:
        """Check the time, and begin a new slice of steps. Raises `ExpressionError` when the time is over.

        A slice takes some fifty microseconds; if it took milliseconds, its work is more than its steps say,
        and the next one is shorter.
        """
        now = monotonic()
        self.steps_since_watch += self.slice_steps - self.steps_left
        if not self.deadline:
            self.deadline = now + self.limits.seconds
        elif now > self.deadline + self.awaited_seconds:
            raise self.make_time_limit_error()
        elif now - self.checked_at > _SLICE_SECONDS:
            self.slice_steps = max(self.slice_steps >> 2, 50)
        elif self.slice_steps < _MAX_SLICE_STEPS:
            self.slice_steps = min(2 * self.slice_steps, _MAX_SLICE_STEPS)
        self.checked_at = now
        self.steps_left = self.slice_steps
        if self.steps_since_watch > _STEPS_BETWEEN_WATCHES:
            self.watch_allocations()
        if self.pause is not None and now - self.last_turn > _TURN_SECONDS:
            self.take_pause(now)

    def check_deadline(self) -> None:
        """Check the time within work that counts no steps. Raises `ExpressionError` when it is over."""
        now = monotonic()
        if not self.deadline:
            self.deadline = now + self.limits.seconds
        elif now > self.deadline + self.awaited_seconds:
            raise self.make_time_limit_error()
        if self.pause is not None and now - self.last_turn > _TURN_SECONDS:
            self.take_pause(now)

    def take_pause(self, now: float) -> None:
        """Let others run, unless the work has only begun. `now`: the monotonic clock in seconds."""
        if self.last_turn and self.pause is not None:
            self.pause(self)
            now = monotonic()
        self.last_turn = self.checked_at = now

    def get_remaining_seconds(self) -> float:
        """Return the seconds until the time is over, for work that takes a time-out. Raises `ExpressionError`
        when it is over."""
        self.check_clock()
        return self.deadline + self.awaited_seconds - monotonic()

    def charge_memory(self, size: int) -> None:
        """Charge `size` bytes of a text or list that was made. Raises `ExpressionError` when too much
        memory is held."""
        self.unchecked_bytes += size
        if self.unchecked_bytes > _MAX_UNCHECKED_BYTES:
            self.check_memory()

    def charge_text(self, size: int) -> None:
        """Charge a text of `size` bytes that a function of the dialect works with, each time that it does."""
        self.used_bytes += size
        if self.used_bytes > self.limits.output_chars:
            raise self.make_limit_error("output_chars", "function")
        self.charge(size)
        self.charge_memory(size)

    def charge_items(self, count: int, function: str) -> None:
        """Charge a list of `count` items that `function` gives. Raises `ExpressionError` if they are more
        than `Limits.items`."""
        if count > self.limits.items:
            raise self.make_limit_error("items", function)
        self.charge(count)

    def watch_allocations(self) -> None:
        """Measure memory if the process gained many small objects, which may also be those of others."""
        self.steps_since_watch = 0
        blocks = sys.getallocatedblocks()
        if not self.allocated_blocks:
            self.allocated_blocks = blocks
        elif blocks - self.allocated_blocks > self.allowed_growth:
            self.allocated_blocks = blocks
            self.check_memory()

    def check_memory(self) -> None:
        """Measure the memory that the evaluation holds. Raises `ExpressionError` when it is too much."""
        if self.memory_estimate is None:
            self.memory_estimate = MemoryEstimate(self.check_deadline, (Meter,))
        held = self.memory_estimate.measure_frames(self.trace, self.limits.memory)
        self.checked_at = monotonic()
        if held > self.limits.memory:
            raise self.make_limit_error("memory", "evaluation")
        self.unchecked_bytes = 0
        # In proportion to the held memory, so that measuring stays cheap, but within the limit. A block is
        # some 128 bytes of a small object.
        self.allowed_growth = max(_MIN_ALLOWED_GROWTH, min(held, self.limits.memory - held) >> 7)

    def make_time_limit_error(self) -> ExpressionError:
        """Return the error of an evaluation that took too long."""
        seconds = self.limits.seconds
        return ExpressionError(
            self.limit_code, f"The evaluation took longer than seconds = {seconds}", value=seconds
        )

    def make_depth_limit_error(self) -> ExpressionError:
        """Return the error of calls that are nested too deeply."""
        depth = self.limits.depth
        return ExpressionError(self.limit_code, f"Calls are nested deeper than depth = {depth}", value=depth)

    def make_limit_error(self, limit: str, function: str) -> ExpressionError:
        """Return the error to raise when `function` (without `$`) would go over `limit`, a field of
        `Limits`."""
        allowed = getattr(self.limits, limit)
        return ExpressionError(
            LIMIT, f"{function} went over the limit {limit} = {allowed}", token=function, value=allowed
        )


# Loops over lists that may be long, where a charge for each item would cost short lists too much.


def charge_each(meter: Meter, values: Iterable[Item], weight: int) -> Iterator[Item]:
    """Yield the values, each charged as it is taken."""
    for value in values:
        meter.steps_left -= weight
        if meter.steps_left < 0:
            meter.charge(0)
        yield value


def pace(values: Collection[Item], weight: int = 2, meter: Meter | None = None) -> Iterable[Item]:
    """Return `values` to loop over; those of a long list are charged one by one, so that time is checked.

    `meter`: by default that of the evaluation whose library function runs here, if there is one.
    """
    if len(values) <= MAX_FREE_ITEMS:
        return values
    meter = meter or current_evaluation.meter
    return values if meter is None else charge_each(meter, values, weight)


# Charges of functions that do not receive the evaluation.


class _Running(threading.local):
    """`meter`: that of the evaluation whose library function runs in this thread; None outside of one."""

    meter: Meter | None = None


current_evaluation: Final = _Running()
"""The evaluation whose library function runs in this thread."""


def charge_current(steps: int) -> None:
    """Charge work to the evaluation whose library function runs here, if there is one."""
    meter = current_evaluation.meter
    if meter is not None:
        meter.steps_left -= steps
        if meter.steps_left < 0:
            meter.check_clock()


def charge_text_use(text: str) -> None:
    """Charge a long text that is worked with; each use may be a copy."""
    meter = current_evaluation.meter
    if meter is not None:
        meter.charge_text(len(text) if text.isascii() else 4 * len(text))


def charge_bytes_use(size: int) -> None:
    """Charge bytes that are worked with or made, as `charge_text_use` does a text."""
    meter = current_evaluation.meter
    if meter is not None and size > MAX_FREE_RESULT:
        meter.charge_text(size)


def get_remaining_seconds(most: float = 1.0) -> float:
    """Return the seconds that a piece of work may take in the evaluation that runs here, at most `most`."""
    meter = current_evaluation.meter
    return most if meter is None else min(most, meter.get_remaining_seconds())
