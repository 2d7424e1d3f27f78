"""`isthmus worker`: background work without an API."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from isthmus.app import open_worker
from isthmus.config import Settings
from isthmus.db import increment_epoch, open_database
from isthmus.db.key_rotation import choose_key, rotate_key
from isthmus.jobs import get_schedule
from tests.background import until
from tests.integration.processes import COMMAND, refused

pytestmark = pytest.mark.walk(of="folder", share=0.2)


async def test_a_worker_alone_runs_on_postgresql_and_stops_gracefully(
    backend: str, settings: Settings, environ: Mapping[str, str]
) -> None:
    if backend == "sqlite":
        assert "isthmus serve, has the worker inside" in await refused(environ, "worker")
        return
    process = await asyncio.create_subprocess_exec(
        COMMAND, "worker", env=dict(environ), stdout=asyncio.subprocess.PIPE
    )
    database = await open_database(settings)

    async def is_working() -> bool:
        async with database.read() as conn:
            return await get_schedule(conn, "every:events.prune") is not None

    try:
        await until(is_working, seconds=60)
    finally:
        process.terminate()
        async with asyncio.timeout(30):
            assert await process.wait() == 0
        await database.close()


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
async def test_a_worker_alone_learns_of_rotated_keys_and_of_what_others_changed(settings: Settings) -> None:
    elsewhere = await open_database(settings)
    async with open_worker(settings) as core:
        await rotate_key(elsewhere, choose_key(elsewhere, None))
        await until(lambda: core.database.keys.primary_id == elsewhere.keys.primary_id)
        async with elsewhere.write() as conn:
            raised = await increment_epoch(conn, "an environment")
        await until(lambda: core.epochs.get_epoch("an environment") == raised)
    await elsewhere.close()
