"""Addresses as cursors: path and query of a provider's next page, which nobody but we can read or write.

A token is sealed with a key of the account it was issued to (AES-SIV, RFC 5297: the same address gives the
same token). So a caller cannot write one of his own, which would have the account's credentials sent to any
address of the provider; a provider's own token cannot be taken for one; and a key that a provider repeats in
the address of its next page is not handed out.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Final
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from isthmus.engine.urls import legal

__all__ = ["decode_address", "encode_address"]

_ADDRESS: Final = re.compile(r"/[!-~]*\Z")


def encode_address(url: str, key: bytes) -> str:
    """base64url, without padding, of the sealed path and query of an absolute URL."""
    parts = urlsplit(url)
    text = legal((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
    return base64.urlsafe_b64encode(_cipher(key).encrypt(text.encode(), None)).rstrip(b"=").decode()


def decode_address(cursor: str, key: bytes) -> str | None:
    """The path and query, None where the cursor is no such token."""
    try:
        sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        text = _cipher(key).decrypt(sealed, None).decode()
    except (ValueError, InvalidTag):
        return None
    return text if _ADDRESS.match(text) else None


def _cipher(key: bytes) -> AESSIV:
    return AESSIV(hashlib.sha256(b"isthmus cursor\x00" + key).digest())
