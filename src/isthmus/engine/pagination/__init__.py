"""How a list goes on (`definitions.md` §1.6): one `Paginator` a format, made once from its definition."""

from __future__ import annotations

from isthmus.definitions.pagination import (
    CursorPagination,
    LinkHeaderPagination,
    OffsetPagination,
    PagePagination,
    Pagination,
)
from isthmus.engine.pagination.contract import Answer, Cursors, Paginator, Start, Step
from isthmus.engine.pagination.cursor import CursorPaginator
from isthmus.engine.pagination.link_header import LinkHeaderPaginator
from isthmus.engine.pagination.numbered import OffsetPaginator, PagePaginator
from isthmus.errors import NotExecutable

__all__ = ["Answer", "Cursors", "Paginator", "Start", "Step", "paginator"]


def paginator(spec: Pagination | None) -> Paginator | None:
    """None where the method has one page. Raises NotExecutable for a format that is not executed yet."""
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
    raise NotExecutable(
        f"pagination.format {spec.format!r} is not executed yet. Use page, cursor, link_header or offset."
    )
