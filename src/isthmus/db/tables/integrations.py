"""Integrations, unified models and mappings, their documentation and categories, and what an environment
installs and overrides."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Column, ForeignKey, Named, String, Table, Text, UniqueConstraint

from isthmus.db.column_types import Encrypted, Json, Uuid
from isthmus.db.tables.base import Revisioned, Row, Versioned, metadata

__all__ = [
    "catalog_state",
    "category",
    "documentation",
    "environment_integration",
    "environment_unified_model",
    "environment_unified_model_resource_method",
    "integration",
    "unified_model",
    "unified_model_resource_method",
]


class IntegrationColumns(Revisioned, Versioned, Row):
    """An integration. `team_id`: None if it is shipped. `sharing`: deny, ask or allow. `secrets`: the secret
    values of `config`, which does not hold them."""

    team_id: Named[str | None] = Column(Uuid, ForeignKey("team.id", ondelete="CASCADE"), index=True)
    name: Named[str] = Column(Text, unique=True)
    category: Named[str | None] = Column(Text)
    is_beta: Named[bool] = Column(Boolean, default=False)
    sharing: Named[str] = Column(String(8), default="deny")
    config: Named[Any] = Column(Json, nullable=False)
    secrets: Named[bytes | None] = Column(Encrypted)


integration = Table("integration", metadata, IntegrationColumns)


class EnvironmentIntegrationColumns(Revisioned, Row):
    """The install of an integration in an environment. `override`: merged over `integration.config`; its
    secret values are in `override_secrets`. `callback_url`: the redirect URI for providers, None for the
    server's own."""

    environment_id: Named[str] = Column(Uuid, ForeignKey("environment.id", ondelete="CASCADE"))
    integration_id: Named[str] = Column(Uuid, ForeignKey("integration.id", ondelete="RESTRICT"), index=True)
    is_enabled: Named[bool] = Column(Boolean, default=True)
    show_in_catalog: Named[bool] = Column(Boolean, default=True)
    override: Named[Any] = Column(Json, nullable=False)
    override_secrets: Named[bytes | None] = Column(Encrypted)
    callback_url: Named[str | None] = Column(Text)


environment_integration = Table(
    "environment_integration",
    metadata,
    EnvironmentIntegrationColumns,
    UniqueConstraint("environment_id", "integration_id"),
)


class UnifiedModelColumns(Revisioned, Versioned, Row):
    """A unified model. `team_id`: None if it is shipped. `resources`: name -> {schema, description,
    methods}."""

    team_id: Named[str | None] = Column(Uuid, ForeignKey("team.id", ondelete="CASCADE"), index=True)
    name: Named[str] = Column(Text, unique=True)
    category: Named[str] = Column(Text)
    description: Named[str | None] = Column(Text)
    sharing: Named[str] = Column(String(8), default="deny")
    resources: Named[Any] = Column(Json, nullable=False)
    scopes: Named[Any] = Column(Json, nullable=False)
    docs: Named[Any] = Column(Json, nullable=False)
    webhooks: Named[Any] = Column(Json, nullable=False)


unified_model = Table("unified_model", metadata, UnifiedModelColumns)


class EnvironmentUnifiedModelColumns(Revisioned, Row):
    """The install of a unified model in an environment."""

    environment_id: Named[str] = Column(Uuid, ForeignKey("environment.id", ondelete="CASCADE"))
    unified_model_id: Named[str] = Column(
        Uuid, ForeignKey("unified_model.id", ondelete="RESTRICT"), index=True
    )
    override: Named[Any] = Column(Json, nullable=False)


environment_unified_model = Table(
    "environment_unified_model",
    metadata,
    EnvironmentUnifiedModelColumns,
    UniqueConstraint("environment_id", "unified_model_id"),
)


class MappingColumns(Revisioned, Versioned, Row):
    """A mapping: one for each integration, resource and method of a model."""

    integration_name: Named[str] = Column(Text)
    resource_name: Named[str] = Column(Text)
    method_name: Named[str] = Column(Text)
    config: Named[Any] = Column(Json, nullable=False)


class BaseMappingColumns(MappingColumns):
    """A mapping of the unified model itself."""

    unified_model_id: Named[str] = Column(Uuid, ForeignKey("unified_model.id", ondelete="CASCADE"))


unified_model_resource_method = Table(
    "unified_model_resource_method",
    metadata,
    BaseMappingColumns,
    UniqueConstraint(
        "unified_model_id",
        "integration_name",
        "resource_name",
        "method_name",
        name="uq_unified_model_resource_method_cell",
    ),
)


class EnvironmentMappingColumns(MappingColumns):
    """A mapping that an environment merges over the model's."""

    environment_unified_model_id: Named[str] = Column(
        Uuid,
        ForeignKey(
            "environment_unified_model.id",
            ondelete="CASCADE",
            name="fk_environment_unified_model_resource_method_model",
        ),
    )


environment_unified_model_resource_method = Table(
    "environment_unified_model_resource_method",
    metadata,
    EnvironmentMappingColumns,
    UniqueConstraint(
        "environment_unified_model_id",
        "integration_name",
        "resource_name",
        "method_name",
        name="uq_environment_unified_model_resource_method_cell",
    ),
)


class CatalogStateColumns(Row):
    """One row: the hash of the shipped catalogue as it was last loaded."""

    hash: Named[str] = Column(String(64))


catalog_state = Table("catalog_state", metadata, CatalogStateColumns)


def _subject_column(table: str) -> Column[str | None]:
    """Returns a foreign key to `table`. One of four such columns is set; the row is deleted with its
    subject."""
    return Column(Uuid, ForeignKey(f"{table}.id", ondelete="CASCADE"), index=True)


class DocumentationColumns(Row):
    """A documentation text. `content`: Markdown, a link, or a JSON Schema as YAML. `is_inline`: copied from a
    field of a shipped definition; readers of the definition use that field."""

    integration_id: Named[str | None] = _subject_column("integration")
    environment_integration_id: Named[str | None] = _subject_column("environment_integration")
    unified_model_id: Named[str | None] = _subject_column("unified_model")
    environment_unified_model_id: Named[str | None] = _subject_column("environment_unified_model")
    type: Named[str] = Column(Text)
    content: Named[str] = Column(Text)
    resource: Named[str | None] = Column(Text)
    method: Named[str | None] = Column(Text)
    authentication_method: Named[str | None] = Column(Text)
    integration_name: Named[str | None] = Column(Text)
    is_inline: Named[bool] = Column(Boolean, default=False)


documentation = Table("documentation", metadata, DocumentationColumns)


class CategoryColumns(Row):
    """A category. `name`: the slug that integrations and unified models refer to."""

    name: Named[str] = Column(Text, unique=True)
    label: Named[str] = Column(Text)


category = Table("category", metadata, CategoryColumns)
