"""Shared parts of the connect page routes: read the session, build responses, turn errors into pages."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from isthmus.connect.errors import ConnectError, SessionEnded
from isthmus.connect.flow import Flow
from isthmus.connect.rapid_form import RapidForms
from isthmus.connect.screens import Done, Screen
from isthmus.connect.session_outcomes import SessionOutcome, SessionOutcomes
from isthmus.connect.sessions import Session
from isthmus.db.database import Database
from isthmus.db.outages import ANSWERED_503, find_outage
from isthmus.errors import DatabaseUnavailable
from isthmus.integrations.catalog.shipped_files import Catalog
from isthmus.kit.clock import Clock
from isthmus.kit.ids import is_uuid
from isthmus.tenancy.authentication import AccountTokens, hash_token
from isthmus.tenancy.connect_settings import ConnectSettings
from isthmus.tenancy.environments import read_connect_settings
from isthmus.ui.form_input import CSRF, FormInput, read_form_input
from isthmus.ui.page_rate_limit import PageRateLimit
from isthmus.ui.page_security import Site, read_session_cookie, require_own_page
from isthmus.ui.rendering import PageRenderer
from isthmus.ui.static_files import StaticFiles

__all__ = ["Endpoint", "PageParts", "PageResponder"]

log = logging.getLogger("isthmus.ui")

Endpoint = Callable[[Request], Awaitable[Response]]
_NO_COOKIE: Final = (
    "This page cannot be continued here. Allow cookies for it, or start again from where you came from."
)
_INTERNAL_ERROR: Final = "Something went wrong on our side. Try again in a moment."
_OUTAGE: Final = "This page is not available for a moment. Load it again in a minute."
_PROVIDER_PATHS: Final = ("/start", "/callback")


class _InternalError(ConnectError):
    """An unexpected error, shown without its details."""

    status = 500


class _Unavailable(ConnectError):
    """The database cannot be used now."""

    status = 503


@dataclass(frozen=True, slots=True)
class PageParts:
    """What the pages are built from. `public_url`: the address at which people reach them."""

    database: Database
    flow: Flow
    outcomes: SessionOutcomes
    rapid_forms: RapidForms
    account_tokens: AccountTokens
    clock: Clock
    catalog: Catalog
    public_url: str


class PageResponder:
    """Reads the sessions of requests to the connect pages, and builds the responses with their security
    headers."""

    def __init__(self, parts: PageParts) -> None:
        self.site = Site.from_url(parts.public_url)
        self.files = StaticFiles(self.site, parts.catalog)
        self.renderer = PageRenderer(self.site, self.files)
        self._parts = parts
        self._rate_limit = PageRateLimit(parts.clock)

    def guard_endpoint(self, endpoint: Endpoint, http_method: str) -> Endpoint:
        """Returns the endpoint, wrapped so that its errors become pages and any other HTTP method, HEAD
        included, gets 405. Addresses are never logged, because their query may hold secrets."""

        async def serve_guarded(request: Request) -> Response:
            """Calls the endpoint; answers 405 to another method, and errors with a page."""
            if request.method != http_method:  # HEAD must not use up a ticket
                return Response(status_code=405, headers={"allow": http_method})
            try:
                return await self._serve_with_error_pages(request, endpoint)
            except Exception as error:  # of any kind: only those of an outage are changed
                outage = find_outage(error)
                if outage is None:
                    raise
                self._parts.database.outages.report(ANSWERED_503, error)
                return await self._render_outage(request, outage)

        return serve_guarded

    async def _serve_with_error_pages(self, request: Request, endpoint: Endpoint) -> Response:
        """Calls the endpoint, and answers its errors with a page. Raises those of an outage of the
        database, which the page would need."""
        try:
            return await endpoint(request)
        except ConnectError as error:
            return await self._render_error(request, error)
        except Exception as error:  # of any kind: each is answered with a page
            if find_outage(error) is not None:
                raise
            log.exception("request %s failed", request.scope.get("isthmus.request_id", ""))
            return await self._render_error(request, _InternalError(_INTERNAL_ERROR))

    async def read_session(self, request: Request) -> Session:
        """Reads the session that the request's address names. Raises SessionEnded if the browser does not
        have its cookie, or the session has expired."""
        identity = request.query_params.get("session", "")
        cookie = read_session_cookie(request, identity)
        if not is_uuid(identity) or not cookie:
            raise SessionEnded(_NO_COOKIE)
        return await self._parts.flow.read_session(identity, cookie)

    async def find_session(self, request: Request) -> Session | None:
        """Reads the request's session; returns None if there is no valid one."""
        try:
            return await self.read_session(request)
        except ConnectError:
            return None

    async def read_post(self, request: Request) -> tuple[Session, FormInput]:
        """Reads a posted form of a connect page; returns its session and what was submitted. Raises
        SessionEnded, and ForgedRequest for a form of another site."""
        session = await self.read_session(request)
        form_input = await read_form_input(request)
        require_own_page(self.site, request, session, form_input.get_text(CSRF))
        return session, form_input

    def count_opening(self, request: Request, token: str) -> None:
        """Counts the opening of a page with this token. Raises TooManyPageOpens if the token, or the client's
        address, opened too many."""
        self._rate_limit.count_opening(request.client.host if request.client else "", hash_token(token))

    def respond_with_cookie(self, session: Session, cookie: str) -> Response:
        """Returns the first response of a session: it sets the session's cookie, and redirects to an address
        without the token."""
        response = self.redirect_to_session(session)
        self.site.set_session_cookie(response, session, cookie)
        return response

    def redirect_to_session(self, session: Session) -> Response:
        """Returns a redirect to the page of the session."""
        return self._add_headers(RedirectResponse(self.site.make_session_path(session), 303))

    def respond_json(self, value: Any, status: int = 200) -> Response:
        """Returns a JSON response with the security headers of a page."""
        return self._add_headers(JSONResponse(value, status))

    async def render_screen(self, session: Session, screen: Screen, *, status: int = 200) -> Response:
        """Renders a screen as a response; for the screen Done, the session's outcome."""
        if isinstance(screen, Done):
            return await self.render_outcome(session, await self._parts.outcomes.read_outcome(session))
        return await self.render_page(
            session, lambda **common: self.renderer.render_screen(screen, **common), status=status
        )

    async def render_outcome(self, session: Session, outcome: SessionOutcome) -> Response:
        """Renders the last page of a session, which reports the outcome to the page that opened it."""
        return await self.render_page(
            session, lambda **common: self.renderer.render_outcome(outcome, **common)
        )

    async def render_page(
        self, session: Session, render: Callable[..., str], *, status: int = 200
    ) -> Response:
        """Renders a page as a response. `render`: returns the HTML; called with `nonce`, `session` and
        `settings`."""
        settings, nonce = await self.read_settings(session), _make_nonce()
        html = render(nonce=nonce, session=session, settings=settings)
        return self._add_headers(HTMLResponse(html, status), nonce=nonce, settings=settings)

    def add_unframable_headers(self, response: Response, nonce: str | None = None) -> Response:
        """Adds the page headers that forbid every site to embed the page, for redirects to and from
        providers. `nonce`: of the page's scripts. Returns the response."""
        return self.site.add_page_headers(response, nonce or _make_nonce(), framable=False)

    def render_callback_done(self) -> Response:
        """Renders the page of a second window whose authorization is complete; no site may embed it."""
        nonce = _make_nonce()
        return self.add_unframable_headers(
            HTMLResponse(self.renderer.render_callback_done(nonce=nonce)), nonce
        )

    async def read_settings(self, session: Session) -> ConnectSettings:
        """Reads the connect settings of the session's environment."""
        async with self._parts.database.read() as conn:
            return await read_connect_settings(conn, session.environment_id)

    async def _render_error(self, request: Request, error: ConnectError) -> Response:
        """Renders the page of an error. On the way to or from a provider it says nothing about the
        session."""
        is_provider_redirect = _is_provider_redirect(request)
        session = None if is_provider_redirect else await self.find_session(request)
        return await self._render_problem(error, session, is_provider_redirect=is_provider_redirect)

    async def _render_outage(self, request: Request, outage: DatabaseUnavailable) -> Response:
        """Renders the page of an outage of the database, which reads nothing from it; it can be loaded again
        when the outage is over."""
        response = await self._render_problem(
            _Unavailable(_OUTAGE), None, is_provider_redirect=_is_provider_redirect(request)
        )
        response.headers.update(outage.headers)
        return response

    async def _render_problem(
        self, error: ConnectError, session: Session | None, *, is_provider_redirect: bool
    ) -> Response:
        """Renders the page of an error. `session`: None if it is unknown; then nothing is read."""
        screen, nonce = await self._parts.outcomes.build_problem(session, error), _make_nonce()
        settings = ConnectSettings() if session is None else await self.read_settings(session)
        outcome = None if is_provider_redirect else SessionOutcome.from_screen(screen)
        html = self.renderer.render_screen(
            screen, nonce=nonce, session=None, settings=settings, outcome=outcome
        )
        response = HTMLResponse(html, error.status)
        if is_provider_redirect:
            return self.add_unframable_headers(response, nonce)
        return self._add_headers(response, nonce=nonce, settings=settings)

    def _add_headers(
        self, response: Response, *, nonce: str | None = None, settings: ConnectSettings | None = None
    ) -> Response:
        """Adds the headers of a page that other sites may embed: those in `settings`, or any. Returns the
        response."""
        origins = settings.origins if settings is not None else ()
        return self.site.add_page_headers(response, nonce or _make_nonce(), framable=True, origins=origins)


def _is_provider_redirect(request: Request) -> bool:
    """Returns True for a page on the way to or from a provider."""
    return request.url.path.rstrip("/").endswith(_PROVIDER_PATHS)


def _make_nonce() -> str:
    """Returns a random value that allows the page's own inline scripts in its content security policy."""
    return secrets.token_urlsafe(16)
