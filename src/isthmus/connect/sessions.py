"""Sessions of the connect pages: what one browser has chosen and entered, stored behind a cookie."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.connect.errors import SessionEnded
from isthmus.db.database import current_time, get_key_ring
from isthmus.db.encryption import EncryptedJSON
from isthmus.db.tables import connect_session
from isthmus.kit.ids import new_id
from isthmus.kit.secret import Secret
from isthmus.tenancy.authentication import hash_token

__all__ = [
    "PageOptions",
    "RapidOptions",
    "Session",
    "create_session",
    "delete_expired_sessions",
    "find_session_by_id",
    "read_session",
    "update_session",
]

IDLE_TIMEOUT: Final = timedelta(minutes=30)
MAX_AGE: Final = timedelta(hours=2)
_PAYLOAD: Final = EncryptedJSON(connect_session.c.payload)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOptions:
    """The parameters of the connect page. `integrations`: names to choose from, None for all. `is_framed`:
    whether the page was opened in a frame, so that the provider's page needs another window."""

    integration: str | None = None
    no_back: bool = False
    auth_format: str | None = None
    skip_rapid_form: bool = False
    integrations: tuple[str, ...] | None = None
    is_framed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RapidOptions:
    """The parameters of a page that only shows a rapid form: the form that an account asks for after its
    credentials. `additional`: merged into the context.

    `prevent_deselect`: messages by field whose chosen options stay chosen. `disabled`: messages by field that
    keeps its stored value.
    """

    additional: Mapping[str, Any] = field(default_factory=dict, repr=False)
    prevent_deselect: Mapping[str, str] = field(default_factory=dict)
    disabled: Mapping[str, str] = field(default_factory=dict)
    is_framed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """The state of one browser on the connect pages. `link_id`: None for a session that only shows an
    account's form. `account_id`: once the account is saved.

    `slug`: name of the integration that was chosen. `format`: the credential format that was chosen.
    `entered`: what was typed before the redirect to the provider. `error`: why the last try failed, for the
    person. `is_away`: the person is at the provider. `is_retrying`: they enter new credentials for an account
    that was saved and failed. `is_form_done`: the account's form was submitted or skipped.
    """

    id: str
    environment_id: str
    link_id: str | None
    csrf: str = field(repr=False)
    options: PageOptions = PageOptions()
    rapid: RapidOptions | None = None
    account_id: str | None = None
    slug: str | None = None
    format: str | None = None
    entered: Mapping[str, Any] = field(default_factory=dict, repr=False)
    error: str | None = None
    is_away: bool = False
    is_retrying: bool = False
    is_form_done: bool = False

    @property
    def is_framed(self) -> bool:
        """True if the session's page was opened in a frame."""
        return self.options.is_framed or (self.rapid is not None and self.rapid.is_framed)


async def create_session(
    conn: AsyncConnection,
    environment_id: str,
    *,
    link_id: str | None,
    account_id: str | None = None,
    options: PageOptions | None = None,
    rapid: RapidOptions | None = None,
) -> tuple[Session, Secret[str]]:
    """Stores a new session, its arguments as in `Session`. With `link_id` None it only shows the form of
    `account_id`, with the parameters `rapid`. Returns it, and the value of its cookie, of which only a digest
    is stored."""
    session = Session(
        id=new_id(),
        environment_id=environment_id,
        link_id=link_id,
        csrf=secrets.token_urlsafe(32),
        options=options or PageOptions(),
        rapid=rapid,
        account_id=account_id,
    )
    cookie, now = Secret(secrets.token_urlsafe(32)), current_time(conn)
    await conn.execute(
        insert(connect_session).values(
            id=session.id,
            created_at=now,
            updated_at=now,
            environment_id=environment_id,
            digest=hash_token(cookie.reveal()),
            link_token_id=link_id,
            integrated_account_id=account_id,
            payload=_PAYLOAD.encrypt(get_key_ring(conn), session.id, _to_payload(session)),
            idle_at=now + IDLE_TIMEOUT,
            expires_at=now + MAX_AGE,
        )
    )
    return session, cookie


async def read_session(conn: AsyncConnection, id: str, cookie: str) -> Session:
    """Reads a session by its id and cookie. Raises SessionEnded if the cookie is not that of the session, or
    the session has expired."""
    row = await _find_row(conn, connect_session.c.id == id, connect_session.c.digest == hash_token(cookie))
    now = current_time(conn)
    if row is None or row["idle_at"] <= now or row["expires_at"] <= now:
        raise SessionEnded("This page was open too long. Start again from where you came from.")
    return _make_session(conn, row)


async def find_session_by_id(conn: AsyncConnection, id: str, *, lock: bool = False) -> Session | None:
    """Reads a session by its id alone, for a browser that a provider redirected back. Returns None if it is
    gone or older than MAX_AGE; the idle timeout does not count, because the person was at the provider.
    `lock`: locks the row until the commit."""
    row = await _find_row(conn, connect_session.c.id == id, lock=lock)
    if row is None or row["expires_at"] <= current_time(conn):
        return None
    return _make_session(conn, row)


async def update_session(conn: AsyncConnection, session: Session, **changes: Any) -> Session:
    """Stores changes to fields of the session, begins its idle timeout again, and returns the changed
    session."""
    changed = replace(session, **changes)
    now = current_time(conn)
    await conn.execute(
        update(connect_session)
        .where(connect_session.c.id == session.id)
        .values(
            integrated_account_id=changed.account_id,
            payload=_PAYLOAD.encrypt(get_key_ring(conn), session.id, _to_payload(changed)),
            idle_at=now + IDLE_TIMEOUT,
            updated_at=now,
        )
    )
    return changed


async def delete_expired_sessions(conn: AsyncConnection, before: datetime) -> int:
    """Deletes the sessions whose MAX_AGE was over before this time; returns how many."""
    done = await conn.execute(delete(connect_session).where(connect_session.c.expires_at < before))
    return done.rowcount


async def _find_row(conn: AsyncConnection, *conditions: Any, lock: bool = False) -> Mapping[str, Any] | None:
    """Reads the session that meets all conditions; returns None if there is none. `lock`: locks the row until
    the commit."""
    statement = select(connect_session).where(*conditions)
    if lock:
        statement = statement.with_for_update()
    row = (await conn.execute(statement)).mappings().one_or_none()
    return None if row is None else dict(row)


_COLUMN_FIELDS: Final = frozenset({"id", "environment_id", "link_id", "account_id"})


def _to_payload(session: Session) -> dict[str, Any]:
    """Returns the part of the session that is stored encrypted, as JSON."""
    payload = {
        name: getattr(session, name) for name in Session.__dataclass_fields__ if name not in _COLUMN_FIELDS
    }
    for name in ("options", "rapid"):
        part = payload[name]
        payload[name] = (
            None if part is None else {key: getattr(part, key) for key in part.__dataclass_fields__}
        )
    return payload


def _make_session(conn: AsyncConnection, row: Mapping[str, Any]) -> Session:
    """Builds the session from its row, whose payload it decrypts."""
    payload = _PAYLOAD.decrypt(get_key_ring(conn), row["id"], row["payload"])
    options = payload.pop("options")
    chosen = options.pop("integrations")
    rapid = payload.pop("rapid")
    return Session(
        id=row["id"],
        environment_id=row["environment_id"],
        link_id=row["link_token_id"],
        account_id=row["integrated_account_id"],
        options=PageOptions(**options, integrations=None if chosen is None else tuple(chosen)),
        rapid=None if rapid is None else RapidOptions(**rapid),
        **payload,
    )
