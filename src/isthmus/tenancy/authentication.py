"""Authentication: turns a bearer token into the principal that it stands for, from memory if nothing has
changed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, TypeVar
from uuid import UUID

from sqlalchemy import bindparam, select

from isthmus.db import Database, EpochWatcher
from isthmus.db.tables import api_token, environment, link_token
from isthmus.errors import Forbidden
from isthmus.kit.clock import Clock
from isthmus.kit.secret import Secret

__all__ = ["ACCOUNT_TOKEN_LIFETIME", "AccountTokens", "Authenticator", "Principal", "hash_token"]

T = TypeVar("T")

ACCOUNT_TOKEN_LIFETIME: Final = timedelta(minutes=15)

_ACCOUNT_PREFIX: Final = "isat_"
_PRINCIPAL_NAME: Final = "integrated account token"
_NONCE_BYTES: Final = 14
"""Makes the length of a token a multiple of three bytes, so that base64 needs no padding."""

_CONTENT: Final = struct.Struct(f">16s16s16sQ{_NONCE_BYTES}s")
"""The ids of environment, team and account, the expiry in seconds since 1970, and a nonce."""

_SIGNATURE_BYTES: Final = hashlib.sha256().digest_size
_ACCOUNT_TOKEN_LENGTH: Final = len(_ACCOUNT_PREFIX) + (_CONTENT.size + _SIGNATURE_BYTES) * 4 // 3

_UNKNOWN_TOKEN_SECONDS: Final = 0.5
"""How long an unknown token is refused without reading the database; a new one must work within a second."""

_MAX_SECONDS_BEHIND: Final = 5.0
_MAX_TOKEN_LENGTH = 512
_SELECT_API_TOKEN = (
    select(
        api_token.c.id,
        api_token.c.name,
        api_token.c.digest,
        api_token.c.environment_id,
        api_token.c.created_by,
        api_token.c.expires_at,
        environment.c.team_id,
    )
    .join(environment, environment.c.id == api_token.c.environment_id)
    .where(api_token.c.digest == bindparam("wanted"), api_token.c.revoked_at.is_(None))
)
_SELECT_LINK_TOKEN_EXPIRY = select(link_token.c.expires_at).where(link_token.c.digest == bindparam("wanted"))


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller that a valid token stands for, who sees only what belongs to `environment_id`.

    `user_id`: of the user who created the token, None if unknown. `expires_at`: None if it never expires.
    `integrated_account_id`: the only account that an account token may call; None for an API token.
    """

    kind: Literal["api_token", "account_token"]
    token_id: str
    token_name: str
    environment_id: str
    team_id: str
    user_id: str | None = None
    expires_at: datetime | None = None
    integrated_account_id: str | None = None

    @property
    def account_id(self) -> str:
        """The account of an account token. An API token has none, and fails an assertion."""
        assert self.integrated_account_id is not None
        return self.integrated_account_id


class AccountTokens:
    """Issues and verifies integrated account tokens: tokens for a browser, for one account and a quarter of
    an hour.

    They are signed with `key`, which all processes share, and not stored. A token ends early only if its
    account is deleted.
    """

    def __init__(self, key: bytes, clock: Clock) -> None:
        self._key = key
        self._clock = clock

    def issue(self, *, environment_id: str, team_id: str, account_id: str) -> Secret[str]:
        """Return a new token. The caller must have checked that the account exists in this environment and
        team."""
        content = _CONTENT.pack(
            UUID(environment_id).bytes,
            UUID(team_id).bytes,
            UUID(account_id).bytes,
            int((self._clock.now() + ACCOUNT_TOKEN_LIFETIME).timestamp()),
            secrets.token_bytes(_NONCE_BYTES),
        )
        return Secret(_ACCOUNT_PREFIX + base64.urlsafe_b64encode(content + self._sign(content)).decode())

    def verify(self, token: str) -> Principal | None:
        """Return the principal of an account token, None if its signature is wrong or it has expired."""
        if not token.startswith(_ACCOUNT_PREFIX) or len(token) != _ACCOUNT_TOKEN_LENGTH:
            return None
        try:
            raw = base64.b64decode(token[len(_ACCOUNT_PREFIX) :], altchars=b"-_", validate=True)
        except ValueError:
            return None
        content, signature = raw[: _CONTENT.size], raw[_CONTENT.size :]
        if not hmac.compare_digest(signature, self._sign(content)):
            return None
        environment, team, account, ends, nonce = _CONTENT.unpack(content)
        expires_at = datetime.fromtimestamp(ends, UTC)
        if expires_at <= self._clock.now():
            return None
        return Principal(
            kind="account_token",
            token_id=nonce.hex(),
            token_name=_PRINCIPAL_NAME,
            environment_id=str(UUID(bytes=environment)),
            team_id=str(UUID(bytes=team)),
            expires_at=expires_at,
            integrated_account_id=str(UUID(bytes=account)),
        )

    def _sign(self, content: bytes) -> bytes:
        """Return the HMAC-SHA256 of a token's content."""
        return hmac.new(self._key, content, hashlib.sha256).digest()


