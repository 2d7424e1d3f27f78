"""Integrated accounts as rows: what is taken, stored, shown and refused."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select
from tests.unit.accounts.conftest import Desk, install
from tests.unit.integrations.world import World, query

from isthmus.accounts import Accounts, derive_sandbox_account_id
from isthmus.accounts.rows.context import OVERRIDE_SECRETS, decrypt_context
from isthmus.db import Database, EpochWatcher
from isthmus.db.listing import ListQuery
from isthmus.db.tables import integrated_account
from isthmus.errors import BadRequest, NotFound
from isthmus.integrations.catalog.shipped_files import derive_integration_id
from isthmus.integrations.installs.environment_integrations import EnvironmentIntegrations
from isthmus.kit.ids import new_id

pytestmark = pytest.mark.both_databases


async def stored(database: Database, id: str) -> dict[str, Any]:
    async with database.read() as conn:
        statement = select(integrated_account).where(integrated_account.c.id == id)
        return dict((await conn.execute(statement)).mappings().one())


async def failures(attempt: Any) -> set[tuple[str, str]]:
    with pytest.raises(BadRequest) as refused:
        await attempt
    return {(each["path"], each["code"]) for each in refused.value.details["failures"]}


async def test_an_account_is_active_at_once_and_shows_no_secret(database: Database, desk: Desk) -> None:
    row = await desk.connect(context={"account": " acme ", "api_key": "k-1", "pin": "7", "note": "x"})
    assert row["context"] == {"account": "acme", "note": "x"}
    assert (row["status"], row["region"], row["is_sandbox"]) == ("active", "wnam", False)
    assert row["integration"]["name"] == "brightfold"
    assert row["environment_integration"]["id"] == desk.install_id
    assert "integration" not in row["environment_integration"]
    assert row["features"] == {"super_query": None}
    kept = await stored(database, row["id"])
    assert "k-1" not in str(kept["context"])
    assert b"k-1" not in kept["context_secrets"]
    assert decrypt_context(database.keys, kept)["pin"] == "7"


async def test_basic_is_another_name_of_api_key(desk: Desk) -> None:
    assert (await desk.connect(authentication_method="basic"))["authentication_method"] == "api_key"


async def test_a_token_is_imported_for_oauth(database: Database, desk: Desk) -> None:
    context = {"oauth": {"token": {"access_token": "t", "expires_at": 9}, "scope": ["read"]}}
    row = await desk.connect(authentication_method="oauth2", context=context)
    assert row["context"] == {"oauth": {"token": {"expires_at": 9}, "scope": ["read"]}}
    assert await failures(desk.connect(authentication_method="oauth2", context={})) == {
        ("context.oauth.token.access_token", "required")
    }


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"context": {"account": "acme"}}, {("context.api_key", "required")}),
        (
            {"context": {"account": "A1", "region": "mars"}},
            {("context.account", "pattern"), ("context.region", "option"), ("context.api_key", "required")},
        ),
        ({"authentication_method": "magic"}, {("authentication_method", "unknown_method")}),
        ({"authentication_method": "sandbox"}, {("authentication_method", "unknown_method")}),
        ({"region": "mars"}, {("region", "enum")}),
        ({"tenant_id": None}, {("tenant_id", "required")}),
        ({"context": None}, {("context", "required")}),
        (
            {"unified_model_override": {"desk": {"tickets": {"list": "x"}}}},
            {("unified_model_override.desk.tickets.list", "type")},
        ),
        (
            {"unified_model_override": {"desk": {"tickets": {"list": {"response_mapping": "("}}}}},
            {("unified_model_override.desk.tickets.list.response_mapping", "expression")},
        ),
        (
            {"integration_override": {"pagination": {"format": "scroll"}}},
            {("integration_override.pagination", "tag")},
        ),
    ],
)
async def test_every_field_that_does_not_fit_is_named(
    desk: Desk, values: dict[str, Any], wrong: set[tuple[str, str]]
) -> None:
    assert await failures(desk.connect(**values)) == wrong


async def test_an_install_of_another_environment_takes_no_account(
    database: Database, world: World, desk: Desk
) -> None:
    theirs = await install(database, world.sibling, desk.url)
    for foreign in (theirs.install_id, new_id()):
        with pytest.raises(NotFound):
            await desk.connect(environment_integration_id=foreign)


async def test_another_environments_accounts_do_not_exist(
    database: Database, world: World, desk: Desk
) -> None:
    row = await desk.connect()
    for scope in (world.sibling, world.foreign):
        async with database.write() as conn:
            theirs = Accounts(conn, scope)
            assert (await theirs.list(query())).rows == []
            for attempt in (
                theirs.get(row["id"]),
                theirs.update(row["id"], {"tenant_id": "x"}),
                theirs.update_credentials(row["id"], {"context": {"api_key": "x"}}),
                theirs.delete(row["id"]),
            ):
                with pytest.raises(NotFound):
                    await attempt
            await theirs.delete_many({"ids": [row["id"]]})
            await theirs.delete_many({"tenant_id": "t-1"})
    assert (await desk.get(row["id"]))["id"] == row["id"]


async def test_a_patch_keeps_the_secrets_it_leaves_out(database: Database, desk: Desk) -> None:
    row = await desk.connect()
    changed = await desk.update(row["id"], context={"note": {"a": 1}, "environment_variables": {"x": 1}})
    assert changed["context"] == {"account": "acme", "url": desk.url, "note": {"a": 1}}
    changed = await desk.update(row["id"], context={"note": {"b": 2}, "api_key": "k-2"})
    assert changed["context"]["note"] == {"b": 2}
    assert decrypt_context(database.keys, await stored(database, row["id"]))["api_key"] == "k-2"


@pytest.mark.parametrize("sent", [{"oauth": "t"}, {"oauth": {"token": "t"}}])
async def test_a_token_is_not_swept_away_by_what_cannot_be_merged(
    database: Database, desk: Desk, sent: dict[str, Any]
) -> None:
    context = {"oauth": {"token": {"access_token": "t"}}}
    row = await desk.connect(authentication_method="oauth2", context=context)
    assert {code for _, code in await failures(desk.update(row["id"], context=sent))} == {"type"}
    kept = decrypt_context(database.keys, await stored(database, row["id"]))
    assert kept["oauth"]["token"]["access_token"] == "t"  # not a password


async def test_a_secret_stays_one_when_a_changed_form_asks_for_it_as_text(
    database: Database, desk: Desk
) -> None:
    row = await desk.connect(context={"account": "acme", "api_key": "k-1", "pin": "7"})
    async with database.write() as conn:
        config = {"fields": [{"name": "api_key"}, {"name": "pin", "type": "text"}]}
        override = {"credentials": {"api_key": {"config": config}}}
        await EnvironmentIntegrations(conn, desk.scope).update(desk.install_id, {"override": override})
    changed = await desk.update(row["id"], context={"note": "x"})
    assert changed["context"] == {"account": "acme", "note": "x"}
    assert decrypt_context(database.keys, await stored(database, row["id"]))["pin"] == "7"


async def test_a_patch_checks_the_credential_fields_it_names(desk: Desk) -> None:
    row = await desk.connect()
    assert await failures(desk.update(row["id"], context={"account": "A1"})) == {
        ("context.account", "pattern")
    }
    assert (await desk.update(row["id"], context={"account": " other "}))["context"]["account"] == "other"


async def test_what_is_fixed_after_creation_is_refused_unless_it_is_the_same(desk: Desk) -> None:
    row = await desk.connect()
    assert await failures(desk.update(row["id"], region="eu", is_sandbox=True, tenant_id="t")) == {
        ("region", "read_only"),
        ("is_sandbox", "read_only"),
    }
    assert (await desk.update(row["id"], region="wnam", is_sandbox=False, tenant_id="t"))["tenant_id"] == "t"
    assert await failures(desk.update(row["id"], status="inactive")) == {("status", "enum")}
    assert await failures(desk.update(row["id"], last_error="x")) == {("body", "empty")}


async def test_a_sandbox_account_stays_one(database: Database, desk: Desk) -> None:
    id = derive_sandbox_account_id(desk.scope.environment_id, derive_integration_id("brightfold"))
    assert await failures(desk.update(id, authentication_method="api_key")) == {
        ("authentication_method", "read_only")
    }
    assert (await desk.update(id, context={"note": "x"}))["context"]["note"] == "x"


async def test_a_refused_account_is_not_revived_by_its_status_alone(database: Database, desk: Desk) -> None:
    row = await desk.connect()
    await desk.update(row["id"], status="needs_reauth")
    for status in ("active", "connecting", "validation_error"):
        with pytest.raises(BadRequest, match="credentials that work"):
            await desk.update(row["id"], status=status)
    whole = await desk.get(row["id"])
    echoed = await desk.update(whole.pop("id"), **whole)
    assert echoed["status"] == "needs_reauth"
    sandbox = derive_sandbox_account_id(desk.scope.environment_id, derive_integration_id("brightfold"))
    await desk.update(sandbox, status="needs_reauth")
    assert (await desk.update(sandbox, status="active"))["status"] == "active"


async def test_another_format_needs_its_whole_form(desk: Desk) -> None:
    context = {"oauth": {"token": {"access_token": "t"}}}
    row = await desk.connect(authentication_method="oauth2", context=context)
    assert await failures(desk.update(row["id"], authentication_method="api_key")) == {
        ("context.account", "required"),
        ("context.api_key", "required"),
    }
    changed = await desk.update(
        row["id"], authentication_method="api_key", context={"account": "a", "api_key": "k"}
    )
    assert changed["authentication_method"] == "api_key"


async def test_new_credentials_make_a_refused_account_active(database: Database, desk: Desk) -> None:
    row = await desk.connect()
    await desk.update(row["id"], status="needs_reauth")
    async with database.write() as conn:
        mine = Accounts(conn, desk.scope)
        assert await failures(mine.update_credentials(row["id"], {"context": {"note": 1}})) == {
            ("context.note", "not_a_credential")
        }
        assert await failures(mine.update_credentials(row["id"], {"context": {}})) == {
            ("context", "required")
        }
        changed = await mine.update_credentials(row["id"], {"context": {"api_key": "k-9"}})
    assert (changed["status"], changed["last_error"]) == ("active", None)
    assert decrypt_context(database.keys, await stored(database, row["id"]))["api_key"] == "k-9"


async def test_overrides_are_replaced_whole_and_their_secrets_survive(database: Database, desk: Desk) -> None:
    token = {"authorization": {"format": "bearer", "config": {"token": "literal"}}}
    row = await desk.connect(integration_override={**token, "headers": {"X": "1"}})
    assert "literal" not in str(row)
    changed = await desk.update(row["id"], integration_override={"authorization": {"format": "bearer"}})
    assert changed["integration_override"] == {"authorization": {"format": "bearer"}}
    kept = await stored(database, row["id"])
    sealed = OVERRIDE_SECRETS.decrypt(database.keys, row["id"], kept["integration_override_secrets"])
    assert sealed == {"authorization": {"config": {"token": "literal"}}}
    assert (await desk.update(row["id"], integration_override=None))["integration_override"] is None
    assert (await stored(database, row["id"]))["integration_override_secrets"] is None


async def test_variables_of_the_install_are_shown_in_the_context(database: Database, desk: Desk) -> None:
    row = await desk.connect()
    override = {"environment_variables": {"tier": "gold"}, "secret_environment_variables": {"hook": "hush"}}
    async with database.write() as conn:
        await EnvironmentIntegrations(conn, desk.scope).update(desk.install_id, {"override": override})
    shown = await desk.get(row["id"])
    assert shown["context"]["environment_variables"] == {"tier": "gold"}
    assert "hush" not in str(shown)


async def test_lists_filter_by_what_clients_send(database: Database, desk: Desk) -> None:
    one = await desk.connect(tenant_id="one")
    await desk.connect(tenant_id="two")
    async with database.read() as conn:
        mine = Accounts(conn, desk.scope)

        async def ids(*filters: tuple[str, str]) -> list[str]:
            return [row["id"] for row in (await mine.list(query(*filters))).rows]

        assert await ids(("tenant_id", "one")) == [one["id"]]
        assert len(await ids(("integration.name", "brightfold"))) == 3
        assert len(await ids(("is_sandbox", "false"))) == 2
        assert await ids(("integration.name", "other")) == []
        assert await ids(("features.super_query", "wnam")) == []
        assert len(await ids(("status", "active"), ("environment_id", desk.scope.environment_id))) == 3


async def test_accounts_are_deleted_one_by_one_or_together(
    database: Database, desk: Desk, epochs: EpochWatcher
) -> None:
    rows = [await desk.connect(tenant_id=tenant) for tenant in ("a", "a", "b", "c")]
    before = epochs.get_epoch(desk.scope.environment_id)
    async with database.write() as conn:
        mine = Accounts(conn, desk.scope)
        assert await mine.delete(rows[3]["id"]) == rows[3]["id"]
        await mine.delete_many({"ids": [rows[2]["id"], new_id()]})
        await mine.delete_many({"tenant_id": "a"})
        selections: list[dict[str, Any]] = [
            {},
            {"ids": []},
            {"ids": ["x"] * 501},
            {"ids": ["x"], "tenant_id": "a"},
        ]
        for selection in selections:
            with pytest.raises(BadRequest):
                await mine.delete_many(selection)
        assert [row["tenant_id"] for row in (await mine.list(query())).rows] == ["sandbox"]
    assert epochs.get_epoch(desk.scope.environment_id) > before


@pytest.mark.parametrize("sort_by", ["tenant_id", "integration.name", "status", "created_at"])
async def test_pages_in_any_order_hold_each_account_once(
    database: Database, desk: Desk, sort_by: str
) -> None:
    for tenant in ("a", "b", "b"):
        await desk.connect(tenant_id=tenant)
    seen: list[str] = []
    after = None
    async with database.read() as conn:
        mine = Accounts(conn, desk.scope)
        while True:
            page = await mine.list(ListQuery(sort_by=sort_by, descending=False, limit=1, after=after))
            seen += [row["id"] for row in page.rows]
            after = page.after
            if after is None:
                break
    assert len(seen) == len(set(seen)) == 4
