"""Shares out the connections of an HTTP client, so that a slow host or a busy account leaves some to the
others.

A request holds a slot from before it is sent until its body is read. When all slots that it may have are
taken, it waits. A slot that becomes free goes to the waiting share of that host that was served longest ago,
so a share with one request does not stand behind one with a thousand.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

__all__ = ["ConnectionLimits", "ConnectionShares", "ConnectionSlot", "Host"]

Host: TypeAlias = tuple[str, int | None]
"""The name and the port of a host."""

_K = TypeVar("_K")


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How many connections there may be: `total`, `per_host`, and `per_share` of one share to one host."""

    total: int
    per_host: int
    per_share: int


class ConnectionSlot:
    """The right to use one connection. Give it back by `release`; one that is dropped gives itself back."""

    __slots__ = ("_host", "_share", "_shares")

    def __init__(self, shares: ConnectionShares, host: Host, share: str) -> None:
        self._shares: ConnectionShares | None = shares
        self._host = host
        self._share = share

    def release(self) -> None:
        """Gives the slot back; the second time does nothing."""
        shares, self._shares = self._shares, None
        if shares is not None:
            shares.take_back(self._host, self._share)

    __del__ = release


_Waiters: TypeAlias = dict[asyncio.Future[ConnectionSlot], None]


class ConnectionShares:
    """Hands out the slots of one HTTP client, in its event loop."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self._limits: Final = limits
        self._total = 0
        self._by_host: dict[Host, int] = {}
        self._by_share: dict[tuple[Host, str], int] = {}
        # Both levels are in the order of the next turn.
        self._queues: dict[Host, dict[str, _Waiters]] = {}

    def take(self, host: Host, share: str) -> ConnectionSlot | None:
        """Returns a slot; None if all that the share may have are taken. `share`: whose requests count
        together, such as the id of an account."""
        # While there is room for a share, none of its requests waits: nobody is overtaken.
        if not self._has_room_on_host(host) or not self._has_room_in_share(host, share):
            return None
        return self._hand_out(host, share)

    async def wait(self, host: Host, share: str, seconds: float) -> ConnectionSlot:
        """Returns a slot as soon as one is free for the share. Raises TimeoutError after so many seconds."""
        waiter: asyncio.Future[ConnectionSlot] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(host, {}).setdefault(share, {})[waiter] = None
        try:
            async with asyncio.timeout(seconds):
                return await waiter
        except BaseException:
            if waiter.done() and not waiter.cancelled():
                waiter.result().release()  # it came in the same moment
            else:
                self._remove_waiter(host, share, waiter)
            raise

    def take_back(self, host: Host, share: str) -> None:
        """Frees a slot, and hands it to a request that waits. Slots call it themselves."""
        was_full = self._total >= self._limits.total
        self._total -= 1
        _decrement(self._by_host, host)
        _decrement(self._by_share, (host, share))
        if self._queues:
            for waiting_host in list(self._queues) if was_full else (host,):
                if self._serve_next(waiting_host):
                    return

    def describe_shortage(self, host: Host, share: str) -> str:
        """Returns what keeps the share from another slot, as a clause."""
        limits = self._limits
        if not self._has_room_in_share(host, share):
            owner = "one account" if share else "requests without an account"
            return f"all {limits.per_share} connections to it that {owner} may have are in use"
        if self._total < limits.total:
            return f"all {limits.per_host} connections to it are in use"
        return f"all {limits.total} connections of this process are in use"

    def _has_room_on_host(self, host: Host) -> bool:
        """Returns True if one more connection to the host would be within its limit and the total."""
        return self._total < self._limits.total and self._by_host.get(host, 0) < self._limits.per_host

    def _has_room_in_share(self, host: Host, share: str) -> bool:
        """Returns True if the share may have one more connection to the host."""
        return self._by_share.get((host, share), 0) < self._limits.per_share

    def _hand_out(self, host: Host, share: str) -> ConnectionSlot:
        """Counts one more connection and returns its slot."""
        key = (host, share)
        self._total += 1
        self._by_host[host] = self._by_host.get(host, 0) + 1
        self._by_share[key] = self._by_share.get(key, 0) + 1
        return ConnectionSlot(self, host, share)

    def _serve_next(self, host: Host) -> bool:
        """Hands a slot to the request to the host whose turn it is. Returns False if none of those that wait
        may have one."""
        queue = self._queues.get(host)
        if queue is None or not self._has_room_on_host(host):
            return False
        for share, waiters in queue.items():
            # A request that has just given up is done, and leaves the queue in its next turn.
            waiter = next((each for each in waiters if not each.done()), None)
            if waiter is not None and self._has_room_in_share(host, share):
                self._remove_waiter(host, share, waiter)
                self._move_behind_others(host, share)
                waiter.set_result(self._hand_out(host, share))
                return True
        return False

    def _remove_waiter(self, host: Host, share: str, waiter: asyncio.Future[ConnectionSlot]) -> None:
        """Removes a request that does not wait any more, and what is empty without it."""
        queue = self._queues[host]
        del queue[share][waiter]
        if not queue[share]:
            del queue[share]
        if not queue:
            del self._queues[host]

    def _move_behind_others(self, host: Host, share: str) -> None:
        """Lets the other shares that wait, and the other hosts, have their turn first."""
        queue = self._queues.pop(host, None)
        if queue is not None:
            self._queues[host] = queue
            if share in queue:
                queue[share] = queue.pop(share)


def _decrement(counts: dict[_K, int], key: _K) -> None:
    """Counts one less; what is at 0 is not kept."""
    if counts[key] == 1:
        del counts[key]
    else:
        counts[key] -= 1
