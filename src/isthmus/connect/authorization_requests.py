"""A browser's trip to a provider and back: ticket, binding cookie, state (`connect.md` §5.3, §5.4).

ticket -> binding cookie and provider's address -> (provider) -> state and cookie -> what it was for

Each of them is random, kept as a digest, and good once.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.connect.errors import ConnectProblem, Forged
from isthmus.db.database import current_time, get_key_ring
from isthmus.db.encryption import EncryptedJSON
from isthmus.db.tables import connect_trip
from isthmus.kit.ids import new_id
from isthmus.kit.secret import Secret
from isthmus.tenancy.authentication import hash_token

__all__ = ["Trip", "end_trip", "keep_on_trip", "plan_trip", "start_trip"]

LIFE: Final = timedelta(minutes=10)
PAYLOAD: Final = EncryptedJSON(connect_trip.c.payload)
_UNKNOWN: Final = (
    "This sign-in took too long, or was finished already. Go back to where you started, and try again."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trip:
    """`verifier`: of the proof key. `state`: as it travels. `redirect_uri`: where the provider was told to
    send the browser. `request`: token and secret of OAuth 1.0a's first leg, None before it."""

    id: str
    session_id: str
    format: str
    redirect_uri: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)
    request: tuple[str, str] | None = field(default=None, repr=False)


async def plan_trip(conn: AsyncConnection, session_id: str, format: str, redirect_uri: str) -> Secret[str]:
    """The ticket that starts it."""
    ticket, state, identity, now = (
        secrets.token_urlsafe(32),
        secrets.token_urlsafe(32),
        new_id(),
        current_time(conn),
    )
    payload = {
        "format": format,
        "redirect_uri": redirect_uri,
        "state": state,
        "verifier": secrets.token_urlsafe(48),
        "request": None,
    }
    await conn.execute(
        insert(connect_trip).values(
            id=identity,
            created_at=now,
            updated_at=now,
            session_id=session_id,
            ticket_digest=hash_token(ticket),
            state_digest=hash_token(state),
            payload=PAYLOAD.seal(get_key_ring(conn), identity, payload),
            expires_at=now + LIFE,
        )
    )
    return Secret(ticket)


async def start_trip(conn: AsyncConnection, ticket: str) -> tuple[Trip, Secret[str]]:
    """The trip, and the cookie that ties the browser to it. Raises ConnectProblem for a ticket that is used
    up or too old."""
    row = await _row(conn, connect_trip.c.ticket_digest == hash_token(ticket))
    now = current_time(conn)
    if row is None or row["expires_at"] <= now:
        raise ConnectProblem("This page has expired. Close it and try again.")
    binding = secrets.token_urlsafe(32)
    done = await conn.execute(
        update(connect_trip)
        .where(connect_trip.c.id == row["id"], connect_trip.c.started_at.is_(None))
        .values(started_at=now, binding_digest=hash_token(binding), updated_at=now)
    )
    if not done.rowcount:
        raise ConnectProblem("This page was opened already. Close it and try again.")
    return _trip(conn, row), Secret(binding)


async def keep_on_trip(conn: AsyncConnection, trip: Trip, request: tuple[str, str]) -> None:
    """Keeps what the first leg of OAuth 1.0a gave."""
    payload = {
        "format": trip.format,
        "redirect_uri": trip.redirect_uri,
        "state": trip.state,
        "verifier": trip.verifier,
        "request": list(request),
    }
    await conn.execute(
        update(connect_trip)
        .where(connect_trip.c.id == trip.id)
        .values(payload=PAYLOAD.seal(get_key_ring(conn), trip.id, payload), updated_at=current_time(conn))
    )


async def end_trip(conn: AsyncConnection, state: str | None, binding: str | None) -> Trip:
    """The trip of a browser that came back; its state is used up, whatever comes of it. The caller commits
    also where this raises: ConnectProblem for a state that is none, Forged for another browser's.

    `binding`: of each trip that the browser is on, separated by dots."""
    row = None if not state else await _row(conn, connect_trip.c.state_digest == hash_token(state))
    now = current_time(conn)
    if row is None or row["expires_at"] <= now or row["started_at"] is None:
        raise ConnectProblem(_UNKNOWN)
    done = await conn.execute(
        update(connect_trip)
        .where(connect_trip.c.id == row["id"], connect_trip.c.used_at.is_(None))
        .values(used_at=now, updated_at=now)
    )
    if not done.rowcount:
        raise ConnectProblem(_UNKNOWN)
    mine = row["binding_digest"]
    if not any(hmac.compare_digest(hash_token(each), mine) for each in (binding or "").split(".")):
        raise Forged("This answer came to another browser than the one that asked for it. Start again.")
    return _trip(conn, row)


async def _row(conn: AsyncConnection, condition: Any) -> Mapping[str, Any] | None:
    row = (await conn.execute(select(connect_trip).where(condition))).mappings().one_or_none()
    return None if row is None else dict(row)


def _trip(conn: AsyncConnection, row: Mapping[str, Any]) -> Trip:
    payload = PAYLOAD.open(get_key_ring(conn), row["id"], row["payload"])
    request = payload.pop("request")
    return Trip(
        id=row["id"],
        session_id=row["session_id"],
        request=None if request is None else (request[0], request[1]),
        **payload,
    )
