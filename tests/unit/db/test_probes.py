"""Whether the database answers and takes writes is found out without a trace."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from isthmus.db import Database, increment_epochs
from isthmus.db.probes import probe_read, probe_write
from isthmus.db.tables import epoch

pytestmark = pytest.mark.both_databases


async def test_probes_leave_every_epoch_as_it_was(database: Database) -> None:
    async with database.write() as conn:
        await increment_epochs(conn, ["e", "f"])
    await probe_write(database)
    await probe_read(database)
    async with database.read() as conn:
        rows = (await conn.execute(select(epoch.c.environment_id, epoch.c.value))).all()
    assert sorted(map(tuple, rows)) == [("e", 1), ("f", 1)]
