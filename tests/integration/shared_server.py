"""A server for all tests of a worker that need none of their own: each gets an environment on it.

It runs in a thread, so that a test may block. What all its environments share is not for a test to change:
the shipped catalogue, settings, time. A test that does takes `own_server` or `serving(settings)`.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import aiohttp
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts import Installs
from isthmus.app import Application
from isthmus.config import Settings
from isthmus.db.tables import environment, team
from isthmus.integrations.installs.environment_unified_models import EnvironmentUnifiedModels
from isthmus.integrations.rows.scope import EnvironmentScope
from isthmus.tenancy import ApiTokens, Environments
from isthmus.tenancy.bootstrap import FIRST_ENVIRONMENT
from isthmus.tenancy.teams import create_team, create_user
from tests.integration.larkdesk import MODEL
from tests.integration.serving import Server, run_in, serving

__all__ = ["SharedServer", "serving_in_a_thread"]

T = TypeVar("T")


@dataclass
class SharedServer:
    """`url` has no trailing slash. `loop`: of the thread that it runs in."""

    url: str
    application: Application
    loop: asyncio.AbstractEventLoop
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @asynccontextmanager
    async def with_new_team(self) -> AsyncIterator[Server]:
        """Makes a team as a first start makes it, but with nothing installed; yields the server as it sees
        it. It is deleted at the end: the names of its definitions are taken for every other team."""

        async def create(conn: AsyncConnection) -> tuple[str, str]:
            """Creates the team; returns its id and a token."""
            team_id = await create_team(conn, "My team")
            user = await create_user(
                conn,
                team_id,
                name="Administrator",
                email=f"admin-{next(self._numbers)}@localhost",
                is_staff=True,
                role=["admin"],
            )
            first = await Environments(conn, team_id).create(FIRST_ENVIRONMENT)
            _, token = await ApiTokens(conn, first["id"]).create("first start", created_by=user)
            return team_id, token.reveal()

        team_id, token = await self._write(create)

        async def remove(conn: AsyncConnection) -> None:
            """Deletes the team with its environments."""
            await conn.execute(delete(environment).where(environment.c.team_id == team_id))
            await conn.execute(delete(team).where(team.c.id == team_id))

        async with self._open(token) as server:
            yield server
        await self._write(remove)

    @asynccontextmanager
    async def with_new_desk(self) -> AsyncIterator[Server]:
        """Makes an environment of the first team, with its help desk and model installed; yields the server
        as it sees it."""

        async def create(conn: AsyncConnection) -> str:
            """Creates the environment; returns a token."""
            (first,) = (await conn.execute(select(team.c.id).order_by(team.c.created_at).limit(1))).scalars()
            row = await Environments(conn, first).create(f"desk-{next(self._numbers)}")
            scope = EnvironmentScope(row["id"], first)
            await Installs(conn, scope).create({"integration_id": "larkdesk"})
            await EnvironmentUnifiedModels(conn, scope).create({"unified_model_id": MODEL})
            _, token = await ApiTokens(conn, row["id"]).create("desk")
            return token.reveal()

        async with self._open(await self._write(create)) as server:
            yield server

    async def _write(self, use: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Runs `use` in a transaction, in the loop of the server."""

        async def write() -> T:
            async with self.application.database.write() as conn:
                return await use(conn)

        return await run_in(self.loop, write())

    @asynccontextmanager
    async def _open(self, token: str) -> AsyncIterator[Server]:
        """Yields the server as the token sees it."""
        async with aiohttp.ClientSession() as session:
            yield Server(self.url, token, self.application, session, self.loop)


@contextmanager
def serving_in_a_thread(settings: Settings) -> Iterator[SharedServer]:
    """Runs a server on the database of `settings` in a thread."""
    started: Future[SharedServer] = Future()
    stopping = asyncio.Event()

    async def serve() -> None:
        """Runs the server until it is stopped."""
        async with serving(settings) as server:
            assert server.application is not None
            started.set_result(SharedServer(server.url, server.application, asyncio.get_running_loop()))
            await stopping.wait()

    with ThreadPoolExecutor(1, "shared-server") as thread:
        ended = thread.submit(asyncio.run, serve())
        ended.add_done_callback(lambda done: _pass_failure_on(done, started))
        shared = started.result()
        try:
            yield shared
        finally:
            shared.loop.call_soon_threadsafe(stopping.set)
            ended.result()


def _pass_failure_on(ended: Future[None], started: Future[SharedServer]) -> None:
    """Makes a start fail that waits for a server that has ended."""
    failure = ended.exception()
    if failure is not None and not started.done():
        started.set_exception(failure)
