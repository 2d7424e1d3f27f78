"""Integrated accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, ForeignKey, Index, Named, String, Table, Text

from isthmus.db.tables.base import Revisioned, Row, metadata
from isthmus.db.types import Encrypted, Json, UtcDateTime, Uuid

__all__ = ["integrated_account"]


class IntegratedAccountColumns(Revisioned, Row):
    """`context`: its plain part; masked paths are in `context_secrets`. `closed_until`: no request before."""

    environment_id: Named[str] = Column(Uuid, ForeignKey("environment.id", ondelete="CASCADE"))
    environment_integration_id: Named[str] = Column(
        Uuid, ForeignKey("environment_integration.id", ondelete="CASCADE"), index=True
    )
    tenant_id: Named[str] = Column(Text)
    status: Named[str] = Column(String(32))
    authentication_method: Named[str] = Column(Text)
    region: Named[str] = Column(String(8), default="wnam")
    is_sandbox: Named[bool] = Column(Boolean, default=False)
    context: Named[Any] = Column(Json, nullable=False)
    context_secrets: Named[bytes | None] = Column(Encrypted)
    unified_model_override: Named[Any] = Column(Json, nullable=True)
    integration_override: Named[Any] = Column(Json, nullable=True)
    integration_override_secrets: Named[bytes | None] = Column(Encrypted)
    truto_static_gate_id: Named[str | None] = Column(Uuid)
    last_error: Named[str | None] = Column(Text)
    last_forbidden_error: Named[Any] = Column(Json, nullable=True)
    last_action_run_result: Named[Any] = Column(Json, nullable=True)
    closed_until: Named[datetime | None] = Column(UtcDateTime)


integrated_account = Table(
    "integrated_account",
    metadata,
    IntegratedAccountColumns,
    Index(None, "environment_id", "created_at", "id"),
    Index(None, "environment_id", "tenant_id"),
)
