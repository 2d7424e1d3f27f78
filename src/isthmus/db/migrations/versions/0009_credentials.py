"""Who is renewing an account's credentials; tokens that providers have yet to forget."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from isthmus.db.migrations.types import encrypted, moment, uuid

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "credential_refresh",
        sa.Column("id", uuid(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
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
        sa.Column("id", uuid(), nullable=False),
        sa.Column("created_at", moment(), nullable=False),
        sa.Column("updated_at", moment(), nullable=False),
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
