"""Who is renewing an account's credentials, and how far that got."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, ForeignKey, Index, Integer, Named, String, Table

from isthmus.db.tables.base import Row, metadata
from isthmus.db.types import Encrypted, UtcDateTime, Uuid

__all__ = ["credential_refresh", "credential_revocation"]


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
