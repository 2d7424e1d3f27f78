"""A write of one environment, token or team changes no row of another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import select
from tests.unit.tenancy.conftest import Tenancy

from isthmus.db import Database
from isthmus.db.tables import api_token, environment, team, user
from isthmus.tenancy import Administration, ApiTokens, Environments, Teams
from isthmus.tenancy.teams import create_team, create_user

TABLES = (environment, api_token, team, user)


async def _rows(database: Database) -> dict[str, dict[str, Any]]:
    async with database.read() as conn:
        return {
            table.name: {row.id: row for row in (await conn.execute(select(table))).all()} for table in TABLES
        }


async def rename_environment(database: Database, tenancy: Tenancy, token: str) -> None:
    async with database.write() as conn:
        await Environments(conn, tenancy.team_id).update(tenancy.production, {"name": "live"})


async def delete_environment(database: Database, tenancy: Tenancy, token: str) -> None:
    async with database.write() as conn:
        await Environments(conn, tenancy.team_id).delete(tenancy.production)


async def rename_team(database: Database, tenancy: Tenancy, token: str) -> None:
    async with database.write() as conn:
        await Teams(conn, tenancy.team_id).update(tenancy.team_id, {"name": "Renamed"})


async def revoke_token(database: Database, tenancy: Tenancy, token: str) -> None:
    async with database.write() as conn:
        await ApiTokens(conn, tenancy.development).revoke(token)


async def revoke_token_locally(database: Database, tenancy: Tenancy, token: str) -> None:
    await Administration(database).revoke_token(token)


@pytest.mark.parametrize(
    ("write", "changed"),
    [
        (rename_environment, {"environment": "production"}),
        (delete_environment, {"environment": "production", "api_token": "theirs"}),
        (rename_team, {"team": "team"}),
        (revoke_token, {"api_token": "ci"}),
        (revoke_token_locally, {"api_token": "ci"}),
    ],
)
async def test_a_write_of_one_row_leaves_the_others(
    database: Database,
    tenancy: Tenancy,
    write: Callable[[Database, Tenancy, str], Awaitable[None]],
    changed: dict[str, str],
) -> None:
    administration = Administration(database)
    named = {
        "ci": (await administration.create_token(tenancy.development, "ci")).row["id"],
        "theirs": (await administration.create_token(tenancy.production, "theirs")).row["id"],
        "production": tenancy.production,
        "team": tenancy.team_id,
    }
    async with database.write() as conn:
        other = await create_team(conn, "Other")
        await create_user(conn, other, name="o", email="o@example.com", is_staff=False, role=[])
        await Environments(conn, other).create("production")
    before = await _rows(database)
    await write(database, tenancy, named["ci"])
    after = await _rows(database)
    for table in TABLES:
        differing = {
            id for id, row in before[table.name].items() if after[table.name].get(id) != row
        } | after[table.name].keys() - before[table.name].keys()
        expected = {named[changed[table.name]]} if table.name in changed else set()
        assert differing == expected


async def test_an_environment_may_have_the_name_of_another_teams(
    database: Database, tenancy: Tenancy
) -> None:
    async with database.write() as conn:
        other = await create_team(conn, "Other")
        created = await Environments(conn, other).create("production")
        await Environments(conn, other).update(created["id"], {"name": "development"})


async def test_the_operator_lists_the_tokens_of_one_environment(database: Database, tenancy: Tenancy) -> None:
    administration = Administration(database)
    await administration.create_token(tenancy.production, "theirs")
    assert [row["name"] for row in await administration.list_tokens("production")] == ["theirs"]
    assert {row["name"] for row in await administration.list_tokens()} == {"first start", "theirs"}
