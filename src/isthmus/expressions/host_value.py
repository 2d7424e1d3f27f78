"""Host values: the base class of all values that are no JSON, and how their members are declared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from isthmus.expressions.library import Function, HostType

__all__ = ["Host", "format_iso_utc", "make_host_type"]


class Host:
    """An immutable value that is not JSON: expressions see only the members registered for its class."""

    __slots__ = ()

    def to_json(self) -> object:
        """Return the value in a JSON document; `{}` if it has no JSON form."""
        return {}

    def to_text(self) -> str:
        """Return the value as text inside a function."""
        return "[object Object]"

    def to_primitive(self) -> object:
        """Return the value as a number if it has one, else as text."""
        return self.to_text()


def format_iso_utc(moment: datetime) -> str:
    """Return ISO 8601 text with milliseconds and `Z`, as JavaScript's `toISOString` writes it."""
    moment = moment.astimezone(UTC)
    return f"{moment.year:04d}-{moment:%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def make_host_type(
    python_type: type,
    properties: Mapping[str, Callable[[Any], object]],
    methods: Mapping[str, Callable[..., Any]],
    *,
    to_result: Callable[[Any], object] | None = None,
    to_json: Callable[[Any], object] | None = None,
    async_methods: frozenset[str] = frozenset(),
    evaluation_methods: frozenset[str] = frozenset(),
) -> HostType:
    """Return the members of one class that expressions see, for a library.

    `async_methods`: names of the methods that are coroutine functions. `evaluation_methods`: names of those
    that take the `Evaluation` as first argument. `to_json` defaults to the value's own `to_json()`.
    """
    return HostType(
        python_type,
        properties=dict(properties),
        methods={
            name: Function(
                name, call, is_async=name in async_methods, wants_evaluation=name in evaluation_methods
            )
            for name, call in methods.items()
        },
        to_result=to_result,
        to_json=to_json if to_json is not None else lambda value: value.to_json(),
    )
