"""Handlers that write down what ran, and the way to give them something."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select, text

from isthmus.db import Database
from isthmus.db.tables import job
from isthmus.jobs import (
    Handlers,
    Run,
    defer,
)


class Recorder(Handlers):
    """Handlers that write down what ran: `ran` has the keys, `runs` the runs, `times` when."""

    def __init__(self, *kinds: str) -> None:
        super().__init__()
        self.ran: list[str] = []
        self.runs: list[Run] = []
        self.times: list[datetime] = []
        for kind in kinds or ("work",):
            self.register(kind, self._record)

    async def _record(self, run: Run) -> None:
        """Writes down a run."""
        self.ran.append(run.key)
        self.runs.append(run)
        self.times.append(run.database.clock.now())


async def put(database: Database, *keys: str, kind: str = "work", **options: object) -> None:
    """Defers a job for each key. `kind`: of the jobs."""
    async with database.write() as conn:
        for key in keys:
            await defer(conn, kind, key, **options)  # type: ignore[arg-type]  # as the test says


async def counted(database: Database, table: object = job) -> int:
    """Returns the number of rows of a table."""
    async with database.read() as conn:
        count: int = (await conn.execute(select(func.count()).select_from(table))).scalar_one()  # type: ignore[arg-type]
        return count


async def somebody_waits(database: Database) -> bool:
    """Returns True if a transaction waits for a lock (PostgreSQL)."""
    async with database.read() as conn:
        waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()")
        return bool((await conn.execute(waits)).scalar_one())
