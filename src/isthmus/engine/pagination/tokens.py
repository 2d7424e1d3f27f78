"""Addresses as cursors: path and query of a provider's next page, opaque to the caller.

A token is signed with a key of the account it was issued to. So a caller can neither write one of his own,
which would have the account's credentials sent to any address of the provider, nor can a provider's own token
be taken for one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from typing import Final
from urllib.parse import urlsplit

__all__ = ["decode_address", "encode_address"]

_ADDRESS: Final = re.compile(r"/[!-~]*\Z")
_SIGNATURE_BYTES: Final = 16


def encode_address(url: str, key: bytes) -> str:
    """base64url, without padding, of the path and query of an absolute URL, a dot, and the signature."""
    parts = urlsplit(url)
    text = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    encoded = _base64(text.encode())
    return f"{encoded}.{_signature(encoded, key)}"


def decode_address(cursor: str, key: bytes) -> str | None:
    """The path and query, None where the cursor is no such token."""
    encoded, _, signature = cursor.partition(".")
    if not signature.isascii() or not hmac.compare_digest(signature, _signature(encoded, key)):
        return None
    try:
        text = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    except (binascii.Error, ValueError):
        return None
    return text if _ADDRESS.match(text) else None


def _signature(encoded: str, key: bytes) -> str:
    digest = hmac.new(key, encoded.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
    return _base64(digest[:_SIGNATURE_BYTES])


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
