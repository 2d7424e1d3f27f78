"""Pages lists by a number: of a page, of its first record, or of a range of records."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from isthmus.definitions.body_path import BodyPath
from isthmus.definitions.pagination import OffsetConfig, PageConfig, RangeConfig
from isthmus.engine.evaluation import find_at_path
from isthmus.engine.pagination.paginator import (
    Cursors,
    PageAnswer,
    PageRequest,
    PageStart,
    Paginator,
    SizedPaginator,
    make_bad_cursor_error,
)
from isthmus.engine.queries import parse_whole_number

__all__ = ["OffsetPaginator", "PagePaginator", "RangePaginator"]

_CONTENT_RANGE: Final = re.compile(r"\S+\s+(\d{1,15})-(\d{1,15})/(\d{1,15}|\*)\Z")


@dataclass(frozen=True, slots=True)
class PagePaginator(SizedPaginator):
    """Numbered pages; the cursor is the page's number."""

    config: PageConfig

    def make_request(self, start: PageStart) -> PageRequest:
        """Returns the parameters of the page whose number is the cursor, the first page for none."""
        return _make_numbered_request(self, start, self.config.page_param, self.config.start_page)

    def read_cursors(self, request: PageRequest, answer: PageAnswer) -> Cursors:
        """Returns the numbers of the pages next to this one. There is a next page where the total says so,
        or, without a total, where this page is full."""
        page = self.config.start_page if request.position is None else request.position
        total = _read_total("pagination.config.total_pages_path", self.config.total_pages_path, answer.body)
        more = page < total if total is not None else _is_full(request, answer)
        return Cursors(
            next=str(page + 1) if more else None,
            prev=str(page - 1) if page > self.config.start_page else None,
        )


@dataclass(frozen=True, slots=True)
class OffsetPaginator(SizedPaginator):
    """Pages by the index of their first record, which is the cursor."""

    config: OffsetConfig

    def make_request(self, start: PageStart) -> PageRequest:
        """Returns the parameters of the page whose first record has the index in the cursor."""
        return _make_numbered_request(self, start, self.config.offset_param, self.config.start_offset)

    def read_cursors(self, request: PageRequest, answer: PageAnswer) -> Cursors:
        """Returns the indexes of the first records of the pages next to this one. There is a next page where
        the total says so, or, without a total, where this page is full."""
        first = self.config.start_offset
        offset = first if request.position is None else request.position
        next_offset = offset + answer.record_count
        total = _read_total("pagination.config.total_path", self.config.total_path, answer.body)
        more = next_offset < total + first if total is not None else _is_full(request, answer)
        if answer.record_count == 0:
            more = False
        previous_offset = max(first, offset - (request.size or answer.record_count))
        return Cursors(
            next=str(next_offset) if more else None, prev=str(previous_offset) if offset > first else None
        )


@dataclass(frozen=True, slots=True)
class RangePaginator(Paginator):
    """`Range` and `Content-Range` headers (RFC 9110 §14), with records for bytes."""

    config: RangeConfig

    def make_request(self, start: PageStart) -> PageRequest:
        """Returns the `Range` header of the page whose first record has the index in the cursor. Raises
        BadRequest for a cursor that is no whole number."""
        config = self.config
        size = start.limit or config.default_limit
        if config.max_limit is not None:
            size = min(size, config.max_limit)
        first = 0 if start.cursor is None else parse_whole_number(start.cursor)
        if first is None:
            raise make_bad_cursor_error("must be a whole number")
        headers = {"Range": f"{config.range_unit}={first}-{first + size - 1}"}
        return PageRequest(start.cursor, headers=headers, position=first, size=size)

    def read_cursors(self, request: PageRequest, answer: PageAnswer) -> Cursors:
        """Returns the indexes of the first records of the pages next to this one. An answer without
        `Content-Range` ignored the range, and is the whole list."""
        first, size = request.position or 0, request.size or self.config.default_limit
        previous_first = str(max(0, first - size)) if first > 0 else None
        content_range = _CONTENT_RANGE.match(answer.headers.get("content-range", "").strip())
        if content_range is None:
            return Cursors(prev=previous_first)
        start, last, total = int(content_range[1]), int(content_range[2]), content_range[3]
        more = last - start + 1 >= size if total == "*" else last + 1 < int(total)
        return Cursors(next=str(last + 1) if more and last >= first else None, prev=previous_first)


def _make_numbered_request(paginator: SizedPaginator, start: PageStart, name: str, first: int) -> PageRequest:
    """Returns the request of the page whose number is sent as the parameter `name`. `first`: the number of
    the first page."""
    params, size = paginator.choose_size(start)
    if start.keeps_position(name):
        position_sent = parse_whole_number(start.present.get(name))
        return PageRequest(start.cursor, params, position=position_sent, size=size)
    position = _parse_position(start.cursor, first)
    return PageRequest(start.cursor, {name: position, **params}, position=position, size=size)


def _parse_position(cursor: str | None, first: int) -> int:
    """Returns the number in a cursor, `first` for none. Raises BadRequest for anything but a whole number."""
    if cursor is None:
        return first
    number = parse_whole_number(cursor)
    if number is None:
        raise make_bad_cursor_error("must be a whole number")
    return number


def _is_full(request: PageRequest, answer: PageAnswer) -> bool:
    """Returns True if the page holds as many records as were asked for, so that more may follow."""
    return answer.record_count >= request.size if request.size else answer.record_count > 0


def _read_total(field: str, path: BodyPath | None, body: Any) -> int | None:
    """Returns the total that the provider tells; None where it tells no number, so that the page's size
    decides. `field`: that holds the path, for messages."""
    return None if path is None else parse_whole_number(find_at_path(field, path, body))
