"""The outbox: events, written in the transaction of the change that they report."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    Named,
    String,
    Table,
    Text,
    TypedColumns,
    text,
)

from isthmus.db.column_types import Json, UtcDateTime, Uuid
from isthmus.db.tables.base import metadata

__all__ = ["event"]


class EventColumns(TypedColumns):
    """An event. `seq` orders the events of one resource (`resource_type`, `resource_id`). `event`: its name.

    `relayed_at`: None until every subscriber has it. `attempts`: how often a subscriber failed; `retry_at`:
    when it is retried then; `taken`: the names of the subscribers that already have it, if others failed.
    """

    seq: Named[int] = Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    id: Named[str] = Column(String(30), unique=True)
    created_at: Named[datetime] = Column(UtcDateTime)
    environment_id: Named[str] = Column(Uuid, ForeignKey("environment.id", ondelete="CASCADE"))
    event: Named[str] = Column(String(64))
    resource_type: Named[str] = Column(String(64))
    resource_id: Named[str] = Column(Text)
    payload: Named[Any] = Column(Json, nullable=False)
    relayed_at: Named[datetime | None] = Column(UtcDateTime)
    attempts: Named[int] = Column(Integer)
    retry_at: Named[datetime | None] = Column(UtcDateTime)
    taken: Named[Any] = Column(Json, nullable=True)


_IS_WAITING = text("relayed_at IS NULL")

event = Table(
    "event",
    metadata,
    EventColumns,
    Index(None, "environment_id", "created_at", "id"),
    Index(None, "environment_id", "resource_id", "created_at", "id"),
    Index(None, "relayed_at"),
    Index("ix_event_waiting", "seq", sqlite_where=_IS_WAITING),
    Index("ix_event_waiting_resource", "resource_id", "seq", sqlite_where=_IS_WAITING),
    sqlite_autoincrement=True,
)
