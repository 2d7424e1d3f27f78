"""Link tokens, connect sessions, and trips to providers."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from isthmus.db.migrations.types import encrypted, moment, uuid

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "link_token",
        *_row(),
        sa.Column("environment_id", uuid(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("integrated_account_id", uuid()),
        sa.Column("payload", encrypted(), nullable=False),
        sa.Column("expires_at", moment(), nullable=False),
        sa.Column("opened", sa.Integer, nullable=False),
        sa.Column("consumed_at", moment()),
        sa.Column("consumed_by_account_id", uuid()),
        sa.PrimaryKeyConstraint("id", name="pk_link_token"),
        _belongs("link_token", "environment_id", "environment"),
        _belongs("link_token", "integrated_account_id", "integrated_account"),
        sa.UniqueConstraint("digest", name="uq_link_token_digest"),
    )
    _index("link_token", "environment_id", "integrated_account_id", "expires_at")
    op.create_table(
        "connect_session",
        *_row(),
        sa.Column("environment_id", uuid(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("link_token_id", uuid()),
        sa.Column("integrated_account_id", uuid()),
        sa.Column("payload", encrypted(), nullable=False),
        sa.Column("idle_at", moment(), nullable=False),
        sa.Column("expires_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_connect_session"),
        _belongs("connect_session", "environment_id", "environment"),
        _belongs("connect_session", "link_token_id", "link_token"),
        _belongs("connect_session", "integrated_account_id", "integrated_account"),
        sa.UniqueConstraint("digest", name="uq_connect_session_digest"),
    )
    _index("connect_session", "environment_id", "link_token_id", "integrated_account_id", "expires_at")
    op.create_table(
        "connect_trip",
        *_row(),
        sa.Column("session_id", uuid(), nullable=False),
        sa.Column("ticket_digest", sa.String(64), nullable=False),
        sa.Column("state_digest", sa.String(64), nullable=False),
        sa.Column("binding_digest", sa.String(64)),
        sa.Column("payload", encrypted(), nullable=False),
        sa.Column("expires_at", moment(), nullable=False),
        sa.Column("started_at", moment()),
        sa.Column("used_at", moment()),
        sa.PrimaryKeyConstraint("id", name="pk_connect_trip"),
        _belongs("connect_trip", "session_id", "connect_session"),
        sa.UniqueConstraint("ticket_digest", name="uq_connect_trip_ticket_digest"),
        sa.UniqueConstraint("state_digest", name="uq_connect_trip_state_digest"),
    )
    _index("connect_trip", "session_id", "expires_at")


def _row() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("id", uuid(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
    )


def _belongs(table: str, column: str, parent: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{parent}.id"], name=f"fk_{table}_{column}", ondelete="CASCADE"
    )


def _index(table: str, *columns: str) -> None:
    for column in columns:
        op.create_index(f"ix_{table}_{column}", table, [column])
