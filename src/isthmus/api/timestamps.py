"""Times as platform rows show them (`api.md` §1.5, A1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

__all__ = ["TimeStyle", "time_style", "wire_times"]

TimeStyle = Callable[[datetime], str]


def spaced(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def wire_times(value: Any, style: TimeStyle) -> Any:
    """`value` with every datetime in it, at any depth, as text."""
    if isinstance(value, datetime):
        return style(value)
    if isinstance(value, Mapping):
        return {key: wire_times(item, style) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [wire_times(item, style) for item in value]
    return value


def time_style(name: Literal["space", "iso"]) -> TimeStyle:
    """`space`: `2024-09-01 10:00:00`; `iso`: `2024-09-01T10:00:00.000Z`. Both are UTC."""
    return spaced if name == "space" else iso
