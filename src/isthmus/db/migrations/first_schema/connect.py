"""Tables of link tokens, connect sessions and trips to a provider."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from isthmus.db.migrations.column_types import encrypted, moment, row_columns, uuid

__all__ = ["create_connect_tables"]


def create_connect_tables() -> None:
    op.create_table(
        "link_token",
        *row_columns(),
        sa.Column("environment_id", uuid(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("integrated_account_id", uuid()),
        sa.Column("payload", encrypted(), nullable=False),
        sa.Column("expires_at", moment(), nullable=False),
        sa.Column("opened", sa.Integer, nullable=False),
        sa.Column("consumed_at", moment()),
        sa.Column("consumed_by_account_id", uuid()),
        sa.PrimaryKeyConstraint("id", name="pk_link_token"),
        _foreign_key("link_token", "environment_id", "environment"),
        _foreign_key("link_token", "integrated_account_id", "integrated_account"),
        sa.UniqueConstraint("digest", name="uq_link_token_digest"),
    )
    _create_indexes("link_token", "environment_id", "integrated_account_id", "expires_at")
    op.create_table(
        "connect_session",
        *row_columns(),
        sa.Column("environment_id", uuid(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("link_token_id", uuid()),
        sa.Column("integrated_account_id", uuid()),
        sa.Column("payload", encrypted(), nullable=False),
        sa.Column("idle_at", moment(), nullable=False),
        sa.Column("expires_at", moment(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_connect_session"),
        _foreign_key("connect_session", "environment_id", "environment"),
        _foreign_key("connect_session", "link_token_id", "link_token"),
        _foreign_key("connect_session", "integrated_account_id", "integrated_account"),
        sa.UniqueConstraint("digest", name="uq_connect_session_digest"),
    )
    _create_indexes(
        "connect_session", "environment_id", "link_token_id", "integrated_account_id", "expires_at"
    )
    op.create_table(
        "connect_trip",
        *row_columns(),
        sa.Column("session_id", uuid(), nullable=False),
        sa.Column("ticket_digest", sa.String(64), nullable=False),
        sa.Column("state_digest", sa.String(64), nullable=False),
        sa.Column("binding_digest", sa.String(64)),
        sa.Column("payload", encrypted(), nullable=False),
        sa.Column("expires_at", moment(), nullable=False),
        sa.Column("started_at", moment()),
        sa.Column("used_at", moment()),
        sa.PrimaryKeyConstraint("id", name="pk_connect_trip"),
        _foreign_key("connect_trip", "session_id", "connect_session"),
        sa.UniqueConstraint("ticket_digest", name="uq_connect_trip_ticket_digest"),
        sa.UniqueConstraint("state_digest", name="uq_connect_trip_state_digest"),
    )
    _create_indexes("connect_trip", "session_id", "expires_at")


def _foreign_key(table: str, column: str, parent: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{parent}.id"], name=f"fk_{table}_{column}", ondelete="CASCADE"
    )


def _create_indexes(table: str, *columns: str) -> None:
    for column in columns:
        op.create_index(f"ix_{table}_{column}", table, [column])
