"""The shipped catalogue in the database."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from tests.unit.integrations.small_catalog import BRIGHTFOLD, MAPPING, write_catalog
from tests.unit.integrations.world import World, make_world, query

from isthmus.config import Settings
from isthmus.db import Database, EpochWatcher, open_database
from isthmus.db.tables import (
    category,
    documentation,
    integration,
    unified_model,
    unified_model_resource_method,
)
from isthmus.errors import SetupError
from isthmus.integrations.catalog.catalog_sync import sync_catalog
from isthmus.integrations.catalog.documentation import Documentation
from isthmus.integrations.catalog.integrations import Integrations
from isthmus.integrations.catalog.shipped_files import (
    Catalog,
    derive_integration_id,
    derive_model_id,
    find_catalog,
)
from isthmus.integrations.catalog.unified_models import UnifiedModels
from isthmus.integrations.installs.environment_integrations import EnvironmentIntegrations

pytestmark = pytest.mark.both_databases


async def rows(database: Database, table: Any) -> list[Any]:
    async with database.read() as conn:
        return list((await conn.execute(select(table))).mappings().all())


async def test_rows_have_derived_ids_and_no_team(database: Database, catalog: Catalog) -> None:
    assert await sync_catalog(database, catalog)
    (shipped,) = await rows(database, integration)
    assert (shipped["id"], shipped["team_id"], shipped["version"]) == (
        derive_integration_id("brightfold"),
        None,
        1,
    )
    (model,) = await rows(database, unified_model)
    assert model["id"] == derive_model_id("desk")
    assert model["resources"]["tickets"]["schema"]["properties"]["id"] == {"type": "string"}
    cells = await rows(database, unified_model_resource_method)
    assert {(cell["resource_name"], cell["method_name"]) for cell in cells} == {
        ("tickets", "list"),
        ("tickets", "get"),
    }


async def test_a_second_start_parses_nothing(database: Database, catalog: Catalog) -> None:
    await sync_catalog(database, catalog)

    class Unparsed(Catalog):
        def rows(self) -> Any:
            raise AssertionError("parsed again")

    assert not await sync_catalog(database, Unparsed(catalog.path))


async def test_a_changed_file_changes_its_row_and_no_other(
    database: Database, catalog: Catalog, world: World, epochs: EpochWatcher
) -> None:
    before = epochs.get_epoch(world.mine.environment_id)
    write_catalog(catalog.path, integration=BRIGHTFOLD.replace("path: /tickets,", "path: /v2/tickets,"))
    assert await sync_catalog(database, catalog)
    (shipped,) = await rows(database, integration)
    assert (shipped["version"], shipped["revision"]) == (2, 2)
    assert {cell["version"] for cell in await rows(database, unified_model_resource_method)} == {1}
    assert epochs.get_epoch(world.mine.environment_id) > before


async def test_a_mapping_that_is_gone_from_the_catalogue_is_gone(
    database: Database, catalog: Catalog, world: World, epochs: EpochWatcher
) -> None:
    before = epochs.get_epoch(world.mine.environment_id)
    write_catalog(
        catalog.path, mapping=MAPPING.partition("  - resource_name: tickets\n    method_name: get")[0]
    )
    await sync_catalog(database, catalog)
    assert len(await rows(database, unified_model_resource_method)) == 1
    assert epochs.get_epoch(world.mine.environment_id) > before  # it is in no cache any more


DOCUMENTED = BRIGHTFOLD.replace(
    "config:\n  label",
    """documentation:
  - {type: note, content: Mind the gap.}
  - {type: query_schema, resource: tickets, method: list, content: {size: {type: integer}}}
