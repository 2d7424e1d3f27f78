"""Effective definitions and mappings of accounts: all layers merged, parsed, and cached by the revisions of
their rows; mappings by the content of an account's override.

    integration.config <- environment_integration.override <- integrated_account.integration_override
    base mapping row   <- environment mapping row          <- integrated_account.unified_model_override

`isthmus.definitions.layers` merges a layer over the one before it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import Database, get_key_ring
from isthmus.db.epochs import EpochCache, Epochs
from isthmus.db.tables import environment_unified_model, integration, unified_model
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.layers import apply_patch, find_account_mapping, merge_integration, merge_mapping
from isthmus.definitions.load import load_integration, load_mapping, load_unified_model
from isthmus.definitions.mapping import MappingConfig
from isthmus.definitions.unified_model import UnifiedModelDefinition, UnifiedResource
from isthmus.integrations.catalog.integrations import build_usable_config
from isthmus.integrations.effective.environment_models import read_installed_names
from isthmus.integrations.effective.revision_cache import RevisionCache
from isthmus.integrations.effective.unified_names import (
    match_names,
    model_not_installed_error,
    unmapped_error,
)
from isthmus.integrations.mappings.mapping_rows import iter_override_mappings, read_mapping_rows
from isthmus.kit.close_names import find_name_ignoring_separator

__all__ = ["EffectiveDefinitions", "Layer", "ResolvedMapping"]


class ResolvedMapping(NamedTuple):
    """What a unified call needs: the resource of the unified model, the effective mapping, and the method's
    name in the definitions."""

    resource: UnifiedResource
    mapping: MappingConfig
    method: str


_MAX_DEFINITIONS: Final = 256
_MAX_MODELS: Final = 128
_MAX_MAPPINGS: Final = 2_048


@dataclass(frozen=True, slots=True)
class Layer:
    """One override with the id and revision of its row. An empty override counts as absent."""

    id: str
    revision: int
    content: Mapping[str, Any] = field(repr=False)

    @property
    def key(self) -> tuple[str, int] | None:
        """Id and revision, for keys of caches; None for an empty override."""
        return (self.id, self.revision) if self.content else None


class EffectiveDefinitions:
    """Reads effective definitions and mappings. One instance serves all environments of a process."""

    def __init__(self, database: Database, epochs: Epochs) -> None:
        self._database = database
        self._definitions: RevisionCache[Any, IntegrationConfig] = RevisionCache(_MAX_DEFINITIONS)
        self._models: RevisionCache[Any, UnifiedModelDefinition] = RevisionCache(_MAX_MODELS)
        self._mappings: RevisionCache[Any, MappingConfig] = RevisionCache(_MAX_MAPPINGS)
        self._installed: EpochCache[str, UnifiedModelDefinition] = EpochCache(epochs, _MAX_MODELS)
        self._resolved: EpochCache[Any, ResolvedMapping] = EpochCache(epochs, _MAX_MAPPINGS)

    async def get_definition(
        self,
        conn: AsyncConnection,
        integration_id: str,
        revision: int,
        install: Layer,
        account: Layer,
        *,
        is_owner: bool,
    ) -> IntegrationConfig:
        """Returns the merged definition of an account's integration.

        `is_owner`: True if the account's team owns the integration; otherwise its secrets are left out.
        Raises DefinitionInvalid if layers that are valid by themselves do not fit together.
        """
        key = (integration_id, revision, install.key, account.key, is_owner)
        cached = self._definitions.get(key)
        if cached is not None:
            return cached
        statement = select(
            integration.c.id, integration.c.name, integration.c.config, integration.c.secrets
        ).where(integration.c.id == integration_id)
        row = (await conn.execute(statement)).mappings().one()
        base = build_usable_config(get_key_ring(conn), dict(row), is_owner=is_owner)
        merged = merge_integration(base, install.content, account.content)
        source = f"effective definition of {row['name']}"
        if row["secrets"] is not None and not is_owner:
            source += " (without its owner's secrets, which other teams replace by an override)"
        return self._definitions.store(key, load_integration(merged, source=source))

    async def get_mapping(
        self,
        environment_id: str,
        integration_name: str,
        account: Layer,
        model: str,
        resource: str,
        method: str,
    ) -> ResolvedMapping:
        """Returns the merged mapping of a unified call. The caller's names may have `-` for `_`, or the other
        way round.

        `account`: the account's `unified_model_override`. Raises NotFound with names close to the unknown
        one.
        """
        key = (integration_name, account.key, model, resource, method)
        cached = self._resolved.get(environment_id, key)
        if cached is not None:
            return cached

        async def read() -> ResolvedMapping:
            """Reads the mapping if it is not cached."""
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
        """Reads the model and the mapping's rows, and merges them. Raises like `get_mapping`."""
        definition = self._installed.get(environment_id, model)
        if definition is None:
            definition = await self._installed.load(
                environment_id, model, lambda: self._read_model(environment_id, model)
            )
        methods = {name: unified_resource.methods for name, unified_resource in definition.resources.items()}
        name, method = match_names(model, methods, resource, method)
        partial = find_account_mapping(account.content, model, name, method)
        async with self._database.read() as conn:
            rows = await read_mapping_rows(
                conn, environment_id, integration_name, model=model, resource=name, method=method
            )
        if not rows and partial is None:
            async with self._database.read() as conn:
                mapped = await _read_mapped_names(conn, environment_id, integration_name, account, model)
            # A model that lists no methods leaves their names to the mappings.
            candidates = () if methods[name] else [other for owner, other in mapped if owner == name]
            mapped_method = find_name_ignoring_separator(method, candidates)
            if mapped_method is None:
                names = {f"{owner}.{other}" for owner, other in mapped}
                raise unmapped_error(integration_name, model, name, method, names)
            return await self._resolve_mapping(
                environment_id, integration_name, account, model, name, mapped_method
            )
        stored = {row.layer: Layer(row.id, row.revision, row.config) for row in rows}
        layers = (stored.get("model"), stored.get("environment"))
        revisions = tuple(None if layer is None else (layer.id, layer.revision) for layer in layers)
        # Accounts whose overrides are the same share a mapping, and a changed override leaves none behind.
        key = (
            *revisions,
            None if partial is None else _digest(partial),
            integration_name,
            model,
            name,
            method,
        )
        mapping = self._mappings.get(key)
        if mapping is None:
            contents = [layer.content for layer in layers if layer is not None]
            contents += [] if partial is None else [partial]
            # Named here, because a caller may have written the resource with the other separator.
            merged = {"resource": name, "method": method, **merge_mapping(*contents)}
            source = f"mapping of {model}/{name}.{method} to {integration_name}"
            mapping = self._mappings.store(key, load_mapping(merged, source=source))
        return ResolvedMapping(definition.resources[name], mapping, method)

    async def _read_model(self, environment_id: str, name: str) -> UnifiedModelDefinition:
        """Reads a model with the environment's override. Raises NotFound if it is not installed."""
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
                raise model_not_installed_error(name, await read_installed_names(conn, environment_id))
        key = (row["id"], row["revision"], row["install_id"], row["install_revision"])
        definition = self._models.get(key)
        if definition is None:
            values = {
                part: apply_patch(row[part], row["override"].get(part) or {})
                for part in ("resources", "webhooks")
            }
            source = f"unified model {name}"
            definition = self._models.store(key, load_unified_model({"name": name, **values}, source=source))
        return definition


def _digest(content: Mapping[str, Any]) -> bytes:
    """Returns a digest of JSON content."""
    return hashlib.sha256(json.dumps(content).encode()).digest()


async def _read_mapped_names(
    conn: AsyncConnection, environment_id: str, integration_name: str, account: Layer, model: str
) -> set[tuple[str, str]]:
    """Reads resource and method of each mapping of the integration in the model, in any layer."""
    rows = await read_mapping_rows(conn, environment_id, integration_name, model=model)
    return {(row.resource, row.method) for row in rows} | {
        (resource, method)
        for owner, resource, method in iter_override_mappings(account.content)
        if owner == model
    }
