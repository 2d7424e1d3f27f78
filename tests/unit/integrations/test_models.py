"""Unified models and base mappings."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.event import listen
from tests.unit.integrations.world import World, query

from isthmus.accounts.rows.account_checks import check_mapping_overrides
from isthmus.db import Database, EpochWatcher
from isthmus.definitions import DefinitionInvalid
from isthmus.errors import BadRequest, Conflict, Forbidden, NotFound
from isthmus.integrations.catalog.shipped_files import derive_model_id
from isthmus.integrations.catalog.unified_models import UnifiedModels
from isthmus.integrations.effective.environment_models import read_model_names
from isthmus.integrations.installs.environment_unified_models import EnvironmentUnifiedModels
from isthmus.integrations.mappings.mapping_repositories import EnvironmentMappings, ModelMappings
from isthmus.integrations.rows.scope import EnvironmentScope

pytestmark = pytest.mark.both_databases

MODEL = {"name": "own", "category": "crm", "resources": {"people": {"methods": ["list"], "schema": {}}}}
CELL = {"integration_name": "brightfold", "resource_name": "people", "method_name": "list"}


async def model(database: Database, scope: EnvironmentScope, **values: Any) -> dict[str, Any]:
    async with database.write() as conn:
        return await UnifiedModels(conn, scope).create({**MODEL, **values})


async def mapping(
    database: Database, scope: EnvironmentScope, model_id: str, **values: Any
) -> dict[str, Any]:
    async with database.write() as conn:
        sent = {"unified_model_id": model_id, **CELL, "config": {"response_mapping": "$"}, **values}
        return await ModelMappings(conn, scope).create(sent)


async def test_a_model_is_its_teams_alone_until_it_is_shared(database: Database, world: World) -> None:
    row = await model(database, world.mine)
    async with database.write() as conn:
        assert (await UnifiedModels(conn, world.sibling).get(row["id"]))["name"] == "own"
        theirs = UnifiedModels(conn, world.foreign)
        with pytest.raises(NotFound):
            await theirs.get(row["id"])
        await UnifiedModels(conn, world.mine).update(row["id"], {"sharing": "allow"})
        with pytest.raises(Forbidden, match=r"or create a unified model of your own\.$"):
            await theirs.update(row["id"], {"category": "hris"})
        with pytest.raises(Forbidden):
            await theirs.delete(row["id"])


async def test_a_patch_of_a_model_merges_its_resources(database: Database, world: World) -> None:
    row = await model(database, world.mine)
    async with database.write() as conn:
        mine = UnifiedModels(conn, world.mine)
        changed = await mine.update(
            row["id"], {"resources": {"people": {"description": "Who"}, "teams": {}}, "version": 1}
        )
        assert changed["resources"]["people"] == {"methods": ["list"], "schema": {}, "description": "Who"}
        assert set(changed["resources"]) == {"people", "teams"}
        with pytest.raises(Conflict) as refused:
            await mine.update(row["id"], {"category": "x", "version": 1})
        assert refused.value.details == {"version": 2}


async def test_an_installed_model_is_not_deleted(database: Database, world: World) -> None:
    row = await model(database, world.mine)
    async with database.write() as conn:
        installed = await EnvironmentUnifiedModels(conn, world.mine).create({"unified_model_id": row["id"]})
        with pytest.raises(Conflict) as refused:
            await UnifiedModels(conn, world.mine).delete(row["id"])
        assert [each["id"] for each in refused.value.details["installed"]] == [installed["id"]]
        await EnvironmentUnifiedModels(conn, world.mine).delete(installed["id"])
        assert await UnifiedModels(conn, world.mine).delete(row["id"]) == row["id"]


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"name": "meta"}, "name"),
        ({"category": None}, "category"),
        ({"resources": {"people": {"methods": "list"}}}, "resources.people.methods"),
        ({"resources": {"people": {"schema": {"type": {}}}}}, "resources.people.schema.type"),
        ({"resources": {"people": {"schema": {"type": [["x"]]}}}}, "resources.people.schema.type"),
        ({"resources": {"people": {"schema": {"required": [{}]}}}}, "resources.people.schema.required"),
        (
            {"resources": {"people": {"schema": {"x-filter-operators": [{}]}}}},
            "resources.people.schema.x-filter-operators",
        ),
    ],
)
async def test_a_model_that_is_none_is_refused(
    database: Database, world: World, values: dict[str, Any], path: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        await model(database, world.mine, **values)
    assert refused.value.details["failures"][0]["path"] == path


BAD = {"schema": {"type": "object", "properties": {"id": {"type": "text"}}}}


async def test_a_schema_that_is_none_is_refused_by_its_place_whoever_sends_it(
    database: Database, world: World
) -> None:
    row = await model(database, world.mine)
    async with database.write() as conn:
        models = UnifiedModels(conn, world.mine)
        installed = EnvironmentUnifiedModels(conn, world.mine)
        install = await installed.create({"unified_model_id": row["id"]})
        resources = {"people": BAD}
        for sending, place in (
            (models.create({**MODEL, "name": "other", "resources": resources}), "resources"),
            (models.update(row["id"], {"resources": resources}), "resources"),
            (installed.update(install["id"], {"override": {"resources": resources}}), "override.resources"),
        ):
            with pytest.raises(DefinitionInvalid, match="'text' is no type; use one of") as caught:
                await sending
            (found,) = caught.value.failures
            assert found["path"] == f"{place}.people.schema.properties.id.type"


@pytest.mark.parametrize(
    "schema",
    [
        {"required": ["a"]},
        {"type": {"type": "string"}},
        {"description": "Of a bird."},
        {},
        {"since": {"type": "date"}, "of": {"type": "array", "items": "string"}, "x": {"enum": "a, b"}},
        {"type": "object", "properties": {"a": {"type": {"one": "file"}, "x-filter-operators": ["near"]}}},
        {"anyOf": ["a"], "properties": {"required": {"type": "file"}, "properties": 5}},
    ],
)
async def test_a_layer_may_say_a_part_of_a_schema(
    database: Database, world: World, schema: dict[str, Any]
) -> None:
    row = await model(database, world.mine)
    config = {"query_schema": schema, "request_body_schema": schema}
    assert (await mapping(database, world.mine, row["id"], config=config))["config"] == config


@pytest.mark.parametrize("slot", ["resources", "scopes", "webhooks", "docs"])
async def test_a_part_of_an_environments_model_is_an_object(
    database: Database, world: World, slot: str
) -> None:
    row = await model(database, world.mine)
    async with database.write() as conn:
        installed = EnvironmentUnifiedModels(conn, world.mine)
        install = await installed.create({"unified_model_id": row["id"], "override": {slot: None}})
        for wrong in (5, "x", [1]):
            with pytest.raises(BadRequest) as refused:
                await installed.update(install["id"], {"override": {slot: wrong}})
            assert refused.value.details["failures"][0]["path"] == f"override.{slot}"


async def test_a_cell_is_mapped_once(database: Database, world: World) -> None:
    row = await model(database, world.mine)
    first = await mapping(database, world.mine, row["id"])
    assert first["version"] == 1
    with pytest.raises(Conflict, match=r"own already maps brightfold people\.list"):
        await mapping(database, world.mine, row["id"])


async def test_a_patch_of_a_mapping_merges_objects_and_null_deletes(database: Database, world: World) -> None:
    row = await model(database, world.mine)
    config = {"query": {"a": "1", "b": "2"}, "response_mapping": "$"}
    cell = await mapping(database, world.mine, row["id"], config=config)
    async with database.write() as conn:
        changed = await ModelMappings(conn, world.mine).update(
            cell["id"], {"config": {"query": {"b": None, "c": "3"}, "response_mapping": "data"}}
        )
    assert changed["config"] == {"query": {"a": "1", "c": "3"}, "response_mapping": "data"}
    assert changed["version"] == 2


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"config": {"response_mapping": "{"}}, "config.response_mapping"),
        ({"config": {"before": [{"type": "form", "config": [{"name": "a"}]}]}}, "config.before.0.type"),
        ({"resource_name": "animals"}, "resource_name"),
        ({"config": {"query_schema": {"properties": [1]}}}, "config.query_schema.properties"),
        (
            {"config": {"request_body_schema": {"required": ["a", True]}}},
            "config.request_body_schema.required",
        ),
        (
            {"config": {"request_body_schema": {"type": {"properties": {"a": {"required": [1]}}}}}},
            "config.request_body_schema.type.properties.a.required",
        ),
    ],
)
async def test_a_mapping_that_cannot_run_is_refused(
    database: Database, world: World, values: dict[str, Any], path: str
) -> None:
    row = await model(database, world.mine)
    with pytest.raises(BadRequest) as refused:
        await mapping(database, world.mine, row["id"], **values)
    assert [each["path"] for each in refused.value.details["failures"]] == [path]


async def test_shipped_mappings_are_read_and_not_written(database: Database, world: World) -> None:
    async with database.read() as conn:
        cells = await ModelMappings(conn, world.mine).list(
            query(("integration_name", "brightfold"), ("method_name", "get"))
        )
        assert [cell["resource_name"] for cell in cells.rows] == ["tickets"]
    with pytest.raises(Forbidden):
        await mapping(database, world.mine, derive_model_id("desk"), resource_name="tickets")
    async with database.write() as conn:
        with pytest.raises(Forbidden):
            await ModelMappings(conn, world.mine).update(cells.rows[0]["id"], {"config": {}})
        with pytest.raises(Forbidden):
            await ModelMappings(conn, world.mine).delete(cells.rows[0]["id"])


async def test_a_foreign_teams_mappings_do_not_exist(database: Database, world: World) -> None:
    row = await model(database, world.mine)
    cell = await mapping(database, world.mine, row["id"])
    async with database.write() as conn:
        theirs = ModelMappings(conn, world.foreign)
        with pytest.raises(NotFound):
            await theirs.get(cell["id"])
        with pytest.raises(NotFound):
            await theirs.delete(cell["id"])
        assert (await theirs.list(query(("unified_model_id", row["id"])))).rows == []


async def test_a_changed_mapping_is_seen_where_the_model_is_installed(
    database: Database, world: World, epochs: EpochWatcher
) -> None:
    row = await model(database, world.mine)
    async with database.write() as conn:
        await EnvironmentUnifiedModels(conn, world.sibling).create({"unified_model_id": row["id"]})
    before = epochs.get_epoch(world.sibling.environment_id)
    await mapping(database, world.mine, row["id"])
    assert epochs.get_epoch(world.sibling.environment_id) > before


async def test_an_environments_own_layer_is_empty_at_first(database: Database, world: World) -> None:
    async with database.read() as conn:
        mine = EnvironmentMappings(conn, world.mine)
        assert (await mine.list(query())).rows == []
        with pytest.raises(NotFound):
            await mine.get(derive_model_id("desk"))


async def test_only_the_models_that_an_override_names_are_read(database: Database, world: World) -> None:
    await model(database, world.mine)
    override: dict[str, Any] = {"own": {"people": {"list": {}}}}
    async with database.read() as conn:
        assert len(await read_model_names(conn, world.mine, only_installed=False)) > 1
        statements: list[str] = []

        def note(_: Any, __: Any, statement: str, *rest: Any) -> None:
            statements.append(statement)

        listen(conn.sync_connection, "before_cursor_execute", note)
        await check_mapping_overrides(conn, world.mine, override)
        (read,) = statements
        assert "unified_model.name IN" in read
        with pytest.raises(BadRequest, match="must be a unified model: own"):
            await check_mapping_overrides(conn, world.mine, {"owm": {"people": {"list": {}}}})
        assert [each for each in statements if "unified_model.resources" in each and " IN " not in each] == []


LISTED = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "codes": {"type": "array", "items": {"type": "string"}},
        "emails": {"type": "array", "items": {"type": "object", "properties": {"email": {}, "type": {}}}},
    },
}


@pytest.mark.parametrize(
    ("name", "target", "told"),
    [
        ("id", "emails[].email", "is the name of a field of the record"),
        ("mail", "mails[].email", "mails, which is no field of the record"),
        ("code", "codes[]", "codes, which is no list of objects"),
        ("code", "id[].x", "id, which is no list of objects"),
        ("mail", "emails[].mail", "mail of an entry of emails, which has email, type"),
        ("mail", "emails.email", "pattern"),
    ],
)
async def test_an_alias_that_leads_to_no_entry_of_a_list_is_not_stored(
    database: Database, world: World, name: str, target: str, told: str
) -> None:
    people = {"schema": LISTED, "aliases": {name: target}}
    with pytest.raises(DefinitionInvalid) as refused:
        await model(database, world.mine, resources={"people": people})
    (failure,) = refused.value.details["failures"]
    assert failure["path"] == f"resources.people.aliases.{name}"
    assert told in failure["message"]


async def test_a_patch_of_the_schema_must_leave_the_lists_of_aliases(
    database: Database, world: World
) -> None:
    people = {"schema": LISTED, "aliases": {"email": "emails[].email"}}
    row = await model(database, world.mine, resources={"people": people})
    async with database.write() as conn:
        mine = UnifiedModels(conn, world.mine)
        with pytest.raises(DefinitionInvalid):
            await mine.update(
                row["id"], {"resources": {"people": {"schema": {"properties": {"emails": None}}}}}
            )
        await mine.update(row["id"], {"resources": {"people": {"aliases": {"email": None}}}})


async def test_an_override_may_add_a_field_under_the_name_of_an_alias(
    database: Database, world: World
) -> None:
    people = {"schema": LISTED, "aliases": {"email": "emails[].email"}}
    row = await model(database, world.mine, resources={"people": people})
    field = {"schema": {"properties": {"email": {"type": "string"}}}}
    async with database.write() as conn:
        installs = EnvironmentUnifiedModels(conn, world.mine)
        sent = {"unified_model_id": row["id"], "override": {"resources": {"people": field}}}
        installed = await installs.create(sent)
        own = {"resources": {"people": {**field, "aliases": {"email": "emails[].email"}}}}
        with pytest.raises(DefinitionInvalid) as refused:
            await installs.update(installed["id"], {"override": own})
    (failure,) = refused.value.details["failures"]
    assert failure["path"] == "override.resources.people.aliases.email"
