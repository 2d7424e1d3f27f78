"""Teams, environments, users and API tokens, each for one caller only."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import select
from tests.unit.tenancy.conftest import Tenancy

from isthmus.db import Database, EpochWatcher
from isthmus.db.listing import Filter, ListQuery
from isthmus.db.tables import event
from isthmus.errors import BadRequest, Conflict, NotFound, SetupError
from isthmus.tenancy import Administration, ApiTokens, Environments, Teams, Users
from isthmus.tenancy.teams import create_team

pytestmark = pytest.mark.both_databases

ALL = ListQuery()


async def test_an_environment_sees_no_other(database: Database, tenancy: Tenancy) -> None:
    async with database.read() as conn:
        own = Environments(conn, tenancy.team_id, only=tenancy.development)
        assert [row["id"] for row in (await own.list(ALL)).rows] == [tenancy.development]
        with pytest.raises(NotFound):
            await own.get(tenancy.production)


async def test_a_team_sees_all_its_environments_newest_first(database: Database, tenancy: Tenancy) -> None:
    async with database.read() as conn:
        rows = (await Environments(conn, tenancy.team_id).list(ALL)).rows
    assert [row["name"] for row in rows] == ["production", "development"]


async def test_another_team_sees_nothing_of_it(database: Database, tenancy: Tenancy) -> None:
    async with database.write() as conn:
        other = await create_team(conn, "Other")
        for repository in (Environments(conn, other), Users(conn, other)):
            assert (await repository.list(ALL)).rows == []
        with pytest.raises(NotFound):
            await Environments(conn, other).update(tenancy.development, {"name": "mine"})
        with pytest.raises(NotFound):
            await Teams(conn, other).get(tenancy.team_id)
        with pytest.raises(NotFound):
            await Users(conn, other).get(tenancy.user_id)


async def test_a_renamed_environment_keeps_its_id_and_raises_its_epoch(
    database: Database, tenancy: Tenancy, epochs: EpochWatcher
) -> None:
    before = epochs.get_epoch(tenancy.development)
    async with database.write() as conn:
        row = await Environments(conn, tenancy.team_id).update(tenancy.development, {"name": " Staging "})
    assert (row["id"], row["name"]) == (tenancy.development, "Staging")
    assert epochs.get_epoch(tenancy.development) == before + 1


async def test_settings_of_an_environment_are_laid_over_those_it_has(
    database: Database, tenancy: Tenancy
) -> None:
    async with database.write() as conn:
        environments = Environments(conn, tenancy.team_id)
        await environments.update(
            tenancy.development,
            {"settings": {"connect_theme": {"radius": 3}, "embedding_origins": ["https://a.example"]}},
        )
        row = await environments.update(
            tenancy.development, {"settings": {"connect_theme": None, "embedding_origins": []}}
        )
    assert row["settings"] == {"embedding_origins": [], "unknown_names": "refuse"}


@pytest.mark.parametrize("value", ["ignore", "", "REFUSE", True, ["refuse"], {}])
async def test_what_becomes_of_unknown_names_is_one_of_two_words(
    database: Database, tenancy: Tenancy, value: object
) -> None:
    async with database.write() as conn:
        environments = Environments(conn, tenancy.team_id)
        with pytest.raises(BadRequest, match=r"settings\.unknown_names must be one of warn, refuse"):
            await environments.update(tenancy.development, {"settings": {"unknown_names": value}})
        row = await environments.update(tenancy.development, {"settings": {"unknown_names": "warn"}})
    assert row["settings"] == {"unknown_names": "warn"}


async def test_a_taken_or_empty_name_is_refused(database: Database, tenancy: Tenancy) -> None:
    async with database.write() as conn:
        environments = Environments(conn, tenancy.team_id)
        with pytest.raises(Conflict, match="production"):
            await environments.update(tenancy.development, {"name": "production"})
        for name in ("", "  ", None, 7):
            with pytest.raises(BadRequest):
                await environments.update(tenancy.development, {"name": name})


async def test_a_team_is_renamed_by_its_members_environments_notice(
    database: Database, tenancy: Tenancy, epochs: EpochWatcher
) -> None:
    before = epochs.get_epoch(tenancy.production)
    async with database.write() as conn:
        row = await Teams(conn, tenancy.team_id).update(
            tenancy.team_id, {"name": "Acme", "logo": None, "domain": "acme.example"}
        )
    assert (row["name"], row["domain"]) == ("Acme", "acme.example")
    assert epochs.get_epoch(tenancy.production) == before + 1


async def test_a_patch_of_nothing_that_can_be_changed_names_what_can(
    database: Database, tenancy: Tenancy, epochs: EpochWatcher
) -> None:
    before = epochs.get_epoch(tenancy.development)
    async with database.write() as conn:
        for changes in ({}, {"id": "mine", "team_id": "mine"}):
            with pytest.raises(BadRequest, match="at least one of: domain, logo, name"):
                await Teams(conn, tenancy.team_id).update(tenancy.team_id, changes)
            with pytest.raises(BadRequest, match="at least one of: name, settings"):
                await Environments(conn, tenancy.team_id).update(tenancy.development, changes)
    assert epochs.get_epoch(tenancy.development) == before


async def test_a_logo_is_the_address_of_an_image(database: Database, tenancy: Tenancy) -> None:
    async with database.write() as conn:
        teams = Teams(conn, tenancy.team_id)
        for wrong in ("logo.png", "javascript:alert(1)", "https://", "http://[", ""):
            with pytest.raises(BadRequest) as refused:
                await teams.update(tenancy.team_id, {"logo": wrong})
            assert refused.value.details["failures"][0]["path"] == "logo"
        shown = "https://acme.example/logo.svg"
        assert (await teams.update(tenancy.team_id, {"logo": shown}))["logo"] == shown


async def test_a_domain_is_a_host_name_alone(database: Database, tenancy: Tenancy) -> None:
    async with database.write() as conn:
        teams = Teams(conn, tenancy.team_id)
        for wrong in ("https://acme.example", "acme.example/x", "a b", "-acme.example", "acme..example", ""):
            with pytest.raises(BadRequest) as refused:
                await teams.update(tenancy.team_id, {"domain": wrong})
            assert refused.value.details["failures"][0]["path"] == "domain"
        for domain in ("my-team.acme.example", None):
            assert (await teams.update(tenancy.team_id, {"domain": domain}))["domain"] == domain


async def test_a_user_has_the_shape_of_the_wire(database: Database, tenancy: Tenancy) -> None:
    async with database.read() as conn:
        row = (await Users(conn, tenancy.team_id).list(ALL)).rows[0]
        assert await Users(conn, tenancy.team_id).get(row["id"]) == row
    assert set(row) == {
        *("id", "created_at", "updated_at", "name", "email", "is_active", "is_staff", "last_login_at"),
        *("role", "team", "environment"),
    }
    assert (row["role"], row["team"]) == (["admin"], [tenancy.team_id])


async def test_a_token_row_never_holds_the_secret(database: Database, tenancy: Tenancy) -> None:
    expires = datetime(2031, 1, 1, tzinfo=UTC)
    issued = await Administration(database).create_token(tenancy.development, "ci", expires_at=expires)
    async with database.read() as conn:
        row = await ApiTokens(conn, tenancy.development).get(issued.row["id"])
    assert row == issued.row
    assert set(row) == {
        *("id", "created_at", "updated_at", "name", "environment_id", "created_by", "expires_at"),
    }
    assert row["expires_at"] == expires


async def test_tokens_of_another_environment_are_not_found(database: Database, tenancy: Tenancy) -> None:
    issued = await Administration(database).create_token("production", "theirs")
    async with database.write() as conn:
        tokens = ApiTokens(conn, tenancy.development)
        with pytest.raises(NotFound):
            await tokens.get(issued.row["id"])
        with pytest.raises(NotFound):
            await tokens.revoke(issued.row["id"])
        named = ListQuery(filters=(Filter("name", "eq", ("theirs",)),))
        assert (await tokens.list(named)).rows == []


async def test_a_token_that_is_revoked_twice_at_once_is_told_of_once(
    database: Database, tenancy: Tenancy
) -> None:
    issued = await Administration(database).create_token("development", "old")

    async def revoke() -> None:
        async with database.write() as conn:
            await ApiTokens(conn, tenancy.development).revoke(issued.row["id"])

    async with database.read() as one, database.read() as other:  # so that neither waits to connect
        await one.execute(select(1))
        await other.execute(select(1))
    ended = await asyncio.gather(revoke(), revoke(), return_exceptions=True)
    assert [type(each) for each in ended if each] == [NotFound]
    async with database.read() as conn:
        told = select(event.c.resource_id).where(event.c.event == "api_token:deleted")
        assert (await conn.execute(told)).scalars().all() == [issued.row["id"]]


async def test_the_operator_lists_revoked_tokens_and_the_api_does_not(
    database: Database, tenancy: Tenancy
) -> None:
    administration = Administration(database)
    issued = await administration.create_token("development", "old")
    await administration.revoke_token(issued.row["id"])
    await administration.revoke_token(issued.row["id"])
    listed = await administration.list_tokens("development")
    assert [(row["name"], row["revoked_at"] is not None) for row in listed] == [
        ("first start", False),
        ("old", True),
    ]
    async with database.read() as conn:
        rows = (await ApiTokens(conn, tenancy.development).list(ALL)).rows
    assert [row["name"] for row in rows] == ["first start"]


async def test_the_operator_is_told_which_environments_there_are(
    database: Database, tenancy: Tenancy
) -> None:
    administration = Administration(database)
    with pytest.raises(SetupError, match="development, production"):
        await administration.create_token("staging", "x")
    with pytest.raises(SetupError, match="tokens list"):
        await administration.revoke_token("nobody")
    with pytest.raises(Conflict):
        await administration.create_environment("production")


async def test_an_environment_before_the_first_start_is_refused(database: Database) -> None:
    with pytest.raises(SetupError, match="Start the server once"):
        await Administration(database).create_environment("early")
