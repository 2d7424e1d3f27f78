"""What rows have in common."""

from __future__ import annotations

from sqlalchemy import Column, Integer, MetaData, TypedColumns

from isthmus.db.column_types import UtcDateTime, Uuid

__all__ = ["Revisioned", "Row", "Versioned", "metadata"]

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Row(TypedColumns):
    """`id` is a UUID in text; times are handed in by the repository, never made by the database."""

    id = Column(Uuid, primary_key=True)
    created_at = Column(UtcDateTime, nullable=False)
    updated_at = Column(UtcDateTime, nullable=False)


class Revisioned(TypedColumns):
    """A row that others cache: `revision` starts at 1 and grows by 1 with each write, whoever writes."""

    revision = Column(Integer, nullable=False, default=1)


class Versioned(TypedColumns):
    """A row with the wire's optimistic lock (`api.md` §1.9): `version` starts at 1."""

    version = Column(Integer, nullable=False, default=1)
