"""Loopback ports for servers that tests start as processes."""

from __future__ import annotations

import socket

__all__ = ["free_port"]


def free_port() -> int:
    """Returns a port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
