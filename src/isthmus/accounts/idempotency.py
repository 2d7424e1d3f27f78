"""Keeps idempotency keys: the first call with a key is carried out, and its repetitions get the stored
answer.

    claim      the key is taken
    sent       committed before the call's first write leaves: from here on it may have been carried out
    answered   the answer is stored

These are three short transactions. The key of a process that died is free if nothing was sent; otherwise its
outcome is unknown, and only a caller who says so has it carried out again.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import ColumnElement, RowMapping, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import Database, current_time, get_key_ring
from isthmus.db.encryption import EncryptedJSON
from isthmus.db.outages import is_database_unavailable
from isthmus.db.presence import ProcessPresence
from isthmus.db.retries import DATABASE_UNAVAILABLE, write_with_retries
from isthmus.db.tables import idempotency_record
from isthmus.db.upsert import insert_into
from isthmus.errors import Conflict, OutcomeUnknown, UnprocessableRequest, failure
from isthmus.kit.ids import new_id

__all__ = [
    "ANSWER_LIFETIME",
    "MAX_ANSWER_BYTES",
    "Claim",
    "IdempotencyKeys",
    "StoredAnswer",
    "hash_parts",
]

ANSWER_LIFETIME: Final = timedelta(hours=24)
MAX_ANSWER_BYTES: Final = 10 * 1024 * 1024

_ANSWER: Final = EncryptedJSON(idempotency_record.c.answer)
_RETRYABLE_STATUSES: Final = frozenset({408, 409, 425, 429})
_BAD_REQUEST: Final = 400
_SERVER_ERROR: Final = 500
_PURGE_INTERVAL_SECONDS: Final = 60.0
_CLAIMS_PER_PURGE: Final = 250
_MAX_RETRY_SECONDS: Final = 30.0
"""For so long a call's answer is held back while the database is unavailable."""

_log = logging.getLogger("isthmus.accounts")


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


@dataclass(slots=True)
class Claim:
    """The right to carry out a call. `answer`: of the earlier call with the same key; None if this call is to
    be carried out. `is_marked`: a write was sent. `unanswered`: how many writes have no answer so far.
    `is_done`: the provider carried one out."""

    row_id: str
    answer: StoredAnswer | None = None
    is_marked: bool = False
    unanswered: int = 0
    is_done: bool = False

    def note_answer(self, status: int) -> None:
        """Note that a write was answered. `status`: what the answer means."""
        self.unanswered -= 1
        self.is_done |= status < _BAD_REQUEST


