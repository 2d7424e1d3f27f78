"""What all routes of the pages share: whose session it is, how a screen or a refusal is answered."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from isthmus.connect.errors import ConnectProblem, SessionEnded
from isthmus.connect.flow import Flow
from isthmus.connect.rapid_form import AccountForms
from isthmus.connect.screens import Done, Screen
from isthmus.connect.session_outcomes import Ending, Endings
from isthmus.connect.sessions import Session
from isthmus.db.database import Database
from isthmus.integrations.catalog.shipped_files import Catalog
from isthmus.kit.clock import Clock
from isthmus.kit.ids import is_uuid
from isthmus.tenancy.authentication import AccountTokens, hash_token
from isthmus.tenancy.connect_settings import ConnectSettings
from isthmus.tenancy.environments import read_connect_settings
from isthmus.ui.form_input import CSRF, Sent, read_sent
from isthmus.ui.page_rate_limit import Opens
from isthmus.ui.page_security import Site, cookie_of, require_own_page
from isthmus.ui.rendering import Rendering
from isthmus.ui.static_files import Files

__all__ = ["Answering", "Endpoint", "PageParts"]

log = logging.getLogger("isthmus.ui")

Endpoint = Callable[[Request], Awaitable[Response]]
_NO_COOKIE: Final = (
    "This page cannot be continued here. Allow cookies for it, or start again from where you came from."
)
_SORRY: Final = "Something went wrong on our side. Try again in a moment."
_TRIPS: Final = ("/start", "/callback")


class _Broken(ConnectProblem):
    status = 500


@dataclass(frozen=True, slots=True)
class PageParts:
    """What the pages stand on. `public_url`: where people reach them."""

    database: Database
    flow: Flow
    endings: Endings
    forms: AccountForms
    account_tokens: AccountTokens
    clock: Clock
    catalog: Catalog
    public_url: str


class Answering:
    """One for the process."""

    def __init__(self, parts: PageParts) -> None:
        self.site = Site.of(parts.public_url)
        self.files = Files(self.site, parts.catalog)
        self.rendering = Rendering(self.site, self.files)
        self._parts = parts
        self._opens = Opens(parts.clock)

    def guarded(self, endpoint: Endpoint, verb: str) -> Endpoint:
        """Problems become pages. No address is ever logged: its query may hold what nobody should read."""

        async def served(request: Request) -> Response:
            if request.method != verb:  # a look ahead must not use anything up
                return Response(status_code=405, headers={"allow": verb})
            try:
                return await endpoint(request)
            except ConnectProblem as problem:
                return await self._refused(request, problem)
            except Exception:
                log.exception("request %s failed", request.scope.get("isthmus.request_id", ""))
                return await self._refused(request, _Broken(_SORRY))

        return served

    async def session(self, request: Request) -> Session:
        """Raises SessionEnded where the browser does not have its cookie."""
        identity = request.query_params.get("session", "")
        cookie = cookie_of(request, identity)
        if not is_uuid(identity) or not cookie:
            raise SessionEnded(_NO_COOKIE)
        return await self._parts.flow.session(identity, cookie)

    async def session_or_none(self, request: Request) -> Session | None:
        try:
            return await self.session(request)
        except ConnectProblem:
            return None

    async def posted(self, request: Request) -> tuple[Session, Sent]:
        """Of a form of ours. Raises Forged for any other."""
        session = await self.session(request)
        sent = await read_sent(request)
        require_own_page(self.site, request, session, sent.text(CSRF))
        return session, sent

    def count_open(self, request: Request, token: str) -> None:
        self._opens.take(request.client.host if request.client else "", hash_token(token))

    def begun(self, session: Session, cookie: str) -> Response:
        """The session's first answer: its cookie, and an address without the token."""
        response = self.to(session)
        self.site.keep(response, session, cookie)
        return response

    def to(self, session: Session) -> Response:
        return self._protected(RedirectResponse(self.site.page_of(session), 303))

    def json(self, value: Any, status: int = 200) -> Response:
        return self._protected(JSONResponse(value, status))

    async def drawn(self, session: Session, screen: Screen, *, status: int = 200) -> Response:
        if isinstance(screen, Done):
            return await self.ended(session, await self._parts.endings.ending(session))
        return await self.page(session, lambda **common: self.rendering.page(screen, **common), status=status)

    async def ended(self, session: Session, ending: Ending) -> Response:
        return await self.page(session, lambda **common: self.rendering.ended(ending, **common))

    async def page(self, session: Session, render: Callable[..., str], *, status: int = 200) -> Response:
        settings, nonce = await self.settings(session), _nonce()
        html = render(nonce=nonce, session=session, settings=settings)
        return self._protected(HTMLResponse(html, status), nonce=nonce, settings=settings)

    def unframed(self, response: Response, nonce: str | None = None) -> Response:
        """For what nobody may show inside a page of theirs: trips."""
        return self.site.protect(response, nonce or _nonce(), framable=False)

    def returned(self) -> Response:
        nonce = _nonce()
        return self.unframed(HTMLResponse(self.rendering.returned(nonce=nonce)), nonce)

    async def settings(self, session: Session) -> ConnectSettings:
        async with self._parts.database.read() as conn:
            return await read_connect_settings(conn, session.environment_id)

    async def _refused(self, request: Request, problem: ConnectProblem) -> Response:
        """A page that cannot be continued. One of a trip tells its opener nothing."""
        is_trip = request.url.path.rstrip("/").endswith(_TRIPS)
        session = None if is_trip else await self.session_or_none(request)
        screen, nonce = await self._parts.endings.refusal(session, problem), _nonce()
        settings = ConnectSettings() if session is None else await self.settings(session)
        ending = None if is_trip else Ending.of(screen)
        html = self.rendering.page(screen, nonce=nonce, session=None, settings=settings, ending=ending)
        response = HTMLResponse(html, problem.status)
        if is_trip:
            return self.unframed(response, nonce)
        return self._protected(response, nonce=nonce, settings=settings)

    def _protected(
        self, response: Response, *, nonce: str | None = None, settings: ConnectSettings | None = None
    ) -> Response:
        origins = settings.origins if settings is not None else ()
        return self.site.protect(response, nonce or _nonce(), framable=True, origins=origins)


def _nonce() -> str:
    return secrets.token_urlsafe(16)