config:
  label""",
    1,
).replace("get: {path: ", "get: {description: Read a ticket., path: ")


async def test_what_the_catalogue_says_comes_changes_and_goes(database: Database, catalog: Catalog) -> None:
    async def written() -> dict[tuple[Any, ...], tuple[str, bool]]:
        return {
            (row["type"], row["resource"], row["method"]): (row["content"], row["is_inline"])
            for row in await rows(database, documentation)
        }

    folder = catalog.path / "integrations" / "brightfold"
    await sync_catalog(database, catalog)
    assert await written() == {}
    (folder / "docs.md").write_text("# Brightfold")
    write_catalog(catalog.path, integration=DOCUMENTED)
    (catalog.path / "categories.yaml").write_text(
        "- {name: ticketing, label: Tickets}\n- {name: a, label: A}"
    )
    assert await sync_catalog(database, catalog)
    schema = '{\n  "size": {\n    "type": "integer"\n  }\n}'
    assert await written() == {
        ("readme", None, None): ("# Brightfold", False),
        ("note", None, None): ("Mind the gap.", False),
        ("query_schema", "tickets", "list"): (schema, False),
        ("description", "tickets", "get"): ("Read a ticket.", True),
    }
    assert {row["name"]: row["label"] for row in await rows(database, category)} == {
        "ticketing": "Tickets",
        "a": "A",
    }
    (folder / "docs.md").write_text("# Brightfold Desk")
    write_catalog(catalog.path)
    (catalog.path / "categories.yaml").write_text("- {name: ticketing, label: Ticketing}")
    assert await sync_catalog(database, catalog)
    assert await written() == {("readme", None, None): ("# Brightfold Desk", False)}
    (only,) = await rows(database, category)
    assert only["label"] == "Ticketing"


async def test_a_teams_documentation_is_not_touched(database: Database, catalog: Catalog) -> None:
    world = await make_world(database)
    async with database.write() as conn:
        mine = await Integrations(conn, world.mine).create(
            {"name": "brightfold", "config": {"label": "Ours"}}
        )
        row = await Documentation(conn, world.mine).create({"entity_id": mine["id"], "content": "Ours."})
    (catalog.path / "integrations" / "brightfold" / "docs.md").write_text("# Theirs")
    await sync_catalog(database, catalog)
    assert [each["id"] for each in await rows(database, documentation)] == [row["id"]]


async def test_an_environments_rows_are_not_touched(
    database: Database, catalog: Catalog, world: World
) -> None:
    async with database.write() as conn:
        installs = EnvironmentIntegrations(conn, world.mine)
        override = {"rate_limit": {"is_rate_limited": "status = 420"}}
        row = await installs.create({"integration_id": "brightfold", "override": override})
    write_catalog(catalog.path, integration=BRIGHTFOLD.replace("Brightfold Desk", "Brightfold"))
    await sync_catalog(database, catalog)
    async with database.read() as conn:
        after = await EnvironmentIntegrations(conn, world.mine).get(row["id"])
    assert after["override"] == override
    assert after["updated_at"] == row["updated_at"]
    assert after["integration"]["config"] == {"label": "Brightfold"}


async def test_a_name_that_a_team_took_first_stays_the_teams(database: Database, catalog: Catalog) -> None:
    world = await make_world(database)
    async with database.write() as conn:
        mine = await Integrations(conn, world.mine).create(
            {"name": "brightfold", "config": {"label": "Ours"}}
        )
    await sync_catalog(database, catalog)
    (row,) = await rows(database, integration)
    assert (row["id"], row["config"]["label"]) == (mine["id"], "Ours")


async def test_of_several_starts_at_once_each_ends_with_the_same_rows(
    settings: Settings, catalog: Catalog
) -> None:
    databases = [await open_database(settings) for _ in range(3)]
    try:
        done = await asyncio.gather(*(sync_catalog(each, catalog) for each in databases))
        assert done.count(True) >= 1
        assert len(await rows(databases[0], integration)) == 1
        assert {row["version"] for row in await rows(databases[0], unified_model)} == {1}
    finally:
        for each in databases:
            await each.close()


async def test_a_broken_file_is_named(database: Database, catalog: Catalog) -> None:
    (catalog.path / "integrations" / "brightfold" / "integration.yaml").write_text("name: [")
    with pytest.raises(SetupError, match=r"brightfold/integration\.yaml"):
        await sync_catalog(database, catalog)


async def test_shipped_rows_are_seen_by_every_team(database: Database, world: World) -> None:
    async with database.read() as conn:
        for scope in (world.mine, world.foreign):
            page = await Integrations(conn, scope).list(query())
            assert [(row["name"], row["can_install"]) for row in page.rows] == [("brightfold", True)]
            models = await UnifiedModels(conn, scope).list(query())
            assert [row["name"] for row in models.rows] == ["desk"]


def test_the_catalogue_of_this_checkout_is_found() -> None:
    assert (find_catalog().path / "unified").is_dir()


def test_the_hash_follows_content_not_time(tmp_path: Path) -> None:
    one, two = write_catalog(tmp_path / "one"), write_catalog(tmp_path / "two")
    assert one.compute_digest() == two.compute_digest()
    write_catalog(two.path, mapping=MAPPING + "\n")
    assert one.compute_digest() != two.compute_digest()
