"""Addresses that browsers are sent to."""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, urlsplit

__all__ = ["split_address", "web_address"]

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_LONGEST: Final = 2_000


def split_address(text: object) -> SplitResult | None:
    """The parts of an address of any scheme; None for what browsers would each read in their own way, and for
    more than 2000 characters."""
    if not isinstance(text, str) or not text or len(text) > _LONGEST:
        return None
    if any(character <= " " or character in '\\<>"' for character in text):
        return None
    try:
        parts = urlsplit(text)
        _ = parts.hostname, parts.port
    except ValueError:
        return None
    return parts


def web_address(text: object) -> SplitResult | None:
    """The parts of an https address, or of an http one on this machine; None for any other, and for one that
    names a user."""
    parts = split_address(text)
    if parts is None or not parts.hostname or "@" in parts.netloc:
        return None
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return parts
    return None
