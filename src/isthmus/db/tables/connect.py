"""Connecting an account: link tokens, the sessions of browsers, and redirects to a provider."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, ForeignKey, Integer, Named, String, Table

from isthmus.db.column_types import Encrypted, UtcDateTime, Uuid
from isthmus.db.tables.base import Row, metadata

__all__ = ["connect_session", "connect_trip", "link_token"]


def _environment_column() -> Column[str]:
    """Returns a foreign key to the environment; its rows are deleted with it."""
    return Column(Uuid, ForeignKey("environment.id", ondelete="CASCADE"), index=True)


class LinkTokenColumns(Row):
    """A link token. `digest`: SHA-256 of the token in hex. `integrated_account_id`: the account to reconnect,
    None for a new one. `payload`: the other fields. `opened`: how often the page was opened with it."""

    environment_id: Named[str] = _environment_column()
    digest: Named[str] = Column(String(64), unique=True)
    integrated_account_id: Named[str | None] = Column(
        Uuid, ForeignKey("integrated_account.id", ondelete="CASCADE"), index=True
    )
    payload: Named[bytes] = Column(Encrypted, nullable=False)
    expires_at: Named[datetime] = Column(UtcDateTime, index=True)
    opened: Named[int] = Column(Integer, default=0)
    consumed_at: Named[datetime | None] = Column(UtcDateTime)
    consumed_by_account_id: Named[str | None] = Column(Uuid)


link_token = Table("link_token", metadata, LinkTokenColumns)


class ConnectSessionColumns(Row):
    """The session of a browser on the connect page. `digest`: of its cookie. `link_token_id`: None for a
    session that only shows an account's form. `integrated_account_id`: None until the account is saved.
    `payload`: the state of the session."""

    environment_id: Named[str] = _environment_column()
    digest: Named[str] = Column(String(64), unique=True)
    link_token_id: Named[str | None] = Column(
        Uuid, ForeignKey("link_token.id", ondelete="CASCADE"), index=True
    )
    integrated_account_id: Named[str | None] = Column(
        Uuid, ForeignKey("integrated_account.id", ondelete="CASCADE"), index=True
    )
    payload: Named[bytes] = Column(Encrypted, nullable=False)
    idle_at: Named[datetime] = Column(UtcDateTime)
    expires_at: Named[datetime] = Column(UtcDateTime, index=True)


connect_session = Table("connect_session", metadata, ConnectSessionColumns)


class ConnectTripColumns(Row):
    """One redirect of a browser to a provider and back. `ticket_digest`: of the one-time ticket that starts
    it. `state_digest`: of the OAuth `state`. `binding_digest`: of the cookie of the browser that started
    it."""

    session_id: Named[str] = Column(Uuid, ForeignKey("connect_session.id", ondelete="CASCADE"), index=True)
    ticket_digest: Named[str] = Column(String(64), unique=True)
    state_digest: Named[str] = Column(String(64), unique=True)
    binding_digest: Named[str | None] = Column(String(64))
    payload: Named[bytes] = Column(Encrypted, nullable=False)
    expires_at: Named[datetime] = Column(UtcDateTime, index=True)
    started_at: Named[datetime | None] = Column(UtcDateTime)
    used_at: Named[datetime | None] = Column(UtcDateTime)


connect_trip = Table("connect_trip", metadata, ConnectTripColumns)
