"""Where an account stands between saved and active."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Named, String, Table, text

from isthmus.db.tables.base import Revisioned, Row, metadata
from isthmus.db.types import Encrypted, UtcDateTime, Uuid

__all__ = ["account_lifecycle"]


class AccountLifecycleColumns(Revisioned, Row):
    """`id` is that of the account. `stage`: what is running, None for nothing. `step`: the next one of it.
    `progress`: what its steps gave so far. `is_reconnect`, `was_failed`: how it came to be running, which
    decides what is told at its end. `revision`: of this run, so that one that was begun anew is not ended by
    the one before. `due_at`: of the next validation that nobody asked for."""

    id = Column(Uuid, ForeignKey("integrated_account.id", ondelete="CASCADE"), primary_key=True)
    environment_id: Named[str] = Column(Uuid, ForeignKey("environment.id", ondelete="CASCADE"), index=True)
    stage: Named[str | None] = Column(String(16))
    step: Named[int] = Column(Integer, default=0)
    progress: Named[bytes | None] = Column(Encrypted)
    started_at: Named[datetime | None] = Column(UtcDateTime)
    is_reconnect: Named[bool] = Column(Boolean, default=False)
    was_failed: Named[bool] = Column(Boolean, default=False)
    due_at: Named[datetime | None] = Column(UtcDateTime)


account_lifecycle = Table(
    "account_lifecycle",
    metadata,
    AccountLifecycleColumns,
    Index("ix_account_lifecycle_running", "id", sqlite_where=text("stage IS NOT NULL")),
    Index(None, "due_at"),
)
