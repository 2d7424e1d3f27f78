"""Layers, merged once, kept by revision."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import insert
from tests.unit.integrations.small_catalog import MAPPING, write_catalog
from tests.unit.integrations.world import World

from isthmus.db import Database, EpochWatcher
from isthmus.db.database import current_time
from isthmus.db.epochs import EpochCache, increment_epoch
from isthmus.db.tables import environment_unified_model_resource_method
from isthmus.definitions.mapping import MappingConfig
from isthmus.errors import NotFound
from isthmus.integrations.catalog.catalog_sync import sync_catalog
from isthmus.integrations.catalog.shipped_files import Catalog, derive_integration_id
from isthmus.integrations.catalog.unified_models import UnifiedModels
from isthmus.integrations.effective.effective_definitions import EffectiveDefinitions, Layer, ResolvedMapping
from isthmus.integrations.effective.revision_cache import RevisionCache
from isthmus.integrations.installs.environment_integrations import EnvironmentIntegrations
from isthmus.integrations.installs.environment_unified_models import EnvironmentUnifiedModels
from isthmus.kit.ids import new_id

pytestmark = pytest.mark.both_databases

NONE = Layer("account", 1, {})


@pytest.fixture
async def installed(database: Database, world: World) -> str:
    """The id of the desk model's install in `world.mine`."""
    async with database.write() as conn:
        row = await EnvironmentUnifiedModels(conn, world.mine).create({"unified_model_id": "desk"})
    return str(row["id"])


async def resolve(
    effective: EffectiveDefinitions,
    world: World,
    *names: str,
    account: Layer = NONE,
) -> ResolvedMapping:
    model, resource, method = names
    return await effective.get_mapping(
        world.mine.environment_id, "brightfold", account, model, resource, method
    )


async def lay_over(database: Database, world: World, install_id: str, config: dict[str, Any]) -> None:
    async with database.write() as conn:
        await conn.execute(
            insert(environment_unified_model_resource_method).values(
                id=new_id(),
                environment_unified_model_id=install_id,
                integration_name="brightfold",
                resource_name="tickets",
                method_name="list",
                config=config,
                version=1,
                revision=1,
                created_at=current_time(conn),
                updated_at=current_time(conn),
            )
        )
        await increment_epoch(conn, world.mine.environment_id)


async def test_three_layers_make_one_mapping(
    database: Database, world: World, epochs: EpochWatcher, installed: str
) -> None:
    effective = EffectiveDefinitions(database, epochs)
    resource, mapping, _ = await resolve(effective, world, "desk", "tickets", "list")
    assert resource.record_schema["type"] == "object"
    assert mapping.response_mapping_method == "item"
    await lay_over(database, world, installed, {"query": {"lang": "en"}, "response_mapping_method": None})
    account = Layer("a", 1, {"desk": {"tickets": {"list": {"query": {"expand": None, "deep": "1"}}}}})
    _, mapping, _ = await resolve(effective, world, "desk", "tickets", "list", account=account)
    assert mapping.query is not None
    assert mapping.query.source == {"lang": "en", "deep": "1"}
    assert mapping.response_mapping_method == "array"
    _, without, _ = await resolve(effective, world, "desk", "tickets", "list")
    assert without.query is not None
    assert without.query.source == {"expand": "owner", "lang": "en"}


async def test_a_mapping_is_parsed_once_until_its_row_changes(
    database: Database, world: World, catalog: Catalog, epochs: EpochWatcher, installed: str
) -> None:
    effective = EffectiveDefinitions(database, epochs)
    _, first, _ = await resolve(effective, world, "desk", "tickets", "list")
    async with database.write() as conn:
        await increment_epoch(conn, world.mine.environment_id)
    _, after_other_write, _ = await resolve(effective, world, "desk", "tickets", "list")
    assert after_other_write is first
    write_catalog(catalog.path, mapping=MAPPING.replace("$string(response.no), 'title'", "'x', 'title'"))
    await sync_catalog(database, catalog)
    _, changed, _ = await resolve(effective, world, "desk", "tickets", "list")
    assert changed is not first


