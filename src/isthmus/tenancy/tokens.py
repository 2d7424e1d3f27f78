"""API tokens: 256 random bits, of which only the SHA-256 is kept (`api.md` §2)."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db import current_time, raise_epoch
from isthmus.db.listing import ListQuery, Page, fetch_page
from isthmus.db.tables import api_token
from isthmus.errors import NotFound
from isthmus.events import Event, emit
from isthmus.events.catalogue import ApiTokenCreated, ApiTokenDeleted
from isthmus.kit.ids import new_id
from isthmus.kit.secret import Secret

__all__ = ["ApiTokens", "digest", "new_token", "prefix"]

_MARK: Final = "isth_"
_SHOWN = len(_MARK) + 4
_SHOWN_OF_FOREIGN = 3
_BYTES = 32

_COLUMNS = (
    api_token.c.id,
    api_token.c.name,
    api_token.c.environment_id,
    api_token.c.created_by,
    api_token.c.expires_at,
    api_token.c.created_at,
    api_token.c.updated_at,
)


def new_token() -> Secret[str]:
    return Secret(_MARK + secrets.token_urlsafe(_BYTES))


def digest(token: str) -> str:
    """SHA-256 in hex. No salt and no stretching: a random token of 256 bits cannot be guessed."""
    return hashlib.sha256(token.encode()).hexdigest()


def prefix(token: str) -> str:
    """The start of a token, for people to tell it by; too short to help anybody guess the rest."""
    return token[:_SHOWN] if token.startswith(_MARK) else token[:_SHOWN_OF_FOREIGN]


class ApiTokens:
    """The API tokens of one environment. Rows have no secret; revoked ones are not found."""

    def __init__(self, conn: AsyncConnection, environment_id: str) -> None:
        self._conn = conn
        self._environment_id = environment_id

    async def list(self, query: ListQuery) -> Page:
        return await fetch_page(self._conn, self._valid(), {each.key: each for each in _COLUMNS}, query)

    async def get(self, id: str, /) -> Mapping[str, Any]:
        """Raises NotFound."""
        row = (await self._conn.execute(self._valid().where(api_token.c.id == id))).mappings().one_or_none()
        if row is None:
            raise NotFound(f"no API token {id} in this environment")
        return dict(row)

    async def create(
        self,
        name: str,
        *,
        expires_at: datetime | None = None,
        created_by: str | None = None,
        token: Secret[str] | None = None,
    ) -> tuple[Mapping[str, Any], Secret[str]]:
        """The row, and the token itself: the only time anybody sees it. `token`: instead of a random one."""
        token = token or new_token()
        identity, now = new_id(), current_time(self._conn)
        await self._conn.execute(
            insert(api_token).values(
                id=identity,
                created_at=now,
                updated_at=now,
                environment_id=self._environment_id,
                created_by=created_by,
                name=name,
                digest=digest(token.reveal()),
                prefix=prefix(token.reveal()),
                expires_at=expires_at,
            )
        )
        await raise_epoch(self._conn, self._environment_id)
        row = await self.get(identity)
        await self._tell(ApiTokenCreated, row)
        return row, token

    async def revoke(self, id: str, /) -> str:
        """From now on the token is refused, in other processes within a second. Raises NotFound."""
        now = current_time(self._conn)
        await self.get(id)
        done = await self._conn.execute(
            update(api_token)
            .where(api_token.c.id == id, api_token.c.revoked_at.is_(None))
            .values(revoked_at=now, updated_at=now)
        )
        if not done.rowcount:
            await self.get(id)  # somebody else was first: NotFound
        await raise_epoch(self._conn, self._environment_id)
        await self._tell(ApiTokenDeleted, {"id": id})
        return id

    async def _tell(self, kind: type[Event], payload: Mapping[str, Any]) -> None:
        happened = {"environment_id": self._environment_id, "payload": dict(payload)}
        await emit(self._conn, kind.model_validate(happened))

    def _valid(self) -> Any:
        return select(*_COLUMNS).where(
            api_token.c.environment_id == self._environment_id, api_token.c.revoked_at.is_(None)
        )
