"""The connection, step by step (`connect.md` §4): a state machine whose states are rows.

    open -> (pick) -> (method) -> form -> [trip to the provider and back] -> save
         -> post-install, validation (the account's lifecycle) -> (its own form) -> done

Each call reads the session, does one step, and leaves rows; `screen` says what they mean for the person.
Nothing holds a transaction while a provider is called.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.connected_account import ConnectionResult, connect_account, reconnect_account
from isthmus.accounts.egress import Sender, select_sender
from isthmus.accounts.lifecycle.account_jobs import start_lifecycle
from isthmus.accounts.lifecycle.lifecycle import Lifecycle
from isthmus.connect.authorization_requests import Trip, end_trip, keep_on_trip, plan_trip, start_trip
from isthmus.connect.connectable_integrations import Offer, scopes_of, slug_of_account
from isthmus.connect.credential_exchange import CredentialCalls
from isthmus.connect.credential_forms import enter, goes_to_provider
from isthmus.connect.errors import (
    PAGE_EXPIRED,
    ConnectionFailed,
    ConnectProblem,
    InvalidIntegration,
    InvalidToken,
    RapidFormFailed,
    SessionEnded,
)
from isthmus.connect.link_tokens import USED, LinkToken, consume_link, open_link
from isthmus.connect.ports import RapidForms
from isthmus.connect.screen_builder import Drawing, FormIsNext, chosen_offer, link_of_session
from isthmus.connect.screens import Problem, Screen
from isthmus.connect.sessions import (
    Options,
    RapidOptions,
    Session,
    begin_session,
    keep_session,
    read_session,
    session_of,
)
from isthmus.db.database import Database
from isthmus.errors import NotFound
from isthmus.integrations.effective.effective_definitions import EffectiveDefinitions
from isthmus.kit.secret import Secret

__all__ = ["Flow", "Sent"]

log = logging.getLogger("isthmus.connect")

_ENDED = "This page was open too long. Start again from where you came from."


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of a form: the session, and the ticket of a trip to the provider, or the screen that is next
    (a form with errors is shown once, with what was typed)."""

    session: Session
    screen: Screen | None = None
    ticket: Secret[str] | None = None