@dataclass(frozen=True, slots=True)
class _CachedToken:
    """The principal of a token, and the epoch of its environment when it was read."""

    principal: Principal
    epoch: int


class Authenticator:
    """Finds the principal of a bearer token. Up to `capacity` API tokens are cached by their hash, each until
    the epoch of its environment changes; their expiry is checked in every call. Account tokens are verified
    without the database."""

    def __init__(
        self,
        database: Database,
        epochs: EpochWatcher,
        clock: Clock,
        account_tokens: AccountTokens,
        *,
        capacity: int = 10_000,
    ) -> None:
        self._account_tokens = account_tokens
        self._database = database
        self._epochs = epochs
        self._clock = clock
        self._capacity = capacity
        self._known: OrderedDict[str, _CachedToken] = OrderedDict()
        self._unknown: OrderedDict[str, float] = OrderedDict()

    async def authenticate(self, token: str) -> Principal | None:
        """Return the principal, None for a token that is unknown, revoked or expired. Raises Forbidden for a
        link token, which only opens a connect page."""
        if len(token) > _MAX_TOKEN_LENGTH:
            return None
        account_principal = self._account_tokens.verify(token)
        if account_principal is not None:
            return account_principal
        key = hash_token(token)
        cached = self._known.get(key)
        if cached is not None and self._is_fresh(cached):
            return self._return_unless_expired(cached.principal)
        if self._unknown.get(key, 0.0) > self._clock.monotonic():
            return None
        return await self._read_token(key)

    def _is_fresh(self, cached: _CachedToken) -> bool:
        """Return True if nothing in the token's environment has changed since it was read. False also if this
        process has not heard of the database for some seconds, because the token may have been revoked
        meanwhile."""
        return self._epochs.is_unchanged(
            cached.principal.environment_id, cached.epoch, max_seconds_behind=_MAX_SECONDS_BEHIND
        )

    async def _read_token(self, key: str) -> Principal | None:
        """Read an API token by its hash, cache it and return its principal; None for an unknown one, which is
        remembered as unknown for a while. Raises Forbidden for a link token."""
        before = self._epochs.snapshot()
        async with self._database.read() as conn:
            row = (await conn.execute(_SELECT_API_TOKEN, {"wanted": key})).one_or_none()
            if row is None:
                ends = (await conn.execute(_SELECT_LINK_TOKEN_EXPIRY, {"wanted": key})).scalar_one_or_none()
                if ends is not None and ends > self._clock.now():
                    raise Forbidden(
                        "this is a link token. It opens the page on which one account is connected, and "
                        "calls nothing. The API takes an API token, which stays on your server."
                    )
        if row is None or not hmac.compare_digest(row.digest, key):
            self._known.pop(key, None)
            self._remember(self._unknown, key, self._clock.monotonic() + _UNKNOWN_TOKEN_SECONDS)
            return None
        principal = Principal(
            kind="api_token",
            token_id=row.id,
            token_name=row.name,
            environment_id=row.environment_id,
            team_id=row.team_id,
            user_id=row.created_by,
            expires_at=row.expires_at,
        )
        self._unknown.pop(key, None)
        self._remember(self._known, key, _CachedToken(principal, before.get(row.environment_id, 0)))
        return self._return_unless_expired(principal)

    def _return_unless_expired(self, principal: Principal) -> Principal | None:
        """Return the principal, None if its token has expired."""
        if principal.expires_at is not None and principal.expires_at <= self._clock.now():
            return None
        return principal

    def _remember(self, memory: OrderedDict[str, T], key: str, value: T) -> None:
        """Add an entry to a cache; drop the oldest if there are more than `capacity`."""
        memory[key] = value
        memory.move_to_end(key)
        if len(memory) > self._capacity:
            memory.popitem(last=False)


def hash_token(token: str) -> str:
    """Return the SHA-256 of a token in hex. A random token of 256 bits needs no salt and no stretching."""
    return hashlib.sha256(token.encode()).hexdigest()
