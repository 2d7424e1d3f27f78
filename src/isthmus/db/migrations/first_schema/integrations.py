"""Tables of integrations, unified models and mappings, their installs and their documentation."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from isthmus.db.migrations.column_types import encrypted, json, row_columns, uuid

__all__ = ["create_integrations_tables"]


def create_integrations_tables() -> None:
    _create_definition_tables()
    _create_mapping_tables()
    _create_documentation_tables()


def _create_definition_tables() -> None:
    op.create_table(
        "integration",
        *row_columns(),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("team_id", uuid()),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("category", sa.Text),
        sa.Column("is_beta", sa.Boolean, nullable=False),
        sa.Column("sharing", sa.String(8), nullable=False),
        sa.Column("config", json(), nullable=False),
        sa.Column("secrets", encrypted()),
        sa.PrimaryKeyConstraint("id", name="pk_integration"),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name="fk_integration_team_id", ondelete="CASCADE"),
        sa.UniqueConstraint("name", name="uq_integration_name"),
    )
    op.create_index("ix_integration_team_id", "integration", ["team_id"])
    op.create_table(
        "unified_model",
        *row_columns(),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("team_id", uuid()),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("sharing", sa.String(8), nullable=False),
        sa.Column("resources", json(), nullable=False),
        sa.Column("scopes", json(), nullable=False),
        sa.Column("docs", json(), nullable=False),
        sa.Column("webhooks", json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_unified_model"),
        sa.ForeignKeyConstraint(
            ["team_id"], ["team.id"], name="fk_unified_model_team_id", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("name", name="uq_unified_model_name"),
    )
    op.create_index("ix_unified_model_team_id", "unified_model", ["team_id"])
    op.create_table(
        "environment_integration",
        *row_columns(),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("environment_id", uuid(), nullable=False),
        sa.Column("integration_id", uuid(), nullable=False),
        sa.Column("is_enabled", sa.Boolean, nullable=False),
        sa.Column("show_in_catalog", sa.Boolean, nullable=False),
        sa.Column("override", json(), nullable=False),
        sa.Column("override_secrets", encrypted()),
        sa.Column("callback_url", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_environment_integration"),
        sa.ForeignKeyConstraint(
            ["environment_id"],
            ["environment.id"],
            name="fk_environment_integration_environment_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["integration_id"],
            ["integration.id"],
            name="fk_environment_integration_integration_id",
            ondelete="RESTRICT",
        ),
        sa.UniqueConstraint(
            "environment_id",
            "integration_id",
            name="uq_environment_integration_environment_id_integration_id",
        ),
    )
    op.create_index(
        "ix_environment_integration_integration_id", "environment_integration", ["integration_id"]
    )
    op.create_table(
        "environment_unified_model",
        *row_columns(),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("environment_id", uuid(), nullable=False),
        sa.Column("unified_model_id", uuid(), nullable=False),
        sa.Column("override", json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_environment_unified_model"),
        sa.ForeignKeyConstraint(
            ["environment_id"],
            ["environment.id"],
            name="fk_environment_unified_model_environment_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["unified_model_id"],
            ["unified_model.id"],
            name="fk_environment_unified_model_unified_model_id",
            ondelete="RESTRICT",
        ),
        sa.UniqueConstraint(
            "environment_id",
            "unified_model_id",
            name="uq_environment_unified_model_environment_id_unified_model_id",
        ),
    )
    op.create_index(
        "ix_environment_unified_model_unified_model_id", "environment_unified_model", ["unified_model_id"]
    )


def _mapping_columns() -> tuple[sa.Column[Any], ...]:
    return (
        *row_columns(),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("integration_name", sa.Text, nullable=False),
        sa.Column("resource_name", sa.Text, nullable=False),
        sa.Column("method_name", sa.Text, nullable=False),
        sa.Column("config", json(), nullable=False),
    )


def _create_mapping_tables() -> None:
    op.create_table(
        "unified_model_resource_method",
        *_mapping_columns(),
        sa.Column("unified_model_id", uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_unified_model_resource_method"),
        sa.ForeignKeyConstraint(
            ["unified_model_id"],
            ["unified_model.id"],
            name="fk_unified_model_resource_method_unified_model_id",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint(
            "unified_model_id",
            "integration_name",
            "resource_name",
            "method_name",
            name="uq_unified_model_resource_method_cell",
        ),
    )
    op.create_table(
        "environment_unified_model_resource_method",
        *_mapping_columns(),
        sa.Column("environment_unified_model_id", uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_environment_unified_model_resource_method"),
        sa.ForeignKeyConstraint(
            ["environment_unified_model_id"],
            ["environment_unified_model.id"],
            name="fk_environment_unified_model_resource_method_model",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint(
            "environment_unified_model_id",
            "integration_name",
            "resource_name",
            "method_name",
            name="uq_environment_unified_model_resource_method_cell",
        ),
    )


_SUBJECTS = ("integration", "environment_integration", "unified_model", "environment_unified_model")


def _create_documentation_tables() -> None:
    op.create_table(
        "documentation",
        *row_columns(),
        *(sa.Column(f"{name}_id", uuid()) for name in _SUBJECTS),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("resource", sa.Text),
        sa.Column("method", sa.Text),
        sa.Column("authentication_method", sa.Text),
        sa.Column("integration_name", sa.Text),
        sa.Column("is_inline", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_documentation"),
        *(
            sa.ForeignKeyConstraint(
                [f"{name}_id"], [f"{name}.id"], name=f"fk_documentation_{name}_id", ondelete="CASCADE"
            )
            for name in _SUBJECTS
        ),
    )
    for name in _SUBJECTS:
        op.create_index(f"ix_documentation_{name}_id", "documentation", [f"{name}_id"])
    op.create_table(
        "category",
        *row_columns(),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_category"),
        sa.UniqueConstraint("name", name="uq_category_name"),
    )
