"""Documentation rows and categories."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from isthmus.db.migrations.types import moment, uuid

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_SUBJECTS = ("integration", "environment_integration", "unified_model", "environment_unified_model")


def upgrade() -> None:
    op.create_table(
        "documentation",
        sa.Column("id", uuid(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
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
        sa.Column("id", uuid(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("label", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_category"),
        sa.UniqueConstraint("name", name="uq_category_name"),
    )
