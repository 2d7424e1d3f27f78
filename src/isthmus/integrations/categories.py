"""The categories that integrations and unified models are sorted into (`api.md` §3.11)."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.listing import ListQuery, Page, fetch_page
from isthmus.db.tables import category

__all__ = ["Categories"]

_FIELDS: Final = {name: category.c[name] for name in ("id", "name", "label", "created_at", "updated_at")}


class Categories:
    """The same for everybody; they come with the catalogue."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def list(self, query: ListQuery) -> Page:
        return await fetch_page(self._conn, select(category), _FIELDS, query)