async def test_accounts_with_the_same_override_share_a_mapping(
    database: Database, world: World, epochs: EpochWatcher, installed: str
) -> None:
    effective = EffectiveDefinitions(database, epochs)

    async def resolve_override(account: str, revision: int, language: str) -> MappingConfig:
        """Returns the mapping of an account whose override asks for a language."""
        content = {"desk": {"tickets": {"list": {"query": {"lang": language}}}}}
        layer = Layer(account, revision, content)
        return (await resolve(effective, world, "desk", "tickets", "list", account=layer))[1]

    first = await resolve_override("a", 1, "en")
    assert await resolve_override("b", 1, "en") is first
    changed = await resolve_override("a", 2, "de")
    assert changed is not first
    assert await resolve_override("a", 3, "en") is first


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (("desl", "tickets", "list"), "no unified model desl is installed .* Close to it: desk"),
        (("desk", "tiket", "list"), "no resource tiket.* Close to it: tickets"),
        (("desk", "tickets", "lists"), "desk/tickets has no method lists.* Close to it: list"),
        (("desk", "tickets", "create"), "brightfold has no mapping for desk/tickets method create"),
        (("desk", "work_logs", "list"), "brightfold has no mapping for desk/work-logs method list"),
    ],
)
async def test_an_unknown_name_is_told_with_close_ones(
    database: Database,
    world: World,
    epochs: EpochWatcher,
    installed: str,
    names: tuple[str, str, str],
    says: str,
) -> None:
    with pytest.raises(NotFound, match=says):
        await resolve(EffectiveDefinitions(database, epochs), world, *names)


async def test_either_separator_names_a_resource(
    database: Database, world: World, epochs: EpochWatcher, installed: str
) -> None:
    effective = EffectiveDefinitions(database, epochs)
    account = Layer("a", 1, {"desk": {"work-logs": {"list": {"response_mapping": "$"}}}})
    for name in ("work-logs", "work_logs"):
        resource, mapping, _ = await resolve(effective, world, "desk", name, "list", account=account)
        assert resource.description == "Time spent."
        assert (mapping.resource, mapping.method) == ("work-logs", "list")


async def test_either_separator_names_a_method(
    database: Database, world: World, epochs: EpochWatcher, installed: str
) -> None:
    mapped = {"list": {"response_mapping": "$"}, "bulk-create": {"response_mapping": "$"}}
    account = Layer("a", 1, {"desk": {"tickets": mapped, "parts": mapped}})
    resources = {"tickets": {"methods": ["list", "bulk-create"]}, "parts": {"schema": {"type": "object"}}}
    async with database.write() as conn:
        await EnvironmentUnifiedModels(conn, world.mine).update(
            installed, {"override": {"resources": resources}}
        )
    effective = EffectiveDefinitions(database, epochs)
    for resource in ("tickets", "parts"):  # one lists its methods, the other allows all
        for written in ("bulk-create", "bulk_create"):
            resolved = await resolve(effective, world, "desk", resource, written, account=account)
            assert (resolved.method, resolved.mapping.method) == ("bulk-create", "bulk-create")
        with pytest.raises(NotFound):
            await resolve(effective, world, "desk", resource, "bulk_delete", account=account)


async def test_a_model_of_another_environment_is_not_called(
    database: Database, world: World, epochs: EpochWatcher, installed: str
) -> None:
    effective = EffectiveDefinitions(database, epochs)
    for scope in (world.sibling, world.foreign):
        with pytest.raises(NotFound, match="no unified model desk is installed"):
            await effective.get_mapping(scope.environment_id, "brightfold", NONE, "desk", "tickets", "list")


async def test_definitions_without_overrides_are_one_object(
    database: Database, world: World, epochs: EpochWatcher
) -> None:
    effective = EffectiveDefinitions(database, epochs)
    async with database.read() as conn:
        plain = [
            await effective.get_definition(
                conn, derive_integration_id("brightfold"), 1, Layer(install, 1, {}), NONE, is_owner=False
            )
            for install in ("one", "two")
        ]
        over = Layer("one", 2, {"pagination": {"format": "page"}})
        other = await effective.get_definition(
            conn, derive_integration_id("brightfold"), 1, over, NONE, is_owner=False
        )
    assert plain[0] is plain[1]
    assert other.pagination is not None
    assert other.pagination.format == "page"


