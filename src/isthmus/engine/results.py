"""What a call ends with, ready to be written by a door (HTTP, MCP, a walker)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from isthmus.http.messages import HttpStream

__all__ = ["CallResult", "ListResult", "StreamResult", "ValueResult"]


@dataclass(frozen=True, slots=True)
class ListResult:
    """One page. `records`: an array, or an object where `truto_key_by` asked for one; `result_count` is how
    many records it holds. Cursors: None where there is no page. `headers`: to send with the answer, names
    lower-case."""

    records: list[Any] | dict[str, Any]
    next_cursor: str | None = None
    prev_cursor: str | None = None
    is_partial_response: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200

    @property
    def body(self) -> dict[str, Any]:
        """The data-plane list envelope (`api.md` §1.3)."""
        return {
            "result": self.records,
            "next_cursor": self.next_cursor,
            "prev_cursor": self.prev_cursor,
            "result_count": len(self.records),
            "is_partial_response": self.is_partial_response,
        }


@dataclass(frozen=True, slots=True)
class ValueResult:
    """`body`: any JSON value, written as it is."""

    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True, slots=True)
class StreamResult:
    """Bytes of the provider, as they arrive, with its status, content type and disposition in `headers`.
    Whoever takes it iterates `stream` to its end or closes it."""

    status: int
    headers: Mapping[str, str]
    stream: HttpStream


CallResult = ListResult | ValueResult | StreamResult
