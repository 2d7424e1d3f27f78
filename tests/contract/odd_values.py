"""What a product may put into an answer in place of what its documents say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

__all__ = ["Steps", "exchanged", "odd_values_for", "places"]

Steps = tuple[str | int, ...]

_ODD: Final[tuple[Any, ...]] = (
    "",
    "nonsense",
    "0000-00-00T00:00:00Z",
    "2024-13-01T25:00:61.000Z",
    "2025-01-14 09:44:56",
    "12",
    "9" * 400,
    0,
    10**18,
    True,
    False,
    [],
    [None],
    [[1], "nonsense"],
    {},
    {"nonsense": {"id": 1}},
)


def places(value: Any, steps: Steps = ()) -> Iterator[Steps]:
    """Yields the steps to every key of every object and, of each array, to its first item and what is in
    it."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*steps, key)
            yield from places(item, (*steps, key))
    elif isinstance(value, list) and value:
        yield (*steps, 0)
        yield from places(value[0], (*steps, 0))


def odd_values_for(value: Any) -> Iterator[Any]:
    """Yields odd values in place of `value`; for a list also its first item, and for anything else a list of
    it."""
    yield from _ODD
    yield value[0] if isinstance(value, list) and value else [value]


def exchanged(value: Any, steps: Steps, odd: Any) -> Any:
    """Returns a copy of `value` with another value in one place; what is beside the way there is shared."""
    if not steps:
        return odd
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[steps[0]] = exchanged(value[steps[0]], steps[1:], odd)
    return copy
