"""The steps of connecting an account; the state between them is stored in rows.

    open -> (pick) -> (method) -> form -> [authorization at the provider] -> save
         -> post-install, validation (the account's lifecycle) -> (its own form) -> done

Each call reads the session, does one step and stores the result; `build_screen` gives the screen that
follows. No transaction is open while a provider is called.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.egress import Sender, select_sender
from isthmus.accounts.lifecycle.account_jobs import start_lifecycle
from isthmus.accounts.lifecycle.lifecycle import Lifecycle
from isthmus.accounts.store_connection import ConnectionResult, connect_account, reconnect_account
from isthmus.connect.authorization_requests import (
    AuthorizationRequest,
    complete_authorization_request,
    create_authorization_request,
    start_authorization_request,
    store_request_token,
)
from isthmus.connect.connectable_integrations import ConnectableIntegration, find_scopes, find_slug_of_account
from isthmus.connect.credential_exchange import CredentialExchange
from isthmus.connect.credential_forms import parse_form, redirects_to_provider
from isthmus.connect.errors import (
    PAGE_EXPIRED,
    ConnectError,
    ConnectionFailed,
    InvalidIntegration,
    InvalidToken,
    RapidFormFailed,
    SessionEnded,
)
from isthmus.connect.link_tokens import LINK_USED, LinkToken, consume_link, open_link
from isthmus.connect.screen_builder import (
    RapidFormPending,
    ScreenBuilder,
    load_chosen_integration,
    read_link_of_session,
    require_way_to_connect,
)
from isthmus.connect.screens import IntegrationSummary, Problem, RapidForm, Screen
from isthmus.connect.sessions import (
    PageOptions,
    RapidOptions,
    Session,
    create_session,
    find_session_by_id,
    read_session,
    update_session,
)
from isthmus.db.database import Database
from isthmus.errors import IsthmusError, NotFound
from isthmus.integrations.effective.effective_definitions import EffectiveDefinitions
from isthmus.kit.secret import Secret

__all__ = ["Flow", "SubmitResult"]

log = logging.getLogger("isthmus.connect")

_SESSION_ENDED = "This page was open too long. Start again from where you came from."


class RapidFormBuilder(Protocol):
    """Builds the form of an active account."""

    async def build_form(
        self, session: Session, account_id: str, summary: IntegrationSummary
    ) -> RapidForm | None:
        """Returns None where its integration has no form. Raises RapidFormFailed where choices cannot be
        fetched."""
        ...


@dataclass(frozen=True, slots=True)
class SubmitResult:
    """The result of a submitted form: the session, and either the ticket of an authorization request or the
    next screen, which for a form with errors is the form with what was typed."""

    session: Session
    screen: Screen | None = None
    ticket: Secret[str] | None = None


class Flow:
    """Does the steps of connecting an account: each method reads the session, does one step and stores the
    result."""

    def __init__(
        self,
        database: Database,
        effective: EffectiveDefinitions,
        http: Sender,
        credentials: CredentialExchange,
        lifecycle: Lifecycle,
        rapid_forms: RapidFormBuilder,
    ) -> None:
        self._database = database
        self._effective = effective
        self._http = http
        self._credentials = credentials
        self._rapid_forms = rapid_forms
        self._screens = ScreenBuilder(effective, lifecycle)

    async def begin_link_session(self, token: str, options: PageOptions) -> tuple[Session, Secret[str]]:
        """Creates a new session for a link token and counts the opening of the link, which is not used up.
        Returns the session, and the value of the cookie with which the browser proves that it is its own.

        Raises InvalidToken for a link that is unknown, expired, used or was opened too often.
        """
        async with self._database.write() as conn:
            link = await open_link(conn, token)
            return await create_session(conn, link.environment_id, link_id=link.id, options=options)

    async def begin_rapid_form_session(
        self, environment_id: str, account_id: str, rapid: RapidOptions
    ) -> tuple[Session, Secret[str]]:
        """Begins a session that only shows the account's own form. Raises RapidFormFailed where the
        environment has no such account."""
        async with self._database.write() as conn:
            if await find_slug_of_account(conn, environment_id, account_id) is None:
                raise RapidFormFailed(PAGE_EXPIRED)
            return await create_session(
                conn, environment_id, link_id=None, account_id=account_id, rapid=rapid
            )

    async def read_session(self, id: str, cookie: str) -> Session:
        """Reads a session by its id and cookie. Raises SessionEnded if the cookie is not that of the session,
        or the session has expired."""
        async with self._database.read() as conn:
            return await read_session(conn, id, cookie)

    async def build_screen(self, session: Session) -> Screen:
        """Builds the screen that the session is at; for an active account it may call the provider, to build
        the account's own form."""
        async with self._database.read() as conn:
            screen = await self._screens.build_screen(conn, session)
        if not isinstance(screen, RapidFormPending):
            return screen
        try:
            form = await self._rapid_forms.build_form(session, screen.account_id, screen.integration)
        except RapidFormFailed as failed:
            return Problem(failed.type, failed.message, True, screen.integration, screen.account_id)
        return form or screen.after

    async def choose_integration(self, session: Session, slug: str, format: str | None = None) -> Session:
        """Stores the choice of an integration, and of a credential format if given. Raises InvalidIntegration
        and stores nothing where it cannot be connected, so that the person can choose another."""
        async with self._database.write() as conn:
            link = await read_link_of_session(conn, session)
            integration = await load_chosen_integration(conn, self._effective, session, link, slug)
            require_way_to_connect(session, integration)
            if format is not None and format not in integration.offered_formats:
                raise _make_unavailable_error(integration)
            return await update_session(
                conn, session, slug=slug, format=format, entered={}, error=None, is_away=False
            )

    async def undo_choice(self, session: Session) -> Session:
        """Goes back to the choice of an integration."""
        async with self._database.write() as conn:
            return await update_session(
                conn, session, slug=None, format=None, entered={}, error=None, is_away=False
            )

    async def retry_connection(self, session: Session) -> Session:
        """Goes back to the form after a failure; an account that was saved is reconnected, not created
        again."""
        async with self._database.write() as conn:
            return await update_session(
                conn, session, error=None, is_away=False, is_retrying=session.account_id is not None
            )

    async def submit_form(
        self, session: Session, slug: str, format: str, sent: Mapping[str, str]
    ) -> SubmitResult:
        """Handles a submitted form of a credential format: connects the account, or prepares the redirect to
        the provider. Raises ConnectError where the person cannot try again."""
        if session.account_id is not None and not session.is_retrying:
            return SubmitResult(
                session, await self.build_screen(session)
            )  # submitted twice: the first one counts
        async with self._database.read() as conn:
            link = await read_link_of_session(conn, session)
            integration = await load_chosen_integration(conn, self._effective, session, link, slug)
            http = await select_sender(conn, self._http, link.environment_id, link.gate_id)
        if format not in integration.offered_formats:
            raise _make_unavailable_error(integration)
        credential = integration.credentials[format]
        parsed = parse_form(credential, sent, link.context)
        if parsed.errors:
            form = self._screens.build_form(session, link, integration, format, sent=sent, parsed=parsed)
            return SubmitResult(session, form)
        values = {**parsed.values, **link.context}
        try:
            if redirects_to_provider(credential):
                self._credentials.check_authorization_url(integration, format, values)
                return await self._request_authorization(session, integration, format, parsed.values)
            context = await self._credentials.exchange_form(http, integration, format, values)
        except ConnectionFailed as failed:
            session = await self._record_failure(session, failed, slug=slug, format=format)
            form = self._screens.build_form(
                session, link, integration, format, sent=sent, error=failed.message
            )
            return SubmitResult(session, form)
        session = await self._save_account(session, link, integration, format, context)
        return SubmitResult(session, await self.build_screen(session))

    async def start_authorization(self, ticket: str) -> tuple[str, Secret[str]]:
        """Starts the authorization request of a ticket. Returns the provider's address to redirect the
        browser to, and the value of the cookie that binds the browser. Raises ConnectError, whose message is
        stored in the session for its screen."""
        async with self._database.write() as conn:
            request, binding = await start_authorization_request(conn, ticket)
            session = await _find_session_of_request(conn, request)
        try:
            http, link, integration, scopes = await self._load_authorization_inputs(session)
            values = {**session.entered, **link.context}
            address, request_token = await self._credentials.build_authorization_url(
                http, integration, request, values, scopes
            )
        except ConnectError as failed:
            await self._record_failure(session, failed)
            raise
        if request_token is not None:
            async with self._database.write() as conn:
                await store_request_token(conn, request, request_token)
        return address, binding

    async def complete_authorization(self, query: Mapping[str, str], cookie: str | None) -> Session:
        """Handles the callback of a provider: connects the account, or stores the error in the session for
        its screen. `query`: the parameters of the callback. `cookie`: the value of the cookie.

        Raises ConnectError where the state is unknown, or the cookie is that of another browser.
        """
        request, session = await self._complete_authorization_request(query.get("state"), cookie)
        try:
            http, link, integration, scopes = await self._load_authorization_inputs(session)
            values = {**session.entered, **link.context}
            context = await self._credentials.exchange_callback(
                http, integration, request, values, scopes, query
            )
            return await self._save_account(session, link, integration, request.format, context)
        except ConnectError as failed:
            return await self._record_failure(session, failed)

    async def finish_rapid_form(self, session: Session) -> Session:
        """Records that the account's own form was submitted or skipped."""
        async with self._database.write() as conn:
            return await update_session(conn, session, is_form_done=True)

    async def _complete_authorization_request(
        self, state: str | None, cookie: str | None
    ) -> tuple[AuthorizationRequest, Session]:
        """Returns the request of a callback and its session, and marks the request as used. An error is
        raised after the commit, so that the state cannot be used again."""
        error: ConnectError | None = None
        async with self._database.write() as conn:
            try:
                request = await complete_authorization_request(conn, state, cookie)
                session = await _find_session_of_request(conn, request)
            except ConnectError as refused:
                error = refused
        if error is not None:
            raise error
        return request, session

    async def _load_authorization_inputs(
        self, session: Session
    ) -> tuple[Sender, LinkToken, ConnectableIntegration, tuple[str, ...]]:
        """Loads what an authorization needs: the sender of requests, the link, the integration with its
        definition, and the scopes to request. Raises ConnectError."""
        async with self._database.read() as conn:
            link = await read_link_of_session(conn, session)
            integration = await load_chosen_integration(
                conn, self._effective, session, link, session.slug or ""
            )
            http = await select_sender(conn, self._http, link.environment_id, link.gate_id)
            return http, link, integration, await find_scopes(conn, link, integration)

    async def _request_authorization(
        self, session: Session, integration: ConnectableIntegration, format: str, entered: Mapping[str, Any]
    ) -> SubmitResult:
        """Stores an authorization request and what was entered; the result has the ticket that starts it."""
        values = {"slug": integration.slug, "format": format, "entered": dict(entered)}
        callback = integration.callback_url or self._credentials.callback_url
        async with self._database.write() as conn:
            session = await update_session(conn, session, **values, error=None, is_away=True)
            return SubmitResult(
                session, ticket=await create_authorization_request(conn, session.id, format, callback)
            )

    async def _save_account(
        self,
        session: Session,
        link: LinkToken,
        integration: ConnectableIntegration,
        format: str,
        context: Mapping[str, Any],
    ) -> Session:
        """Writes the account, uses up the link token and begins the account's lifecycle, in one transaction.
        Raises SessionEnded, and InvalidToken where another session used the link first."""
        result = ConnectionResult(
            environment_id=session.environment_id,
            install_id=integration.install_id,
            definition=integration.definition,
            credential_format=format,
            context=context,
        )
        async with self._database.write() as conn:
            current = await find_session_by_id(conn, session.id, lock=True)
            if current is None:
                raise SessionEnded(_SESSION_ENDED)
            account_id = await _write_account(conn, result, link, current.account_id or link.account_id)
            if current.account_id is None and not await consume_link(conn, link.id, account_id):
                raise InvalidToken(LINK_USED)
            is_reconnect = account_id in (current.account_id, link.account_id)
            await start_lifecycle(conn, session.environment_id, account_id, is_reconnect=is_reconnect)
            return await update_session(
                conn,
                current,
                account_id=account_id,
                slug=integration.slug,
                format=format,
                entered={},
                error=None,
                is_away=False,
                is_retrying=False,
            )

    async def _record_failure(self, session: Session, error: ConnectError, **changes: Any) -> Session:
        """Logs why connecting failed, in words for who runs the server, and stores the person's message in
        the session with `changes` to its other fields. Returns the session."""
        cause = error.__cause__
        if isinstance(cause, IsthmusError):
            log.warning("session %s: connecting failed: %s", session.id, cause.message)
        else:
            log.info("session %s: connecting failed: %s", session.id, error.message)
        async with self._database.write() as conn:
            return await update_session(conn, session, error=error.message, is_away=False, **changes)


async def _find_session_of_request(conn: AsyncConnection, request: AuthorizationRequest) -> Session:
    """Returns the session that made the request. Raises SessionEnded if it is gone or has expired."""
    session = await find_session_by_id(conn, request.session_id)
    if session is None:
        raise SessionEnded(_SESSION_ENDED)
    return session


async def _write_account(
    conn: AsyncConnection, result: ConnectionResult, link: LinkToken, account_id: str | None
) -> str:
    """Creates the account, or reconnects the one with this id; returns its id. Raises InvalidToken where it
    is gone."""
    if account_id is None:
        return await connect_account(
            conn,
            result,
            tenant_id=link.tenant_id or "",
            region=link.region,
            gate_id=link.gate_id,
            is_sandbox=link.is_sandbox,
        )
    try:
        await reconnect_account(
            conn,
            result,
            account_id,
            merges_context=link.persist_previous_context,
            gate_id=link.gate_id,
        )
    except NotFound:
        raise InvalidToken("The account of this link was removed.") from None
    return account_id


def _make_unavailable_error(integration: ConnectableIntegration) -> InvalidIntegration:
    """Returns the error for a credential format that is not to choose from."""
    return InvalidIntegration(f"{integration.summary.label} cannot be connected this way.")