async def test_secret_variables_reach_the_definition(
    database: Database, world: World, epochs: EpochWatcher
) -> None:
    override = {"environment_variables": {"a": "1"}, "secret_environment_variables": {"b": "2"}}
    async with database.write() as conn:
        await EnvironmentIntegrations(conn, world.mine).create(
            {"integration_id": "brightfold", "override": override}
        )
        definition = await EffectiveDefinitions(database, epochs).get_definition(
            conn, derive_integration_id("brightfold"), 1, Layer("one", 1, override), NONE, is_owner=False
        )
    assert definition.reveal_variables() == {"a": "1", "b": "2"}


class Counter:
    """Epochs that a test raises, and a read that counts."""

    def __init__(self) -> None:
        self.epoch = 0
        self.reads = 0

    def get_epoch(self, environment_id: str) -> int:
        return self.epoch

    async def read(self) -> int:
        self.reads += 1
        await asyncio.sleep(0)
        return self.reads


async def test_callers_at_once_share_one_load() -> None:
    counter = Counter()
    cache: EpochCache[str, int] = EpochCache(counter, 2)
    values = await asyncio.gather(*(cache.load("e", "k", counter.read) for _ in range(5)))
    assert (values, counter.reads) == ([1] * 5, 1)
    assert cache.get("e", "k") == 1
    counter.epoch = 1
    assert cache.get("e", "k") is None


async def test_a_write_during_a_load_makes_it_stale() -> None:
    counter = Counter()
    cache: EpochCache[str, int] = EpochCache(counter, 2)
    load = asyncio.ensure_future(cache.load("e", "k", counter.read))
    await asyncio.sleep(0)
    counter.epoch = 1
    assert await load == 1
    assert cache.get("e", "k") is None


async def test_a_caller_that_gives_up_does_not_take_the_load_away() -> None:
    counter = Counter()
    cache: EpochCache[str, int] = EpochCache(counter, 2)
    first = asyncio.ensure_future(cache.load("e", "k", counter.read))
    second = asyncio.ensure_future(cache.load("e", "k", counter.read))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == 1


async def test_a_cache_keeps_as_many_values_as_its_size_the_last_used_ones() -> None:
    counter = Counter()
    cache: EpochCache[str, int] = EpochCache(counter, 2)
    for key in "ab":
        await cache.load("e", key, counter.read)
    assert cache.get("e", "a") == 1
    await cache.load("e", "c", counter.read)
    assert [cache.get("e", key) for key in "abc"] == [1, None, 3]


def test_caches_are_bounded() -> None:
    cache: RevisionCache[int, str] = RevisionCache(2)
    for key in (1, 2):
        cache.store(key, "x")
    assert cache.get(1) == "x"
    cache.store(3, "x")
    assert (cache.get(1), cache.get(2), cache.get(3)) == ("x", None, "x")


async def test_mappings_of_one_account_onto_two_models_are_told_apart(
    database: Database, world: World, epochs: EpochWatcher, installed: str
) -> None:
    """Without rows, the account's override is all that identifies a mapping."""
    values = {"resources": {"tickets": {"schema": {"type": "object"}}}, "category": "ticketing"}
    async with database.write() as conn:
        for name in ("one", "two"):
            await UnifiedModels(conn, world.mine).create({"name": name, **values})
            await EnvironmentUnifiedModels(conn, world.mine).create({"unified_model_id": name})
    effective = EffectiveDefinitions(database, epochs)
    override = {name: {"tickets": {"get": {"query": {"of": name}}}} for name in ("one", "two")}
    account = Layer("a", 1, override)
    for name in ("one", "two"):
        _, mapping, _ = await resolve(effective, world, name, "tickets", "get", account=account)
        assert mapping.query is not None
        assert mapping.query.source == {"of": name}
