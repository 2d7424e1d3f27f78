"""Integrated account tokens: for a browser, one account, a quarter of an hour (`api.md` §2, `connect.md` §1).

They are signed, not stored: nothing has to be written, looked up or swept, and any process reads one. What
ends one early is the end of its account.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import struct
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from isthmus.kit.clock import Clock
from isthmus.kit.secret import Secret
from isthmus.tenancy.principal import Principal

__all__ = ["LIFETIME", "AccountTokens"]

LIFETIME: Final = timedelta(minutes=15)

_MARK: Final = "isat_"
_NAME: Final = "integrated account token"
_NONCE_BYTES: Final = 14
"""With which the whole is a multiple of three bytes and needs no padding."""

_CONTENT: Final = struct.Struct(f">16s16s16sQ{_NONCE_BYTES}s")
"""Environment, team, account; the second it ends; and what makes each token one of its own."""

_TAG_BYTES: Final = hashlib.sha256().digest_size
_LENGTH: Final = len(_MARK) + (_CONTENT.size + _TAG_BYTES) * 4 // 3


class AccountTokens:
    """`key`: secret bytes that all processes share."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        self._key = key
        self._clock = clock

    def issue(self, *, environment_id: str, team_id: str, account_id: str) -> Secret[str]:
        """The caller has seen that the account is there, in that environment of that team."""
        content = _CONTENT.pack(
            UUID(environment_id).bytes,
            UUID(team_id).bytes,
            UUID(account_id).bytes,
            int((self._clock.now() + LIFETIME).timestamp()),
            secrets.token_bytes(_NONCE_BYTES),
        )
        return Secret(_MARK + base64.urlsafe_b64encode(content + self._tag(content)).decode())

    def read(self, token: str) -> Principal | None:
        """None for one that this server did not sign, or that has expired."""
        if not token.startswith(_MARK) or len(token) != _LENGTH:
            return None
        try:
            raw = base64.b64decode(token[len(_MARK) :], altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        content, tag = raw[: _CONTENT.size], raw[_CONTENT.size :]
        if not hmac.compare_digest(tag, self._tag(content)):
            return None
        environment, team, account, ends, nonce = _CONTENT.unpack(content)
        expires_at = datetime.fromtimestamp(ends, UTC)
        if expires_at <= self._clock.now():
            return None
        return Principal(
            kind="account_token",
            token_id=nonce.hex(),
            token_name=_NAME,
            environment_id=str(UUID(bytes=environment)),
            team_id=str(UUID(bytes=team)),
            expires_at=expires_at,
            integrated_account_id=str(UUID(bytes=account)),
        )

    def _tag(self, content: bytes) -> bytes:
        return hmac.new(self._key, content, hashlib.sha256).digest()
