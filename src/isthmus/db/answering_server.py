"""Connections to a PostgreSQL server that must answer in time: one that is stopped or overloaded keeps its
connections open, and would be waited for without end."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
from psycopg.abc import PQGen
from psycopg.rows import TupleRow

from isthmus.db.answer_limit import ANSWER_LIMIT

__all__ = ["AnsweringServer"]

T = TypeVar("T")


class AnsweringServer:
    """Opens connections to one server. A connection that waits for an answer for longer than `ANSWER_LIMIT`
    is cut, which its caller sees as a lost connection.

    From then on the server counts as away, and also after a connection that it did not take, until it takes
    one. One caller at a time tries that; all others are told at once, so that they neither queue for what
    nobody gets nor flood a server that starts.
    """

    def __init__(self) -> None:
        self.is_away = False
        self._is_being_tried = False

    async def connect(self, *arguments: Any, **options: Any) -> psycopg.AsyncConnection[TupleRow]:
        """Opens a connection; the parameters are psycopg's. Raises OperationalError."""
        if not self.is_away:
            return await self._connect(*arguments, **options)
        if self._is_being_tried:
            raise psycopg.OperationalError("the server takes no connections")
        self._is_being_tried = True
        try:
            return await self._connect(*arguments, **options)
        finally:
            self._is_being_tried = False

    async def _connect(self, *arguments: Any, **options: Any) -> psycopg.AsyncConnection[TupleRow]:
        """Opens a connection, and notes whether the server took it."""
        try:
            connection = await _Connection.connect(*arguments, **options)
        except psycopg.OperationalError:
            self.is_away = True
            raise
        self.is_away = False
        connection.server = self
        return connection


class _Connection(psycopg.AsyncConnection[TupleRow]):
    """A connection that is cut when an answer takes too long. `server`: None while it is being opened."""

    server: AnsweringServer | None = None

    async def wait(
        self,
        gen: PQGen[T],
        interval: float = 0.1,
        timeout: float | None = None,  # noqa: ASYNC109 - it is psycopg's own method
    ) -> T:
        """Waits for an answer: everything that is sent to the server passes here."""
        limit = ANSWER_LIMIT.get()
        if limit is None:
            return await super().wait(gen, interval, timeout)
        cutting = asyncio.get_running_loop().call_later(limit, self._cut)
        try:
            return await super().wait(gen, interval, timeout)
        finally:
            cutting.cancel()

    def _cut(self) -> None:
        """Ends the connection below psycopg, which then finds it lost: to cancel the wait instead would have
        it ask the silent server to cancel the statement."""
        if self.server is not None:
            self.server.is_away = True
        with (
            suppress(OSError, psycopg.Error),  # the connection has ended meanwhile
            socket.socket(fileno=os.dup(self.fileno())) as connected,
        ):
            connected.shutdown(socket.SHUT_RDWR)
