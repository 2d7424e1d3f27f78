"""Tables of the storage itself: the catalogue's state, epochs, key grants, server secrets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from isthmus.db.migrations.column_types import encrypted, row_columns

__all__ = ["create_storage_tables"]


def create_storage_tables() -> None:
    op.create_table(
        "catalog_state",
        *row_columns(),
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
        *row_columns(),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_key_grant"),
    )
    op.create_table(
        "server_secret",
        *row_columns(),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("value", encrypted(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_server_secret"),
        sa.UniqueConstraint("name", name="uq_server_secret_name"),
    )
