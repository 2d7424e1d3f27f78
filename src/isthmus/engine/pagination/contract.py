"""What every paginator takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from isthmus.engine.numbers import whole_number
from isthmus.errors import BadRequest, failure

__all__ = [
    "Answer",
    "Cursors",
    "Draft",
    "Paginator",
    "Parts",
    "Start",
    "Step",
    "bad_cursor",
    "effective_limit",
]


@dataclass(frozen=True, slots=True)
class Draft:
    """What expressions see of a request: `url`, `requestOptions`, and `query` as the caller sent it."""

    url: str
    options: Mapping[str, Any]
    query: Mapping[str, Any]

    @property
    def scope(self) -> dict[str, Any]:
        return {"query": dict(self.query), "url": self.url, "requestOptions": dict(self.options)}


@dataclass(frozen=True, slots=True)
class Start:
    """Where a page begins. `cursor`: the caller's, None on the first page. `limit`: the caller's.

    `given`: the outbound query without pagination. A parameter in it that a mapping or `remote_query` set
    (`fixed`) is never overwritten; one that the caller set holds where no cursor or limit was sent.
    `draft`: the request as it is without pagination, for a format that computes from it. `key`: seals
    addresses that are handed out as cursors.
    """

    cursor: str | None = None
    limit: int | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    fixed: frozenset[str] = frozenset()
    draft: Callable[[], Draft] | None = None
    key: bytes = field(default=b"", repr=False)

    def keeps_position(self, name: str) -> bool:
        return name in self.fixed or (self.cursor is None and name in self.given)

    def keeps_limit(self, name: str) -> bool:
        return name in self.fixed or (self.limit is None and name in self.given)


@dataclass(frozen=True, slots=True)
class Step:
    """What one page's request carries. `params`: merged into the query (or body). `url`: path and query that
    replace the request's own, None to keep them. `position`: page number or index sent. `size`: page size
    sent, None where none was. `headers`: laid over the request's. `parts`: what was computed for it. `key`:
    as in `Start`."""

    cursor: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    url: str | None = None
    position: int | None = None
    size: int | None = None
    headers: Mapping[str, str] | None = None
    parts: Parts | None = None
    key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Parts:
    """What expressions computed for a page: `query` and `body` are merged into those parts, `address`
    replaces the URL (path, or absolute on the same origin). `values`: all of it. `draft`: the request before
    it was laid over; once the request is complete, that request."""

    values: Mapping[str, Any]
    query: Mapping[str, Any]
    body: Mapping[str, Any]
    address: str | None
    draft: Draft


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `status`, the whole parsed `body`, `headers` (lower-case names), the request's `url`
    without its origin's credentials, and how many `records` the page holds."""

    body: Any
    headers: Mapping[str, str]
    url: str
    records: int
    status: int = 200


@dataclass(frozen=True, slots=True)
class Cursors:
    """None where there is no such page."""

    next: str | None = None
    prev: str | None = None


class Paginator(Protocol):
    @property
    def limit_param(self) -> str | None:
        """The provider's name for the page size; None where it takes none."""
        ...

    @property
    def no_way_back(self) -> str | None:
        """Why there is no page before another one, in words that follow "because"; None where there is."""
        ...

    def start(self, start: Start) -> Step:
        """Raises BadRequest for a cursor that is not one of this list."""
        ...

    def read(self, step: Step, answer: Answer) -> Cursors: ...


def bad_cursor(message: str) -> BadRequest:
    return BadRequest(
        f"next_cursor is not a cursor of this list: it {message}. Send the next_cursor of the page before, "
        "unchanged, or none to start at the first page.",
        failures=[failure("next_cursor", message, "bad_cursor")],
    )


def effective_limit(
    start: Start, name: str | None, default: int | None, largest: int | None
) -> tuple[dict[str, Any], int | None]:
    """The parameter to send (none where `name` is None or the query already has it), and the size sent."""
    if name is None:
        return {}, None
    if start.keeps_limit(name):
        return {}, whole_number(start.given.get(name))
    limit = start.limit if start.limit is not None else default
    if limit is None:
        return {}, None
    size = limit if largest is None else min(limit, largest)
    return {name: size}, size
