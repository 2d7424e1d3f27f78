"""Brings the schema of a database up to date; several processes may try at once.

alembic is imported only when the stored revision is behind: its import costs more than a start should.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import Database
from isthmus.db.migrations import VERSION_TABLE
from isthmus.errors import SetupError

__all__ = ["stored_revision", "upgrade"]

_ADVISORY_LOCK = 0x1574_4D05


async def stored_revision(database: Database) -> str | None:
    """Of the schema; that which this version works on is `migrations.HEAD`. None for an empty database."""
    async with database.read() as conn:
        try:
            return await _stored(conn)
        except (OperationalError, ProgrammingError) as error:
            if _is_missing_table(error):
                return None
            raise


async def upgrade(database: Database) -> None:
    """Runs the missing steps in one transaction, once, whoever else tries. Raises SetupError."""
    async with database.write_schema() as conn:
        if not database.is_sqlite:
            await conn.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
        await conn.run_sync(_upgrade)


async def _stored(conn: AsyncConnection) -> str | None:
    revision: str | None = (await conn.exec_driver_sql(_STORED)).scalar_one_or_none()
    return revision


_STORED = f"SELECT version_num FROM {VERSION_TABLE}"  # noqa: S608 - a constant of ours


def _is_missing_table(error: OperationalError | ProgrammingError) -> bool:
    return getattr(error.orig, "sqlstate", None) == "42P01" or "no such table" in str(error.orig)


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise SetupError(
            f"the database's schema is not one this version of Isthmus knows ({error}). It was probably "
            "written by a newer version: start that one, or restore a backup from before the upgrade."
        ) from error
