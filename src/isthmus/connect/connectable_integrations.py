"""What a session may connect to: the installs that are visible to it, and one of them in full."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.connect.errors import InvalidIntegration
from isthmus.connect.link_tokens import LinkToken
from isthmus.connect.screens import Offered
from isthmus.connect.sessions import Options
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
from isthmus.definitions.credentials import Credential
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.secrets import join_secrets
from isthmus.errors import IsthmusError
from isthmus.integrations.effective.effective_definitions import EffectiveDefinitions, Layer
from isthmus.integrations.installs.environment_integrations import OVERRIDE_SECRETS

__all__ = ["Offer", "face_of", "offer", "offered", "scopes_of", "slug_of_account"]


@dataclass(frozen=True, slots=True)
class Offer:
    """One install, in full. `definition`: the integration's, with the environment's override.
    `callback_url`: where providers send people back, None for the server's own address."""

    install_id: str
    integration_id: str
    slug: str
    face: Offered
    definition: IntegrationConfig
    callback_url: str | None = None

    @property
    def credentials(self) -> Mapping[str, Credential]:
        return self.definition.credentials


async def offered(conn: AsyncConnection, link: LinkToken, options: Options) -> tuple[Offered, ...]:
    """Those to choose from, by label: installed, enabled, shown, and within what link and page ask for."""
    statement = _installs(link.environment_id).where(
        environment_integration.c.is_enabled, environment_integration.c.show_in_catalog
    )
    rows = (await conn.execute(statement)).mappings().all()
    mapped = await _mapped_integrations(conn, link)
    faces = [
        _face(row)
        for row in rows
        if (mapped is None or row["name"] in mapped)
        and (options.integrations is None or row["name"] in options.integrations)
    ]
    return tuple(sorted(faces, key=lambda face: face.label.casefold()))


async def offer(
    conn: AsyncConnection, effective: EffectiveDefinitions, link: LinkToken, options: Options, slug: str
) -> Offer:
    """Raises InvalidIntegration for one that the browser may not see. A link that reconnects sees only its
    account's (by `slug_of_account`), however it is shown otherwise."""
    if link.account_id is None and not any(face.slug == slug for face in await offered(conn, link, options)):
        raise InvalidIntegration(f"“{slug}” cannot be connected here. Tell whoever sent you.")
    statement = _installs(link.environment_id).where(
        integration.c.name == slug, environment_integration.c.is_enabled
    )
    row = (await conn.execute(statement)).mappings().one_or_none()
    if row is None:
        raise InvalidIntegration(f"“{slug}” cannot be connected here. Tell whoever sent you.")
    secrets = OVERRIDE_SECRETS.open(get_key_ring(conn), row["install_id"], row["override_secrets"])
    layer = Layer(row["install_id"], row["install_revision"], join_secrets(row["override"], secrets or {}))
    try:
        definition = await effective.get_definition(
            conn, row["id"], row["revision"], layer, Layer("", 0, {}), is_owner=bool(row["is_owner"])
        )
    except IsthmusError as broken:
        raise InvalidIntegration(f"“{slug}” is not set up correctly.") from broken
    return Offer(row["install_id"], row["id"], slug, _face(row), definition, row["callback_url"])


async def face_of(conn: AsyncConnection, environment_id: str, slug: str) -> Offered:
    """Of an install, however it is shown."""
    statement = _installs(environment_id).where(integration.c.name == slug)
    return _face((await conn.execute(statement)).mappings().one())


async def slug_of_account(conn: AsyncConnection, environment_id: str, account_id: str) -> str | None:
    """The integration of an account; None where the account is gone."""
    statement = (
        select(integration.c.name)
        .join(environment_integration, environment_integration.c.integration_id == integration.c.id)
        .join(
            integrated_account,
            integrated_account.c.environment_integration_id == environment_integration.c.id,
        )
        .where(integrated_account.c.id == account_id, integrated_account.c.environment_id == environment_id)
    )
    found: str | None = (await conn.execute(statement)).scalar_one_or_none()
    return found


