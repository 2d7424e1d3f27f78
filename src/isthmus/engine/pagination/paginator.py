"""The interface of paginators. A paginator turns the caller's cursor into what a page's request carries, and
the provider's answer into the cursors of the next and the previous page."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from isthmus.definitions.pagination import CursorConfig, LinkHeaderConfig, OffsetConfig, PageConfig
from isthmus.engine.queries import parse_whole_number
from isthmus.errors import BadRequest, failure

__all__ = [
    "ComputedParts",
    "Cursors",
    "PageAnswer",
    "PageRequest",
    "PageStart",
    "Paginator",
    "RequestDraft",
    "SizedPaginator",
    "get_visible_cursor",
    "make_bad_cursor_error",
    "require_backward_paging",
]


@dataclass(frozen=True, slots=True)
class RequestDraft:
    """What expressions see of a request: `url`, `options` (`requestOptions` in expressions), and `query` as
    the caller sent it."""

    url: str
    options: Mapping[str, Any]
    query: Mapping[str, Any]

    @property
    def scope(self) -> dict[str, Any]:
        """The names that expressions see of the request."""
        return {"query": dict(self.query), "url": self.url, "requestOptions": dict(self.options)}


@dataclass(frozen=True, slots=True)
class PageStart:
    """Where a page begins. `cursor`: the caller's, None on the first page. `limit`: the caller's.

    `present`: the parameters that the request has without pagination: of the query, or of the body by dotted
    name. A parameter in it that a mapping or `remote_query` set (`fixed`) is never overwritten; one that the
    caller set is kept where no cursor or limit was sent. `draft`: makes the request as it is without
    pagination, for a format that computes from it. `key`: seals addresses that are handed out as cursors.
    """

    cursor: str | None = None
    limit: int | None = None
    present: Mapping[str, Any] = field(default_factory=dict)
    fixed: frozenset[str] = frozenset()
    draft: Callable[[], RequestDraft] | None = None
    key: bytes = field(default=b"", repr=False)

    def keeps_position(self, name: str) -> bool:
        """Returns True if the query already has the position parameter `name`, and its value is kept."""
        return name in self.fixed or (self.cursor is None and name in self.present)

    def keeps_limit(self, name: str) -> bool:
        """Returns True if the query already has the page size parameter `name`, and its value is kept."""
        return name in self.fixed or (self.limit is None and name in self.present)


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What the request of one page carries. `params`: merged into the query (or body). `url`: path and query
    that replace the request's own, None to keep them. `position`: page number or index sent. `size`: page
    size sent, None where none was. `headers`: laid over the request's. `parts`: what was computed for it.
    `key`: as in `PageStart`."""

    cursor: str | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    url: str | None = None
    position: int | None = None
    size: int | None = None
    headers: Mapping[str, str] | None = None
    parts: ComputedParts | None = None
    key: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class ComputedParts:
    """What expressions computed for a page: `query` and `body` are merged into those parts, `address`
    replaces the URL (path, or absolute on the same origin). `values`: all of it. `draft`: the request before
    this was laid over it; `engine.requests` replaces it by the complete one."""

    values: Mapping[str, Any]
    query: Mapping[str, Any]
    body: Mapping[str, Any]
    address: str | None
    draft: RequestDraft


@dataclass(frozen=True, slots=True)
class PageAnswer:
    """What came back. `body`: the parsed body, or what stands at the definition's `cursor_root` in it.
    `headers`: lower-case names. `url`: where redirects ended, without its origin's credentials.
    `record_count`: the records on the page."""

    body: Any
    headers: Mapping[str, str]
    url: str
    record_count: int
    status: int = 200


@dataclass(frozen=True, slots=True)
class Cursors:
    """The cursors of the next and the previous page; None where there is no such page."""

    next: str | None = None
    prev: str | None = None


class Paginator(ABC):
    """One pagination format of a definition. Pages are stateless: all that a page needs is in its cursor."""

    __slots__ = ()

    @property
    def limit_param(self) -> str | None:
        """The provider's name for the page size; None where it takes none."""
        return None

    @property
    def forward_only_reason(self) -> str | None:
        """Why the list cannot go back, in words that follow "because"; None where it can."""
        return None

    @abstractmethod
    def make_request(self, start: PageStart) -> PageRequest:
        """Returns what the request of the page carries. Raises BadRequest for a cursor that is not one of
        this list."""

    @abstractmethod
    def read_cursors(self, request: PageRequest, answer: PageAnswer) -> Cursors:
        """Returns the cursors of the pages next to the one that was answered."""

    def unwrap_cursor(self, cursor: str) -> str | None:
        """Returns the part of a caller's cursor that expressions see: all of it, unless the format puts more
        in; None where it holds none."""
        return cursor


class SizedPaginator(Paginator):
    """A format whose block names a parameter for the page size, a default and a maximum."""

    __slots__ = ()

    config: PageConfig | OffsetConfig | CursorConfig | LinkHeaderConfig

    @property
    def limit_param(self) -> str | None:
        """The provider's name for the page size; None where it takes none."""
        return self.config.limit_param or None

    def choose_size(self, start: PageStart) -> tuple[dict[str, Any], int | None]:
        """Returns the page size parameter to send (an empty object where the format has none, or the query
        already has it), and the page size that the provider then uses; None where no size is sent or it is no
        whole number."""
        name = self.limit_param
        if name is None:
            return {}, None
        if start.keeps_limit(name):
            return {}, parse_whole_number(start.present.get(name))
        limit = start.limit if start.limit is not None else self.config.default_limit
        if limit is None:
            return {}, None
        size = limit if self.config.max_limit is None else min(limit, self.config.max_limit)
        return {name: size}, size


def get_visible_cursor(paginator: Paginator | None, cursor: str | None) -> str | None:
    """Returns the caller's cursor as expressions and templates see it (`query.cursor`); None on the first
    page."""
    return cursor if cursor is None or paginator is None else paginator.unwrap_cursor(cursor)


def require_backward_paging(paginator: Paginator) -> None:
    """Raises BadRequest where no page has a `prev_cursor`, so that none can have been sent."""
    reason = paginator.forward_only_reason
    if reason is not None:
        raise BadRequest(
            f"prev_cursor was sent to a list that cannot go back, because {reason}. Send next_cursor, or "
            "nothing for the first page.",
            failures=[failure("prev_cursor", "must be absent: this list only goes forward", "bad_cursor")],
        )


def make_bad_cursor_error(message: str) -> BadRequest:
    """Returns the error for a cursor that this list did not return. `message`: what is wrong, after "it"."""
    return BadRequest(
        f"next_cursor is not a cursor of this list: it {message}. Send the next_cursor of the page before, "
        "unchanged, or none to start at the first page.",
        failures=[failure("next_cursor", message, "bad_cursor")],
    )
