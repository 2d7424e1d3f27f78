"""Authorization requests (RFC 6749 §4.1.1): a browser is redirected to a provider and comes back.

A ticket starts the request, once. Starting it sets a cookie that binds the browser, and redirects to the
provider; the callback must bring the cookie and the state. Ticket, cookie and state are random and valid for
ten minutes; only digests of them are looked up, and the state is also in the encrypted payload.
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

from isthmus.connect.errors import ConnectError, ForgedRequest
from isthmus.db.database import current_time, get_key_ring
from isthmus.db.encryption import EncryptedJSON
from isthmus.db.tables import connect_trip
from isthmus.kit.ids import new_id
from isthmus.kit.secret import Secret
from isthmus.tenancy.authentication import hash_token

__all__ = [
    "AuthorizationRequest",
    "complete_authorization_request",
    "create_authorization_request",
    "start_authorization_request",
    "store_request_token",
]

LIFETIME: Final = timedelta(minutes=10)
_PAYLOAD: Final = EncryptedJSON(connect_trip.c.payload)
_REQUEST_UNKNOWN: Final = (
    "This sign-in took too long, or was finished already. Go back to where you started, and try again."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRequest:
    """One authorization request. `format`: the credential format. `state`: the OAuth parameter. `verifier`:
    the code verifier (RFC 7636). `redirect_uri`: as it was sent to the provider. `request_token`: the
    temporary token and its secret of OAuth 1.0a, None before they are fetched."""

    id: str
    session_id: str
    format: str
    redirect_uri: str
    state: str = field(repr=False)
    verifier: str = field(repr=False)
    request_token: tuple[str, str] | None = field(default=None, repr=False)


async def create_authorization_request(
    conn: AsyncConnection, session_id: str, format: str, redirect_uri: str
) -> Secret[str]:
    """Stores a new request; returns the ticket that starts it."""
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
            payload=_PAYLOAD.encrypt(get_key_ring(conn), identity, payload),
            expires_at=now + LIFETIME,
        )
    )
    return Secret(ticket)


async def start_authorization_request(
    conn: AsyncConnection, ticket: str
) -> tuple[AuthorizationRequest, Secret[str]]:
    """Marks the request of a ticket as started. Returns it, and the value of the cookie that binds the
    browser to it. Raises ConnectError for a ticket that is unknown, used or expired."""
    row = await _find_row(conn, connect_trip.c.ticket_digest == hash_token(ticket))
    now = current_time(conn)
    if row is None or row["expires_at"] <= now:
        raise ConnectError("This page has expired. Close it and try again.")
    binding = secrets.token_urlsafe(32)
    done = await conn.execute(
        update(connect_trip)
        .where(connect_trip.c.id == row["id"], connect_trip.c.started_at.is_(None))
        .values(started_at=now, binding_digest=hash_token(binding), updated_at=now)
    )
    if not done.rowcount:
        raise ConnectError("This page was opened already. Close it and try again.")
    return _make_request(conn, row), Secret(binding)


async def store_request_token(
    conn: AsyncConnection, request: AuthorizationRequest, request_token: tuple[str, str]
) -> None:
    """Stores the temporary token and its secret of OAuth 1.0a; `request` itself keeps None."""
    payload = {
        "format": request.format,
        "redirect_uri": request.redirect_uri,
        "state": request.state,
        "verifier": request.verifier,
        "request": list(request_token),
    }
    await conn.execute(
        update(connect_trip)
        .where(connect_trip.c.id == request.id)
        .values(
            payload=_PAYLOAD.encrypt(get_key_ring(conn), request.id, payload), updated_at=current_time(conn)
        )
    )


async def complete_authorization_request(
    conn: AsyncConnection, state: str | None, cookie: str | None
) -> AuthorizationRequest:
    """Marks the request of a callback as used, so that its state cannot be used again, and returns it. The
    caller must commit also where this raises. Raises ConnectError for a state that is missing, unknown, used,
    expired or not started, ForgedRequest for a browser without the cookie.

    `cookie`: the value of the cookie, which holds one binding for each open request, separated by dots.
    """
    row = None if not state else await _find_row(conn, connect_trip.c.state_digest == hash_token(state))
    now = current_time(conn)
    if row is None or row["expires_at"] <= now or row["started_at"] is None:
        raise ConnectError(_REQUEST_UNKNOWN)
    done = await conn.execute(
        update(connect_trip)
        .where(connect_trip.c.id == row["id"], connect_trip.c.used_at.is_(None))
        .values(used_at=now, updated_at=now)
    )
    if not done.rowcount:
        raise ConnectError(_REQUEST_UNKNOWN)
    expected = row["binding_digest"]
    if not any(hmac.compare_digest(hash_token(value), expected) for value in (cookie or "").split(".")):
        raise ForgedRequest(
            "This answer came to another browser than the one that asked for it. Start again."
        )
    return _make_request(conn, row)


async def _find_row(conn: AsyncConnection, condition: Any) -> Mapping[str, Any] | None:
    """Reads the row of the request that meets a condition, also of one that is used or expired; its `payload`
    is still encrypted. Returns None if there is none."""
    row = (await conn.execute(select(connect_trip).where(condition))).mappings().one_or_none()
    return None if row is None else dict(row)


def _make_request(conn: AsyncConnection, row: Mapping[str, Any]) -> AuthorizationRequest:
    """Builds the request from its row, whose payload it decrypts."""
    payload = _PAYLOAD.decrypt(get_key_ring(conn), row["id"], row["payload"])
    request_token = payload.pop("request")
    return AuthorizationRequest(
        id=row["id"],
        session_id=row["session_id"],
        request_token=None if request_token is None else (request_token[0], request_token[1]),
        **payload,
    )
