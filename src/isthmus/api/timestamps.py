"""Formats the times in platform rows, as `2024-09-01 10:00:00` or as ISO 8601."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

__all__ = ["TimeFormat", "format_times", "get_time_format"]

TimeFormat = Callable[[datetime], str]


def _format_with_space(moment: datetime) -> str:
    """Formats a time as `2024-09-01 10:00:00`, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _format_iso(moment: datetime) -> str:
    """Formats a time as `2024-09-01T10:00:00.000Z`, in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def format_times(value: Any, format_time: TimeFormat) -> Any:
    """Returns `value` with every datetime in it, at any depth, as text."""
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, Mapping):
        return {key: format_times(item, format_time) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [format_times(item, format_time) for item in value]
    return value


def get_time_format(name: Literal["space", "iso"]) -> TimeFormat:
    """Returns the formatter of a name: `space`: `2024-09-01 10:00:00`; `iso`: `2024-09-01T10:00:00.000Z`.
    Both are UTC."""
    return _format_with_space if name == "space" else _format_iso
