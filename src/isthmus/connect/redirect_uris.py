"""Addresses of the flow: where providers send browsers back, and where the flow ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from isthmus.kit.browser_urls import split_url, split_web_url

__all__ = ["CALLBACK_PATH", "return_address", "with_query"]

CALLBACK_PATH: Final = "/connect-account/callback"
_WEB: Final = frozenset({"https", "http"})
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


def return_address(text: object) -> str | None:
    """`text` where a flow may end there: https, http on loopback, or an app's own scheme; None otherwise
    (`connect.md` §8)."""
    parts = split_url(text)
    if parts is None:
        return None
    is_good = split_web_url(text) is not None if parts.scheme in _WEB else bool(parts.scheme)
    return str(text) if is_good and parts.scheme not in _NEVER else None


def with_query(address: str, added: Mapping[str, str]) -> str:
    """Its own query stays; a name that is added takes the place of one that was there."""
    parts = urlsplit(address)
    kept = [
        (name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in added
    ]
    return urlunsplit(parts._replace(query=urlencode([*kept, *added.items()])))