def hash_parts(parts: Sequence[str | bytes]) -> str:
    """Hash several parts to one hex text. Each part is hashed with its length, so that other parts give
    another text."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(str(len(data)).encode() + b":" + data)
    return digest.hexdigest()


class IdempotencyKeys:
    """Claims keys and stores answers. There is one in each process. End each claim without an answer by
    `store_answer`, `release_claim` or `leave_unknown`."""

    def __init__(self, database: Database, presence: ProcessPresence) -> None:
        self._database = database
        self._presence = presence
        self._running: set[str] = set()
        self._purged_at: float | None = None
        self._claims_since_purge = 0

    async def claim(
        self, environment_id: str, key_digest: str, request_digest: str, *, repeat_unknown: bool = False
    ) -> Claim:
        """Claim a key, and return the claim; it holds the stored answer if an earlier call with the key has
        ended.

        Raises UnprocessableRequest if the key was used for another request, Conflict while the first call
        with it is running, OutcomeUnknown if that call sent a write and has no answer; with `repeat_unknown`
        the key is then claimed anew.
        """
        row_id = new_id()
        values = {
            "environment_id": environment_id,
            "key_digest": key_digest,
            "request_digest": request_digest,
            "process": self._presence.key,
        }
        answered = None
        await self._purge()
        self._running.add(row_id)  # before the commit: from then on, other calls see the row
        try:
            async with self._database.write() as conn:
                while answered is None and not await _insert_claim(conn, row_id, values):
                    answered = await self._find_answer(conn, key_digest, request_digest, repeat_unknown)
        except BaseException:
            self._running.discard(row_id)
            raise
        if answered is None:
            return Claim(row_id)
        self._running.discard(row_id)
        return answered

    async def mark_sent(self, claim: Claim, destination: str) -> None:
        """Commit that a write of the call is about to be sent to `destination`; only the first one costs a
        transaction. Raises Conflict if a repetition has the key now, which happens only after this process
        seemed to have died."""
        if not claim.is_marked:
            async with self._database.write() as conn:
                sent = {"sent_at": current_time(conn), "sent_to": destination}
                marked = await conn.execute(update(idempotency_record).where(_is_row(claim)).values(sent))
            if not marked.rowcount:
                raise Conflict(
                    "A repetition of this call has its Idempotency-Key now. Nothing was sent here."
                )
            claim.is_marked = True
        claim.unanswered += 1

    async def store_answer(self, claim: Claim, answer: StoredAnswer) -> None:
        """Store an answer that is final for ANSWER_LIFETIME."""

        async def store(conn: AsyncConnection) -> None:
            """Write the answer into the row of the claim."""
            now = current_time(conn)
            sealed = _ANSWER.encrypt(get_key_ring(conn), claim.row_id, _answer_to_json(answer))
            await conn.execute(
                update(idempotency_record)
                .where(_is_row(claim))
                .values(status=answer.status, answer=sealed, expires_at=now + ANSWER_LIFETIME, updated_at=now)
            )

        await self._end_claim(claim, store)

    async def release_claim(self, claim: Claim) -> None:
        """Free the key, because its call did nothing that a repetition would do a second time."""

        async def release(conn: AsyncConnection) -> None:
            """Delete the row of the claim."""
            await conn.execute(delete(idempotency_record).where(_is_row(claim)))

        await self._end_claim(claim, release)

    def leave_unknown(self, claim: Claim) -> None:
        """End a call that sent a write and does not know what came of it."""
        self._running.discard(claim.row_id)

    async def _end_claim(
        self, claim: Claim, transaction: Callable[[AsyncConnection], Awaitable[None]]
    ) -> None:
        """Write how the call ended. If the database stays unavailable, the caller gets the answer all the
        same; the outcome is unknown to repetitions if a write was sent, else the key is free."""
        try:
            await write_with_retries(
                self._database, transaction, seconds=_MAX_RETRY_SECONDS, label="the answer of a keyed call"
            )
        except DATABASE_UNAVAILABLE as error:
            if is_database_unavailable(error):
                self._database.outages.report("answers of keyed calls are lost", error)
            else:
                _log.warning("the answer of a keyed call could not be stored: %s", type(error).__name__)
        finally:
            self._running.discard(claim.row_id)

    async def _find_answer(
        self, conn: AsyncConnection, key_digest: str, request_digest: str, repeat_unknown: bool
    ) -> Claim | None:
        """Return the claim of a key that is taken, with its answer. Return None if the key is free now: the
        row has expired, or it is left from a call that sent nothing. Raises what `claim` raises."""
        statement = select(idempotency_record).where(idempotency_record.c.key_digest == key_digest)
        row = (await conn.execute(statement.with_for_update())).mappings().one_or_none()
        if row is None:
            return None
        is_running = row["status"] is None and await self._is_running(conn, row)
        if is_running or row["expires_at"] > current_time(conn):
            _check_request_digest(row, request_digest)
            if row["status"] is not None:
                stored = _ANSWER.decrypt(get_key_ring(conn), row["id"], row["answer"])
                return Claim(row["id"], _answer_from_json(row["status"], stored))
            if is_running:
                raise Conflict(
                    "The call with this Idempotency-Key is under way. Repeat it in a moment for its answer.",
                    headers={"retry-after": "1"},
                )
            is_sent = row["sent_at"] is not None or row["process"] is None  # None: of an older version
            if is_sent and not repeat_unknown:
                raise _make_unknown_error(
                    row["sent_at"] or row["created_at"], row["sent_to"] or "the provider"
                )
        await conn.execute(delete(idempotency_record).where(idempotency_record.c.id == row["id"]))
        return None

    async def _is_running(self, conn: AsyncConnection, row: RowMapping) -> bool:
        """Return True if the call of the row is under way, in this process or in another one."""
        if row["process"] == self._presence.key:
            return row["id"] in self._running
        return row["process"] is not None and await self._presence.is_running(conn, row["process"])

    async def _purge(self) -> None:
        """Delete some expired rows, in a transaction of its own: once a minute, and twice as many as claims
        came since the last time, so that they do not pile up however many there are."""
        moment = self._database.clock.monotonic()
        self._claims_since_purge += 1
        is_early = self._purged_at is not None and moment - self._purged_at < _PURGE_INTERVAL_SECONDS
        if is_early and self._claims_since_purge < _CLAIMS_PER_PURGE:
            return
        self._purged_at = moment
        self._claims_since_purge = 0
        row = idempotency_record.c
        async with self._database.write() as conn:
            expired = row.expires_at <= current_time(conn)
            living = await self._list_living_processes(conn, expired)
            is_ended = row.status.is_not(None) | row.process.is_(None) | row.process.not_in(living)
            some = select(row.id).where(expired, is_ended, row.id.not_in(self._running))
            # Rows that another process has locked now are left to it, so that nobody waits in a circle.
            some = some.order_by(row.id).limit(2 * _CLAIMS_PER_PURGE).with_for_update(skip_locked=True)
            await conn.execute(delete(idempotency_record).where(row.id.in_(some)))

    async def _list_living_processes(self, conn: AsyncConnection, expired: ColumnElement[bool]) -> list[int]:
        """Return the other processes with expired rows without an answer that are running: their calls are
        under way, and it is the clock that was set forward."""
        row = idempotency_record.c
        query = select(row.process).distinct().where(expired, row.status.is_(None))
        others = (await conn.execute(query.where(row.process != self._presence.key))).scalars().all()
        return [each for each in others if each is not None and await self._presence.is_running(conn, each)]


def _is_row(claim: Claim) -> Any:  # SQLAlchemy's type of a comparison
    """Return the condition that a row is the one of this claim, and not of a later claim of its key."""
    return idempotency_record.c.id == claim.row_id


def _check_request_digest(row: RowMapping, request_digest: str) -> None:
    """Raises UnprocessableRequest if the row's key was used for another request."""
    if row["request_digest"] != request_digest:
        raise UnprocessableRequest(
            "This Idempotency-Key was used for another request to the same path. Use a new key for "
            "each request, and the same one only to repeat it unchanged.",
            failures=[failure("headers.idempotency-key", "must be new", "idempotency_key_reused")],
        )


def _make_unknown_error(sent_at: datetime, sent_to: str) -> OutcomeUnknown:
    """Return the error for a key whose call sent a write and has no answer."""
    moment = sent_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return OutcomeUnknown(
        f"The outcome of the call with this Idempotency-Key is unknown: it was sent to {sent_to} at "
        f"{moment}, and no usable answer came or was stored. Nothing was sent again. Look up at the provider "
        "whether it was carried out; if not, send the call again with isthmus_repeat_unknown=true.",
        details={"code": "outcome_unknown", "sent_at": moment, "sent_to": sent_to},
    )


async def _insert_claim(conn: AsyncConnection, row_id: str, values: Mapping[str, Any]) -> bool:
    """Insert the row of a claim. Return False if the key is taken; of two concurrent calls one gets it, on
    both databases."""
    now = current_time(conn)
    statement = insert_into(conn, idempotency_record).values(
        id=row_id, created_at=now, updated_at=now, expires_at=now + ANSWER_LIFETIME, **values
    )
    statement = statement.on_conflict_do_nothing(index_elements=["key_digest"])
    inserted = await conn.execute(statement.returning(idempotency_record.c.id))
    return inserted.first() is not None


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
