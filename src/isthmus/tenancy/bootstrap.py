"""Fills an empty database at the first start: a team, its first user, the environment
`development`, a token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import exists, select, text

from isthmus.config import Settings
from isthmus.db import Database
from isthmus.db.tables import team
from isthmus.kit.secret import Secret
from isthmus.tenancy.api_tokens import ApiTokens
from isthmus.tenancy.environments import Environments, FillEnvironment
from isthmus.tenancy.teams import create_team, create_user

__all__ = ["FIRST_ENVIRONMENT", "FirstStart", "bootstrap"]

FIRST_ENVIRONMENT: Final = "development"
_ADVISORY_LOCK = 0x1574_B007


@dataclass(frozen=True, slots=True)
class FirstStart:
    """What the first start created. `token` is never shown again."""

    team_id: str
    user_id: str
    environment_id: str
    token: Secret[str]


async def bootstrap(
    database: Database, settings: Settings, *, fill_environment: FillEnvironment | None = None
) -> FirstStart | None:
    """Create the first team with its user, environment and API token; return None if a team exists. If
    several processes start at once, one of them creates everything. `fill_environment`: installs what the
    environment has from the beginning."""
    query = select(exists().where(team.c.id.is_not(None)))
    async with database.read() as conn:
        if (await conn.execute(query)).scalar_one():
            return None
    async with database.write() as conn:
        if not database.is_sqlite:
            await conn.execute(text("SET LOCAL lock_timeout = 0"))  # a process that starts waits its turn
            await conn.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
        if (await conn.execute(query)).scalar_one():
            return None
        team_id = await create_team(conn, "My team")
        user_id = await create_user(
            conn, team_id, name="Administrator", email="admin@localhost", is_staff=True, role=["admin"]
        )
        environment = await Environments(conn, team_id).create(
            FIRST_ENVIRONMENT, fill_environment=fill_environment
        )
        _, token = await ApiTokens(conn, environment["id"]).create(
            "first start", created_by=user_id, token=settings.bootstrap_token
        )
    return FirstStart(team_id, user_id, environment["id"], token)
