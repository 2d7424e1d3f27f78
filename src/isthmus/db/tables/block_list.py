"""Accounts that may not be called, whatever their status."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Named, Table, Text

from isthmus.db.tables.base import Row, metadata
from isthmus.db.types import Uuid

__all__ = ["blocked_account"]


class BlockedAccountColumns(Row):
    """`id` is that of the account. `reason`: for whoever operates the server; callers are not told."""

    id = Column(Uuid, ForeignKey("integrated_account.id", ondelete="CASCADE"), primary_key=True)
    reason: Named[str | None] = Column(Text)


blocked_account = Table("blocked_account", metadata, BlockedAccountColumns)
