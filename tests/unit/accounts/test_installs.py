"""Installs bring a sandbox account, and take their accounts with them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.background import until
from tests.unit.accounts.conftest import Desk
from tests.unit.integrations.world import World, query

from isthmus.accounts import Accounts, Installs, derive_sandbox_account_id, install_everything
from isthmus.accounts.rows.account_events import emit_accounts_deleted
from isthmus.accounts.sandbox.sandbox_accounts import build_example_context
from isthmus.db import Database
from isthmus.db.tables import event
from isthmus.definitions.load import load_integration
from isthmus.errors import NotFound
from isthmus.integrations.catalog.catalog_sync import sync_catalog
from isthmus.integrations.catalog.shipped_files import Catalog, derive_integration_id
from isthmus.integrations.installs.environment_unified_models import EnvironmentUnifiedModels

pytestmark = pytest.mark.both_databases


async def test_everything_shipped_is_installed_with_a_sandbox_account(
    database: Database, world: World
) -> None:
    async with database.write() as conn:
        await install_everything(conn, world.mine.environment_id)
        await install_everything(conn, world.mine.environment_id)
        (install,) = (await Installs(conn, world.mine).list(query())).rows
        (model,) = (await EnvironmentUnifiedModels(conn, world.mine).list(query())).rows
        (account,) = (await Accounts(conn, world.mine).list(query())).rows
    assert (install["integration"]["name"], model["unified_model"]["name"]) == ("brightfold", "desk")
    assert account["id"] == derive_sandbox_account_id(
        world.mine.environment_id, derive_integration_id("brightfold")
    )
    assert (account["tenant_id"], account["authentication_method"], account["is_sandbox"]) == (
        "sandbox",
        "sandbox",
        True,
    )
    assert account["status"] == "active"


async def test_what_a_new_version_ships_is_not_installed_by_itself(
    database: Database, world: World, catalog: Catalog
) -> None:
    """And what was taken away does not come back; the environment's own decision either way."""
    async with database.write() as conn:
        await install_everything(conn, world.mine.environment_id)
        await Installs(conn, world.mine).delete(derive_integration_id("brightfold"))
    shipped = catalog.path / "integrations" / "newfold" / "integration.yaml"
    shipped.parent.mkdir()
    shipped.write_text("name: newfold\nsharing: allow\nconfig: {base_url: 'https://newfold.example'}\n")
    assert await sync_catalog(database, catalog)
    async with database.write() as conn:
        installs = Installs(conn, world.mine)
        assert (await installs.list(query())).rows == []
        row = await installs.create({"integration_id": "newfold"})
        assert row["integration"]["name"] == "newfold"


async def test_the_sandbox_account_has_the_same_id_when_installed_anew(
    database: Database, world: World
) -> None:
    async with database.write() as conn:
        installs = Installs(conn, world.mine)
        row = await installs.create({"integration_id": "brightfold"})
        (first,) = (await Accounts(conn, world.mine).list(query())).rows
        await installs.delete(row["id"])
        assert (await Accounts(conn, world.mine).list(query())).rows == []
        await installs.create({"integration_id": "brightfold"})
        (second,) = (await Accounts(conn, world.mine).list(query())).rows
    assert first["id"] == second["id"]


async def test_the_sandbox_account_is_told_of_as_any_other(
    database: Database, world: World, catalog: Catalog
) -> None:
    async with database.write() as conn:
        await install_everything(conn, world.mine.environment_id)
        await install_everything(conn, world.mine.environment_id)  # it is there
    id = derive_sandbox_account_id(world.mine.environment_id, derive_integration_id("brightfold"))
    async with database.write() as conn:
        await Accounts(conn, world.mine).update(id, {"tenant_id": "other"})
        await Installs(conn, world.mine).delete(derive_integration_id("brightfold"))
    async with database.read() as conn:
        mine = select(event.c.event, event.c.payload).where(event.c.resource_id == id).order_by(event.c.seq)
        told = (await conn.execute(mine)).all()
    assert [each.event.partition(":")[2] for each in told] == ["created", "active", "updated", "deleted"]
    assert (told[0].payload["status"], told[0].payload["is_sandbox"]) == ("active", True)


