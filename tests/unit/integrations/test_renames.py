"""A name that rows refer to stays until they have moved: they would be left behind without a word."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.integrations.test_integrations import create
from tests.unit.integrations.test_models import CELL, mapping, model
from tests.unit.integrations.world import World

from isthmus.accounts import Accounts
from isthmus.db import Database
from isthmus.errors import Conflict
from isthmus.integrations.catalog.documentation import Documentation
from isthmus.integrations.catalog.integrations import Integrations
from isthmus.integrations.catalog.unified_models import UnifiedModels
from isthmus.integrations.installs.environment_integrations import EnvironmentIntegrations
from isthmus.integrations.installs.environment_unified_models import EnvironmentUnifiedModels
from isthmus.integrations.mappings.mapping_repositories import EnvironmentMappings, ModelMappings
from isthmus.integrations.rows.scope import EnvironmentScope

pytestmark = pytest.mark.both_databases

PARTIAL = {"own": {"people": {"list": {"query": {"a": "b"}}}}}


async def renamed(database: Database, scope: EnvironmentScope, id: str, name: str) -> str:
    async with database.write() as conn:
        return str((await Integrations(conn, scope).update(id, {"name": name}))["name"])


async def renamed_model(database: Database, scope: EnvironmentScope, id: str, name: str) -> str:
    async with database.write() as conn:
        return str((await UnifiedModels(conn, scope).update(id, {"name": name}))["name"])


async def installed_model(database: Database, scope: EnvironmentScope, id: str, **values: Any) -> str:
    async with database.write() as conn:
        installs = EnvironmentUnifiedModels(conn, scope)
        return str((await installs.create({"unified_model_id": id, **values}))["id"])


async def test_an_integration_that_mappings_name_keeps_its_name_until_they_have_the_new_one(
    database: Database, world: World
) -> None:
    row = await create(database, world.mine)
    desk = await model(database, world.mine)
    base = await mapping(database, world.mine, desk["id"], integration_name="mine")
    install = await installed_model(database, world.sibling, desk["id"])
    async with database.write() as conn:
        cell = {**CELL, "integration_name": "mine", "config": {"response_mapping": "$"}}
        over = await EnvironmentMappings(conn, world.sibling).create(
            {"environment_unified_model_id": install, **cell}
        )
    # These keep no name: they are of another integration, or of a team that has not installed this one.
    await mapping(database, world.mine, desk["id"])
    foreign = await model(database, world.foreign, name="theirs")
    await mapping(database, world.foreign, foreign["id"], integration_name="mine")
    foreign_install = await installed_model(database, world.foreign, foreign["id"])
    async with database.write() as conn:
        await EnvironmentMappings(conn, world.sibling).create(
            {"environment_unified_model_id": install, **cell, "integration_name": "brightfold"}
        )
        await EnvironmentMappings(conn, world.foreign).create(
            {"environment_unified_model_id": foreign_install, **cell}
        )
    with pytest.raises(Conflict, match="mine stays: 2 row") as refused:
        await renamed(database, world.mine, row["id"], "yours")
    assert refused.value.details == {
        "referring": {
            "unified-model-resource-method": [base["id"]],
            "environment-unified-model-resource-method": [over["id"]],
        },
        "referring_of_other_teams": 0,
    }
    assert await renamed(database, world.mine, row["id"], "mine") == "mine"
    async with database.write() as conn:
        await ModelMappings(conn, world.mine).update(base["id"], {"integration_name": "yours"})
        await EnvironmentMappings(conn, world.sibling).delete(over["id"])
    assert await renamed(database, world.mine, row["id"], "yours") == "yours"


async def test_webhooks_and_scopes_of_models_refer_to_an_integration_too(
    database: Database, world: World
) -> None:
    row = await create(database, world.mine)
    desk = await model(database, world.mine, webhooks={"mine": "$", "other": "$"})
    install = await installed_model(database, world.mine, desk["id"], override={"webhooks": {"mine": "$"}})
    with pytest.raises(Conflict) as refused:
        await renamed(database, world.mine, row["id"], "yours")
    assert refused.value.details["referring"] == {
        "unified-model": [desk["id"]],
        "environment-unified-model": [install],
    }


async def test_documentation_refers_to_an_integration_too(database: Database, world: World) -> None:
    row = await create(database, world.mine, sharing="allow")
    desk = await model(database, world.mine)
    install = await installed_model(database, world.sibling, desk["id"])
    theirs = await model(database, world.foreign, name="theirs")
    page = {"content": "How to connect.", "integration_name": "mine"}
    async with database.write() as conn:
        own = await EnvironmentIntegrations(conn, world.mine).create({"integration_id": row["id"]})
        await EnvironmentIntegrations(conn, world.foreign).create({"integration_id": row["id"]})
        pages = [
            (await Documentation(conn, scope).create({**page, **about}))["id"]
            for scope, about in (
                (world.mine, {"integration_id": row["id"]}),
                (world.mine, {"environment_integration_id": own["id"]}),
                (world.mine, {"unified_model_id": desk["id"]}),
                (world.sibling, {"environment_unified_model_id": install}),
            )
        ]
        await Documentation(conn, world.mine).create(
            {**page, "integration_name": None, "integration_id": row["id"]}
        )
        foreign = await Documentation(conn, world.foreign).create({**page, "unified_model_id": theirs["id"]})
    with pytest.raises(Conflict, match="mine stays: 5 row") as refused:
        await renamed(database, world.mine, row["id"], "yours")
    assert refused.value.details == {
        "referring": {"documentation": sorted(pages)},
        "referring_of_other_teams": 1,
    }
    async with database.write() as conn:
        for identity in pages:
            scope = world.sibling if identity == pages[3] else world.mine
            await Documentation(conn, scope).update(identity, {"integration_name": "yours"})
        await Documentation(conn, world.foreign).delete(foreign["id"])
    assert await renamed(database, world.mine, row["id"], "yours") == "yours"


async def test_rows_of_other_teams_hold_a_name_where_they_have_it_installed_and_are_only_counted(
    database: Database, world: World
) -> None:
    row = await create(database, world.mine, sharing="allow")
    theirs = await model(database, world.foreign)
    await mapping(database, world.foreign, theirs["id"], integration_name="mine")
    async with database.write() as conn:
        install = await EnvironmentIntegrations(conn, world.foreign).create({"integration_id": row["id"]})
    with pytest.raises(Conflict) as refused:
        await renamed(database, world.mine, row["id"], "yours")
    assert refused.value.details == {"referring": {}, "referring_of_other_teams": 1}
    async with database.write() as conn:
        await EnvironmentIntegrations(conn, world.foreign).delete(install["id"])
    assert await renamed(database, world.mine, row["id"], "yours") == "yours"


async def test_a_model_whose_mappings_accounts_override_keeps_its_name(
    database: Database, world: World
) -> None:
    desk = await model(database, world.mine)
    await create(database, world.mine)
    async with database.write() as conn:
        install = await EnvironmentIntegrations(conn, world.sibling).create({"integration_id": "mine"})
        accounts = Accounts(conn, world.sibling)
        account = await accounts.create(
            {
                "environment_integration_id": install["id"],
                "tenant_id": "acme",
                "authentication_method": "oauth2",
                "context": {"oauth": {"token": {"access_token": "x"}}},
                "unified_model_override": PARTIAL,
            }
        )
    with pytest.raises(Conflict, match="own stays: 1 row") as refused:
        await renamed_model(database, world.mine, desk["id"], "renamed")
    assert refused.value.details == {
        "referring": {"integrated-account": [account["id"]]},
        "referring_of_other_teams": 0,
    }
    async with database.write() as conn:
        await Accounts(conn, world.sibling).update(account["id"], {"unified_model_override": {"own": None}})
    assert await renamed_model(database, world.mine, desk["id"], "renamed") == "renamed"
