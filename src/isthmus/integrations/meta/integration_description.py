"""Describes an integration and its methods, as an environment or an account has it.

The layers are merged as for a call, but without secrets, and nothing is compiled: only descriptions, schemas
and forms are read from the result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.tables import documentation, environment_integration, integration
from isthmus.definitions.authored_schemas import as_json_schema
from isthmus.definitions.layers import merge_integration
from isthmus.errors import NotFound
from isthmus.integrations.catalog.owned_definitions import has_id_or_name, is_visible_to_team
from isthmus.integrations.rows.scope import Scope

__all__ = [
    "IntegrationDescription",
    "MethodDescription",
    "describe_config",
    "describe_install",
    "describe_integration",
]

_SCHEMAS: Final = ("query_schema", "body_schema", "response_schema")


@dataclass(frozen=True, slots=True)
class MethodDescription:
    """A method with its documentation.

    `definition`: the method in the merged config. Schemas are JSON Schema, or None; each comes from a
    documentation row, or else from the definition.
    """

    resource: str
    name: str
    definition: Mapping[str, Any] = field(repr=False)
    description: str | None
    query_schema: dict[str, Any] | None
    body_schema: dict[str, Any] | None
    response_schema: dict[str, Any] | None

    @property
    def is_documented(self) -> bool:
        """True if there is a description or a schema."""
        return bool(self.description or self.query_schema or self.body_schema or self.response_schema)


@dataclass(frozen=True, slots=True)
class IntegrationDescription:
    """An integration with its documentation.

    `config`: with all layers merged. `texts`: documentation of the integration as a whole, by type.
    """

    id: str
    name: str
    category: str | None
    config: Mapping[str, Any] = field(repr=False)
    methods: tuple[MethodDescription, ...] = field(repr=False)
    texts: Mapping[str, str] = field(repr=False)

    @property
    def label(self) -> str:
        """The label of the integration; its name if it has none."""
        return str(self.config.get("label") or self.name)

    def get_tags(self, resource: str) -> list[str]:
        """Returns the tool tags of a resource; empty if it has none."""
        tags = self.config.get("tool_tags")
        resource_tags = tags.get(resource) if isinstance(tags, Mapping) else None
        return [str(tag) for tag in resource_tags] if isinstance(resource_tags, list | tuple) else []


async def describe_integration(
    conn: AsyncConnection, scope: Scope, id_or_name: str
) -> IntegrationDescription:
    """Returns the integration with the environment's override, if it is installed there.

    Raises NotFound for an integration that the team does not see.
    """
    statement = (
        select(integration.c.id, environment_integration.c.id.label("install_id"))
        .outerjoin(
            environment_integration,
            (environment_integration.c.integration_id == integration.c.id)
            & (environment_integration.c.environment_id == scope.environment_id),
        )
        .where(has_id_or_name(integration, id_or_name), is_visible_to_team(integration, scope.team_id))
    )
    row = (await conn.execute(statement)).one_or_none()
    if row is None:
        raise NotFound(f"no integration {id_or_name}. GET /integration lists those this token sees.")
    return await describe_install(conn, row.id, row.install_id)


async def describe_install(
    conn: AsyncConnection,
    integration_id: str,
    install_id: str | None,
    *,
    account_override: Mapping[str, Any] | None = None,
    authentication_method: str | None = None,
) -> IntegrationDescription:
    """Returns the integration with the overrides of an install and of an account, and their documentation.

    `install_id`: None if it is not installed. `authentication_method`: the account's, to select documentation
    about it; None selects documentation about all methods.
    """
    statement = select(
        integration.c.id, integration.c.name, integration.c.category, integration.c.config
    ).where(integration.c.id == integration_id)
    row = (await conn.execute(statement)).one()
    override = None
    if install_id is not None:
        chosen = environment_integration.c.id == install_id
        override = (await conn.execute(select(environment_integration.c.override).where(chosen))).scalar_one()
    config = merge_integration(row.config, override, account_override)
    texts = await _read_documentation(conn, row.id, row.name, install_id, authentication_method)
    return describe_config(row.name, config, texts, id=row.id, category=row.category)


DocumentationTexts = Mapping[tuple[str | None, str | None, str], str]
"""Contents of documentation rows by (resource, method, type)."""


def describe_config(
    name: str,
    config: Mapping[str, Any],
    texts: DocumentationTexts | None = None,
    *,
    id: str = "",
    category: str | None = None,
) -> IntegrationDescription:
    """Returns the description of a merged config. `texts`: the documentation that applies to it."""
    texts = texts or {}
    return IntegrationDescription(
        id=id,
        name=name,
        category=category,
        config=config,
        methods=tuple(_describe_methods(config, texts)),
        texts={kind: content for (resource, _, kind), content in texts.items() if resource is None},
    )


async def _read_documentation(
    conn: AsyncConnection,
    integration_id: str,
    name: str,
    install_id: str | None,
    authentication_method: str | None,
) -> DocumentationTexts:
    """Returns the documentation of an integration and its install; of several rows about the same, one
    counts.

    A row of the environment comes before one of the integration, then one about the authentication method
    before one about all, then the newer one.
    """
    owners = [documentation.c.integration_id == integration_id]
    if install_id is not None:
        owners.append(documentation.c.environment_integration_id == install_id)
    applies = [
        or_(column.is_(None), column == value)
        for column, value in (
            (documentation.c.integration_name, name),
            (documentation.c.authentication_method, authentication_method),
        )
    ]
    statement = (
        select(documentation)
        .where(or_(*owners), documentation.c.is_inline.is_(False), *applies)
        .order_by(
            documentation.c.environment_integration_id.is_not(None),
            documentation.c.authentication_method.is_not(None),
            documentation.c.updated_at,
            documentation.c.id,
        )
    )
    rows = (await conn.execute(statement)).all()
    return {(row.resource, row.method, row.type): row.content for row in rows}


def _describe_methods(config: Mapping[str, Any], texts: DocumentationTexts) -> Iterator[MethodDescription]:
    """Returns a description of each method in a merged config."""
    resources = config.get("resources")
    for resource, methods in resources.items() if isinstance(resources, Mapping) else ():
        for name, method in methods.items() if isinstance(methods, Mapping) else ():
            if isinstance(method, Mapping):
                yield _describe_method(resource, name, method, texts)


def _describe_method(
    resource: str, name: str, method: Mapping[str, Any], texts: DocumentationTexts
) -> MethodDescription:
    """Returns the description of one method; documentation rows come before the definition's own texts."""
    description = texts.get((resource, name, "description")) or method.get("description")
    query, body, response = (
        as_json_schema(texts.get((resource, name, kind))) or as_json_schema(method.get(kind))
        for kind in _SCHEMAS
    )
    return MethodDescription(
        resource=resource,
        name=name,
        definition=method,
        description=str(description) if description else None,
        query_schema=query,
        body_schema=body,
        response_schema=response,
    )
