"""Resolves host names in threads of their own, so that a slow look-up delays neither files nor the
database."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from aiohttp.abc import AbstractResolver, ResolveResult

__all__ = ["OwnThreadsResolver"]

_NUMERIC: Final = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
_NUMERIC_NAMES: Final = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV


class OwnThreadsResolver(AbstractResolver):
    """The system's resolver in at most `threads` threads, for which further look-ups wait.

    A look-up whose caller is cancelled leaves the queue; one that is running ends by the time-out of the
    system's resolver.
    """

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="isthmus-names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Looks up the addresses of a name. Raises OSError for one that cannot be resolved."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host, port, family)

    async def close(self) -> None:
        """Ends the threads; look-ups that wait are cancelled."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    """Returns the addresses of a name by the system's resolver; a link-local IPv6 address with its interface
    (`fe80::1%eth0`). Raises OSError."""
    infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [
        ResolveResult(
            hostname=host,
            host=socket.getnameinfo(address, _NUMERIC_NAMES)[0],
            port=port,
            family=kind,
            proto=protocol,
            flags=_NUMERIC,
        )
        for kind, _, protocol, _, address in infos
    ]
