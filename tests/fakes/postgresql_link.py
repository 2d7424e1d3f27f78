"""A way to a real PostgreSQL that a test can cut, or make silent: what a client sees of a server that was
stopped, or suspended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy import make_url

__all__ = ["PostgresqlLink", "linked_postgresql"]


class PostgresqlLink:
    """Forwards connections to the server at `url`. `own_url` leads to it. `connections`: how many were
    accepted so far."""

    def __init__(self, url: str) -> None:
        self._target = make_url(url)
        self.own_url = ""
        self.connections = 0
        self._open = asyncio.Event()
        self._open.set()
        self._is_cut = False
        self._serving: set[asyncio.Task[None]] = set()

    def silence(self) -> None:
        """Forwards nothing from now on; connections stay open, and new ones are accepted."""
        self._open.clear()

    def cut(self) -> None:
        """Closes all connections from now on."""
        self._is_cut = True
        for task in self._serving:
            task.cancel()

    def restore(self) -> None:
        """Forwards again."""
        self._is_cut = False
        self._open.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection."""
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            with suppress(OSError, asyncio.CancelledError):
                if not self._is_cut:
                    await self._forward_both(reader, writer)
        finally:
            await _close(writer)
            self._serving.discard(task)

    async def close(self) -> None:
        """Ends all connections."""
        self.cut()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _forward_both(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forwards in both directions until one side ends."""
        await self._open.wait()
        target_reader, target = await self._connect()
        ways = [
            asyncio.create_task(self._forward(reader, target)),
            asyncio.create_task(self._forward(target_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            target.close()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            await _close(target)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connects to the server, whose host may be the folder of its socket."""
        folder, port = self._target.query.get("host"), self._target.port or 5432
        if isinstance(folder, str) and folder.startswith("/"):
            return await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{port}")
        return await asyncio.open_connection(self._target.host, port)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forwards what arrives, while the link is not silent."""
        while data := await reader.read(65_536):
            await self._open.wait()
            writer.write(data)
            await writer.drain()


async def _close(writer: asyncio.StreamWriter) -> None:
    """Closes one side of a connection."""
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


@asynccontextmanager
async def linked_postgresql(url: str) -> AsyncIterator[PostgresqlLink]:
    """Yields a link to the server and database of `url`."""
    link = PostgresqlLink(url)
    server = await asyncio.start_server(link.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    own = make_url(url).set(host="127.0.0.1", port=port, query={"sslmode": "disable"})
    link.own_url = own.render_as_string(hide_password=False)
    try:
        yield link
    finally:
        server.close()
        await link.close()
