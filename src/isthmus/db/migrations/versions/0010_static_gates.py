"""Static gates."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from isthmus.db.migrations.types import encrypted, moment, uuid

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "static_gate",
        sa.Column("id", uuid(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
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
