"""Every query that reads rows of one environment leaves out those of another, even of the same team."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from tests.unit.integrations.world import World, query

from isthmus.db import Database, EpochWatcher
from isthmus.errors import NotFound
from isthmus.integrations.catalog.documentation import Documentation
from isthmus.integrations.catalog.integrations import Integrations
from isthmus.integrations.catalog.shipped_files import derive_integration_id, derive_model_id
from isthmus.integrations.effective.effective_definitions import EffectiveDefinitions, Layer
from isthmus.integrations.effective.environment_models import (
    read_installed_names,
    read_model,
    read_model_names,
    read_models,
    read_models_revision,
)
from isthmus.integrations.effective.explanations import explain_mappings, read_install
from isthmus.integrations.installs.environment_integrations import EnvironmentIntegrations, list_enabled_names
from isthmus.integrations.installs.environment_unified_models import EnvironmentUnifiedModels
from isthmus.integrations.mappings.mapping_repositories import EnvironmentMappings
from isthmus.integrations.mappings.mapping_rows import read_mapping_rows
from isthmus.integrations.meta.integration_description import describe_integration
from isthmus.integrations.meta.integration_guide import read_integration_guide
from isthmus.integrations.meta.mapped_resources import read_mapped_resources
from isthmus.integrations.rows.scope import EnvironmentScope

NO_OVERRIDE = Layer("account", 1, {})
COMMENTS = {"resources": {"comments": {"description": "What is said.", "methods": ["list"]}}}


@dataclass(frozen=True)
class Rows:
    """Ids of the rows of one environment."""

    install: str
    model: str
    mapping: str
    documentation: str
    model_documentation: str


async def fill(database: Database, scope: EnvironmentScope, label: str) -> Rows:
    """Installs the small catalogue, with overrides, a mapping and documentation that name `label`."""
    async with database.write() as conn:
        install = await EnvironmentIntegrations(conn, scope).create(
            {"integration_id": "brightfold", "override": {"label": label}}
        )
        model = await EnvironmentUnifiedModels(conn, scope).create(
            {
                "unified_model_id": "desk",
                "override": {**COMMENTS, "docs": {"brightfold": {"user_role": label}}},
            }
        )
        mapping = await EnvironmentMappings(conn, scope).create(
            {
                "environment_unified_model_id": model["id"],
                "integration_name": "brightfold",
                "resource_name": "comments",
                "method_name": "list",
                "config": {"resource": "comments", "method": "list", "response_mapping": f"'{label}'"},
            }
        )
        documentation = Documentation(conn, scope)
        own = await documentation.create({"environment_integration_id": install["id"], "content": label})
        of_model = await documentation.create(
            {
                "environment_unified_model_id": model["id"],
                "integration_name": "brightfold",
                "content": f"Ask {label}",
            }
        )
    return Rows(install["id"], model["id"], mapping["id"], own["id"], of_model["id"])


@pytest.fixture
async def filled(database: Database, world: World) -> tuple[Rows, Rows]:
    """What `world.mine` and `world.sibling` have."""
    return await fill(database, world.mine, "Mine"), await fill(database, world.sibling, "Theirs")


@pytest.fixture
async def theirs(database: Database, world: World) -> Rows:
    """What `world.sibling` has, while `world.mine` has nothing."""
    return await fill(database, world.sibling, "Theirs")


Repository = Callable[..., Any]


@pytest.mark.parametrize(
    ("repository", "field"),
    [
        (EnvironmentIntegrations, "install"),
        (EnvironmentUnifiedModels, "model"),
        (EnvironmentMappings, "mapping"),
        (Documentation, "documentation"),
        (Documentation, "model_documentation"),
    ],
)
async def test_a_row_of_another_environment_is_not_found(
    database: Database, world: World, filled: tuple[Rows, Rows], repository: Repository, field: str
) -> None:
    mine, theirs = (getattr(each, field) for each in filled)
    async with database.write() as conn:
        rows = repository(conn, world.mine)
        assert (await rows.get(mine))["id"] == mine
        for change in (rows.get(theirs), rows.update(theirs, {"content": "x", "override": {}, "config": {}})):
            with pytest.raises(NotFound):
                await change
        with pytest.raises(NotFound):
            await rows.delete(theirs)
        assert (await repository(conn, world.sibling).get(theirs))["id"] == theirs


@pytest.mark.parametrize(
    ("repository", "field"),
    [
        (EnvironmentIntegrations, "install"),
        (EnvironmentUnifiedModels, "model"),
        (EnvironmentMappings, "mapping"),
    ],
)
async def test_a_list_has_the_rows_of_one_environment(
    database: Database, world: World, filled: tuple[Rows, Rows], repository: Repository, field: str
) -> None:
    async with database.read() as conn:
        page = await repository(conn, world.mine).list(query())
    assert [row["id"] for row in page.rows] == [getattr(filled[0], field)]


async def test_an_install_is_found_by_its_integration_in_one_environment(
    database: Database, world: World, filled: tuple[Rows, Rows]
) -> None:
    async with database.write() as conn:
        for scope, rows in ((world.mine, filled[0]), (world.sibling, filled[1])):
            assert (
                await EnvironmentIntegrations(conn, scope).lock(derive_integration_id("brightfold"))
                == rows.install
            )
            assert await EnvironmentUnifiedModels(conn, scope).lock(derive_model_id("desk")) == rows.model


async def test_documentation_is_listed_by_the_install_of_one_environment(
    database: Database, world: World, filled: tuple[Rows, Rows]
) -> None:
    async with database.read() as conn:
        for scope, rows in ((world.mine, filled[0]), (world.sibling, filled[1])):
            documentation = Documentation(conn, scope)
            for field, install, row in (
                ("environment_integration_id", rows.install, rows.documentation),
                ("environment_unified_model_id", rows.model, rows.model_documentation),
            ):
                page = await documentation.list(query((field, install)))
                assert [each["id"] for each in page.rows] == [row]
        page = await Documentation(conn, world.mine).list(
            query(("environment_integration_id", filled[1].install))
        )
        assert page.rows == []


@pytest.mark.parametrize("field", ["environment_integration_id", "environment_unified_model_id", "entity_id"])
async def test_documentation_is_not_written_about_an_install_of_another_environment(
    database: Database, world: World, theirs: Rows, field: str
) -> None:
    install = theirs.model if field == "environment_unified_model_id" else theirs.install
    async with database.write() as conn:
        with pytest.raises(NotFound):
            await Documentation(conn, world.mine).create({field: install, "content": "Mine"})


async def test_enabled_names_are_those_of_one_environment(
    database: Database, world: World, theirs: Rows
) -> None:
    async with database.read() as conn:
        assert await list_enabled_names(conn, world.mine.environment_id) == []
        assert await list_enabled_names(conn, world.sibling.environment_id) == ["brightfold"]


async def test_enabled_names_leave_out_disabled_installs(
    database: Database, world: World, theirs: Rows
) -> None:
    async with database.write() as conn:
        await EnvironmentIntegrations(conn, world.sibling).update(theirs.install, {"is_enabled": False})
        assert await list_enabled_names(conn, world.sibling.environment_id) == []


async def test_models_installed_elsewhere_are_not_installed_here(
    database: Database, world: World, theirs: Rows
) -> None:
    async with database.read() as conn:
        assert await read_models(conn, world.mine) == []
        assert await read_model_names(conn, world.mine) == []
        assert await read_models_revision(conn, world.mine) == ()
        assert await read_installed_names(conn, world.mine.environment_id) == frozenset()
        (seen,) = await read_models(conn, world.mine, only_installed=False)
        assert (seen.install_id, list(seen.resources)) == (None, ["tickets", "work-logs"])
        with pytest.raises(NotFound):
            await read_model(conn, world.mine, "desk")
        assert await read_installed_names(conn, world.sibling.environment_id) == {"desk"}
        (shipped,) = await read_models(conn, None)
        assert (shipped.install_id, list(shipped.resources)) == (None, ["tickets", "work-logs"])


async def test_a_model_has_the_override_of_one_environment(
    database: Database, world: World, filled: tuple[Rows, Rows]
) -> None:
    async with database.read() as conn:
        for scope, label in ((world.mine, "Mine"), (world.sibling, "Theirs")):
            (model,) = await read_models(conn, scope)
            assert model.docs == {"brightfold": {"user_role": label}}


async def test_calls_see_the_model_and_the_mapping_of_one_environment(
    database: Database, world: World, theirs: Rows, epochs: EpochWatcher
) -> None:
    effective = EffectiveDefinitions(database, epochs)
    names = ("brightfold", NO_OVERRIDE, "desk", "comments", "list")
    _, mapping, _ = await effective.get_mapping(world.sibling.environment_id, *names)
    assert mapping.response_mapping is not None
    with pytest.raises(NotFound, match="no unified model desk is installed"):
        await effective.get_mapping(world.mine.environment_id, *names)
    async with database.write() as conn:
        await EnvironmentUnifiedModels(conn, world.mine).create(
            {"unified_model_id": "desk", "override": COMMENTS}
        )
    with pytest.raises(NotFound, match="no mapping for desk/comments"):
        await effective.get_mapping(world.mine.environment_id, *names)


async def test_mapping_rows_are_those_of_one_environment(
    database: Database, world: World, filled: tuple[Rows, Rows]
) -> None:
    async with database.read() as conn:
        for scope, rows in ((world.mine, filled[0]), (world.sibling, filled[1])):
            found = await read_mapping_rows(conn, scope.environment_id, "brightfold")
            assert [row.id for row in found if row.layer == "environment"] == [rows.mapping]
            assert len(found) == 3
            assert await read_mapping_rows(conn, scope.environment_id, "other") == []
        assert await read_mapping_rows(conn, world.foreign.environment_id, "brightfold") == []


async def test_an_explained_install_is_that_of_one_environment(
    database: Database, world: World, filled: tuple[Rows, Rows]
) -> None:
    async with database.read() as conn:
        for scope, rows, label in ((world.mine, filled[0], "Mine"), (world.sibling, filled[1], "Theirs")):
            for id in (rows.install, derive_integration_id("brightfold"), "brightfold"):
                install = await read_install(conn, scope.environment_id, id)
                assert (install.id, install.override.content) == (rows.install, {"label": label})
        with pytest.raises(NotFound):
            await read_install(conn, world.mine.environment_id, filled[1].install)
        explained = await explain_mappings(conn, world.mine.environment_id, "brightfold", resource="comments")
        (mapping,) = explained
        assert mapping.provenance.merged["response_mapping"] == "'Mine'"


async def test_a_description_has_the_override_and_texts_of_one_environment(
    database: Database, world: World, filled: tuple[Rows, Rows]
) -> None:
    async with database.read() as conn:
        for scope, label in ((world.mine, "Mine"), (world.sibling, "Theirs")):
            described = await describe_integration(conn, scope, "brightfold")
            assert (described.label, described.texts["readme"]) == (label, label)
        described = await describe_integration(conn, world.foreign, "brightfold")
        assert (described.label, dict(described.texts)) == ("Brightfold Desk", {})


async def test_mapped_resources_leave_out_mappings_of_another_environment(
    database: Database, world: World, theirs: Rows
) -> None:
    async with database.write() as conn:
        await EnvironmentUnifiedModels(conn, world.mine).create(
            {"unified_model_id": "desk", "override": COMMENTS}
        )
        found = {
            scope: [
                (each.resource, each.is_overridden)
                for each in await read_mapped_resources(conn, scope, "brightfold", only_installed=True)
            ]
            for scope in (world.mine, world.sibling)
        }
    assert found[world.mine] == [("tickets", False)]
    assert found[world.sibling] == [("comments", True), ("tickets", False)]


async def test_a_guide_has_the_instructions_of_one_environment(
    database: Database, world: World, filled: tuple[Rows, Rows]
) -> None:
    page = {"environment_unified_model_id": filled[0].model, "integration_name": "brightfold"}
    async with database.write() as conn:
        for other in ({"integration_name": "another"}, {"resource": "tickets"}, {"type": "note"}):
            await Documentation(conn, world.mine).create({**page, "content": "Not this one.", **other})
    async with database.read() as conn:
        for scope, label in ((world.mine, "Mine"), (world.sibling, "Theirs")):
            described = await describe_integration(conn, scope, "brightfold")
            guide = await read_integration_guide(conn, scope, described, "desk")
            assert (guide["user_role"], guide["instructions"]) == ([label], f"Ask {label}")


async def test_a_change_of_a_definition_raises_the_epochs_of_its_own_installs(
    database: Database, world: World, epochs: EpochWatcher
) -> None:
    async with database.write() as conn:
        rows = Integrations(conn, world.mine)
        mine, other = [
            await rows.create({"name": name, "config": {"label": name}}) for name in ("one", "two")
        ]
        await EnvironmentIntegrations(conn, world.mine).create({"integration_id": mine["id"]})
        await EnvironmentIntegrations(conn, world.sibling).create({"integration_id": other["id"]})
    before = [epochs.get_epoch(each.environment_id) for each in (world.mine, world.sibling)]
    async with database.write() as conn:
        await Integrations(conn, world.mine).update(mine["id"], {"is_beta": True})
    after = [epochs.get_epoch(each.environment_id) for each in (world.mine, world.sibling)]
    assert after[0] > before[0]
    assert after[1] == before[1]


async def test_installed_environments_of_a_definition_are_those_of_the_team(
    database: Database, world: World, filled: tuple[Rows, Rows]
) -> None:
    await fill(database, world.foreign, "Foreign")
    async with database.read() as conn:
        row = await Integrations(conn, world.mine).get("brightfold")
    expected = sorted((world.mine.environment_id, world.sibling.environment_id))
    assert row["installed_environment"] == expected
