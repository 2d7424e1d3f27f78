"""Installs of integrations and models in an environment."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select
from tests.unit.integrations.world import World, query

from isthmus.db import Database, EpochWatcher
from isthmus.db.listing import ListQuery
from isthmus.db.tables import environment_integration
from isthmus.errors import BadRequest, Forbidden, NotFound
from isthmus.integrations.catalog.integrations import Integrations
from isthmus.integrations.catalog.shipped_files import derive_integration_id, derive_model_id
from isthmus.integrations.catalog.unified_models import UnifiedModels
from isthmus.integrations.installs.environment_integrations import OVERRIDE_SECRETS, EnvironmentIntegrations
from isthmus.integrations.installs.environment_unified_models import EnvironmentUnifiedModels
from isthmus.integrations.rows.scope import EnvironmentScope

pytestmark = pytest.mark.both_databases

SECRET_OVERRIDE = {
    "authorization": {"format": "bearer", "config": {"token": "literal"}},
    "environment_variables": {"tier": "gold"},
    "secret_environment_variables": {"hook": "hush"},
}


async def install(database: Database, scope: EnvironmentScope, **values: Any) -> dict[str, Any]:
    async with database.write() as conn:
        return await EnvironmentIntegrations(conn, scope).create({"integration_id": "brightfold", **values})


async def patch(database: Database, scope: EnvironmentScope, id: str, **changes: Any) -> dict[str, Any]:
    async with database.write() as conn:
        return await EnvironmentIntegrations(conn, scope).update(id, changes)


async def secrets(database: Database, id: str) -> Any:
    statement = select(environment_integration.c.override_secrets).where(environment_integration.c.id == id)
    async with database.read() as conn:
        sealed = (await conn.execute(statement)).scalar_one()
    return OVERRIDE_SECRETS.decrypt(database.keys, id, sealed)


async def test_installing_twice_is_one_install(database: Database, world: World) -> None:
    first = await install(database, world.mine)
    second = await install(database, world.mine, is_enabled=False)
    assert second == first
    assert (first["is_enabled"], first["is_active"], first["show_in_catalog"]) == (True, True, True)
    assert first["integration"] == {
        "id": derive_integration_id("brightfold"),
        "name": "brightfold",
        "category": "ticketing",
        "config": {"label": "Brightfold Desk"},
    }


async def test_either_name_of_the_switch_is_taken(database: Database, world: World) -> None:
    row = await install(database, world.mine, is_active=False)
    assert not row["is_enabled"]
    assert (await patch(database, world.mine, row["id"], is_active=True))["is_enabled"]


async def test_an_install_says_where_providers_send_people_back(database: Database, world: World) -> None:
    own = "https://login.example.com/back"
    row = await install(database, world.mine, isthmus_callback_url=own)
    assert row["isthmus_callback_url"] == own
    assert (await patch(database, world.mine, row["id"], is_enabled=True))["isthmus_callback_url"] == own
    cleared = await patch(database, world.mine, row["id"], isthmus_callback_url=None)
    assert cleared["isthmus_callback_url"] is None


@pytest.mark.parametrize(
    "address",
    [
        "http://login.example.com/back",
        "https://login.example.com/back#here",
        "https://user@login.example.com",
        "javascript:alert(1)",
        "myapp://back",
        "/back",
        "",
        7,
    ],
)
async def test_an_address_that_providers_cannot_send_people_to_is_refused(
    database: Database, world: World, address: object
) -> None:
    row = await install(database, world.mine)
    with pytest.raises(BadRequest) as refused:
        await patch(database, world.mine, row["id"], isthmus_callback_url=address)
    assert refused.value.details["failures"][0]["path"] == "isthmus_callback_url"


async def test_an_install_belongs_to_its_environment_alone(database: Database, world: World) -> None:
    row = await install(database, world.mine)
    for scope in (world.sibling, world.foreign):
        async with database.write() as conn:
            theirs = EnvironmentIntegrations(conn, scope)
            assert (await theirs.list(query())).rows == []
            for attempt in (theirs.get(row["id"]), theirs.update(row["id"], {"is_enabled": False})):
                with pytest.raises(NotFound):
                    await attempt
            with pytest.raises(NotFound):
                await theirs.delete(row["id"])


async def test_what_another_team_keeps_to_itself_is_not_installed(database: Database, world: World) -> None:
    async with database.write() as conn:
        theirs = Integrations(conn, world.foreign)
        hidden = await theirs.create({"name": "hidden", "config": {}})
        asked = await theirs.create({"name": "asked", "config": {}, "sharing": "ask"})
        open_to_all = await theirs.create({"name": "open", "config": {}, "sharing": "allow"})
        mine = EnvironmentIntegrations(conn, world.mine)
        with pytest.raises(NotFound):
            await mine.create({"integration_id": hidden["id"]})
        with pytest.raises(Forbidden, match="allow"):
            await mine.create({"integration_id": asked["id"]})
        assert (await mine.create({"integration_id": open_to_all["id"]}))["integration"]["name"] == "open"


async def test_secrets_of_an_override_are_sealed_and_never_shown(database: Database, world: World) -> None:
    row = await install(database, world.mine, override=SECRET_OVERRIDE)
    assert "literal" not in str(row)
    assert "hush" not in str(row)
    assert row["override"]["environment_variables"] == {"tier": "gold"}
    assert (await secrets(database, row["id"]))["secret_environment_variables"] == {"hook": "hush"}


async def test_a_key_written_into_a_header_is_sealed_and_never_shown(
    database: Database, world: World
) -> None:
    method = {"query": {"api_key": "hush", "page": "1"}}
    override = {
        "headers": {"Authorization": "Bearer hush", "Accept": "application/json"},
        "resources": {"tickets": {"list": method}},
    }
    row = await install(database, world.mine, override=override)
    assert row["override"] == {
        "headers": {"Accept": "application/json"},
        "resources": {"tickets": {"list": {"query": {"page": "1"}}}},
    }
    async with database.read() as conn:
        columns = (await conn.execute(select(environment_integration))).mappings().one()
    assert "hush" not in str(columns["override"])
    assert (await secrets(database, row["id"]))["headers"] == {"Authorization": "Bearer hush"}


async def test_an_override_is_replaced_whole_but_its_secrets_survive(
    database: Database, world: World
) -> None:
    row = await install(database, world.mine, override=SECRET_OVERRIDE)
    sent = {"authorization": row["override"]["authorization"]}
    changed = await patch(database, world.mine, row["id"], override=sent)
    assert "environment_variables" not in changed["override"]
    kept = await secrets(database, row["id"])
    assert kept["authorization"]["config"]["token"] == "literal"
    assert kept["secret_environment_variables"] == {"hook": "hush"}


async def test_null_removes_a_secret_and_an_empty_override_clears_all(
    database: Database, world: World
) -> None:
    row = await install(database, world.mine, override=SECRET_OVERRIDE)
    sent = {**row["override"], "secret_environment_variables": {"hook": None}}
    await patch(database, world.mine, row["id"], override=sent)
    assert "secret_environment_variables" not in (await secrets(database, row["id"]))
    cleared = await patch(database, world.mine, row["id"], override={})
    assert cleared["override"] == {}
    assert await secrets(database, row["id"]) is None


@pytest.mark.parametrize(
    ("override", "path", "code"),
    [
        ({"error_expression": "("}, "override.error_expression", "expression"),
        (
            {"resources": {"tickets": {"list": {"api_response_format": "papyrus"}}}},
            "override.resources.tickets.list.api_response_format",
            "literal_error",
        ),
        ("text", "override", "type"),
    ],
)
async def test_an_override_that_does_not_fit_is_refused(
    database: Database, world: World, override: Any, path: str, code: str
) -> None:
    row = await install(database, world.mine)
    with pytest.raises(BadRequest) as refused:
        await patch(database, world.mine, row["id"], override=override)
    assert [(each["path"], each["code"]) for each in refused.value.details["failures"]] == [(path, code)]


async def test_an_integrations_id_uninstalls_it_too(
    database: Database, world: World, epochs: EpochWatcher
) -> None:
    row = await install(database, world.mine)
    before = epochs.get_epoch(world.mine.environment_id)
    async with database.write() as conn:
        assert await EnvironmentIntegrations(conn, world.mine).delete(row["integration_id"]) == row["id"]
    assert epochs.get_epoch(world.mine.environment_id) > before
    async with database.read() as conn:
        assert (await EnvironmentIntegrations(conn, world.mine).list(query())).rows == []


async def test_a_model_is_installed_once_and_uninstalled_by_its_own_id(
    database: Database, world: World
) -> None:
    async with database.write() as conn:
        mine = EnvironmentUnifiedModels(conn, world.mine)
        first = await mine.create({"unified_model_id": derive_model_id("desk")})
        assert await mine.create({"unified_model_id": "desk"}) == first
        assert first["unified_model"]["name"] == "desk"
        assert (await EnvironmentUnifiedModels(conn, world.sibling).list(query())).rows == []
        assert [row["id"] for row in (await mine.list(query(("unified_model.name", "desk")))).rows] == [
            first["id"]
        ]
        assert await mine.delete(derive_model_id("desk")) == first["id"]


async def test_a_models_override_is_checked_and_replaced_whole(database: Database, world: World) -> None:
    async with database.write() as conn:
        mine = EnvironmentUnifiedModels(conn, world.mine)
        row = await mine.create({"unified_model_id": "desk"})
        changed = await mine.update(
            row["id"], {"override": {"resources": {"tickets": {"description": "Ours"}}}}
        )
        assert changed["override"] == {"resources": {"tickets": {"description": "Ours"}}}
        assert changed["unified_model"]["resources"]["tickets"]["description"] == "A request."
        with pytest.raises(BadRequest) as refused:
            await mine.update(row["id"], {"override": {"mappings": {}}})
        assert refused.value.details["failures"][0]["path"] == "override.mappings"


@pytest.mark.parametrize("sort_by", ["integration.name", "is_active", "is_enabled"])
async def test_installs_page_in_any_order(database: Database, world: World, sort_by: str) -> None:
    async with database.write() as conn:
        for name in ("one", "two"):
            await Integrations(conn, world.mine).create({"name": name, "config": {}})
            await EnvironmentIntegrations(conn, world.mine).create({"integration_id": name})
        first = await EnvironmentIntegrations(conn, world.mine).list(
            ListQuery(sort_by=sort_by, descending=False, limit=1)
        )
        second = await EnvironmentIntegrations(conn, world.mine).list(
            ListQuery(sort_by=sort_by, descending=False, limit=1, after=first.after)
        )
    assert {row["integration"]["name"] for row in (*first.rows, *second.rows)} == {"one", "two"}


async def test_installed_models_page_by_name(database: Database, world: World) -> None:
    async with database.write() as conn:
        await UnifiedModels(conn, world.mine).create({"name": "own", "category": "crm", "resources": {}})
        mine = EnvironmentUnifiedModels(conn, world.mine)
        for name in ("desk", "own"):
            await mine.create({"unified_model_id": name})
        by_name = ListQuery(sort_by="unified_model.name", descending=False, limit=1)
        first = await mine.list(by_name)
        second = await mine.list(replace(by_name, after=first.after))
    assert [row["unified_model"]["name"] for row in (*first.rows, *second.rows)] == ["desk", "own"]
