"""From a bearer token to a principal, from memory where nothing changed since."""

from __future__ import annotations

import hmac
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, TypeVar

from sqlalchemy import bindparam, select

from isthmus.db import Database, EpochWatcher
from isthmus.db.tables import api_token, environment, link_token
from isthmus.errors import Forbidden
from isthmus.kit.clock import Clock
from isthmus.tenancy.account_tokens import AccountTokens
from isthmus.tenancy.principal import Principal
from isthmus.tenancy.tokens import digest

__all__ = ["Authenticator"]

T = TypeVar("T")

_UNKNOWN_SECONDS: Final = 0.5
"""How long an unknown token stays unknown without a look; a new one must count within a second."""

_MOST_SECONDS_BEHIND: Final = 5.0
_LONGEST_TOKEN = 512
_BY_DIGEST = (
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
_LINK_EXPIRES = select(link_token.c.expires_at).where(link_token.c.digest == bindparam("wanted"))


@dataclass(frozen=True, slots=True)
class _Known:
    principal: Principal
    epoch: int


class Authenticator:
    """Remembers up to `capacity` tokens by digest, each for as long as its environment's epoch stands.

    The expiry is looked at in every call. Account tokens need no memory: they are read by themselves.
    """

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
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._unknown: OrderedDict[str, float] = OrderedDict()

    async def authenticate(self, token: str) -> Principal | None:
        """None for a token that is unknown, revoked or expired. Raises Forbidden for a link token, which is
        known and calls nothing (`api.md` §2)."""
        if len(token) > _LONGEST_TOKEN:
            return None
        of_account = self._account_tokens.read(token)
        if of_account is not None:
            return of_account
        key = digest(token)
        known = self._known.get(key)
        if known is not None and self._is_fresh(known):
            return self._unexpired(known.principal)
        if self._unknown.get(key, 0.0) > self._clock.monotonic():
            return None
        return await self._look_up(key)

    def _is_fresh(self, known: _Known) -> bool:
        """Nothing of its environment changed since, as far as this process can know: one that has not heard
        of the database for a while asks, since the token may have been revoked meanwhile."""
        return self._epochs.is_unchanged(
            known.principal.environment_id, known.epoch, max_seconds_behind=_MOST_SECONDS_BEHIND
        )

    async def _look_up(self, key: str) -> Principal | None:
        before = self._epochs.snapshot()
        async with self._database.read() as conn:
            row = (await conn.execute(_BY_DIGEST, {"wanted": key})).one_or_none()
            if row is None:
                ends = (await conn.execute(_LINK_EXPIRES, {"wanted": key})).scalar_one_or_none()
                if ends is not None and ends > self._clock.now():
                    raise Forbidden(
                        "this is a link token. It opens the page on which one account is connected, and "
                        "calls nothing. The API takes an API token, which stays on your server."
                    )
        if row is None or not hmac.compare_digest(row.digest, key):
            self._known.pop(key, None)
            self._remember(self._unknown, key, self._clock.monotonic() + _UNKNOWN_SECONDS)
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
        self._remember(self._known, key, _Known(principal, before.get(row.environment_id, 0)))
        return self._unexpired(principal)

    def _unexpired(self, principal: Principal) -> Principal | None:
        if principal.expires_at is not None and principal.expires_at <= self._clock.now():
            return None
        return principal

    def _remember(self, memory: OrderedDict[str, T], key: str, value: T) -> None:
        memory[key] = value
        memory.move_to_end(key)
        if len(memory) > self._capacity:
            memory.popitem(last=False)
