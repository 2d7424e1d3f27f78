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
from isthmus.errors import BadRequest, failure

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
    "require_way_back",
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


def require_way_back(paginator: Paginator) -> None:
    """Raises BadRequest where no page has a `prev_cursor`, so that none can have been sent."""
    reason = paginator.no_way_back
    if reason is not None:
        raise BadRequest(
            f"prev_cursor was sent to a list that cannot go back, because {reason}. Send next_cursor, or "
            "nothing for the first page.",
            failures=[failure("prev_cursor", "must be absent: this list only goes forward", "bad_cursor")],
        )


def shown_cursor(paginator: Paginator | None, cursor: str | None) -> str | None:
    """The cursor as expressions see it, which is not the caller's token where that holds more."""
    if cursor is None or not isinstance(paginator, DynamicPaginator):
        return cursor
    return visible_cursor(cursor)
