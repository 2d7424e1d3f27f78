"""Addresses of the flow: where providers send browsers back, and where the flow ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

__all__ = ["CALLBACK_PATH", "return_address", "with_query"]

CALLBACK_PATH: Final = "/connect-account/callback"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_NEVER: Final = frozenset(
    {
        "javascript",
        "data",
        "vbscript",
        "file",
        "blob",
        "about",
        "filesystem",
        "view-source",
        "ftp",
        "ws",
        "wss",
    }
)
_LONGEST: Final = 2_000


def return_address(text: object) -> str | None:
    """`text` where a flow may end there: https, http on loopback, or an app's own scheme; None otherwise
    (`connect.md` §8)."""
    if not isinstance(text, str) or not text or len(text) > _LONGEST:
        return None
    if any(character <= " " or character in '\\<>"' for character in text):
        return None
    try:
        parts = urlsplit(text)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return None
    if parts.scheme == "https":
        return text if host and "@" not in parts.netloc else None
    if parts.scheme == "http":
        return text if host in _LOOPBACK and "@" not in parts.netloc else None
    if not parts.scheme or parts.scheme in _NEVER:
        return None
    return text


def with_query(address: str, added: Mapping[str, str]) -> str:
    """Its own query stays; a name that is added takes the place of one that was there."""
    parts = urlsplit(address)
    kept = [
        (name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in added
    ]
    return urlunsplit(parts._replace(query=urlencode([*kept, *added.items()])))
