"""Creates environments and tokens for the local commands, which work on the server's database across all
environments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db import Database
from isthmus.db.tables import api_token, environment, team
from isthmus.errors import SetupError
from isthmus.kit.secret import Secret
from isthmus.tenancy.api_tokens import ApiTokens
from isthmus.tenancy.environments import Environments, FillEnvironment

__all__ = ["Administration", "IssuedToken"]


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token with its row; `token` can be shown now and never again."""

    row: Mapping[str, Any]
    token: Secret[str]


class Administration:
    """Creates and lists environments and tokens. Each call is one transaction. An environment is given by id
    or name; SetupError is raised if it is unknown or ambiguous."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create_environment(
        self, name: str, *, fill_environment: FillEnvironment | None = None
    ) -> Mapping[str, Any]:
        """Create an environment in the only team, fill it with `fill_environment`, and return its row. Raises
        Conflict for a name that is taken, SetupError if there are no or several teams."""
        async with self._database.write() as conn:
            teams = (await conn.execute(select(team.c.id))).scalars().all()
            if len(teams) != 1:
                raise SetupError(
                    f"this database has {len(teams)} teams, so it is not clear whose environment this is. "
                    "Start the server once to make the first team."
                )
            return await Environments(conn, teams[0]).create(name, fill_environment=fill_environment)

    async def list_environments(self) -> Sequence[Mapping[str, Any]]:
        """Return every environment of every team, the oldest first."""
        async with self._database.read() as conn:
            query = select(environment).order_by(environment.c.created_at, environment.c.id)
            return [dict(row) for row in (await conn.execute(query)).mappings()]

    async def find_environment_id(self, id_or_name: str | None) -> str:
        """Return the id of an environment, given by id or name; None for the only one. Raises SetupError if
        it is unknown or ambiguous."""
        async with self._database.read() as conn:
            if id_or_name is not None:
                return await _find_environment(conn, id_or_name)
            rows = (await conn.execute(select(environment.c.id, environment.c.name))).all()
        if len(rows) == 1:
            return str(rows[0].id)
        names = ", ".join(sorted(row.name for row in rows)) or "none; start the server once to make the first"
        raise SetupError(f"name the environment with --environment. There are: {names}.")

    async def create_token(
        self, environment: str, name: str, *, expires_at: datetime | None = None
    ) -> IssuedToken:
        """Create an API token. It works on a running server within a second."""
        async with self._database.write() as conn:
            environment_id = await _find_environment(conn, environment)
            return IssuedToken(*await ApiTokens(conn, environment_id).create(name, expires_at=expires_at))

    async def list_tokens(self, environment_name: str | None = None) -> Sequence[Mapping[str, Any]]:
        """Return the tokens of one or all environments, also revoked ones, the oldest first: `id`, `name`,
        `prefix`, `environment_id`, `environment_name`, `created_at`, `expires_at`, `revoked_at`."""
        query = (
            select(
                api_token.c.id,
                api_token.c.name,
                api_token.c.prefix,
                api_token.c.environment_id,
                environment.c.name.label("environment_name"),
                api_token.c.created_at,
                api_token.c.expires_at,
                api_token.c.revoked_at,
            )
            .join(environment, environment.c.id == api_token.c.environment_id)
            .order_by(api_token.c.created_at, api_token.c.id)
        )
        async with self._database.read() as conn:
            if environment_name is not None:
                query = query.where(environment.c.id == await _find_environment(conn, environment_name))
            return [dict(row) for row in (await conn.execute(query)).mappings()]

    async def revoke_token(self, id: str) -> None:
        """Revoke a token. A running server refuses it within a second. Raises SetupError for an
        unknown id."""
        async with self._database.write() as conn:
            query = select(api_token.c.environment_id, api_token.c.revoked_at).where(api_token.c.id == id)
            row = (await conn.execute(query)).one_or_none()
            if row is None:
                raise SetupError(f"no token has the id {id}. `isthmus tokens list` shows them.")
            if row.revoked_at is None:
                await ApiTokens(conn, row.environment_id).revoke(id)


async def _find_environment(conn: AsyncConnection, id_or_name: str) -> str:
    """Return the id of an environment, given by id or name. Raises SetupError."""
    query = select(environment.c.id).where(
        or_(environment.c.id == id_or_name, environment.c.name == id_or_name)
    )
    environment_ids: list[str] = [row.id for row in await conn.execute(query)]
    if len(environment_ids) == 1:
        return environment_ids[0]
    if environment_ids:
        ids = ", ".join(environment_ids)
        raise SetupError(f"several environments are named {id_or_name}; name one by its id: {ids}")
    names = (await conn.execute(select(environment.c.name).order_by(environment.c.name))).scalars().all()
    known_names = ", ".join(names) or "none; start the server once to make the first"
    raise SetupError(f"no environment is named {id_or_name}. There are: {known_names}.")
