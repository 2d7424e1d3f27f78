"""The connect pages' door (`connect.md` §4): an ASGI application of its own, below `/connect-account` and
`/sdk`. Each route reads the session, has the flow do one step, and draws the screen that follows."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from isthmus.connect.errors import ConnectProblem, InvalidToken
from isthmus.connect.flow import Sent
from isthmus.connect.screens import Form
from isthmus.tenancy.connect_settings import ConnectSettings
from isthmus.ui.form_input import STEP, read_form, wants_json
from isthmus.ui.page_parameters import options_of
from isthmus.ui.page_responses import Answering, PageParts
from isthmus.ui.page_security import TRIP
from isthmus.ui.rapid_form_pages import AccountFormPages
from isthmus.ui.static_files import file_answer
from isthmus.ui.theme_css import style_sheet

__all__ = ["PageParts", "build_pages"]

_NO_LINK: Final = "This page is opened with a link. Go back to where you came from and start there."


def build_pages(parts: PageParts) -> Starlette:
    answering = Answering(parts)
    pages, forms = _Pages(parts, answering), AccountFormPages(parts, answering)
    routes = [
        ("", pages.entry, "GET"),
        ("", pages.step, "POST"),
        ("/integration/{slug}", pages.choose, "GET"),
        ("/integration/{slug}/{format}", pages.submit, "POST"),
        ("/start", pages.start, "GET"),
        ("/callback", pages.callback, "GET"),
        ("/callback", pages.callback, "POST"),
        ("/status", pages.status, "GET"),
        ("/post-connect", forms.show, "GET"),
        ("/post-connect", forms.submit, "POST"),
        ("/done", pages.done, "GET"),
        ("/theme.css", pages.theme, "GET"),
    ]
    return Starlette(
        routes=[
            *(
                Route(f"/connect-account{path}", answering.guarded(endpoint, verb), methods=[verb])
                for path, endpoint, verb in routes
            ),
            *answering.files.routes(),
        ]
    )


class _Pages:
    def __init__(self, parts: PageParts, answering: Answering) -> None:
        self._flow = parts.flow
        self._endings = parts.endings
        self._answering = answering
        self._site = answering.site

    async def entry(self, request: Request) -> Response:
        """A link token becomes a session, and leaves the address; a session shows where it stands."""
        token = request.query_params.get("link_token")
        if token:
            self._answering.count_open(request, token)
            session, cookie = await self._flow.open(token, options_of(request))
            return self._answering.begun(session, cookie.reveal())
        if "session" not in request.query_params:
            raise InvalidToken(_NO_LINK)
        session = await self._answering.session(request)
        return await self._answering.drawn(session, await self._flow.screen(session))

    async def step(self, request: Request) -> Response:
        """Back to a choice, or another try."""
        session, sent = await self._answering.posted(request)
        match sent.text(STEP):
            case "back":
                session = await self._flow.go_back(session)
            case "retry":
                session = await self._flow.retry(session)
        return self._answering.to(session)

    async def choose(self, request: Request) -> Response:
        session = await self._answering.session(request)
        format = request.query_params.get("format") or None
        return self._answering.to(await self._flow.choose(session, request.path_params["slug"], format))

    async def submit(self, request: Request) -> Response:
        session, sent = await self._answering.posted(request)
        slug, format = request.path_params["slug"], request.path_params["format"]
        done = await self._flow.submit(session, slug, format, sent.texts)
        if done.ticket is not None:
            return await self._leave(request, done, done.ticket.reveal())
        if not isinstance(done.screen, Form):
            return self._answering.to(done.session)
        if wants_json(request):
            return self._answering.json({"address": None})
        return await self._answering.drawn(done.session, done.screen, status=422)

    async def start(self, request: Request) -> Response:
        """To the provider, with a cookie that ties this browser to the trip."""
        try:
            address, binding = await self._flow.start(request.query_params.get("ticket", ""))
        except ConnectProblem:
            mine = await self._answering.session_or_none(request)
            if mine is None or mine.options.is_framed:
                raise
            return self._answering.to(mine)
        response = RedirectResponse(address, 303)
        by_post = ("response_mode", "form_post") in parse_qsl(urlsplit(address).query)
        self._site.bind(request, response, binding.reveal(), by_post=by_post)
        return self._answering.unframed(response)

    async def callback(self, request: Request) -> Response:
        """Back from the provider. In a window of its own it is done: what was asked goes on where it was."""
        query = dict(request.query_params.items())
        if request.method == "POST":
            query |= {name: values[-1] for name, values in (await read_form(request)).items() if values}
        session = await self._flow.arrive(query, request.cookies.get(TRIP))
        if session.options.is_framed:
            return self._answering.returned()
        return self._answering.unframed(RedirectResponse(self._site.page_of(session), 303))

    async def status(self, request: Request) -> Response:
        """Where things stand, for a page that waits: it is loaded again when that is somewhere else."""
        session = await self._answering.session_or_none(request)
        return self._answering.json(
            {"place": "problem" if session is None else await self._endings.place(session)}
        )

    async def done(self, request: Request) -> Response:
        """The page was closed, or is at its end."""
        session = await self._answering.session(request)
        return await self._answering.ended(session, await self._endings.ending(session))

    async def theme(self, request: Request) -> Response:
        session = await self._answering.session_or_none(request)
        settings = ConnectSettings() if session is None else await self._answering.settings(session)
        sheet = style_sheet(settings.theme).encode()
        return file_answer(self._site, sheet, "text/css; charset=utf-8", held="no-store")

    async def _leave(self, request: Request, done: Sent, ticket: str) -> Response:
        """Not a redirect: browsers hold those of a form to the page's own `form-action`, and where the
        provider is may follow from what was typed."""
        session = done.session
        address = f"{self._site.at('/start')}?ticket={quote(ticket)}&session={session.id}"
        if wants_json(request):
            return self._answering.json({"address": address})
        screen = await self._flow.screen(session)
        face = getattr(screen, "integration", None)
        label = session.slug if face is None else face.label
        return await self._answering.page(
            session, lambda **common: self._answering.rendering.leaving(label or "", address, **common)
        )
