"""The columns that many tables share, and the `metadata` that holds the tables."""

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
    """`id`: a UUID as text. The times are set by the repositories, never by the database."""

    id = Column(Uuid, primary_key=True)
    created_at = Column(UtcDateTime, nullable=False)
    updated_at = Column(UtcDateTime, nullable=False)


class Revisioned(TypedColumns):
    """A row that is cached: `revision` starts at 1 and grows by 1 with each write."""

    revision = Column(Integer, nullable=False, default=1)


class Versioned(TypedColumns):
    """A row with optimistic locking in the API: clients may send the `version` that they read. It starts at
    1."""

    version = Column(Integer, nullable=False, default=1)
