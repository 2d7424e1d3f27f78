"""How a list goes on (`definitions.md` §1.6): one `Paginator` a format, made once from its definition."""

from __future__ import annotations

from isthmus.definitions.pagination import (
    CursorPagination,
    LinkHeaderPagination,
    OffsetPagination,
    PagePagination,
    Pagination,
    RangePagination,
)
from isthmus.engine.pagination.contract import Answer, Cursors, Draft, Paginator, Parts, Start, Step
from isthmus.engine.pagination.cursor import CursorPaginator
from isthmus.engine.pagination.dynamic import DynamicPaginator, visible_cursor
from isthmus.engine.pagination.link_header import LinkHeaderPaginator
from isthmus.engine.pagination.numbered import OffsetPaginator, PagePaginator
from isthmus.engine.pagination.ranges import RangePaginator

__all__ = [
    "Answer",
    "Cursors",
    "Draft",
    "DynamicPaginator",
    "Paginator",
    "Parts",
    "RangePaginator",
    "Start",
    "Step",
    "paginator",
    "shown_cursor",
]


def paginator(spec: Pagination | None) -> Paginator | None:
    """None where the method has one page."""
    if spec is None:
        return None
    if isinstance(spec, PagePagination):
        return PagePaginator(spec.config)
    if isinstance(spec, OffsetPagination):
        return OffsetPaginator(spec.config)
    if isinstance(spec, CursorPagination):
        return CursorPaginator(spec.config)
    if isinstance(spec, LinkHeaderPagination):
        return LinkHeaderPaginator(spec.config)
    if isinstance(spec, RangePagination):
        return RangePaginator(spec.config)
    return DynamicPaginator(spec.config)


def shown_cursor(paginator: Paginator | None, cursor: str | None) -> str | None:
    """The cursor as expressions see it, which is not the caller's token where that holds more."""
    if cursor is None or not isinstance(paginator, DynamicPaginator):
        return cursor
    return visible_cursor(cursor)
