"""Keeps idempotency keys: the first call with a key is carried out, and its repetitions get the stored
answer.

A key is claimed before the provider is called and its answer is stored afterwards, in two short transactions.
A claim without an answer, because the process died, expires after CLAIM_LIFETIME.
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

__all__ = [
    "ANSWER_LIFETIME",
    "CLAIM_LIFETIME",
    "MAX_ANSWER_BYTES",
    "Claim",
    "IdempotencyKeys",
    "StoredAnswer",
    "hash_parts",
]

ANSWER_LIFETIME: Final = timedelta(hours=24)
CLAIM_LIFETIME: Final = timedelta(minutes=15)
MAX_ANSWER_BYTES: Final = 10 * 1024 * 1024

_ANSWER: Final = EncryptedJSON(idempotency_record.c.answer)
_RETRYABLE_STATUSES: Final = frozenset({408, 409, 425, 429})
_SERVER_ERROR: Final = 500
_PURGE_INTERVAL_SECONDS: Final = 60.0
_MAX_PURGED: Final = 500


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """The answer of a call, as it is stored for repetitions."""

    status: int
    content_type: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_final(self) -> bool:
        """True if repetitions get this answer: a success, or an error that a new attempt would not change.
        Answers of more than MAX_ANSWER_BYTES are not stored."""
        return (
            self.status < _SERVER_ERROR
            and self.status not in _RETRYABLE_STATUSES
            and len(self.body) <= MAX_ANSWER_BYTES
        )


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to carry out a call. `answer`: of the earlier call with the same key; None if this call is to
    be carried out."""

    row_id: str
    answer: StoredAnswer | None = None


def hash_parts(parts: Sequence[str | bytes]) -> str:
    """Hash several parts to one hex text. Each part is hashed with its length, so that other parts give
    another text."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(str(len(data)).encode() + b":" + data)
    return digest.hexdigest()


class IdempotencyKeys:
    """Claims keys and stores answers. There is one in each process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._purged_at: float | None = None

    async def claim(self, environment_id: str, key_digest: str, request_digest: str) -> Claim:
        """Claim a key, and return the claim; it holds the stored answer if an earlier call with the key has
        ended. Raises Conflict while the first call with it is running, UnprocessableRequest if the key was
        used for another request."""
        async with self._database.write() as conn:
            await self._delete_expired(conn, key_digest)
            row_id = new_id()
            if await _insert_claim(conn, row_id, environment_id, key_digest, request_digest):
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
            stored = _ANSWER.decrypt(get_key_ring(conn), row["id"], row["answer"])
            return Claim(row["id"], _answer_from_json(row["status"], stored))

    async def store_answer(self, claim: Claim, answer: StoredAnswer) -> None:
        """Store a final answer for ANSWER_LIFETIME. For any other answer, free the key, so that a repetition
        is carried out."""
        is_claim = idempotency_record.c.id == claim.row_id
        async with self._database.write() as conn:
            if not answer.is_final:
                await conn.execute(delete(idempotency_record).where(is_claim))
                return
            now = current_time(conn)
            sealed = _ANSWER.encrypt(get_key_ring(conn), claim.row_id, _answer_to_json(answer))
            await conn.execute(
                update(idempotency_record)
                .where(is_claim)
                .values(status=answer.status, answer=sealed, expires_at=now + ANSWER_LIFETIME, updated_at=now)
            )

    async def release_claim(self, claim: Claim) -> None:
        """Free the key of a call that failed without an answer to store."""
        async with self._database.write() as conn:
            await conn.execute(delete(idempotency_record).where(idempotency_record.c.id == claim.row_id))

    async def _delete_expired(self, conn: AsyncConnection, key_digest: str) -> None:
        """Delete the expired row of this key and, once a minute, other expired rows."""
        now = current_time(conn)
        expired = idempotency_record.c.expires_at <= now
        await conn.execute(
            delete(idempotency_record).where(expired, idempotency_record.c.key_digest == key_digest)
        )
        moment = self._database.clock.monotonic()
        if self._purged_at is not None and moment - self._purged_at < _PURGE_INTERVAL_SECONDS:
            return
        self._purged_at = moment
        some = select(idempotency_record.c.id).where(expired).limit(_MAX_PURGED)
        await conn.execute(delete(idempotency_record).where(idempotency_record.c.id.in_(some)))


async def _insert_claim(
    conn: AsyncConnection, row_id: str, environment_id: str, key_digest: str, request_digest: str
) -> bool:
    """Insert the row of a claim. Return False if the key is taken; of two concurrent calls one gets it, on
    both databases."""
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
        expires_at=now + CLAIM_LIFETIME,
    )
    try:
        async with conn.begin_nested():
            await conn.execute(statement)
    except IntegrityError:
        return False
    return True


def _answer_to_json(answer: StoredAnswer) -> dict[str, Any]:
    """Return an answer, without its status, as the JSON that is stored encrypted."""
    return {
        "content_type": answer.content_type,
        "headers": orjson.dumps(dict(answer.headers), default=str).decode(),
        "body": base64.b64encode(answer.body).decode(),
    }


def _answer_from_json(status: int, stored: Mapping[str, Any]) -> StoredAnswer:
    """Return the answer that `_answer_to_json` made into `stored`."""
    headers: dict[str, str] = orjson.loads(stored["headers"])
    return StoredAnswer(status, stored["content_type"], headers, base64.b64decode(stored["body"]))
