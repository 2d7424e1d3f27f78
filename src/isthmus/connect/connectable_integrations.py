"""The integrations that a session may connect: the list to choose from, and one with its definition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.rows.context import build_effective_context
from isthmus.connect.errors import InvalidIntegration
from isthmus.connect.link_tokens import LinkToken
from isthmus.connect.screens import IntegrationSummary
from isthmus.connect.sessions import PageOptions
from isthmus.db.database import get_key_ring
from isthmus.db.tables import (
    environment,
    environment_integration,
    environment_unified_model,
    environment_unified_model_resource_method,
    integrated_account,
    integration,
    unified_model,
    unified_model_resource_method,
)
from isthmus.definitions.credentials import Credential, OAuth1Credential, OAuth2Credential
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.secrets import join_secrets
from isthmus.engine.calls import NO_BODY
from isthmus.engine.evaluation import make_template_scope
from isthmus.errors import IsthmusError
from isthmus.expressions import UNDEFINED
from isthmus.expressions.placeholders import Template, UnresolvedPlaceholder
from isthmus.integrations.effective.effective_definitions import EffectiveDefinitions, Layer
from isthmus.integrations.installs.environment_integrations import OVERRIDE_SECRETS

_VARIABLES: Final = "environment_variables"

__all__ = [
    "ConnectableIntegration",
    "find_scopes",
    "find_slug_of_account",
    "list_connectable",
    "load_connectable",
    "read_summary",
]


@dataclass(frozen=True, slots=True)
class ConnectableIntegration:
    """An integration that a session may connect. `definition`: with the environment's override.
    `offered_formats`: of its credentials, those that a person can connect with; not those whose OAuth app is
    not set up. `callback_url`: where the provider redirects browsers to, None for the server's own
    callback."""

    install_id: str
    integration_id: str
    slug: str
    summary: IntegrationSummary
    definition: IntegrationConfig
    offered_formats: tuple[str, ...]
    callback_url: str | None = None

    @property
    def credentials(self) -> Mapping[str, Credential]:
        """The credentials of the definition by format."""
        return self.definition.credentials


async def list_connectable(
    conn: AsyncConnection, link: LinkToken, options: PageOptions
) -> tuple[IntegrationSummary, ...]:
    """Lists the integrations to choose from, sorted by label: installed, enabled, shown in the catalogue, and
    matching the models of the link and the names in the page's options."""
    statement = _select_installs(link.environment_id).where(
        environment_integration.c.is_enabled, environment_integration.c.show_in_catalog
    )
    rows = (await conn.execute(statement)).mappings().all()
    mapped = await _find_mapped_integrations(conn, link)
    summaries = [
        _build_summary(row)
        for row in rows
        if (mapped is None or row["name"] in mapped)
        and (options.integrations is None or row["name"] in options.integrations)
    ]
    return tuple(sorted(summaries, key=lambda summary: summary.label.casefold()))


async def load_connectable(
    conn: AsyncConnection, effective: EffectiveDefinitions, link: LinkToken, options: PageOptions, slug: str
) -> ConnectableIntegration:
    """Loads one integration with its definition. Raises InvalidIntegration if it must not be connected. A
    link that reconnects an account may use an integration that is not shown in the catalogue."""
    if link.account_id is None and not any(
        summary.slug == slug for summary in await list_connectable(conn, link, options)
    ):
        raise InvalidIntegration(f"“{slug}” cannot be connected here. Tell whoever sent you.")
    statement = _select_installs(link.environment_id).where(
        integration.c.name == slug, environment_integration.c.is_enabled
    )
    row = (await conn.execute(statement)).mappings().one_or_none()
    if row is None:
        raise InvalidIntegration(f"“{slug}” cannot be connected here. Tell whoever sent you.")
    secrets = OVERRIDE_SECRETS.decrypt(get_key_ring(conn), row["install_id"], row["override_secrets"])
    layer = Layer(row["install_id"], row["install_revision"], join_secrets(row["override"], secrets or {}))
    try:
        definition = await effective.get_definition(
            conn, row["id"], row["revision"], layer, Layer("", 0, {}), is_owner=bool(row["is_owner"])
        )
    except IsthmusError as broken:
        raise InvalidIntegration(f"“{slug}” is not set up correctly.") from broken
    return ConnectableIntegration(
        install_id=row["install_id"],
        integration_id=row["id"],
        slug=slug,
        summary=_build_summary(row),
        definition=definition,
        offered_formats=_list_offered_formats(definition),
        callback_url=row["callback_url"],
    )