async def test_uninstalling_by_the_integrations_id_deletes_every_account(
    database: Database, desk: Desk
) -> None:
    await desk.connect()
    async with database.write() as conn:
        removed = await Installs(conn, desk.scope).delete(derive_integration_id("brightfold"))
        assert removed == desk.install_id
        assert (await Accounts(conn, desk.scope).list(query())).rows == []


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)  # SQLite has one writer at a time
async def test_no_account_is_connected_while_its_install_is_being_removed(
    database: Database, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would vanish with the install, and nobody would be told."""
    connecting: list[asyncio.Task[Any]] = []

    async def tell(conn: AsyncConnection, *rest: Any) -> None:
        connecting.append(asyncio.create_task(desk.connect()))

        async def has_its_way_or_waits() -> bool:
            waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
            return connecting[0].done() or (await conn.execute(waiting)).scalar_one() > 0

        await until(has_its_way_or_waits)
        await emit_accounts_deleted(conn, *rest)

    monkeypatch.setattr("isthmus.accounts.installs.emit_accounts_deleted", tell)
    async with database.write() as conn:
        await Installs(conn, desk.scope).delete(desk.install_id)
    with pytest.raises(NotFound, match=desk.install_id):
        await connecting[0]


def test_every_field_of_the_form_after_connecting_has_an_example_as_the_form_stores_it() -> None:
    options = [{"label": "EU", "value": "eu"}, {"label": "US", "value": "us"}]
    select = {"type": "resource_select", "resource": "boards"}
    fields = [
        {"name": "host", "format": "url"},
        {"name": "zone", "type": "single_select", "options": options},
        {"name": "zones", "type": "multi_select", "options": options},
        {"name": "count", "type": "number"},
        {"name": "all", "type": "checkbox"},
        {"name": "board", **select, "default": "b1"},
        {"name": "boards", **select, "multiple": True, "store": "object", "placeholder": "b1"},
        {"name": "key"},
    ]
    steps = [{"type": "transform", "config": "1"}, {"type": "form", "config": fields}]
    credentials = {"api_key": {"config": {"fields": [{"name": "key", "default": "k"}]}}}
    actions = {"post_connect_user_form": {"steps": steps}}
    assert build_example_context(load_integration({"credentials": credentials, "actions": actions})) == {
        "key": "k",
        "host": "https://example.com",
        "zone": "eu",
        "zones": ["eu"],
        "count": 1,
        "all": True,
        "board": "b1",
        "boards": [{"label": "b1", "value": "b1"}],
    }


def test_every_field_of_every_format_has_an_example_that_the_field_accepts() -> None:
    fields = [
        {"name": "mail", "format": "email", "required": True},
        {"name": "site", "format": "url"},
        {"name": "count", "format": "number"},
        {"name": "key", "type": "password"},
        {"name": "zone", "type": "single_select", "options": [{"label": "EU", "value": "eu"}]},
        {"name": "sub", "placeholder": "acme"},
        {"name": "code", "placeholder": "your code", "pattern": "[a-z]+"},
        {"name": "kept", "default": "d"},
    ]
    definition = load_integration(
        {
            "credentials": {
                "api_key": {"config": {"fields": fields}},
                "oauth2": {"config": {"auth": {"tokenHost": "https://a.example"}, "scope": ["read"]}},
            }
        }
    )
    assert build_example_context(definition) == {
        "mail": "person@example.com",
        "site": "https://example.com",
        "count": "1",
        "key": "sandbox-key",
        "zone": "eu",
        "sub": "acme",
        "code": "sandbox",
        "kept": "d",
        "oauth": {
            "token": {"access_token": "sandbox-access-token", "refresh_token": "sandbox-refresh-token"},
            "scope": ["read"],
        },
    }
