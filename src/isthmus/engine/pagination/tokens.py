"""Addresses as cursors: path and query of a provider's next page, opaque to the caller."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final
from urllib.parse import urlsplit

__all__ = ["decode_address", "encode_address"]

_ADDRESS: Final = re.compile(r"/[!-~]*\Z")


def encode_address(url: str) -> str:
    """base64url, without padding, of the path and query of an absolute URL."""
    parts = urlsplit(url)
    text = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def decode_address(cursor: str) -> str | None:
    """The path and query, None where the cursor is no such token."""
    try:
        text = base64.b64decode(
            cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True
        ).decode()
    except (binascii.Error, ValueError):
        return None
    return text if _ADDRESS.match(text) else None