async def read_summary(conn: AsyncConnection, environment_id: str, slug: str) -> IntegrationSummary:
    """Reads the summary of an installed integration, whether or not it is shown in the catalogue."""
    statement = _select_installs(environment_id).where(integration.c.name == slug)
    return _build_summary((await conn.execute(statement)).mappings().one())


async def find_slug_of_account(conn: AsyncConnection, environment_id: str, account_id: str) -> str | None:
    """Returns the name of an account's integration; None if the environment has no such account."""
    statement = (
        select(integration.c.name)
        .join(environment_integration, environment_integration.c.integration_id == integration.c.id)
        .join(
            integrated_account,
            integrated_account.c.environment_integration_id == environment_integration.c.id,
        )
        .where(integrated_account.c.id == account_id, integrated_account.c.environment_id == environment_id)
    )
    slug: str | None = (await conn.execute(statement)).scalar_one_or_none()
    return slug


async def find_scopes(
    conn: AsyncConnection, link: LinkToken, connectable_integration: ConnectableIntegration
) -> tuple[str, ...]:
    """Returns the OAuth scopes to request: those of the link, otherwise those that its models need, otherwise
    those of the definition."""
    if link.scopes is not None:
        return link.scopes
    needed = await _find_scopes_of_models(conn, link, connectable_integration)
    credential = connectable_integration.credentials.get("oauth2")
    default = tuple(credential.config.scope) if credential is not None else ()  # type: ignore[union-attr]  # the key is the format
    return needed or default


def _list_offered_formats(definition: IntegrationConfig) -> tuple[str, ...]:
    """Returns the formats of the definition's credentials, without those whose OAuth app has no id."""
    context = build_effective_context({}, definition.reveal_variables())
    scope = make_template_scope(context, id=None, query={}, body=NO_BODY)
    return tuple(
        name
        for name, credential in definition.credentials.items()
        if not isinstance(credential, OAuth2Credential | OAuth1Credential)
        or _has_app(credential.config.client.id, scope)
    )


def _has_app(client_id: Template | None, scope: Mapping[str, Any]) -> bool:
    """Returns True if the id of an OAuth app has a value, or may have one with what the form or the link
    gives. `scope`: what its template sees without them."""
    try:
        return client_id is not None and client_id.render_strict(scope) not in (None, UNDEFINED, "")
    except UnresolvedPlaceholder as missing:
        return _VARIABLES not in missing.name


def _select_installs(environment_id: str) -> Any:
    """Returns the query of an environment's installed integrations, with what both the list and a connection
    need."""
    return (
        select(
            integration.c.id,
            integration.c.name,
            integration.c.category,
            integration.c.config,
            integration.c.revision,
            environment_integration.c.id.label("install_id"),
            environment_integration.c.revision.label("install_revision"),
            environment_integration.c.override,
            environment_integration.c.override_secrets,
            environment_integration.c.callback_url,
            (integration.c.team_id == environment.c.team_id).label("is_owner"),
        )
        .join(environment_integration, environment_integration.c.integration_id == integration.c.id)
        .join(environment, environment.c.id == environment_integration.c.environment_id)
        .where(environment_integration.c.environment_id == environment_id)
    )


def _build_summary(row: Any) -> IntegrationSummary:
    """Builds the summary from a row of `_select_installs`. The install's override wins for label and logo."""
    override, config = row["override"], row["config"]

    def read_text(name: str) -> str | None:
        """Returns the text of the override, otherwise that of the config; None if neither has one."""
        text = override.get(name) or config.get(name)
        return text if isinstance(text, str) else None

    return IntegrationSummary(
        slug=row["name"],
        label=read_text("label") or row["name"],
        logo=read_text("icon") or read_text("logo"),
        category=row["category"],
    )