class Flow:
    """One for the process."""

    def __init__(
        self,
        database: Database,
        effective: EffectiveDefinitions,
        http: Sender,
        calls: CredentialCalls,
        lifecycle: Lifecycle,
        rapid_forms: RapidForms,
    ) -> None:
        self._database = database
        self._effective = effective
        self._http = http
        self._calls = calls
        self._rapid_forms = rapid_forms
        self._drawing = Drawing(effective, lifecycle)

    async def open(self, token: str, options: Options) -> tuple[Session, Secret[str]]:
        """Exchanges a link token for a session and its cookie. Raises InvalidToken."""
        async with self._database.write() as conn:
            link = await open_link(conn, token)
            return await begin_session(conn, link.environment_id, link_id=link.id, options=options)

    async def open_form(
        self, environment_id: str, account_id: str, rapid: RapidOptions
    ) -> tuple[Session, Secret[str]]:
        """Begins a session that only shows the account's own form. Raises RapidFormFailed where the
        environment has no such account."""
        async with self._database.write() as conn:
            if await slug_of_account(conn, environment_id, account_id) is None:
                raise RapidFormFailed(PAGE_EXPIRED)
            return await begin_session(conn, environment_id, link_id=None, account_id=account_id, rapid=rapid)

    async def session(self, id: str, cookie: str) -> Session:
        """Raises SessionEnded."""
        async with self._database.read() as conn:
            return await read_session(conn, id, cookie)

    async def screen(self, session: Session) -> Screen:
        """Where things stand."""
        async with self._database.read() as conn:
            screen = await self._drawing.screen(conn, session)
        if not isinstance(screen, FormIsNext):
            return screen
        try:
            form = await self._rapid_forms.draw(session, screen.account_id, screen.integration)
        except RapidFormFailed as failed:
            return Problem(failed.type, failed.message, True, screen.integration, screen.account_id)
        return form or screen.after

    async def choose(self, session: Session, slug: str, format: str | None = None) -> Session:
        """An integration, and how to connect it. Raises InvalidIntegration."""
        async with self._database.write() as conn:
            link = await link_of_session(conn, session)
            chosen = await chosen_offer(conn, self._effective, session, link, slug)
            if format is not None and format not in chosen.credentials:
                raise _not_offered(chosen)
            return await keep_session(
                conn, session, slug=slug, format=format, entered={}, error=None, is_away=False
            )

    async def go_back(self, session: Session) -> Session:
        """To the choice before."""
        async with self._database.write() as conn:
            return await keep_session(
                conn, session, slug=None, format=None, entered={}, error=None, is_away=False
            )

    async def retry(self, session: Session) -> Session:
        """After a failure: new credentials, for the same account where it was saved."""
        async with self._database.write() as conn:
            return await keep_session(
                conn, session, error=None, is_away=False, is_retrying=session.account_id is not None
            )

    async def submit(self, session: Session, slug: str, format: str, sent: Mapping[str, str]) -> Sent:
        """The form of a format was sent. Raises ConnectProblem where there is nothing to try again."""
        if session.account_id is not None and not session.is_retrying:
            return Sent(session, await self.screen(session))  # sent twice: the first one counts
        async with self._database.read() as conn:
            link = await link_of_session(conn, session)
            chosen = await chosen_offer(conn, self._effective, session, link, slug)
            http = await select_sender(conn, self._http, link.environment_id, link.gate_id)
        credential = chosen.credentials.get(format)
        if credential is None:
            raise _not_offered(chosen)
        entered = enter(credential, sent, link.context)
        if entered.errors:
            form = self._drawing.form(session, link, chosen, format, sent=sent, entered=entered)
            return Sent(session, form)
        values = {**entered.values, **link.context}
        try:
            if goes_to_provider(credential):
                self._calls.check_departure(chosen, format, values)
                return await self._depart(session, chosen, format, entered.values)
            context = await self._calls.of_form(http, chosen, format, values)
        except ConnectionFailed as failed:
            session = await self._fail(session, failed, slug=slug, format=format)
            form = self._drawing.form(session, link, chosen, format, sent=sent, error=failed.message)
            return Sent(session, form)
        session = await self._save(session, link, chosen, format, context)
        return Sent(session, await self.screen(session))

    async def start(self, ticket: str) -> tuple[str, Secret[str]]:
        """Where the browser goes, and the cookie that ties it to the trip. Raises ConnectProblem; what keeps
        it from going is in the session, for its screen."""
        async with self._database.write() as conn:
            trip, binding = await start_trip(conn, ticket)
            session = await _session_of(conn, trip)
        try:
            http, link, chosen, scopes = await self._of_trip(session)
            values = {**session.entered, **link.context}
            address, request = await self._calls.departure(http, chosen, trip, values, scopes)
        except ConnectProblem as failed:
            await self._fail(session, failed)
            raise
        if request is not None:
            async with self._database.write() as conn:
                await keep_on_trip(conn, trip, request)
        return address, binding

    async def arrive(self, query: Mapping[str, str], binding: str | None) -> Session:
        """A browser came back from a provider. What went wrong there is in the session, for its screen.

        Raises ConnectProblem where the answer belongs to no trip, or to another browser.
        """
        trip, session = await self._end(query.get("state"), binding)
        try:
            http, link, chosen, scopes = await self._of_trip(session)
            values = {**session.entered, **link.context}
            context = await self._calls.of_callback(http, chosen, trip, values, scopes, query)
            return await self._save(session, link, chosen, trip.format, context)
        except ConnectProblem as failed:
            return await self._fail(session, failed)

    async def finish_form(self, session: Session) -> Session:
        """The account's own form was submitted, or left."""
        async with self._database.write() as conn:
            return await keep_session(conn, session, is_form_done=True)

    async def _end(self, state: str | None, binding: str | None) -> tuple[Trip, Session]:
        """A refusal is raised after the commit: the state is used up all the same."""
        refused: ConnectProblem | None = None
        async with self._database.write() as conn:
            try:
                trip = await end_trip(conn, state, binding)
                session = await _session_of(conn, trip)
            except ConnectProblem as problem:
                refused = problem
        if refused is not None:
            raise refused
        return trip, session

    async def _of_trip(self, session: Session) -> tuple[Sender, LinkToken, Offer, tuple[str, ...]]:
        async with self._database.read() as conn:
            link = await link_of_session(conn, session)
            chosen = await chosen_offer(conn, self._effective, session, link, session.slug or "")
            http = await select_sender(conn, self._http, link.environment_id, link.gate_id)
            return http, link, chosen, await scopes_of(conn, link, chosen)

    async def _depart(self, session: Session, chosen: Offer, format: str, entered: Mapping[str, Any]) -> Sent:
        values = {"slug": chosen.slug, "format": format, "entered": dict(entered)}
        callback = chosen.callback_url or self._calls.callback_url
        async with self._database.write() as conn:
            session = await keep_session(conn, session, **values, error=None, is_away=True)
            return Sent(session, ticket=await plan_trip(conn, session.id, format, callback))

    async def _save(
        self, session: Session, link: LinkToken, chosen: Offer, format: str, context: Mapping[str, Any]
    ) -> Session:
        """The account, the token's end, the event and what comes next, in one transaction."""
        connected = ConnectionResult(
            environment_id=session.environment_id,
            install_id=chosen.install_id,
            definition=chosen.definition,
            method=format,
            context=context,
        )
        async with self._database.write() as conn:
            current = await session_of(conn, session.id, lock=True)
            if current is None:
                raise SessionEnded(_ENDED)
            account_id = await _written(conn, connected, link, current.account_id or link.account_id)
            if current.account_id is None and not await consume_link(conn, link.id, account_id):
                raise InvalidToken(USED)
            is_reconnect = account_id in (current.account_id, link.account_id)
            await start_lifecycle(conn, session.environment_id, account_id, is_reconnect=is_reconnect)
            return await keep_session(
                conn,
                current,
                account_id=account_id,
                slug=chosen.slug,
                format=format,
                entered={},
                error=None,
                is_away=False,
                is_retrying=False,
            )

    async def _fail(self, session: Session, failed: ConnectProblem, **changes: Any) -> Session:
        cause = failed.__cause__
        log.info(
            "session %s: connecting failed: %s%s",
            session.id,
            type(failed).__name__,
            "" if cause is None else f" ({type(cause).__name__})",
        )
        async with self._database.write() as conn:
            return await keep_session(conn, session, error=failed.message, is_away=False, **changes)


async def _session_of(conn: AsyncConnection, trip: Trip) -> Session:
    session = await session_of(conn, trip.session_id)
    if session is None:
        raise SessionEnded(_ENDED)
    return session


async def _written(
    conn: AsyncConnection, connected: ConnectionResult, link: LinkToken, account_id: str | None
) -> str:
    """The account's id: a new one's, or that of the account that is reconnected."""
    if account_id is None:
        return await connect_account(
            conn,
            connected,
            tenant_id=link.tenant_id or "",
            region=link.region,
            gate_id=link.gate_id,
            is_sandbox=link.is_sandbox,
        )
    try:
        await reconnect_account(
            conn,
            connected,
            account_id,
            keep_context=link.persist_previous_context,
            gate_id=link.gate_id,
        )
    except NotFound:
        raise InvalidToken("The account of this link was removed.") from None
    return account_id


def _not_offered(chosen: Offer) -> InvalidIntegration:
    return InvalidIntegration(f"{chosen.face.label} cannot be connected this way.")
