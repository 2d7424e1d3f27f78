"""Tables of integrated accounts and of what is kept beside each."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from isthmus.db.migrations.column_types import encrypted, json, moment, row_columns, uuid

__all__ = ["create_accounts_tables"]


def create_accounts_tables() -> None:
    _create_account_table()
    _create_idempotency_table()
    _create_lifecycle_table()
    _create_credential_tables()
    _create_static_gate_table()
    _create_block_list_table()


def _create_account_table() -> None:
    op.create_table(
        "integrated_account",
        *row_columns(),
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


def _create_idempotency_table() -> None:
    op.create_table(
        "idempotency_record",
        *row_columns(),
        sa.Column("environment_id", uuid(), nullable=False),
        sa.Column("key_digest", sa.String(64), nullable=False),
        sa.Column("request_digest", sa.String(64), nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("answer", encrypted()),
        sa.Column("expires_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_idempotency_record"),
        sa.ForeignKeyConstraint(
            ["environment_id"],
            ["environment.id"],
            name="fk_idempotency_record_environment_id",
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("key_digest", name="uq_idempotency_record_key_digest"),
    )
    op.create_index("ix_idempotency_record_environment_id", "idempotency_record", ["environment_id"])
    op.create_index("ix_idempotency_record_expires_at", "idempotency_record", ["expires_at"])


def _create_lifecycle_table() -> None:
    op.create_table(
        "account_lifecycle",
        *row_columns(),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("environment_id", uuid(), nullable=False),
        sa.Column("stage", sa.String(16)),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("progress", encrypted()),
        sa.Column("started_at", moment()),
        sa.Column("is_reconnect", sa.Boolean, nullable=False),
        sa.Column("was_failed", sa.Boolean, nullable=False),
        sa.Column("due_at", moment()),
        sa.PrimaryKeyConstraint("id", name="pk_account_lifecycle"),
        sa.ForeignKeyConstraint(
            ["id"], ["integrated_account.id"], name="fk_account_lifecycle_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["environment_id"],
            ["environment.id"],
            name="fk_account_lifecycle_environment_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_account_lifecycle_environment_id", "account_lifecycle", ["environment_id"])
    runs = sa.text("stage IS NOT NULL")
    op.create_index(
        "ix_account_lifecycle_running", "account_lifecycle", ["id"], sqlite_where=runs, postgresql_where=runs
    )
    op.create_index("ix_account_lifecycle_due_at", "account_lifecycle", ["due_at"])


def _create_credential_tables() -> None:
    op.create_table(
        "credential_refresh",
        *row_columns(),
        sa.Column("owner", uuid()),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("lease_until", moment()),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("credential", sa.String(64), nullable=False),
        sa.Column("started_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_credential_refresh"),
        sa.ForeignKeyConstraint(
            ["id"], ["integrated_account.id"], name="fk_credential_refresh_id", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "credential_revocation",
        *row_columns(),
        sa.Column("environment_id", uuid(), nullable=False),
        sa.Column("request", encrypted(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_credential_revocation"),
        sa.ForeignKeyConstraint(
            ["environment_id"],
            ["environment.id"],
            name="fk_credential_revocation_environment_id",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_credential_revocation_environment_id", "credential_revocation", ["environment_id"])
    op.create_index("ix_credential_revocation_created_at", "credential_revocation", ["created_at"])


def _create_static_gate_table() -> None:
    op.create_table(
        "static_gate",
        *row_columns(),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("environment_id", uuid(), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("domain", sa.Text, nullable=False),
        sa.Column("api_token", encrypted(), nullable=False),
        sa.Column("created_by", uuid()),
        sa.PrimaryKeyConstraint("id", name="pk_static_gate"),
        sa.ForeignKeyConstraint(
            ["environment_id"], ["environment.id"], name="fk_static_gate_environment_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["created_by"], ["user.id"], name="fk_static_gate_created_by", ondelete="SET NULL"
        ),
    )
    op.create_index("ix_static_gate_environment_id", "static_gate", ["environment_id"])


def _create_block_list_table() -> None:
    op.create_table(
        "blocked_account",
        *row_columns(),
        sa.Column("reason", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_blocked_account"),
        sa.ForeignKeyConstraint(
            ["id"], ["integrated_account.id"], name="fk_blocked_account_id", ondelete="CASCADE"
        ),
    )
