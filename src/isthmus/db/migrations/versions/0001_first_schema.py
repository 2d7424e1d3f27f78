"""The first schema: tenancy, integrations and models, accounts, the storage's own tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from isthmus.db.migrations.types import encrypted, json, moment, uuid

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _row() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("id", uuid(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
    )


def upgrade() -> None:
    _tenancy()
    _storage()
    _definitions()
    _accounts()


def _tenancy() -> None:
    op.create_table(
        "team",
        *_row(),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("domain", sa.Text),
        sa.Column("logo", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_team"),
    )
    op.create_table(
        "environment",
        *_row(),
        sa.Column("team_id", uuid(), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("settings", json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_environment"),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name="fk_environment_team_id", ondelete="CASCADE"),
        sa.UniqueConstraint("team_id", "name", name="uq_environment_team_id_name"),
    )
    op.create_table(
        "user",
        *_row(),
        sa.Column("team_id", uuid(), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("is_staff", sa.Boolean, nullable=False),
        sa.Column("role", json(), nullable=False),
        sa.Column("environment_ids", json(), nullable=False),
        sa.Column("password_hash", sa.Text),
        sa.Column("last_login_at", moment()),
        sa.PrimaryKeyConstraint("id", name="pk_user"),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name="fk_user_team_id", ondelete="CASCADE"),
        sa.UniqueConstraint("email", name="uq_user_email"),
    )
    op.create_table(
        "api_token",
        *_row(),
        sa.Column("environment_id", uuid(), nullable=False),
        sa.Column("created_by", uuid()),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("expires_at", moment()),
        sa.Column("revoked_at", moment()),
        sa.PrimaryKeyConstraint("id", name="pk_api_token"),
        sa.ForeignKeyConstraint(
            ["created_by"], ["user.id"], name="fk_api_token_created_by", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environment.id"], name="fk_api_token_environment_id", ondelete="CASCADE"
        ),
        sa.UniqueConstraint("digest", name="uq_api_token_digest"),
    )
    op.create_index("ix_api_token_environment_id", "api_token", ["environment_id"])


def _storage() -> None:
    op.create_table(
        "catalog_state",
        *_row(),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_state"),
    )
    op.create_table(
        "epoch",
        sa.Column("environment_id", sa.String(36), nullable=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("environment_id", name="pk_epoch"),
    )
    op.create_table(
        "key_grant",
        *_row(),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_key_grant"),
    )
    op.create_table(
        "server_secret",
        *_row(),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", encrypted(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_server_secret"),
        sa.UniqueConstraint("name", name="uq_server_secret_name"),
    )


def _definitions() -> None:
    op.create_table(
        "integration",
        *_row(),
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
        *_row(),
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
        *_row(),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("environment_id", uuid(), nullable=False),
        sa.Column("integration_id", uuid(), nullable=False),
        sa.Column("is_enabled", sa.Boolean, nullable=False),
        sa.Column("show_in_catalog", sa.Boolean, nullable=False),
        sa.Column("override", json(), nullable=False),
        sa.Column("override_secrets", encrypted()),
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
        *_row(),
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
    op.create_table(
        "unified_model_resource_method",
        *_row(),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("integration_name", sa.Text, nullable=False),
        sa.Column("resource_name", sa.Text, nullable=False),
        sa.Column("method_name", sa.Text, nullable=False),
        sa.Column("config", json(), nullable=False),
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
        *_row(),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("integration_name", sa.Text, nullable=False),
        sa.Column("resource_name", sa.Text, nullable=False),
        sa.Column("method_name", sa.Text, nullable=False),
        sa.Column("config", json(), nullable=False),
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


def _accounts() -> None:
    op.create_table(
        "integrated_account",
        *_row(),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("environment_id", uuid(), nullable=False),
        sa.Column("environment_integration_id", uuid(), nullable=False),
        sa.Column("tenant_id", sa.Text, nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("authentication_method", sa.Text, nullable=False),
        sa.Column("region", sa.String(8), nullable=False),
        sa.Column("is_sandbox", sa.Boolean, nullable=False),
        sa.Column("context", json(), nullable=False),
        sa.Column("context_secrets", encrypted()),
        sa.Column("unified_model_override", json()),
        sa.Column("integration_override", json()),
        sa.Column("integration_override_secrets", encrypted()),
        sa.Column("truto_static_gate_id", uuid()),
        sa.Column("last_error", sa.Text),
        sa.Column("last_forbidden_error", json()),
        sa.Column("last_action_run_result", json()),
        sa.Column("closed_until", moment()),
        sa.PrimaryKeyConstraint("id", name="pk_integrated_account"),
        sa.ForeignKeyConstraint(
            ["environment_id"],
            ["environment.id"],
            name="fk_integrated_account_environment_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["environment_integration_id"],
            ["environment_integration.id"],
            name="fk_integrated_account_environment_integration_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index(
        "ix_integrated_account_environment_id_created_at_id",
        "integrated_account",
        ["environment_id", "created_at", "id"],
    )
    op.create_index(
        "ix_integrated_account_environment_id_tenant_id",
        "integrated_account",
        ["environment_id", "tenant_id"],
    )
    op.create_index(
        "ix_integrated_account_environment_integration_id",
        "integrated_account",
        ["environment_integration_id"],
    )
