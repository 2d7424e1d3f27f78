"""Explains effective definitions and mappings to authors: each value with the layer that set it.

Secrets are masked. Unlike `effective_definitions`, which calls use, this reads the rows each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import get_key_ring
from isthmus.db.tables import (
    environment,
    environment_integration,
    integration,
)
from isthmus.definitions.layers import find_account_mapping, merge_integration, merge_mapping
from isthmus.definitions.secrets import join_masked
from isthmus.errors import NotFound
from isthmus.integrations.catalog.integrations import INTEGRATION_SECRETS
from isthmus.integrations.effective.environment_models import read_installed_names, read_model, read_models
from isthmus.integrations.effective.provenance import NamedLayer, Provenance, trace_provenance
from isthmus.integrations.installs.environment_integrations import OVERRIDE_SECRETS
from isthmus.integrations.mappings.mapping_rows import LAYERS, iter_override_mappings, read_mapping_rows
from isthmus.integrations.rows.scope import EnvironmentScope
from isthmus.integrations.rows.unknown_names import make_unknown_name_error
from isthmus.integrations.rows.wire_rows import select_public_config
from isthmus.kit.ids import is_uuid

__all__ = [
    "ExplainedInstall",
    "ExplainedMapping",
    "check_names_installed",
    "explain_definition",
    "explain_mappings",
    "read_install",
]

_BASE, _ENVIRONMENT, _ACCOUNT = LAYERS


@dataclass(frozen=True, slots=True)
class ExplainedInstall:
    """An installed integration with its layers: the integration's config and the environment's `override`.

    `usable`: the config that calls use. `shown`: the part of it that the team may read, which is less if
    another team owns the integration.
    """

    id: str
    environment_id: str
    integration_name: str
    usable: NamedLayer
    shown: NamedLayer
    override: NamedLayer


@dataclass(frozen=True, slots=True)
class ExplainedMapping:
    """The merged mapping of one resource and method, with the layer that set each value."""

    model: str
    resource: str
    method: str
    provenance: Provenance

    @property
    def body(self) -> dict[str, Any]:
        """The mapping as JSON, in the shape of the API."""
        return {
            "model": self.model,
            "resource": self.resource,
            "method": self.method,
            **self.provenance.as_json(),
        }


async def read_install(conn: AsyncConnection, environment_id: str, id: str) -> ExplainedInstall:
    """Returns an install of the environment. `id`: of the install, or id or name of its integration. Raises
    NotFound."""
    by_id = or_(environment_integration.c.id == id, environment_integration.c.integration_id == id)
    which = by_id if is_uuid(id) else integration.c.name == id
    statement = (
        select(
            environment_integration.c.id,
            environment_integration.c.override,
            environment_integration.c.override_secrets,
            integration.c.id.label("integration_id"),
            integration.c.name,
            integration.c.config,
            integration.c.secrets,
            integration.c.team_id,
            environment.c.team_id.label("own_team_id"),
        )
        .join(integration, integration.c.id == environment_integration.c.integration_id)
        .join(environment, environment.c.id == environment_integration.c.environment_id)
        .where(environment_integration.c.environment_id == environment_id, which)
    )
    row = (await conn.execute(statement)).mappings().first()
    if row is None:
        raise NotFound(
            f"no install {id} in this environment. GET /environment-integration lists its installs."
        )
    keys = get_key_ring(conn)
    config: Mapping[str, Any] = row["config"]
    shown = config
    if row["team_id"] == row["own_team_id"]:
        secrets = INTEGRATION_SECRETS.decrypt(keys, row["integration_id"], row["secrets"])
        config = shown = join_masked(config, secrets or {})
    elif row["team_id"] is not None:
        shown = select_public_config(config)
    override = join_masked(
        row["override"], OVERRIDE_SECRETS.decrypt(keys, row["id"], row["override_secrets"]) or {}
    )
    return ExplainedInstall(
        id=row["id"],
        environment_id=environment_id,
        integration_name=row["name"],
        usable=NamedLayer("integration", row["integration_id"], config),
        shown=NamedLayer("integration", row["integration_id"], shown),
        override=NamedLayer(_ENVIRONMENT, row["id"], override),
    )


def explain_definition(install: ExplainedInstall, account: NamedLayer | None = None) -> Provenance:
    """Returns the effective definition of an install, or of an account.

    `account`: the account's `integration_override`, with masked secrets.
    """
    layers = [install.shown, install.override, *([] if account is None else [account])]
    return trace_provenance(layers, merge_integration)


async def explain_mappings(
    conn: AsyncConnection,
    environment_id: str,
    integration_name: str,
    account: NamedLayer | None = None,
    *,
    model: str | None = None,
    resource: str | None = None,
    method: str | None = None,
) -> list[ExplainedMapping]:
    """Returns the merged mappings of an integration, each value with the layer that set it; sorted by model,
    resource and method, empty where nothing is selected.

    `account`: the account's `unified_model_override`; without it the mappings are those of the environment.
    `model`, `resource` and `method` select by name; None selects all.
    """
    selected_names = (model, resource, method)
    layers_by_names: dict[tuple[str, str, str], dict[str, NamedLayer]] = {}
    rows = await read_mapping_rows(
        conn, environment_id, integration_name, model=model, resource=resource, method=method
    )
    for row in rows:
        layer = NamedLayer(row.layer, row.id, row.config)
        layers_by_names.setdefault((row.model, row.resource, row.method), {})[row.layer] = layer
    overridden: Mapping[str, Any] = {} if account is None else account.content
    installed = await read_installed_names(conn, environment_id) if overridden else frozenset()
    for names in iter_override_mappings(overridden):
        account_mapping = find_account_mapping(overridden, *names)
        if (
            account is not None
            and account_mapping is not None
            and names[0] in installed
            and _matches_selection(names, selected_names)
        ):
            layers_by_names.setdefault(names, {})[_ACCOUNT] = NamedLayer(
                _ACCOUNT, account.id, account_mapping
            )
    return [
        ExplainedMapping(
            *names, trace_provenance([layers[name] for name in LAYERS if name in layers], merge_mapping)
        )
        for names, layers in sorted(layers_by_names.items())
    ]


async def check_names_installed(
    conn: AsyncConnection,
    environment_id: str,
    *,
    model: str | None = None,
    resource: str | None = None,
    method: str | None = None,
) -> None:
    """Raises NotFound for a name that no installed model has. A name without a mapping is accepted."""
    scope = EnvironmentScope(environment_id, "")  # what is installed does not depend on the team
    models = [await read_model(conn, scope, model)] if model is not None else await read_models(conn, scope)
    where = f"the unified model {model}" if model is not None else "the unified models of this environment"
    resources = [
        (name, definition) for unified_model in models for name, definition in unified_model.resources.items()
    ]
    if resource is not None:
        known_names = [name for name, _ in resources]
        resources = [(name, definition) for name, definition in resources if name == resource]
        if not resources:
            raise make_unknown_name_error(
                f"no resource {resource} in {where}", resource, known_names, "GET /schemas lists them."
            )
    methods = [name for _, definition in resources for name in definition.get("methods") or ()]
    is_open = any(not definition.get("methods") for _, definition in resources)
    if method is not None and method not in methods and not is_open:
        raise make_unknown_name_error(
            f"no method {method} in {where}", method, methods, "GET /unified-model lists them."
        )


def _matches_selection(
    names: tuple[str, str, str], selected_names: tuple[str | None, str | None, str | None]
) -> bool:
    """Returns True if each selected name that is not None equals the mapping's. `names`, `selected_names`:
    model, resource, method."""
    return all(asked is None or asked == name for name, asked in zip(names, selected_names, strict=True))
