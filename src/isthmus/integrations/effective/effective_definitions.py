"""Effective definitions: all layers merged and parsed once, kept by the revisions they were made from.

    integration.config <- environment_integration.override <- integrated_account.integration_override
    base mapping row   <- environment mapping row          <- integrated_account.unified_model_override

`definitions.md` §2 and §3.8 say how a layer is laid over the one below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import Database, get_key_ring
from isthmus.db.epochs import EpochCache, Epochs
from isthmus.db.tables import environment_unified_model, integration, unified_model
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.layers import (
    account_mapping,
    deep_merge_patch,
    merge_integration,
    merge_mapping,
)
from isthmus.definitions.load import load_integration, load_mapping, load_unified_model
from isthmus.definitions.mapping import MappingConfig
from isthmus.definitions.unified_model import UnifiedModelDefinition, UnifiedResource
from isthmus.errors import NotFound
from isthmus.integrations.catalog.integrations import build_usable_config
from isthmus.integrations.effective.revision_cache import RevisionCache
from isthmus.integrations.mappings.mapping_rows import iter_override_cells, read_mapping_rows
from isthmus.integrations.rows.unknown_names import match_either_separator, unknown_name_error

__all__ = ["EffectiveDefinitions", "Layer", "ResolvedMapping"]

ResolvedMapping = tuple[UnifiedResource, MappingConfig]

_DEFINITIONS: Final = 256
_MODELS: Final = 128
_MAPPINGS: Final = 2_048


@dataclass(frozen=True, slots=True)
class Layer:
    """One override, and what identifies this state of it. An empty one is no layer at all."""

    id: str
    revision: int
    content: Mapping[str, Any] = field(repr=False)

    @property
    def key(self) -> tuple[str, int] | None:
        return (self.id, self.revision) if self.content else None


class EffectiveDefinitions:
    """One for the process; safe to share between environments, since every key holds whose rows it is of."""

    def __init__(self, database: Database, epochs: Epochs) -> None:
        self._database = database
        self._definitions: RevisionCache[Any, IntegrationConfig] = RevisionCache(_DEFINITIONS)
        self._models: RevisionCache[Any, UnifiedModelDefinition] = RevisionCache(_MODELS)
        self._mappings: RevisionCache[Any, MappingConfig] = RevisionCache(_MAPPINGS)
        self._installed: EpochCache[str, UnifiedModelDefinition] = EpochCache(epochs, _MODELS)
        self._resolved: EpochCache[Any, ResolvedMapping] = EpochCache(epochs, _MAPPINGS)

    async def definition(
        self,
        conn: AsyncConnection,
        integration_id: str,
        revision: int,
        install: Layer,
        account: Layer,
        *,
        is_owner: bool,
    ) -> IntegrationConfig:
        """The merged definition of an account's integration. `is_owner`: whether the account's team owns the
        integration; else its secrets take no part.

        Raises DefinitionInvalid where layers that were written apart do not fit together.
        """
        key = (integration_id, revision, install.key, account.key, is_owner)
        kept = self._definitions.get(key)
        if kept is not None:
            return kept
        statement = select(
            integration.c.id, integration.c.name, integration.c.config, integration.c.secrets
        ).where(integration.c.id == integration_id)
        row = (await conn.execute(statement)).mappings().one()
        base = build_usable_config(get_key_ring(conn), dict(row), is_owner=is_owner)
        merged = merge_integration(base, install.content, account.content)
        source = f"effective definition of {row['name']}"
        if row["secrets"] is not None and not is_owner:
            source += " (without its owner's secrets, which other teams replace by an override)"
        return self._definitions.keep(key, load_integration(merged, source=source))

    async def mapping(
        self,
        environment_id: str,
        integration_name: str,
        account: Layer,
        model: str,
        resource: str,
        method: str,
    ) -> ResolvedMapping:
        """The resource and the merged mapping of a unified call; `account` holds `unified_model_override`.

        Raises NotFound that names the tuple and names close to the one that is unknown.
        """
        key = (integration_name, account.key, model, resource, method)
        kept = self._resolved.get(environment_id, key)
        if kept is not None:
            return kept

        async def read() -> ResolvedMapping:
            return await self._resolve_mapping(
                environment_id, integration_name, account, model, resource, method
            )

        return await self._resolved.load(environment_id, key, read)

    async def _resolve_mapping(
        self,
        environment_id: str,
        integration_name: str,
        account: Layer,
        model: str,
        resource: str,
        method: str,
    ) -> ResolvedMapping:
        found = self._installed.get(environment_id, model)
        if found is None:
            found = await self._installed.load(
                environment_id, model, lambda: self._read_model(environment_id, model)
            )
        name, definition = _find_resource(found, resource, method)
        partial = account_mapping(account.content, model, name, method)
        mine = None if partial is None else Layer(account.id, account.revision, partial)
        async with self._database.read() as conn:
            rows = await read_mapping_rows(
                conn, environment_id, integration_name, model=model, resource=name, method=method
            )
            if not rows and mine is None:
                raise await _unmapped_error(
                    conn, environment_id, integration_name, account, model, f"{name}.{method}"
                )
        found_layers = {row.layer: Layer(row.id, row.revision, row.config) for row in rows}
        base, over = found_layers.get("model"), found_layers.get("environment")
        layers = [each.content for each in (base, over, mine) if each is not None]
        key = tuple(None if each is None else (each.id, each.revision) for each in (base, over, mine))
        identity = (*key, integration_name, model, name, method)
        kept = self._mappings.get(identity)
        if kept is None:
            # Named here, because a caller may have written the resource with the other separator.
            merged = {"resource": name, "method": method, **merge_mapping(*layers)}
            source = f"mapping of {model}/{name}.{method} to {integration_name}"
            kept = self._mappings.keep(identity, load_mapping(merged, source=source))
        return definition, kept

    async def _read_model(self, environment_id: str, name: str) -> UnifiedModelDefinition:
        """A model as one environment sees it."""
        statement = (
            select(
                unified_model,
                environment_unified_model.c.id.label("install_id"),
                environment_unified_model.c.revision.label("install_revision"),
                environment_unified_model.c.override,
            )
            .join(
                environment_unified_model, environment_unified_model.c.unified_model_id == unified_model.c.id
            )
            .where(unified_model.c.name == name, environment_unified_model.c.environment_id == environment_id)
        )
        async with self._database.read() as conn:
            row = (await conn.execute(statement)).mappings().one_or_none()
            if row is None:
                raise await _model_not_installed_error(conn, environment_id, name)
        key = (row["id"], row["revision"], row["install_id"], row["install_revision"])
        definition = self._models.get(key)
        if definition is None:
            values = {
                part: deep_merge_patch(row[part], row["override"].get(part) or {})
                for part in ("resources", "webhooks")
            }
            source = f"unified model {name}"
            definition = self._models.keep(key, load_unified_model({"name": name, **values}, source=source))
        return definition


async def _model_not_installed_error(conn: AsyncConnection, environment_id: str, name: str) -> NotFound:
    installed = (
        select(unified_model.c.name)
        .join(environment_unified_model, environment_unified_model.c.unified_model_id == unified_model.c.id)
        .where(environment_unified_model.c.environment_id == environment_id)
    )
    names = (await conn.execute(installed)).scalars().all()
    return unknown_name_error(
        f"no unified model {name} is installed in this environment",
        name,
        names,
        "GET /environment-unified-model lists what is installed; POST there installs another.",
    )


def _find_resource(model: UnifiedModelDefinition, resource: str, method: str) -> tuple[str, UnifiedResource]:
    name = match_either_separator(resource, model.resources)
    if name is None:
        raise unknown_name_error(
            f"the unified model {model.name} has no resource {resource}",
            resource,
            model.resources,
            f"Its resources: {', '.join(sorted(model.resources))}.",
        )
    definition = model.resources[name]
    if definition.methods and method not in definition.methods:
        raise unknown_name_error(
            f"{model.name}/{name} has no method {method}",
            method,
            definition.methods,
            f"Its methods: {', '.join(definition.methods)}.",
        )
    return name, definition


async def _unmapped_error(
    conn: AsyncConnection, environment_id: str, integration_name: str, account: Layer, model: str, wanted: str
) -> NotFound:
    """Names what is mapped in any layer."""
    rows = await read_mapping_rows(conn, environment_id, integration_name, model=model)
    mapped = {f"{row.resource}.{row.method}" for row in rows} | {
        f"{resource}.{method}"
        for owner, resource, method in iter_override_cells(account.content)
        if owner == model
    }
    return unknown_name_error(
        f"{integration_name} has no mapping for {model}/{wanted.replace('.', ' method ')}",
        wanted,
        mapped,
        f"Mapped for {integration_name}: {', '.join(sorted(mapped))}."
        if mapped
        else f"GET /integration/{integration_name}/unified-apis lists the models it is mapped to.",
    )
