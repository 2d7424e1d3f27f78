"""Redirect URIs: where providers send browsers back to, and where a browser goes when the flow has ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from isthmus.kit.browser_urls import split_url, split_web_url

__all__ = ["CALLBACK_PATH", "add_query", "check_redirect_uri"]

CALLBACK_PATH: Final = "/connect-account/callback"
_WEB_SCHEMES: Final = frozenset({"https", "http"})
_FORBIDDEN_SCHEMES: Final = frozenset(
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


def check_redirect_uri(text: object) -> str | None:
    """Returns the text if a browser may be redirected to it: https, http on loopback, or an app's own scheme;
    otherwise None."""
    parts = split_url(text)
    if parts is None:
        return None
    is_allowed = split_web_url(text) is not None if parts.scheme in _WEB_SCHEMES else bool(parts.scheme)
    return str(text) if is_allowed and parts.scheme not in _FORBIDDEN_SCHEMES else None


def add_query(address: str, parameters: Mapping[str, str]) -> str:
    """Returns the address with the parameters added to its query; an added name replaces one that was
    there."""
    parts = urlsplit(address)
    kept = [
        (name, value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
        if name not in parameters
    ]
    return urlunsplit(parts._replace(query=urlencode([*kept, *parameters.items()])))
