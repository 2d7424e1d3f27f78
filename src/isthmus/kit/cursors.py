"""Signs the cursors of platform lists, so that a client can only send back cursors that this server made."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import orjson

from isthmus.errors import BadRequest, failure

__all__ = ["CursorSigner"]

_TAG_BYTES = 16


class CursorSigner:
    """Encodes JSON values as signed text and decodes it again. `key`: at least 16 secret bytes."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def for_list(self, name: str) -> CursorSigner:
        """Makes a signer for the list `name`. Its cursors are refused by the signers of other lists."""
        return CursorSigner(hmac.new(self._key, name.encode(), hashlib.sha256).digest())

    def encode(self, value: Any) -> str:
        """Returns the cursor of `value`: URL-safe base 64 of signature and JSON."""
        payload = orjson.dumps(value)
        return base64.urlsafe_b64encode(self._compute_tag(payload) + payload).rstrip(b"=").decode()

    def decode(self, cursor: str) -> Any:
        """Returns the value that was encoded. Raises BadRequest for a cursor this server did not write."""
        try:
            raw = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
            tag, payload = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
            if hmac.compare_digest(tag, self._compute_tag(payload)):
                return orjson.loads(payload)
        except ValueError:  # no base 64, or no JSON
            pass
        raise BadRequest(
            "next_cursor is not a cursor of this list. Send the next_cursor of the page before, unchanged, "
            "or none to start at the first page.",
            failures=[failure("next_cursor", "must be a cursor returned by this list", "bad_cursor")],
        )

    def _compute_tag(self, payload: bytes) -> bytes:
        """Returns the signature of a payload."""
        return hmac.new(self._key, payload, hashlib.sha256).digest()[:_TAG_BYTES]
