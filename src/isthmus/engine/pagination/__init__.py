"""Makes the paginator of a list from its `pagination` block: one `Paginator` class per format."""

from __future__ import annotations

from isthmus.definitions.pagination import (
    CursorPagination,
    LinkHeaderPagination,
    OffsetPagination,
    PagePagination,
    Pagination,
    RangePagination,
)
from isthmus.engine.pagination.dynamic import DynamicPaginator
from isthmus.engine.pagination.numbered import OffsetPaginator, PagePaginator, RangePaginator
from isthmus.engine.pagination.paginator import (
    ComputedParts,
    Cursors,
    PageAnswer,
    PageRequest,
    PageStart,
    Paginator,
    RequestDraft,
    get_visible_cursor,
    require_backward_paging,
)
from isthmus.engine.pagination.provider_cursors import CursorPaginator, LinkHeaderPaginator

__all__ = [
    "ComputedParts",
    "Cursors",
    "DynamicPaginator",
    "PageAnswer",
    "PageRequest",
    "PageStart",
    "Paginator",
    "RangePaginator",
    "RequestDraft",
    "get_visible_cursor",
    "make_paginator",
    "require_backward_paging",
]


def make_paginator(spec: Pagination | None) -> Paginator | None:
    """Returns the paginator of a `pagination` block; None where the method has one page."""
    match spec:
        case None:
            return None
        case PagePagination():
            return PagePaginator(spec.config)
        case OffsetPagination():
            return OffsetPaginator(spec.config)
        case CursorPagination():
            return CursorPaginator(spec.config)
        case LinkHeaderPagination():
            return LinkHeaderPaginator(spec.config)
        case RangePagination():
            return RangePaginator(spec.config)
        case _:
            return DynamicPaginator(spec.config)
