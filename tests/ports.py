"""Loopback ports for servers that tests start as processes."""

from __future__ import annotations

import random
import socket
from typing import Final

__all__ = ["free_port"]

_PORTS: Final = range(20_000, 32_000)
"""Below those that a system gives to who asks for port 0, so that no other server of the run gets a port
before the process that it was chosen for."""
_random: Final = random.SystemRandom()


def free_port() -> int:
    """Returns a port that nobody listens on right now."""
    while True:
        port = _random.choice(_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
