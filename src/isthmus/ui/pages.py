"""The ASGI application of the connect pages, below `/connect-account` and `/sdk`.

Each route reads the session, has the flow do one step, and renders the screen that follows.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from isthmus.connect.errors import ConnectError, InvalidToken
from isthmus.connect.flow import SubmitResult
from isthmus.connect.screens import Form
from isthmus.tenancy.connect_settings import ConnectSettings
from isthmus.ui.form_input import STEP, read_form_fields, wants_json
from isthmus.ui.page_parameters import parse_page_options
from isthmus.ui.page_responses import PageParts, PageResponder
from isthmus.ui.page_security import BINDING_COOKIE
from isthmus.ui.rapid_form_pages import RapidFormPages
from isthmus.ui.static_files import make_file_response
from isthmus.ui.theme_css import build_style_sheet

__all__ = ["PageParts", "build_pages"]

_NO_LINK: Final = "This page is opened with a link. Go back to where you came from and start there."


def build_pages(parts: PageParts) -> Starlette:
    """Builds the application with all routes of the connect pages and of their files."""
    responder = PageResponder(parts)
    pages, forms = _Pages(parts, responder), RapidFormPages(parts, responder)
    routes = [
        ("", pages.show_page, "GET"),
        ("", pages.go_back_or_retry, "POST"),
        ("/integration/{slug}", pages.choose_integration, "GET"),
        ("/integration/{slug}/{format}", pages.submit_form, "POST"),
        ("/start", pages.start_authorization, "GET"),
        ("/callback", pages.handle_callback, "GET"),
        ("/callback", pages.handle_callback, "POST"),
        ("/status", pages.respond_with_screen_name, "GET"),
        ("/post-connect", forms.show, "GET"),
        ("/post-connect", forms.submit, "POST"),
        ("/done", pages.show_outcome, "GET"),
        ("/theme.css", pages.serve_theme, "GET"),
    ]
    return Starlette(
        routes=[
            *(
                Route(f"/connect-account{path}", responder.guard_endpoint(endpoint, verb), methods=[verb])
                for path, endpoint, verb in routes
            ),
            *responder.files.build_routes(),
        ]
    )


class _Pages:
    """The routes of a connection, from opening the link to the last page."""

    def __init__(self, parts: PageParts, responder: PageResponder) -> None:
        self._flow = parts.flow
        self._outcomes = parts.outcomes
        self._responder = responder
        self._site = responder.site

    async def show_page(self, request: Request) -> Response:
        """Shows the screen of a session. A link token begins one, and the browser is redirected to an address
        without the token."""
        token = request.query_params.get("link_token")
        if token:
            self._responder.count_opening(request, token)
            session, cookie = await self._flow.begin_link_session(token, parse_page_options(request))
            return self._responder.respond_with_cookie(session, cookie.reveal())
        if "session" not in request.query_params:
            raise InvalidToken(_NO_LINK)
        session = await self._responder.read_session(request)
        return await self._responder.render_screen(session, await self._flow.build_screen(session))

    async def go_back_or_retry(self, request: Request) -> Response:
        """Handles the buttons Back and Try again."""
        session, sent = await self._responder.read_post(request)
        match sent.get_text(STEP):
            case "back":
                session = await self._flow.undo_choice(session)
            case "retry":
                session = await self._flow.retry_connection(session)
        return self._responder.redirect_to_session(session)

    async def choose_integration(self, request: Request) -> Response:
        """Stores which integration, and which credential format if the query has one, the person chose."""
        session = await self._responder.read_session(request)
        format = request.query_params.get("format") or None
        return self._responder.redirect_to_session(
            await self._flow.choose_integration(session, request.path_params["slug"], format)
        )

    async def submit_form(self, request: Request) -> Response:
        """Handles a submitted credential form: sends the browser to the provider, shows the form again with
        its errors, or continues with the next screen."""
        session, sent = await self._responder.read_post(request)
        slug, format = request.path_params["slug"], request.path_params["format"]
        done = await self._flow.submit_form(session, slug, format, sent.texts)
        if done.ticket is not None:
            return await self._send_to_provider(request, done, done.ticket.reveal())
        if not isinstance(done.screen, Form):
            return self._responder.redirect_to_session(done.session)
        if wants_json(request):
            return self._responder.respond_json({"address": None})
        return await self._responder.render_screen(done.session, done.screen, status=422)

    async def start_authorization(self, request: Request) -> Response:
        """Redirects to the provider, with a cookie that binds this browser to the authorization request.
        After a failure it redirects to the session's page, which shows why; raises the ConnectError where
        this window cannot show that page: in a frame, or without a session."""
        try:
            address, binding = await self._flow.start_authorization(request.query_params.get("ticket", ""))
        except ConnectError:
            session = await self._responder.find_session(request)
            if session is None or session.options.is_framed:
                raise
            return self._responder.redirect_to_session(session)
        response = RedirectResponse(address, 303)
        returns_by_post = ("response_mode", "form_post") in parse_qsl(urlsplit(address).query)
        self._site.set_binding_cookie(request, response, binding.reveal(), by_post=returns_by_post)
        return self._responder.add_unframable_headers(response)

    async def handle_callback(self, request: Request) -> Response:
        """Handles the callback of a provider. Another window has nothing more to show then: the frame that
        opened it goes on."""
        query = dict(request.query_params.items())
        if request.method == "POST":
            query |= {
                name: values[-1] for name, values in (await read_form_fields(request)).items() if values
            }
        session = await self._flow.complete_authorization(query, request.cookies.get(BINDING_COOKIE))
        if session.options.is_framed:
            return self._responder.render_callback_done()
        return self._responder.add_unframable_headers(
            RedirectResponse(self._site.make_session_path(session), 303)
        )

    async def respond_with_screen_name(self, request: Request) -> Response:
        """Responds with the name of the current screen to a page that waits, which is loaded again when the
        name changes."""
        session = await self._responder.find_session(request)
        return self._responder.respond_json(
            {"place": "problem" if session is None else await self._outcomes.read_screen_name(session)}
        )

    async def show_outcome(self, request: Request) -> Response:
        """Shows the last page, after the page was closed or the flow has ended."""
        session = await self._responder.read_session(request)
        return await self._responder.render_outcome(session, await self._outcomes.read_outcome(session))

    async def serve_theme(self, request: Request) -> Response:
        """Serves the style sheet with the colours of the session's environment."""
        session = await self._responder.find_session(request)
        settings = ConnectSettings() if session is None else await self._responder.read_settings(session)
        sheet = build_style_sheet(settings.theme).encode()
        return make_file_response(self._site, sheet, "text/css; charset=utf-8", cache_control="no-store")

    async def _send_to_provider(self, request: Request, done: SubmitResult, ticket: str) -> Response:
        """Responds with a page that leads to the provider, or for the page's script with its address. It is
        not a redirect: the page's `form-action` applies to redirects of a form, and the provider's address
        may depend on what was typed."""
        session = done.session
        address = f"{self._site.make_path('/start')}?ticket={quote(ticket)}&session={session.id}"
        if wants_json(request):
            return self._responder.respond_json({"address": address})
        screen = await self._flow.build_screen(session)
        integration = getattr(screen, "integration", None)
        label = session.slug if integration is None else integration.label
        return await self._responder.render_page(
            session, lambda **common: self._responder.renderer.render_redirect(label or "", address, **common)
        )
