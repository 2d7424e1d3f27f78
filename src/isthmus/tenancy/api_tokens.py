"""Creates, lists and revokes the API tokens of an environment: 256 random bits, of which only the SHA-256 is
stored."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db import current_time, increment_epoch
from isthmus.db.listing import FilterColumns, ListQuery, Page, fetch_page
from isthmus.db.tables import api_token
from isthmus.errors import NotFound
from isthmus.events import Event, emit
from isthmus.events.catalogue import ApiTokenCreated, ApiTokenDeleted
from isthmus.kit.ids import new_id
from isthmus.kit.secret import Secret
from isthmus.tenancy.authentication import hash_token

__all__ = ["ApiTokens", "generate_token", "get_token_prefix"]

_PREFIX: Final = "isth_"
_VISIBLE_LENGTH = len(_PREFIX) + 4
_VISIBLE_LENGTH_OF_CUSTOM_TOKENS = 3
_TOKEN_BYTES = 32

_VISIBLE_COLUMNS = (
    api_token.c.id,
    api_token.c.name,
    api_token.c.environment_id,
    api_token.c.created_by,
    api_token.c.expires_at,
    api_token.c.created_at,
    api_token.c.updated_at,
)


def generate_token() -> Secret[str]:
    """Return a new random token."""
    return Secret(_PREFIX + secrets.token_urlsafe(_TOKEN_BYTES))


def get_token_prefix(token: str) -> str:
    """Return the first characters of a token, by which people recognise it. They do not help to guess the
    rest."""
    return token[:_VISIBLE_LENGTH] if token.startswith(_PREFIX) else token[:_VISIBLE_LENGTH_OF_CUSTOM_TOKENS]


class ApiTokens:
    """The API tokens of one environment. Rows have no secret; revoked tokens are not found."""

    FILTERS: ClassVar[FilterColumns] = {column.key: column for column in _VISIBLE_COLUMNS}

    def __init__(self, conn: AsyncConnection, environment_id: str) -> None:
        self._conn = conn
        self._environment_id = environment_id

    async def list(self, query: ListQuery) -> Page:
        """Return a page of the tokens that are not revoked, expired ones included."""
        return await fetch_page(self._conn, self._select_unrevoked(), self.FILTERS, query)

    async def get(self, id: str, /) -> Mapping[str, Any]:
        """Return the row of a token. Raises NotFound."""
        row = (
            (await self._conn.execute(self._select_unrevoked().where(api_token.c.id == id)))
            .mappings()
            .one_or_none()
        )
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
        """Create a token; return (row, token). The token is never shown again. `token`: use this one instead
        of a random one."""
        token = token or generate_token()
        identity, now = new_id(), current_time(self._conn)
        await self._conn.execute(
            insert(api_token).values(
                id=identity,
                created_at=now,
                updated_at=now,
                environment_id=self._environment_id,
                created_by=created_by,
                name=name,
                digest=hash_token(token.reveal()),
                prefix=get_token_prefix(token.reveal()),
                expires_at=expires_at,
            )
        )
        await increment_epoch(self._conn, self._environment_id)
        row = await self.get(identity)
        await self._emit(ApiTokenCreated, row)
        return row, token

    async def revoke(self, id: str, /) -> str:
        """Revoke a token and return its id. Other processes refuse it within a second. Raises NotFound, also
        for a token that is revoked already. `id`: of the row, not the token itself."""
        now = current_time(self._conn)
        await self.get(id)
        result = await self._conn.execute(
            update(api_token)
            .where(api_token.c.id == id, api_token.c.revoked_at.is_(None))
            .values(revoked_at=now, updated_at=now)
        )
        if not result.rowcount:
            await self.get(id)  # revoked meanwhile: NotFound
        await increment_epoch(self._conn, self._environment_id)
        await self._emit(ApiTokenDeleted, {"id": id})
        return id

    async def _emit(self, kind: type[Event], payload: Mapping[str, Any]) -> None:
        """Emit an event of the kind with the payload."""
        event = {"environment_id": self._environment_id, "payload": dict(payload)}
        await emit(self._conn, kind.model_validate(event))

    def _select_unrevoked(self) -> Any:
        """Return the SELECT of the environment's tokens that are not revoked."""
        return select(*_VISIBLE_COLUMNS).where(
            api_token.c.environment_id == self._environment_id, api_token.c.revoked_at.is_(None)
        )
