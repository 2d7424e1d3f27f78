"""Integrated accounts, and what is kept beside each: lifecycle, credential refresh and revocation, answers
under idempotency keys, the block list, static gates."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Named, String, Table, Text, text

from isthmus.db.column_types import Encrypted, Json, UtcDateTime, Uuid
from isthmus.db.tables.base import Revisioned, Row, metadata

__all__ = [
    "account_lifecycle",
    "blocked_account",
    "credential_refresh",
    "credential_revocation",
    "idempotency_record",
    "integrated_account",
    "static_gate",
]


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


class CredentialRefreshColumns(Row):
    """Lease and journal in one row; `id` is that of the account. `state`: `started` (the provider was asked,
    and nothing is known of its answer), `committed`, `refused`, `failed`. `epoch`: of the lease; whoever
    holds an older one writes nothing. `credential`: digest of what is handed over for a new token, so that a
    loss can be told from a new try."""

    id = Column(Uuid, ForeignKey("integrated_account.id", ondelete="CASCADE"), primary_key=True)
    owner: Named[str | None] = Column(Uuid)
    epoch: Named[int] = Column(Integer)
    lease_until: Named[datetime | None] = Column(UtcDateTime)
    state: Named[str] = Column(String(16))
    credential: Named[str] = Column(String(64))
    started_at: Named[datetime] = Column(UtcDateTime)


credential_refresh = Table("credential_refresh", metadata, CredentialRefreshColumns)


class CredentialRevocationColumns(Row):
    """A token of an account that is gone, which its provider has yet to be told of."""

    environment_id: Named[str] = Column(Uuid, ForeignKey("environment.id", ondelete="CASCADE"), index=True)
    request: Named[bytes] = Column(Encrypted, nullable=False)


credential_revocation = Table(
    "credential_revocation", metadata, CredentialRevocationColumns, Index(None, "created_at")
)


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


class BlockedAccountColumns(Row):
    """`id` is that of the account. `reason`: for whoever operates the server; callers are not told."""

    id = Column(Uuid, ForeignKey("integrated_account.id", ondelete="CASCADE"), primary_key=True)
    reason: Named[str | None] = Column(Text)


blocked_account = Table("blocked_account", metadata, BlockedAccountColumns)


class StaticGateColumns(Revisioned, Row):
    """`domain`: host, and a port where it has one. `api_token`: what the gate lets requests in for."""

    environment_id: Named[str] = Column(Uuid, ForeignKey("environment.id", ondelete="CASCADE"), index=True)
    name: Named[str] = Column(Text)
    domain: Named[str] = Column(Text)
    api_token: Named[bytes] = Column(Encrypted, nullable=False)
    created_by: Named[str | None] = Column(Uuid, ForeignKey("user.id", ondelete="SET NULL"))


static_gate = Table("static_gate", metadata, StaticGateColumns)
