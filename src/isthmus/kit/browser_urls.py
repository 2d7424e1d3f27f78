"""Parses and checks URLs that browsers are redirected to."""

from __future__ import annotations

from typing import Final
from urllib.parse import SplitResult, urlsplit

__all__ = ["split_url", "split_web_url"]

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_MAX_CHARACTERS: Final = 2_000


def split_url(text: object) -> SplitResult | None:
    """Returns the parts of a URL of any scheme. None if `text` is no URL, has more than 2000 characters, or
    holds a character that browsers do not treat alike (white space, backslash, quotes, angle brackets)."""
    if not isinstance(text, str) or not text or len(text) > _MAX_CHARACTERS:
        return None
    if any(character <= " " or character in '\\<>"' for character in text):
        return None
    try:
        parts = urlsplit(text)
        _ = parts.hostname, parts.port
    except ValueError:
        return None
    return parts


def split_web_url(text: object) -> SplitResult | None:
    """Returns the parts of an https URL, or of an http URL of this machine (localhost). None for any other,
    and for one with a user name."""
    parts = split_url(text)
    if parts is None or not parts.hostname or "@" in parts.netloc:
        return None
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return parts
    return None
