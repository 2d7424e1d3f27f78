"""Integrated accounts, and what is kept beside each: lifecycle, credential refresh and revocation, answers
under idempotency keys, the block list, static gates, what was written to sandbox accounts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    Named,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from isthmus.db.column_types import Encrypted, Json, UtcDateTime, Uuid
from isthmus.db.tables.base import Revisioned, Row, metadata

__all__ = [
    "account_lifecycle",
    "blocked_account",
    "credential_refresh",
    "credential_revocation",
    "idempotency_record",
    "integrated_account",
    "sandbox_record",
    "static_gate",
]


class IntegratedAccountColumns(Revisioned, Row):
    """A connected account. `context`: the part that is not secret; the rest is in `context_secrets`.
    `closed_until`: no request is sent before this time, because the provider asked to wait; `closed_at`: when
    it asked."""

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
    closed_at: Named[datetime | None] = Column(UtcDateTime)


integrated_account = Table(
    "integrated_account",
    metadata,
    IntegratedAccountColumns,
    Index(None, "environment_id", "created_at", "id"),
    Index(None, "environment_id", "tenant_id"),
)


class AccountLifecycleColumns(Revisioned, Row):
    """How far an account is between saved and active. `id`: the account's. `stage`: the stage that runs, None
    if none does. `step`: the number of its next step. `progress`: the results of its steps so far.
    `is_reconnect`, `was_failed`: why the lifecycle was started, which decides the events at its end.
    `revision`: grows with each start, so that an earlier run cannot end a later one. `due_at`: when the next
    periodic validation is due."""

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
    """The lease and the journal of an account's token refresh; `id` is the account's.

    `state`: `started` (the provider was asked and its answer is unknown), `committed`, `refused`, `failed`.
    `epoch`: of the lease; an owner with an older epoch must not write. `credential`: a digest of what is sent
    for a new token, so that a lost answer can be told from a new attempt.
    """

    id = Column(Uuid, ForeignKey("integrated_account.id", ondelete="CASCADE"), primary_key=True)
    owner: Named[str | None] = Column(Uuid)
    epoch: Named[int] = Column(Integer)
    lease_until: Named[datetime | None] = Column(UtcDateTime)
    state: Named[str] = Column(String(16))
    credential: Named[str] = Column(String(64))
    started_at: Named[datetime] = Column(UtcDateTime)


credential_refresh = Table("credential_refresh", metadata, CredentialRefreshColumns)


class CredentialRevocationColumns(Row):
    """A token of a deleted account that is still to be revoked at its provider."""

    environment_id: Named[str] = Column(Uuid, ForeignKey("environment.id", ondelete="CASCADE"), index=True)
    request: Named[bytes] = Column(Encrypted, nullable=False)


credential_revocation = Table(
    "credential_revocation", metadata, CredentialRevocationColumns, Index(None, "created_at")
)


class IdempotencyRecordColumns(Row):
    """The response kept for an idempotency key. `key_digest`: SHA-256 in hex of account, verb, path and key.
    `request_digest`: of query and body. `process`: the key of the process that carries the call out
    (`db.presence`). `sent_at`, `sent_to`: when and where its first write was sent; None before. `status`:
    None without an answer. `answer`: content type, headers and body; encrypted, because they are the
    customer's data. After `expires_at` the row is ignored."""

    environment_id: Named[str] = Column(Uuid, ForeignKey("environment.id", ondelete="CASCADE"), index=True)
    key_digest: Named[str] = Column(String(64), unique=True)
    request_digest: Named[str] = Column(String(64))
    process: Named[int | None] = Column(BigInteger)
    sent_at: Named[datetime | None] = Column(UtcDateTime)
    sent_to: Named[str | None] = Column(Text)
    status: Named[int | None] = Column(Integer)
    answer: Named[bytes | None] = Column(Encrypted)
    expires_at: Named[datetime] = Column(UtcDateTime, index=True)


idempotency_record = Table("idempotency_record", metadata, IdempotencyRecordColumns)


class BlockedAccountColumns(Row):
    """An account that may not be called. `id`: the account's. `reason`: for the operator; callers do not see
    it."""

    id = Column(Uuid, ForeignKey("integrated_account.id", ondelete="CASCADE"), primary_key=True)
    reason: Named[str | None] = Column(Text)


blocked_account = Table("blocked_account", metadata, BlockedAccountColumns)


class StaticGateColumns(Revisioned, Row):
    """A proxy with a fixed address, through which outgoing requests can be sent. `domain`: host and optional
    port. `api_token`: the token that the gate asks for."""

    environment_id: Named[str] = Column(Uuid, ForeignKey("environment.id", ondelete="CASCADE"), index=True)
    name: Named[str] = Column(Text)
    domain: Named[str] = Column(Text)
    api_token: Named[bytes] = Column(Encrypted, nullable=False)
    created_by: Named[str | None] = Column(Uuid, ForeignKey("user.id", ondelete="SET NULL"))


static_gate = Table("static_gate", metadata, StaticGateColumns)


class SandboxRecordColumns(Row):
    """A record that was created, changed or deleted in a sandbox account. `collection`: the resource whose
    records it belongs to. `record_id`: as in the paths of the provider. `number`: grows in the order in which
    the records of the account were first written. `content`: what `accounts.sandbox.stored_records` makes of
    the record; encrypted, because it is the customer's data. After `expires_at` the row is ignored."""

    environment_id: Named[str] = Column(Uuid, ForeignKey("environment.id", ondelete="CASCADE"), index=True)
    integrated_account_id: Named[str] = Column(Uuid, ForeignKey("integrated_account.id", ondelete="CASCADE"))
    collection: Named[str] = Column(Text)
    record_id: Named[str] = Column(Text)
    number: Named[int] = Column(Integer)
    is_created: Named[bool] = Column(Boolean)
    is_deleted: Named[bool] = Column(Boolean)
    content: Named[bytes] = Column(Encrypted, nullable=False)
    expires_at: Named[datetime] = Column(UtcDateTime, index=True)


sandbox_record = Table(
    "sandbox_record",
    metadata,
    SandboxRecordColumns,
    UniqueConstraint("integrated_account_id", "collection", "record_id"),
)
