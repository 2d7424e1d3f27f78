"""Shares what processes count in windows, so that a limit holds for all of them together.

Each process counts in its memory and waits for nothing. In the background it writes its counts to the
database every `SHARE_SECONDS`, and reads those of the others: it knows all of them but what came in the last
second. The clocks of the hosts must agree.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from sqlalchemy import delete, func, or_, select, tuple_

from isthmus.db.answer_limit import ANSWER_LIMIT
from isthmus.db.database import Database
from isthmus.db.outages import is_database_unavailable
from isthmus.db.tables import window_count
from isthmus.db.upsert import insert_into
from isthmus.kit.clock import Clock
from isthmus.kit.fixed_window import FixedWindowCounter, KeyCount

__all__ = ["SHARE_SECONDS", "WindowSharing"]

SHARE_SECONDS: Final = 0.4
_ANSWER_SECONDS: Final = 5.0
_log = logging.getLogger("isthmus.db.window_counts")


class WindowSharing:
    """Shares the counts of `counter` with the other processes of the database. Call `start()` before use and
    `stop()` at the end."""

    def __init__(self, counter: FixedWindowCounter, database: Database, clock: Clock) -> None:
        self._counter = counter
        self._database = database
        self._clock = clock
        self._process = secrets.randbits(62)
        self._task: asyncio.Task[None] | None = None
        self._is_failing = False

    async def start(self) -> None:
        """Reads the counts of the others, then exchanges counts in the background. Raises what the database
        raises."""
        await self.share()
        self._task = asyncio.create_task(self._share_forever(), name="window counts: share")

    async def stop(self) -> None:
        """Ends the exchange of counts."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def share(self) -> None:
        """Reads the counts of the others, then writes those of this process that have changed."""
        columns = window_count.c
        now = self._clock.now().timestamp()
        earliest, latest = now - self._counter.seconds, now + self._counter.seconds
        others = (
            select(columns.key, func.min(columns.started), func.sum(columns.count))
            .where(columns.started > earliest, columns.started < latest, columns.process != self._process)
            .group_by(columns.key)
        )
        async with self._database.read() as conn:
            rows = (await conn.execute(others)).all()
        self._counter.merge(KeyCount(key, started, int(count)) for key, started, count in rows)
        changed = self._counter.list_unpublished()
        if changed:
            await self._write(changed, earliest, latest)
            self._counter.mark_published(changed)

    async def _write(self, counts: Sequence[KeyCount], earliest: float, latest: float) -> None:
        """Stores counts of this process, and deletes the rows of windows that are over, which began before
        `earliest`, or after `latest` where the clock was set back since; rows that another process is
        deleting or writing are left to it."""
        columns = window_count.c
        place = (columns.key, columns.process)
        is_over = or_(columns.started <= earliest, columns.started >= latest)
        over = select(*place).where(is_over).with_for_update(skip_locked=True)
        async with self._database.write() as conn:
            statement = insert_into(conn, window_count)
            changes = {name: statement.excluded[name] for name in ("started", "count")}
            await conn.execute(
                statement.on_conflict_do_update(index_elements=place, set_=changes),
                [
                    {"key": each.key, "process": self._process, "started": each.started, "count": each.count}
                    for each in counts
                ],
            )
            await conn.execute(delete(window_count).where(tuple_(*place).in_(over)))

    async def _share_forever(self) -> None:
        """Exchanges counts every `SHARE_SECONDS`; a failed exchange is logged, and the next one is tried."""
        ANSWER_LIMIT.set(_ANSWER_SECONDS)  # so that a server that falls silent is noticed soon
        while True:
            await self._clock.sleep(SHARE_SECONDS)
            try:
                await self.share()
            except Exception as error:  # of any kind: without it, limits would hold for each process alone
                self._log_failure(error)
            else:
                self._is_failing = False

    def _log_failure(self, error: Exception) -> None:
        """Logs an outage of the database, and the first of several other failures in a row."""
        if is_database_unavailable(error):
            self._database.outages.report("requests are limited by each process alone", error)
            return
        if not self._is_failing:
            _log.warning("requests are limited by each process alone: %s", type(error).__name__)
        self._is_failing = True
