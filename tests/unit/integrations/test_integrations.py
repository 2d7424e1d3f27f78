"""Integrations of a team: what it may see, write and share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select
from tests.unit.integrations.world import World, query

from isthmus.db import Database, EpochWatcher
from isthmus.db.listing import ListQuery
from isthmus.db.tables import integration, team
from isthmus.errors import BadRequest, Conflict, Forbidden, NotFound
from isthmus.integrations.catalog.integrations import INTEGRATION_SECRETS, Integrations
from isthmus.integrations.catalog.unified_models import UnifiedModels
from isthmus.integrations.installs.environment_integrations import EnvironmentIntegrations
from isthmus.integrations.installs.environment_unified_models import EnvironmentUnifiedModels
from isthmus.integrations.rows.scope import EnvironmentScope

pytestmark = pytest.mark.both_databases

OAUTH = {
    "label": "Mine",
    "base_url": "https://mine.example",
    "credentials": {
        "oauth2": {
            "config": {
                "auth": {"tokenHost": "https://mine.example"},
                "client": {"id": "app", "secret": "s3cret"},
            }
        }
    },
    "resources": {"things": {"list": {"path": "/things"}}},
}


async def create(database: Database, scope: EnvironmentScope, **values: Any) -> dict[str, Any]:
    async with database.write() as conn:
        return await Integrations(conn, scope).create({"name": "mine", "config": OAUTH, **values})


async def patch(database: Database, scope: EnvironmentScope, id: str, **changes: Any) -> dict[str, Any]:
    async with database.write() as conn:
        return await Integrations(conn, scope).update(id, changes)


async def test_the_owner_reads_the_config_but_never_its_secrets(database: Database, world: World) -> None:
    row = await create(database, world.mine)
    assert row["config"]["credentials"]["oauth2"]["config"]["client"] == {"id": "app"}
    assert row["config"]["resources"] == OAUTH["resources"]
    assert (row["version"], row["sharing"], row["team"]["id"]) == (1, "deny", world.mine.team_id)
    async with database.read() as conn:
        stored = (
            (await conn.execute(select(integration).where(integration.c.id == row["id"]))).mappings().one()
        )
    assert b"s3cret" not in stored["secrets"]
    assert "s3cret" not in str(stored["config"])


async def test_others_read_its_face_and_forms_only(database: Database, world: World) -> None:
    row = await create(database, world.mine, sharing="ask")
    async with database.read() as conn:
        seen = await Integrations(conn, world.foreign).get(row["id"])
    assert seen["config"] == {
        "label": "Mine",
        "credentials": {"oauth2": {"format": "oauth2", "config": {}}},
    }
    assert not seen["can_install"]


async def test_the_team_of_a_definition_is_an_object_whoever_owns_it(
    database: Database, world: World
) -> None:
    own = await create(database, world.mine)
    async with database.write() as conn:
        shipped = await Integrations(conn, world.mine).get("brightfold")
        model = await UnifiedModels(conn, world.mine).get("desk")
        install = await EnvironmentUnifiedModels(conn, world.mine).create({"unified_model_id": "desk"})
        mine = (await conn.execute(select(team).where(team.c.id == world.mine.team_id))).mappings().one()
    assert own["team"] == dict(mine)
    nobody = {"id": None, "domain": None, "logo": None, "created_at": None, "updated_at": None}
    for row in (shipped, model, install["unified_model"]):
        assert (row["team_id"], row["team"]) == (None, {**nobody, "name": "Isthmus"})


async def test_one_that_is_not_shared_does_not_exist_for_others(database: Database, world: World) -> None:
    row = await create(database, world.mine)
    async with database.read() as conn:
        theirs = Integrations(conn, world.foreign)
        assert [each["name"] for each in (await theirs.list(query())).rows] == ["brightfold"]
        with pytest.raises(NotFound):
            await theirs.get(row["id"])
    with pytest.raises(NotFound):
        await patch(database, world.foreign, row["id"], category="crm")


async def test_a_patch_merges_deep_and_null_deletes(database: Database, world: World) -> None:
    row = await create(database, world.mine)
    changed = await patch(
        database,
        world.mine,
        row["id"],
        config={"base_url": None, "resources": {"things": {"get": {"path": "/t"}}}},
    )
    assert "base_url" not in changed["config"]
    assert set(changed["config"]["resources"]["things"]) == {"list", "get"}
    assert changed["version"] == 2


async def test_a_secret_that_a_patch_leaves_out_survives_it(database: Database, world: World) -> None:
    row = await create(database, world.mine)
    await patch(
        database,
        world.mine,
        row["id"],
        config={"credentials": {"oauth2": {"config": {"client": {"id": "b"}}}}},
    )
    async with database.read() as conn:
        statement = select(integration.c.secrets).where(integration.c.id == row["id"])
        sealed = (await conn.execute(statement)).scalar_one()
    whole = INTEGRATION_SECRETS.decrypt(database.keys, row["id"], sealed)
    assert whole["credentials"]["oauth2"]["config"]["client"]["secret"] == "s3cret"


async def test_a_stale_version_is_refused_with_the_current_one(database: Database, world: World) -> None:
    row = await create(database, world.mine)
    await patch(database, world.mine, row["id"], category="crm", version=1)
    with pytest.raises(Conflict) as refused:
        await patch(database, world.mine, row["id"], category="hris", version=1)
    assert refused.value.details == {"version": 2}
    assert (await patch(database, world.mine, row["id"], category="hris"))["version"] == 3


async def test_a_shipped_one_is_not_edited(database: Database, world: World) -> None:
    with pytest.raises(Forbidden, match=r"ships with Isthmus .* create an integration of your own"):
        await patch(database, world.mine, "brightfold", category="crm")
    async with database.write() as conn:
        with pytest.raises(Forbidden):
            await Integrations(conn, world.mine).delete("brightfold")


async def test_a_taken_name_is_a_conflict(database: Database, world: World) -> None:
    with pytest.raises(Conflict, match="brightfold"):
        await create(database, world.mine, name="brightfold")


@pytest.mark.parametrize(
    ("values", "path", "code"),
    [
        ({"name": "Not A Slug"}, "name", "slug"),
        ({"sharing": "everyone"}, "sharing", "enum"),
        ({"config": {"base_url": 5}}, "config.base_url", "string_type"),
        ({"config": {"error_expression": "1 +"}}, "config.error_expression", "expression"),
        (
            {"config": {"resources": {"a": {"list": {"path": "/a", "body_format": "papyrus"}}}}},
            "config.resources.a.list.body_format",
            "literal_error",
        ),
        ({"config": {"pagination": {"format": "scroll"}}}, "config.pagination", "tag"),
    ],
)
async def test_what_cannot_run_is_refused_when_it_is_written(
    database: Database, world: World, values: dict[str, Any], path: str, code: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        await create(database, world.mine, **values)
    assert {(each["path"], each["code"]) for each in refused.value.details["failures"]} == {(path, code)}


async def test_an_installed_one_is_not_deleted(database: Database, world: World) -> None:
    row = await create(database, world.mine)
    async with database.write() as conn:
        installs = EnvironmentIntegrations(conn, world.sibling)
        installed = await installs.create({"integration_id": row["id"]})
    async with database.write() as conn:
        with pytest.raises(Conflict, match="installed in 1 environment") as refused:
            await Integrations(conn, world.mine).delete(row["id"])
    assert refused.value.details == {
        "installed": [{"id": installed["id"], "environment_id": world.sibling.environment_id}],
        "installed_by_other_teams": 0,
    }
    async with database.write() as conn:
        await EnvironmentIntegrations(conn, world.sibling).delete(installed["id"])
        assert await Integrations(conn, world.mine).delete(row["id"]) == row["id"]


async def test_installs_of_other_teams_keep_a_definition_and_are_only_counted(
    database: Database, world: World
) -> None:
    row = await create(database, world.mine, sharing="allow")
    async with database.write() as conn:
        await EnvironmentIntegrations(conn, world.foreign).create({"integration_id": row["id"]})
        with pytest.raises(Conflict) as refused:
            await Integrations(conn, world.mine).delete(row["id"])
    assert refused.value.details == {"installed": [], "installed_by_other_teams": 1}


async def test_installs_of_other_teams_are_not_told(database: Database, world: World) -> None:
    async with database.write() as conn:
        await EnvironmentIntegrations(conn, world.mine).create({"integration_id": "brightfold"})
        await EnvironmentIntegrations(conn, world.foreign).create({"integration_id": "brightfold"})
        row = await Integrations(conn, world.sibling).get("brightfold")
    assert row["installed_environment"] == [world.mine.environment_id]


async def test_a_change_is_seen_wherever_it_is_installed(
    database: Database, world: World, epochs: EpochWatcher
) -> None:
    row = await create(database, world.mine, sharing="allow")
    async with database.write() as conn:
        await EnvironmentIntegrations(conn, world.foreign).create({"integration_id": row["id"]})
    before = {
        each.environment_id: epochs.get_epoch(each.environment_id) for each in (world.sibling, world.foreign)
    }
    await patch(database, world.mine, row["id"], config={"label": "Changed"})
    assert epochs.get_epoch(world.foreign.environment_id) > before[world.foreign.environment_id]
    assert epochs.get_epoch(world.sibling.environment_id) == before[world.sibling.environment_id]


async def test_lists_filter_by_name_and_page(database: Database, world: World) -> None:
    await create(database, world.mine)
    async with database.read() as conn:
        mine = Integrations(conn, world.mine)
        assert [row["name"] for row in (await mine.list(query(("name", "mine")))).rows] == ["mine"]
        first = await mine.list(query(limit=1))
        assert first.after is not None
        assert len(first.rows) == 1


@pytest.mark.parametrize("descending", [True, False])
async def test_rows_without_a_value_come_last_and_once(
    database: Database, world: World, descending: bool
) -> None:
    for name, category in (("one", None), ("two", "crm"), ("three", None)):
        await create(database, world.mine, name=name, category=category)
    by_category = ListQuery(sort_by="category", descending=descending, limit=1)
    seen: list[str | None] = []
    async with database.read() as conn:
        while True:
            page = await Integrations(conn, world.mine).list(by_category)
            seen += [row["category"] for row in page.rows]
            if page.after is None:
                break
            by_category = replace(by_category, after=page.after)
    assert seen == (["ticketing", "crm"] if descending else ["crm", "ticketing"]) + [None, None]
