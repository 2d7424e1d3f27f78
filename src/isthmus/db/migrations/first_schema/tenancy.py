"""Tables of teams, environments, users and API tokens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from isthmus.db.migrations.column_types import json, moment, row_columns, uuid

__all__ = ["create_tenancy_tables"]


def create_tenancy_tables() -> None:
    op.create_table(
        "team",
        *row_columns(),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("domain", sa.Text),
        sa.Column("logo", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_team"),
    )
    op.create_table(
        "environment",
        *row_columns(),
        sa.Column("team_id", uuid(), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("settings", json(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_environment"),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name="fk_environment_team_id", ondelete="CASCADE"),
        sa.UniqueConstraint("team_id", "name", name="uq_environment_team_id_name"),
    )
    op.create_table(
        "user",
        *row_columns(),
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
        *row_columns(),
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
