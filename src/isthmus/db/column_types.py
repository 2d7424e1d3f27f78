"""Column types that behave the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, DateTime, LargeBinary, String, TypeDecorator

if TYPE_CHECKING:
    from sqlalchemy import Dialect
    from sqlalchemy.types import TypeEngine

__all__ = ["Encrypted", "Json", "JsonB", "UtcDateTime", "Uuid"]


class UtcDateTime(TypeDecorator[datetime]):
    """Stores and returns aware datetimes in UTC, with microseconds.

    PostgreSQL: `timestamp with time zone`. SQLite: text of fixed width, so that it sorts like the time. A
    naive datetime is a ValueError, because its time zone is not known.
    """

    impl = DateTime
    cache_ok = True

    @property
    def python_type(self) -> type[datetime]:
        """The type of the values."""
        return datetime

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Returns text for SQLite, a timestamp with time zone for PostgreSQL."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(26))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Returns a time as it is stored; None for None. Raises ValueError for a naive datetime."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored; give it a zone (datetime.now(UTC))")
        moment = value.astimezone(UTC)
        if dialect.name != "sqlite":
            return moment
        return moment.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Returns a stored time as an aware datetime in UTC; None for null."""
        if value is None:
            return None
        if isinstance(value, str):
            return datetime.fromisoformat(value).replace(tzinfo=UTC)
        moment: datetime = value
        return moment.astimezone(UTC)


class Uuid(TypeDecorator[str]):
    """A UUID as lower-case text with dashes, as in the API."""

    impl = String(36)
    cache_ok = True

    @property
    def python_type(self) -> type[str]:
        """The type of the values."""
        return str


class Json(TypeDecorator[Any]):
    """JSON with the order of object keys kept (so not `jsonb`); None is NULL."""

    impl = JSON(none_as_null=True)
    cache_ok = True


class JsonB(TypeDecorator[Any]):
    """JSON, on PostgreSQL of type `jsonb`: for the tables of procrastinate, which has chosen that type."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Returns JSON for SQLite, `jsonb` for PostgreSQL."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(JSON())
        from sqlalchemy.dialects.postgresql import JSONB

        return dialect.type_descriptor(JSONB())


class Encrypted(TypeDecorator[bytes]):
    """Encrypted bytes (`db.encryption.EncryptedJSON`). Key rotation finds the column by this type."""

    impl = LargeBinary
    cache_ok = True
