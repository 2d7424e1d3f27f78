"""Teams, environments, users, API tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, ForeignKey, Named, String, Table, Text, UniqueConstraint

from isthmus.db.column_types import Json, UtcDateTime, Uuid
from isthmus.db.tables.base import Row, metadata

__all__ = ["api_token", "environment", "team", "user"]


class TeamColumns(Row):
    """A team, the owner of environments and users."""

    name: Named[str] = Column(Text)
    domain: Named[str | None] = Column(Text)
    logo: Named[str | None] = Column(Text)


team = Table("team", metadata, TeamColumns)


class EnvironmentColumns(Row):
    """An environment. `settings`: an object with its own settings (theme, embedding origins, retention)."""

    team_id: Named[str] = Column(Uuid, ForeignKey("team.id", ondelete="CASCADE"))
    name: Named[str] = Column(Text)
    settings: Named[Any] = Column(Json, nullable=False)


environment = Table("environment", metadata, EnvironmentColumns, UniqueConstraint("team_id", "name"))


class UserColumns(Row):
    """A user. `role`: a list of role names. `environment_ids`: a list of ids. `password_hash`: None if the
    user cannot sign in."""

    team_id: Named[str] = Column(Uuid, ForeignKey("team.id", ondelete="CASCADE"))
    name: Named[str] = Column(Text)
    email: Named[str] = Column(Text, unique=True)
    is_active: Named[bool] = Column(Boolean)
    is_staff: Named[bool] = Column(Boolean)
    role: Named[Any] = Column(Json, nullable=False)
    environment_ids: Named[Any] = Column(Json, nullable=False)
    password_hash: Named[str | None] = Column(Text)
    last_login_at: Named[datetime | None] = Column(UtcDateTime)


user = Table("user", metadata, UserColumns)


class ApiTokenColumns(Row):
    """An API token. `digest`: SHA-256 of the token in hex; the token itself is not stored. `prefix`: its
    first characters, for display."""

    environment_id: Named[str] = Column(Uuid, ForeignKey("environment.id", ondelete="CASCADE"), index=True)
    created_by: Named[str | None] = Column(Uuid, ForeignKey("user.id", ondelete="SET NULL"))
    name: Named[str] = Column(Text)
    digest: Named[str] = Column(String(64), unique=True)
    prefix: Named[str] = Column(String(16))
    expires_at: Named[datetime | None] = Column(UtcDateTime)
    revoked_at: Named[datetime | None] = Column(UtcDateTime)


api_token = Table("api_token", metadata, ApiTokenColumns)
