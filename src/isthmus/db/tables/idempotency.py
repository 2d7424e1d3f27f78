"""Answers kept for callers who repeat a call under the same key."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, ForeignKey, Integer, Named, String, Table

from isthmus.db.tables.base import Row, metadata
from isthmus.db.types import Encrypted, UtcDateTime, Uuid

__all__ = ["idempotency_record"]


class IdempotencyRecordColumns(Row):
    """`key_digest`: SHA-256 in hex of account, verb, path and key. `request_digest`: of query and body.
    `status` None: the call is under way. `answer`: content type, headers and body, sealed, since they are the
    customer's data. After `expires_at` the row counts as gone."""

    environment_id: Named[str] = Column(Uuid, ForeignKey("environment.id", ondelete="CASCADE"), index=True)
    key_digest: Named[str] = Column(String(64), unique=True)
    request_digest: Named[str] = Column(String(64))
    status: Named[int | None] = Column(Integer)
    answer: Named[bytes | None] = Column(Encrypted)
    expires_at: Named[datetime] = Column(UtcDateTime, index=True)


idempotency_record = Table("idempotency_record", metadata, IdempotencyRecordColumns)
