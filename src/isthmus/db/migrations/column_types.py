"""Column types of the migrations, which import nothing of `db.tables`: those change, a migration does not."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

__all__ = ["encrypted", "json", "moment", "row_columns", "uuid"]


def uuid() -> sa.String:
    return sa.String(36)


def moment() -> sa.DateTime:
    return sa.DateTime(timezone=True).with_variant(sa.String(26), "sqlite")


def json() -> sa.JSON:
    return sa.JSON()


def encrypted() -> sa.LargeBinary:
    return sa.LargeBinary()


def row_columns() -> tuple[sa.Column[Any], ...]:
    """New columns that most tables begin with: `id`, `created_at`, `updated_at`."""
    return (
        sa.Column("id", uuid(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
    )
