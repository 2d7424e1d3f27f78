"""Upgrades the schema of a database to the current revision; several processes may try at the same time.

`upgrade_schema` imports alembic, which costs more than a start should: call it only if `read_revision` does
not give `HEAD`.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import Database
from isthmus.db.migrations import FIRST, REPLACED_REVISIONS, VERSION_TABLE
from isthmus.db.outages import is_lock_conflict
from isthmus.errors import SetupError

__all__ = ["read_revision", "upgrade_schema"]

_ADVISORY_LOCK = 0x1574_4D05
_LOCK_MILLISECONDS = 2_000
"""How long a migration waits for a lock. Statements of running processes wait behind it, so it is shorter
than their own wait (`engines.LOCK_SECONDS`)."""
_TRIES = 5
_PAUSE_SECONDS = 1.0
_SELECT_REVISION = f"SELECT version_num FROM {VERSION_TABLE}"  # noqa: S608 - a constant of ours


async def read_revision(database: Database) -> str | None:
    """Returns the revision of the database's schema; None for a database without a revision table, or with an
    empty one. The current one is `migrations.HEAD`."""
    async with database.read() as conn:
        try:
            return await _select_revision(conn)
        except (OperationalError, ProgrammingError) as error:
            if _is_missing_table(error):
                return None
            raise


async def upgrade_schema(database: Database) -> None:
    """Runs the missing migrations in one transaction, under a lock that other processes wait for. On
    PostgreSQL it gives way to transactions that hold locks, and tries again, a few times.

    Raises SetupError for a schema that this version has no migrations for, and if locks were held at each
    try.
    """
    revision = await read_revision(database)
    if revision in REPLACED_REVISIONS:
        raise SetupError(
            f"the database's schema has the revision {revision}, of a development version of Isthmus from "
            f"before the first release. This version starts from {FIRST}. Start a version whose schema has "
            f"the revision {FIRST} on this database once, and then this one; or set up a new database "
            "(ISTHMUS_DATA_DIR, ISTHMUS_DATABASE_URL)."
        )
    for _ in range(_TRIES):
        try:
            return await _upgrade_once(database)
        except DBAPIError as error:
            if not is_lock_conflict(error):
                raise
            conflict = error
        await database.clock.sleep(_PAUSE_SECONDS)
    raise SetupError(
        f"the schema could not be brought up to date: other transactions held locks on its tables at each of "
        f"{_TRIES} tries. Nothing was changed. Start again, after the transactions that run for long have "
        "ended (`pg_stat_activity` lists them) or the other processes of Isthmus were stopped."
    ) from conflict


async def _upgrade_once(database: Database) -> None:
    """Runs the missing migrations, or none of them. Raises DBAPIError, also for a lock that was not free in
    time, and SetupError."""
    async with database.write_schema() as conn:
        if not database.is_sqlite:
            await conn.execute(text("SET LOCAL lock_timeout = 0"))  # a process that starts waits its turn
            await conn.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
            await conn.execute(text(f"SET LOCAL lock_timeout = {_LOCK_MILLISECONDS}"))
        await conn.run_sync(_run_migrations)


async def _select_revision(conn: AsyncConnection) -> str | None:
    """Returns the revision in the table of alembic; None if that is empty."""
    revision: str | None = (await conn.exec_driver_sql(_SELECT_REVISION)).scalar_one_or_none()
    return revision


def _is_missing_table(error: OperationalError | ProgrammingError) -> bool:
    """Returns True if a statement failed because its table does not exist."""
    return getattr(error.orig, "sqlstate", None) == "42P01" or "no such table" in str(error.orig)


def _run_migrations(connection: Connection) -> None:
    """Runs the missing migrations by alembic. Raises SetupError for an unknown revision."""
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