async def _find_mapped_integrations(conn: AsyncConnection, link: LinkToken) -> frozenset[str] | None:
    """Returns the names of integrations that are mapped to every model of the link; None if it names no
    model."""
    common_names: frozenset[str] | None = None
    for model_id in link.models:
        rows = await conn.execute(_select_mappings(link.environment_id, model_id, "integration_name"))
        names = frozenset(rows.scalars())
        common_names = names if common_names is None else common_names & names
    return common_names


def _select_mappings(environment_id: str, model_id: str, column: str) -> Any:
    """Returns the query of one column of a model's mappings: base mappings and the environment's own."""
    base = unified_model_resource_method
    override = environment_unified_model_resource_method
    return union(
        select(base.c[column]).where(base.c.unified_model_id == model_id),
        select(override.c[column])
        .join(
            environment_unified_model,
            environment_unified_model.c.id == override.c.environment_unified_model_id,
        )
        .where(
            environment_unified_model.c.unified_model_id == model_id,
            environment_unified_model.c.environment_id == environment_id,
        ),
    )


async def _find_scopes_of_models(
    conn: AsyncConnection, link: LinkToken, connectable_integration: ConnectableIntegration
) -> tuple[str, ...]:
    """Returns the scopes of the methods that the models' mappings call, and those that the models list for
    the integration, each once."""
    scopes: dict[str, None] = {}
    for model_id in link.models:
        for config in await _read_mapping_configs(
            conn, link.environment_id, model_id, connectable_integration.slug
        ):
            scopes.update(dict.fromkeys(_find_method_scopes(connectable_integration.definition, config)))
        scopes.update(
            dict.fromkeys(
                await _read_listed_scopes(conn, link.environment_id, model_id, connectable_integration.slug)
            )
        )
    return tuple(scopes)


async def _read_mapping_configs(
    conn: AsyncConnection, environment_id: str, model_id: str, slug: str
) -> Iterable[Mapping[str, Any]]:
    """Reads the configs of base mappings and of the environment's overrides. Each has the `resource` and
    `method` that it maps to, unless it names others."""
    base = unified_model_resource_method
    override = environment_unified_model_resource_method
    columns = ("resource_name", "method_name", "config")
    base_query = select(*(base.c[name] for name in columns)).where(
        base.c.unified_model_id == model_id, base.c.integration_name == slug
    )
    override_query = (
        select(*(override.c[name] for name in columns))
        .join(
            environment_unified_model,
            environment_unified_model.c.id == override.c.environment_unified_model_id,
        )
        .where(
            environment_unified_model.c.unified_model_id == model_id,
            environment_unified_model.c.environment_id == environment_id,
            override.c.integration_name == slug,
        )
    )
    rows = [*(await conn.execute(base_query)).all(), *(await conn.execute(override_query)).all()]
    return [{"resource": row.resource_name, "method": row.method_name, **row.config} for row in rows]


def _find_method_scopes(definition: IntegrationConfig, config: Mapping[str, Any]) -> Iterable[str]:
    """Returns the scopes of the method that a mapping calls; none if an expression computes its name."""
    resource, method = config["resource"], config["method"]
    if not isinstance(resource, str) or not isinstance(method, str):
        return ()
    method_definition = definition.find_method(resource, method)
    return () if method_definition is None else method_definition.scopes or ()


async def _read_listed_scopes(
    conn: AsyncConnection, environment_id: str, model_id: str, slug: str
) -> Iterable[str]:
    """Reads the scopes that a model lists for an integration; the environment's override of the model wins.
    Empty if it lists none."""
    statement = (
        select(unified_model.c.scopes, environment_unified_model.c.override)
        .join(environment_unified_model, environment_unified_model.c.unified_model_id == unified_model.c.id)
        .where(unified_model.c.id == model_id, environment_unified_model.c.environment_id == environment_id)
    )
    row = (await conn.execute(statement)).one_or_none()
    if row is None:
        return ()
    listed = {**(row.scopes or {}), **(row.override.get("scopes") or {})}.get(slug)
    return listed if isinstance(listed, list) else ()