async def scopes_of(conn: AsyncConnection, link: LinkToken, offer: Offer) -> tuple[str, ...]:
    """The scopes to ask for (`connect.md` §5.3): the link's own, else what its models need, else the
    definition's."""
    if link.scopes is not None:
        return link.scopes
    needed = await _scopes_of_models(conn, link, offer)
    credential = offer.credentials.get("oauth2")
    default = tuple(credential.config.scope) if credential is not None else ()  # type: ignore[union-attr]  # the key is the format
    return needed or default


def _installs(environment_id: str) -> Any:
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


def _face(row: Any) -> Offered:
    over, config = row["override"], row["config"]

    def shown(name: str) -> str | None:
        found = over.get(name) or config.get(name)
        return found if isinstance(found, str) else None

    return Offered(
        slug=row["name"],
        label=shown("label") or row["name"],
        logo=shown("icon") or shown("logo"),
        category=row["category"],
    )


async def _mapped_integrations(conn: AsyncConnection, link: LinkToken) -> frozenset[str] | None:
    """Names of integrations that are mapped to every model of the link; None where it names no model."""
    found: frozenset[str] | None = None
    for model_id in link.models:
        rows = await conn.execute(_mappings(link.environment_id, model_id, "integration_name"))
        names = frozenset(rows.scalars())
        found = names if found is None else found & names
    return found


def _mappings(environment_id: str, model_id: str, column: str) -> Any:
    base = unified_model_resource_method
    own = environment_unified_model_resource_method
    return union(
        select(base.c[column]).where(base.c.unified_model_id == model_id),
        select(own.c[column])
        .join(
            environment_unified_model,
            environment_unified_model.c.id == own.c.environment_unified_model_id,
        )
        .where(
            environment_unified_model.c.unified_model_id == model_id,
            environment_unified_model.c.environment_id == environment_id,
        ),
    )


async def _scopes_of_models(conn: AsyncConnection, link: LinkToken, offer: Offer) -> tuple[str, ...]:
    """What the methods that the models' mappings call need, and what the models list for the integration."""
    found: dict[str, None] = {}
    for model_id in link.models:
        for config in await _mapping_configs(conn, link.environment_id, model_id, offer.slug):
            found.update(dict.fromkeys(_method_scopes(offer.definition, config)))
        found.update(dict.fromkeys(await _listed_scopes(conn, link.environment_id, model_id, offer.slug)))
    return tuple(found)


async def _mapping_configs(
    conn: AsyncConnection, environment_id: str, model_id: str, slug: str
) -> Iterable[Mapping[str, Any]]:
    """Of both layers, each with the names of the method that it maps to."""
    base = unified_model_resource_method
    own = environment_unified_model_resource_method
    named = ("resource_name", "method_name", "config")
    of_base = select(*(base.c[name] for name in named)).where(
        base.c.unified_model_id == model_id, base.c.integration_name == slug
    )
    of_own = (
        select(*(own.c[name] for name in named))
        .join(
            environment_unified_model,
            environment_unified_model.c.id == own.c.environment_unified_model_id,
        )
        .where(
            environment_unified_model.c.unified_model_id == model_id,
            environment_unified_model.c.environment_id == environment_id,
            own.c.integration_name == slug,
        )
    )
    rows = [*(await conn.execute(of_base)).all(), *(await conn.execute(of_own)).all()]
    return [{"resource": row.resource_name, "method": row.method_name, **row.config} for row in rows]


def _method_scopes(definition: IntegrationConfig, config: Mapping[str, Any]) -> Iterable[str]:
    """Of the method a mapping names; one that is computed for each call cannot be known here."""
    resource, method = config["resource"], config["method"]
    if not isinstance(resource, str) or not isinstance(method, str):
        return ()
    found = definition.method(resource, method)
    return () if found is None else found.scopes or ()


async def _listed_scopes(
    conn: AsyncConnection, environment_id: str, model_id: str, slug: str
) -> Iterable[str]:
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
