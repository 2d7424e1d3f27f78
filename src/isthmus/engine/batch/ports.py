"""What a batch is handed to make its calls with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from isthmus.engine.calls import Call
from isthmus.engine.results import CallResult

__all__ = ["Admit", "NodeCalls"]

Admit = Callable[[], Awaitable[None]]
"""Awaited before each request to the provider: returns when it may be sent."""


class NodeCalls(Protocol):
    """The unified and proxy calls of one account."""

    @property
    def context(self) -> Mapping[str, Any]:
        """The account's context, read anew for each use: what a call is made of may hold credentials."""
        ...

    @property
    def shown_context(self) -> Mapping[str, Any]:
        """The same without its secrets: what an answer may be made of."""
        ...

    async def call(self, resource: str, call: Call, admit: Admit) -> CallResult:
        """One page of a list, or one call of another method. `resource`: `model/resource`, or a proxy
        resource's name. Raises what a call of a caller raises."""
        ...
