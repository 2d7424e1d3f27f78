"""The meter of an evaluation: each of its limits at the limit, and past it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from isthmus.expressions import ExpressionError, Limits
from isthmus.expressions import meter as meters
from isthmus.expressions.meter import MAX_FREE_ITEMS, Meter, charge_current, current_evaluation, pace

NOW = 1_000.0


@pytest.fixture
def meter(monkeypatch: pytest.MonkeyPatch) -> Meter:
    """A meter whose clock stands still, for work of two seconds."""
    monkeypatch.setattr(meters, "monotonic", lambda: NOW)
    made = Meter()
    made.limits = Limits(seconds=2, output_chars=10)
    return made


def call_outside_of_pytest(work: Callable[[], None]) -> None:
    """Calls `work` in a thread: memory is measured by the frames below, and those of pytest hold the whole
    run."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(work).result()


Check = Callable[[Meter], None]
CHECKS: list[Check] = [Meter.check_clock, Meter.check_deadline]


@pytest.mark.parametrize("check", CHECKS)
def test_the_time_runs_from_the_first_check(meter: Meter, check: Check) -> None:
    check(meter)
    assert meter.deadline == NOW + 2


@pytest.mark.parametrize("check", CHECKS)
def test_the_time_is_over_past_the_deadline_without_what_was_awaited(meter: Meter, check: Check) -> None:
    for deadline, awaited in ((NOW, 0.0), (NOW + 1, 0.0), (NOW - 5, 5.0)):
        meter.deadline, meter.awaited_seconds = deadline, awaited
        check(meter)
    meter.deadline, meter.awaited_seconds = NOW - 5, 4.5
    with pytest.raises(ExpressionError, match="longer than seconds = 2"):
        check(meter)


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize(("since_turn", "turns"), [(0.0625, 0), (0.125, 1), (None, 0)])
def test_others_have_a_turn_when_one_has_lasted_long_but_not_at_the_start(
    meter: Meter, monkeypatch: pytest.MonkeyPatch, check: Check, since_turn: float | None, turns: int
) -> None:
    monkeypatch.setattr(meters, "_TURN_SECONDS", 0.0625)
    taken: list[Meter] = []
    meter.pause = taken.append
    meter.deadline = NOW + 1
    meter.last_turn = 0.0 if since_turn is None else NOW - since_turn
    check(meter)
    assert len(taken) == turns


@pytest.mark.parametrize(
    ("since_check", "before", "after"),
    [(0.0, 200, 400), (0.25, 200, 400), (0.0, 800, 800), (0.5, 800, 200), (0.5, 50, 50)],
)
def test_slices_are_shorter_after_slow_ones(
    meter: Meter, monkeypatch: pytest.MonkeyPatch, since_check: float, before: int, after: int
) -> None:
    monkeypatch.setattr(meters, "_SLICE_SECONDS", 0.25)
    meter.deadline, meter.checked_at, meter.slice_steps = NOW + 1, NOW - since_check, before
    meter.check_clock()
    assert (meter.slice_steps, meter.steps_left) == (after, after)


def test_allocations_are_watched_past_so_many_steps(meter: Meter) -> None:
    meter.slice_steps, meter.steps_left = 800, 0
    meter.steps_since_watch = meters._STEPS_BETWEEN_WATCHES - 800
    meter.check_clock()
    assert (meter.steps_since_watch, meter.allocated_blocks) == (meters._STEPS_BETWEEN_WATCHES, 0)
    meter.steps_left = meter.slice_steps - 1
    meter.check_clock()
    assert meter.steps_since_watch == 0
    assert meter.allocated_blocks


@pytest.mark.parametrize(("gained", "measured"), [(0, False), (1, True)])
def test_memory_is_measured_when_the_process_gained_more_objects_than_it_may(
    meter: Meter, monkeypatch: pytest.MonkeyPatch, gained: int, measured: bool
) -> None:
    monkeypatch.setattr("sys.getallocatedblocks", lambda: 1_000 + gained)
    meter.allocated_blocks, meter.allowed_growth = 900, 100
    call_outside_of_pytest(meter.watch_allocations)
    assert (meter.memory_estimate is not None) is measured


def test_the_clock_is_looked_at_when_the_steps_are_used_up(meter: Meter) -> None:
    meter.steps_left = 5
    meter.charge(5)
    assert (meter.steps_left, meter.deadline) == (0, 0)
    meter.charge(1)
    assert meter.deadline


def test_steps_of_a_library_function_are_those_of_its_evaluation(
    meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(current_evaluation, "meter", meter)
    meter.steps_left = 5
    charge_current(5)
    assert meter.deadline == 0
    charge_current(1)
    assert meter.deadline


def test_memory_is_measured_past_so_many_unchecked_bytes(meter: Meter) -> None:
    meter.charge_memory(meters._MAX_UNCHECKED_BYTES)
    assert meter.unchecked_bytes == meters._MAX_UNCHECKED_BYTES
    call_outside_of_pytest(lambda: meter.charge_memory(1))
    assert meter.unchecked_bytes == 0
    assert meter.memory_estimate is not None


def test_a_function_works_with_as_much_text_as_it_may_give(meter: Meter) -> None:
    meter.charge_text(10)
    with pytest.raises(ExpressionError, match="output_chars = 10"):
        meter.charge_text(1)


def test_lists_are_charged_by_the_item_past_a_length(meter: Meter) -> None:
    free, charged = [0] * MAX_FREE_ITEMS, [0] * (MAX_FREE_ITEMS + 1)
    assert pace(free, meter=meter) is free
    assert pace(charged) is charged
    assert pace(charged, meter=meter) is not charged
    meter.steps_left = 2
    items = iter(pace(charged, 2, meter))
    next(items)
    assert (meter.steps_left, meter.deadline) == (0, 0)
    next(items)
    assert meter.deadline


def test_long_lists_of_a_library_function_are_charged_to_its_evaluation(
    meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(current_evaluation, "meter", meter)
    meter.steps_left = 5
    next(iter(pace([0] * (MAX_FREE_ITEMS + 1), 2)))
    assert meter.steps_left == 3
