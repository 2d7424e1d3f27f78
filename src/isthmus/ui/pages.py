"""The connect pages' door (`connect.md` §4): an ASGI application of its own, below `/connect-account` and
`/sdk`. Each route reads the session, has the flow do one step, and draws the screen that follows."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlsplit

import orjson
from sqlalchemy import select
from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from isthmus.connect.endings import Ending, Endings
from isthmus.connect.flow import Flow, Sent
from isthmus.connect.problems import ConnectProblem, InvalidToken, RapidFormFailed, SessionEnded
from isthmus.connect.rapid_form import AccountForms
from isthmus.connect.screens import Form, Problem, RapidForm, Screen
from isthmus.connect.sessions import Session, begin_session
from isthmus.db.database import Database
from isthmus.db.tables import environment, integrated_account
from isthmus.integrations.catalog import Catalog
from isthmus.kit.clock import Clock
from isthmus.kit.ids import is_uuid
from isthmus.tenancy.account_tokens import AccountTokens
from isthmus.tenancy.connect_settings import ConnectSettings
from isthmus.tenancy.tokens import digest
from isthmus.ui.looks import style_sheet
from isthmus.ui.opens import Opens
from isthmus.ui.parameters import options_of, rapid_options_of
from isthmus.ui.rendering import Rendering, asset
from isthmus.ui.safety import TRIP, Site, cookie_of, require_own_page

__all__ = ["PageParts", "build_pages"]

log = logging.getLogger("isthmus.ui")

_CSRF: Final = "_csrf"
_STEP: Final = "_step"
_FIELD: Final = "_field"
_CURSOR: Final = "_cursor"
_OURS: Final = frozenset({_CSRF, _STEP, _FIELD, _CURSOR})
_NO_LINK: Final = "This page is opened with a link. Go back to where you came from and start there."
_NO_COOKIE: Final = (
    "This page cannot be continued here. Allow cookies for it, or start again from where you came from."
)
_NO_FORM_TOKEN: Final = "This page has expired. Ask for a new one where you came from."  # noqa: S105
_BROKEN: Final = "Something went wrong on our side. Try again in a moment."
_HELD: Final = "public, max-age=86400"
Sendable = Mapping[str, str | list[str]]
Endpoint = Callable[[Request], Awaitable[Response]]


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


def build_pages(parts: PageParts) -> Starlette:
    pages = _Pages(parts)
    routes = [
        ("", pages.entry, "GET"),
        ("", pages.step, "POST"),
        ("/integration/{slug}", pages.choose, "GET"),
        ("/integration/{slug}/{format}", pages.submit, "POST"),
        ("/start", pages.start, "GET"),
        ("/callback", pages.callback, "GET"),
        ("/callback", pages.callback, "POST"),
        ("/status", pages.status, "GET"),
        ("/post-connect", pages.account_form, "GET"),
        ("/post-connect", pages.submit_account_form, "POST"),
        ("/done", pages.done, "GET"),
    ]
    files = [
        Route("/connect-account/theme.css", pages.theme),
        Route("/connect-account/assets/{name}", pages.asset),
        Route("/connect-account/logos/{slug}.svg", pages.logo),
        Route("/sdk/{name}", pages.sdk),
    ]
    return Starlette(
        routes=[
            Route(f"/connect-account{path}", pages.guarded(endpoint, verb), methods=[verb])
            for path, endpoint, verb in routes
        ]
        + files
    )


class _Pages:
    def __init__(self, parts: PageParts) -> None:
        self._parts = parts
        self._flow = parts.flow
        self._site = Site.of(parts.public_url)
        self._rendering = Rendering(self._site, parts.catalog)
        self._opens = Opens(parts.clock)

    # -- routes

    async def entry(self, request: Request) -> Response:
        """A link token becomes a session, and leaves the address; a session shows where it stands."""
        token = request.query_params.get("link_token")
        if not token:
            if "session" not in request.query_params:
                raise InvalidToken(_NO_LINK)
            session = await self._session(request)
            return await self._drawn(session, await self._flow.screen(session))
        self._count_open(request, token)
        session, cookie = await self._flow.open(token, options_of(request))
        return self._begun(session, cookie.reveal())

    async def step(self, request: Request) -> Response:
        """Back to a choice, or another try."""
        session = await self._session(request)
        sent = await _sent(request)
        self._require_own(request, session, sent)
        match _text(sent, _STEP):
            case "back":
                session = await self._flow.go_back(session)
            case "retry":
                session = await self._flow.retry(session)
        return self._to(session)

    async def choose(self, request: Request) -> Response:
        session = await self._session(request)
        format = request.query_params.get("format") or None
        session = await self._flow.choose(session, request.path_params["slug"], format)
        return self._to(session)

    async def submit(self, request: Request) -> Response:
        session = await self._session(request)
        sent = await _sent(request)
        self._require_own(request, session, sent)
        slug, format = request.path_params["slug"], request.path_params["format"]
        values = {name: _text(sent, name) for name in sent if name not in _OURS}
        done = await self._flow.submit(session, slug, format, values)
        if done.ticket is not None:
            return await self._leave(request, done, done.ticket.reveal(), slug)
        if isinstance(done.screen, Form):
            if _wants_json(request):
                return JSONResponse({"address": None}, headers={"cache-control": "no-store"})
            return await self._drawn(done.session, done.screen, status=422)
        return self._to(done.session)

    async def start(self, request: Request) -> Response:
        """To the provider, with a cookie that ties this browser to the trip."""
        try:
            address, binding = await self._flow.start(request.query_params.get("ticket", ""))
        except ConnectProblem:
            mine = await self._session_or_none(request)
            if mine is None:
                raise
            return self._to(mine)
        response = RedirectResponse(address, 303)
        by_post = ("response_mode", "form_post") in parse_qsl(urlsplit(address).query)
        self._site.bind(request, response, binding.reveal(), by_post=by_post)
        return self._protected(response, framable=False)

    async def callback(self, request: Request) -> Response:
        """Back from the provider. In a window of its own it is done; what was asked goes on where it was."""
        query = dict(request.query_params.items())
        if request.method == "POST":
            query |= {name: value for name, value in (await request.form()).items() if isinstance(value, str)}
        session = await self._flow.arrive(query, request.cookies.get(TRIP))
        if cookie_of(request, session.id) or request.method == "POST":
            return self._protected(RedirectResponse(self._site.page_of(session), 303), framable=False)
        nonce = _nonce()
        return self._protected(
            HTMLResponse(self._rendering.returned(nonce=nonce)), framable=False, nonce=nonce
        )

    async def status(self, request: Request) -> Response:
        """Whether the page should be loaded again."""
        try:
            place = await self._parts.endings.place(await self._session(request))
        except ConnectProblem:
            place = "problem"
        return self._protected(JSONResponse({"place": place}), framable=True)

    async def account_form(self, request: Request) -> Response:
        """An account's own form alone; a token of the account becomes a session."""
        token = request.query_params.get("integrated_account_session_token")
        if not token:
            session = await self._session(request)
            return await self._drawn(session, await self._flow.screen(session))
        self._count_open(request, token)
        rapid = rapid_options_of(request)
        principal = self._parts.account_tokens.read(token)
        if principal is None or principal.integrated_account_id is None:
            raise RapidFormFailed(_NO_FORM_TOKEN)
        async with self._parts.database.write() as conn:
            mine = select(integrated_account.c.id).where(
                integrated_account.c.id == principal.integrated_account_id,
                integrated_account.c.environment_id == principal.environment_id,
            )
            if (await conn.execute(mine)).scalar_one_or_none() is None:
                raise RapidFormFailed(_NO_FORM_TOKEN)
            session, cookie = await begin_session(
                conn,
                principal.environment_id,
                link_id=None,
                account_id=principal.integrated_account_id,
                rapid=rapid,
            )
        return self._begun(session, cookie.reveal())

    async def submit_account_form(self, request: Request) -> Response:
        """Answers; or, for the script, the choices of one field by the answers so far."""
        session = await self._session(request)
        sent = await _sent(request)
        self._require_own(request, session, sent)
        answers = {name: _texts(sent, name) for name in sent if name not in _OURS}
        screen = await self._flow.screen(session)
        if not isinstance(screen, RapidForm):
            return self._to(session)
        wanted = _text(sent, _FIELD)
        if wanted and _wants_json(request):
            return await self._choices(session, screen, wanted, answers, _text(sent, _CURSOR) or None)
        try:
            left = await self._parts.forms.submit(session, screen.account_id, screen.integration, answers)
        except RapidFormFailed as failed:
            problem = Problem(failed.type, failed.message, True, screen.integration, screen.account_id)
            return await self._drawn(session, problem, status=failed.status)
        if left is not None:
            return await self._drawn(session, left, status=422)
        return self._to(await self._flow.finish_form(session))

    async def done(self, request: Request) -> Response:
        """The page was closed, or is at its end."""
        session = await self._session(request)
        return await self._ended(session, await self._parts.endings.ending(session))

    # -- files

    async def theme(self, request: Request) -> Response:
        try:
            settings = await self._settings(await self._session(request))
        except ConnectProblem:
            settings = ConnectSettings()
        return self._file(style_sheet(settings.theme).encode(), "text/css; charset=utf-8", held="no-store")

    async def asset(self, request: Request) -> Response:
        found = asset("assets", request.path_params["name"])
        return Response(status_code=404) if found is None else self._file(*found)

    async def sdk(self, request: Request) -> Response:
        """Scripts that pages of any origin load, also as modules."""
        found = asset("sdk", request.path_params["name"])
        if found is None:
            return Response(status_code=404)
        response = self._file(*found, held="public, max-age=300")
        response.headers["access-control-allow-origin"] = "*"
        response.headers["cross-origin-resource-policy"] = "cross-origin"
        return response

    async def logo(self, request: Request) -> Response:
        file = self._rendering.logo_file(request.path_params["slug"])
        if file is None:
            return Response(status_code=404)
        response = self._file(file.read_bytes(), "image/svg+xml")
        response.headers["content-security-policy"] = (
            "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"
        )
        return response

    # -- what they share

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
                return await self._refused(request, _Broken(_BROKEN))

        return served

    async def _session(self, request: Request) -> Session:
        identity = request.query_params.get("session", "")
        cookie = cookie_of(request, identity)
        if not is_uuid(identity) or not cookie:
            raise SessionEnded(_NO_COOKIE)
        return await self._flow.session(identity, cookie)

    async def _session_or_none(self, request: Request) -> Session | None:
        try:
            return await self._session(request)
        except ConnectProblem:
            return None

    def _require_own(self, request: Request, session: Session, sent: Sendable) -> None:
        require_own_page(self._site, request, session, _text(sent, _CSRF))

    def _count_open(self, request: Request, token: str) -> None:
        self._opens.take(request.client.host if request.client else "", digest(token))

    def _begun(self, session: Session, cookie: str) -> Response:
        response = self._to(session)
        self._site.keep(response, session, cookie)
        return response

    def _to(self, session: Session) -> Response:
        return self._protected(RedirectResponse(self._site.page_of(session), 303), framable=True)

    async def _leave(self, request: Request, done: Sent, ticket: str, slug: str) -> Response:
        """Not a redirect: browsers hold those of a form to the page's own `form-action`, and where the
        provider is may follow from what was typed."""
        address = f"{self._site.at('/start')}?ticket={quote(ticket)}&session={done.session.id}"
        if _wants_json(request):
            return self._protected(JSONResponse({"address": address}), framable=True)
        screen = await self._flow.screen(done.session)
        face = getattr(screen, "integration", None)
        settings, nonce = await self._settings(done.session), _nonce()
        page = self._rendering.leaving(
            slug if face is None else face.label,
            address,
            nonce=nonce,
            session=done.session,
            settings=settings,
        )
        return self._protected(HTMLResponse(page), nonce=nonce, framable=True, settings=settings)

    async def _drawn(self, session: Session, screen: Screen, *, status: int = 200) -> Response:
        if type(screen).__name__ == "Done":
            return await self._ended(session, await self._parts.endings.ending(session))
        settings, nonce = await self._settings(session), _nonce()
        page = self._rendering.page(screen, nonce=nonce, session=session, settings=settings)
        return self._protected(HTMLResponse(page, status), nonce=nonce, framable=True, settings=settings)

    async def _ended(self, session: Session, ending: Ending) -> Response:
        settings, nonce = await self._settings(session), _nonce()
        page = self._rendering.ended(ending, nonce=nonce, session=session, settings=settings)
        return self._protected(HTMLResponse(page), nonce=nonce, framable=True, settings=settings)

    async def _refused(self, request: Request, problem: ConnectProblem) -> Response:
        """A page that cannot be continued. One that came back from a provider tells nobody anything."""
        is_trip = request.url.path.rstrip("/").endswith(("/start", "/callback"))
        session = None if is_trip else await self._session_or_none(request)
        nonce, screen = _nonce(), await self._parts.endings.refusal(session, problem)
        settings = ConnectSettings() if session is None else await self._settings(session)
        page = self._rendering.page(
            screen,
            nonce=nonce,
            session=None,
            settings=settings,
            ending=None if is_trip else Ending.of(screen),
        )
        return self._protected(
            HTMLResponse(page, problem.status), nonce=nonce, framable=not is_trip, settings=settings
        )

    async def _choices(
        self,
        session: Session,
        screen: RapidForm,
        name: str,
        answers: Mapping[str, list[str]],
        cursor: str | None,
    ) -> Response:
        try:
            found = await self._parts.forms.options(session, screen.account_id, name, answers, cursor)
        except RapidFormFailed as failed:
            return self._protected(JSONResponse({"error": failed.message}, 422), framable=True)
        choices = [{"value": str(each.value), "label": each.label} for each in found.choices]
        return self._protected(JSONResponse({"choices": choices, "more": found.more}), framable=True)

    async def _settings(self, session: Session) -> ConnectSettings:
        async with self._parts.database.read() as conn:
            statement = select(environment.c.settings).where(environment.c.id == session.environment_id)
            return ConnectSettings.of((await conn.execute(statement)).scalar_one_or_none() or {})

    def _protected(
        self,
        response: Response,
        *,
        framable: bool,
        nonce: str | None = None,
        settings: ConnectSettings | None = None,
    ) -> Response:
        origins = settings.origins if settings is not None else ()
        return self._site.protect(response, nonce or _nonce(), framable=framable, origins=origins)

    def _file(self, content: bytes, media_type: str, *, held: str = _HELD) -> Response:
        response = Response(content, media_type=media_type, headers={"cache-control": held})
        self._site.protect_any(response)
        return response


class _Broken(ConnectProblem):
    status = 500


async def _sent(request: Request) -> Sendable:
    """A form, or JSON: texts, and lists of texts, by name."""
    if request.headers.get("content-type", "").partition(";")[0].strip() == "application/json":
        try:
            body = orjson.loads(await request.body())
        except orjson.JSONDecodeError:
            body = None
        found: Any = body if isinstance(body, dict) else {}
        return {
            name: [str(each) for each in value] if isinstance(value, list) else _shown(value)
            for name, value in found.items()
        }
    form: FormData = await request.form(max_files=0)
    return {name: [each for each in form.getlist(name) if isinstance(each, str)] for name in form}


def _shown(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _text(sent: Sendable, name: str) -> str:
    """The last of several."""
    value = sent.get(name, "")
    return value if isinstance(value, str) else (value[-1] if value else "")


def _texts(sent: Sendable, name: str) -> list[str]:
    value = sent.get(name, [])
    return [value] if isinstance(value, str) else value


def _wants_json(request: Request) -> bool:
    return request.headers.get("accept", "").startswith("application/json")


def _nonce() -> str:
    return secrets.token_urlsafe(16)
