"""Answers by idempotency key (`api.md` §1.7): the first call works, those that repeat it get its answer.

A key is claimed before the provider is called and settled after, in two short transactions. A claim that is
never settled, because the process died, is given up after a quarter of an hour.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import Database, current_time, get_key_ring
from isthmus.db.encryption import EncryptedJSON
from isthmus.db.tables import idempotency_record
from isthmus.errors import Conflict, UnprocessableRequest, failure
from isthmus.kit.ids import new_id

__all__ = ["KEPT", "MAX_ANSWER_BYTES", "UNDER_WAY", "Claim", "IdempotencyKeys", "KeptAnswer", "digest"]

KEPT: Final = timedelta(hours=24)
UNDER_WAY: Final = timedelta(minutes=15)
MAX_ANSWER_BYTES: Final = 10 * 1024 * 1024

_ANSWER: Final = EncryptedJSON(idempotency_record.c.answer)
_RETRYABLE: Final = frozenset({408, 409, 425, 429})
_ERROR: Final = 400
_SERVER_ERROR: Final = 500
_PURGE_EVERY: Final = 60.0
_PURGED_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    status: int
    content_type: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_final(self) -> bool:
        """Whether a repetition is to get it: a success, or an error that repeating does not mend."""
        return (
            self.status < _SERVER_ERROR
            and self.status not in _RETRYABLE
            and len(self.body) <= MAX_ANSWER_BYTES
        )


@dataclass(frozen=True, slots=True)
class Claim:
    """`answer`: of the call that had the key before; None where this call is to be carried out."""

    row_id: str
    answer: KeptAnswer | None = None


def digest(parts: Sequence[str | bytes]) -> str:
    """One text for several that no other several give."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        whole.update(str(len(data)).encode() + b":" + data)
    return whole.hexdigest()


class IdempotencyKeys:
    """One for the process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._purged_at: float | None = None

    async def claim(self, environment_id: str, key_digest: str, request_digest: str) -> Claim:
        """Raises Conflict while the first call is under way, UnprocessableRequest where it was another."""
        async with self._database.write() as conn:
            await self._purge(conn, key_digest)
            row_id = new_id()
            if await _inserted(conn, row_id, environment_id, key_digest, request_digest):
                return Claim(row_id)
            statement = select(idempotency_record).where(idempotency_record.c.key_digest == key_digest)
            row = (await conn.execute(statement)).mappings().one()
            if row["request_digest"] != request_digest:
                raise UnprocessableRequest(
                    "This Idempotency-Key was used for another request to the same path. Use a new key for "
                    "each request, and the same one only to repeat it unchanged.",
                    failures=[failure("headers.idempotency-key", "must be new", "idempotency_key_reused")],
                )
            if row["status"] is None:
                raise Conflict(
                    "The call with this Idempotency-Key is under way. Repeat it in a moment for its answer.",
                    headers={"retry-after": "1"},
                )
            kept = _ANSWER.open(get_key_ring(conn), row["id"], row["answer"])
            return Claim(row["id"], _as_answer(row["status"], kept))

    async def settle(self, claim: Claim, answer: KeptAnswer) -> None:
        """Keeps a final answer for a day; anything else frees the key, so that a repetition works anew."""
        mine = idempotency_record.c.id == claim.row_id
        async with self._database.write() as conn:
            if not answer.is_final:
                await conn.execute(delete(idempotency_record).where(mine))
                return
            now = current_time(conn)
            sealed = _ANSWER.seal(get_key_ring(conn), claim.row_id, _as_json(answer))
            await conn.execute(
                update(idempotency_record)
                .where(mine)
                .values(status=answer.status, answer=sealed, expires_at=now + KEPT, updated_at=now)
            )

    async def release(self, claim: Claim) -> None:
        """The call failed in a way that has no answer to keep."""
        async with self._database.write() as conn:
            await conn.execute(delete(idempotency_record).where(idempotency_record.c.id == claim.row_id))

    async def _purge(self, conn: AsyncConnection, key_digest: str) -> None:
        """The key's own expired row, and, once a minute, other expired ones."""
        now = current_time(conn)
        expired = idempotency_record.c.expires_at <= now
        await conn.execute(
            delete(idempotency_record).where(expired, idempotency_record.c.key_digest == key_digest)
        )
        moment = self._database.clock.monotonic()
        if self._purged_at is not None and moment - self._purged_at < _PURGE_EVERY:
            return
        self._purged_at = moment
        some = select(idempotency_record.c.id).where(expired).limit(_PURGED_AT_ONCE)
        await conn.execute(delete(idempotency_record).where(idempotency_record.c.id.in_(some)))


async def _inserted(
    conn: AsyncConnection, row_id: str, environment_id: str, key_digest: str, request_digest: str
) -> bool:
    """Whether the key was free. Of two at a time one wins, on both databases."""
    now: datetime = current_time(conn)
    statement = insert(idempotency_record).values(
        id=row_id,
        created_at=now,
        updated_at=now,
        environment_id=environment_id,
        key_digest=key_digest,
        request_digest=request_digest,
        status=None,
        answer=None,
        expires_at=now + UNDER_WAY,
    )
    try:
        async with conn.begin_nested():
            await conn.execute(statement)
    except IntegrityError:
        return False
    return True


def _as_json(answer: KeptAnswer) -> dict[str, Any]:
    return {
        "content_type": answer.content_type,
        "headers": orjson.dumps(dict(answer.headers), default=str).decode(),
        "body": base64.b64encode(answer.body).decode(),
    }


def _as_answer(status: int, kept: Mapping[str, Any]) -> KeptAnswer:
    headers: dict[str, str] = orjson.loads(kept["headers"])
    return KeptAnswer(status, kept["content_type"], headers, base64.b64decode(kept["body"]))
