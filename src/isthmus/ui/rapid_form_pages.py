"""The pages of an account's own form: at the end of a connection, or alone."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from isthmus.connect.errors import PAGE_EXPIRED, RapidFormFailed
from isthmus.connect.screens import Problem, RapidForm
from isthmus.connect.sessions import Session
from isthmus.ui.form_input import CURSOR, FIELD, FormInput, wants_json
from isthmus.ui.page_parameters import parse_rapid_options
from isthmus.ui.page_responses import PageParts, PageResponder

__all__ = ["RapidFormPages"]


class RapidFormPages:
    """The routes that show and submit an account's own form."""

    def __init__(self, parts: PageParts, responder: PageResponder) -> None:
        self._parts = parts
        self._responder = responder

    async def show(self, request: Request) -> Response:
        """Shows the form. A token in the address begins a session, and the browser is redirected to an
        address without it."""
        token = request.query_params.get("integrated_account_session_token")
        if token:
            return await self._begin_session(request, token)
        session = await self._responder.read_session(request)
        return await self._responder.render_screen(session, await self._parts.flow.build_screen(session))

    async def submit(self, request: Request) -> Response:
        """Stores the submitted form; or, for the page's script, responds with the choices of one field."""
        session, form_input = await self._responder.read_post(request)
        screen = await self._parts.flow.build_screen(session)
        if not isinstance(screen, RapidForm):
            return self._responder.redirect_to_session(session)
        if form_input.get_text(FIELD) and wants_json(request):
            return await self._respond_with_choices(session, screen, form_input)
        try:
            invalid = await self._parts.rapid_forms.submit(
                session, screen.account_id, screen.integration, form_input.fields
            )
        except RapidFormFailed as failed:
            problem = Problem(failed.type, failed.message, True, screen.integration, screen.account_id)
            return await self._responder.render_screen(session, problem, status=failed.status)
        if invalid is not None:
            return await self._responder.render_screen(session, invalid, status=422)
        return self._responder.redirect_to_session(await self._parts.flow.finish_rapid_form(session))

    async def _begin_session(self, request: Request, token: str) -> Response:
        """Begins a session for the account of an account token, and redirects to an address without the
        token. Raises RapidFormFailed for an invalid token, TooManyPageOpens."""
        self._responder.count_opening(request, token)
        rapid = parse_rapid_options(request)
        principal = self._parts.account_tokens.verify(token)
        if principal is None or principal.integrated_account_id is None:
            raise RapidFormFailed(PAGE_EXPIRED)
        session, cookie = await self._parts.flow.begin_rapid_form_session(
            principal.environment_id, principal.integrated_account_id, rapid
        )
        return self._responder.respond_with_cookie(session, cookie.reveal())

    async def _respond_with_choices(
        self, session: Session, screen: RapidForm, form_input: FormInput
    ) -> Response:
        """Responds to the page's script with one page of a field's choices as JSON, or with the error."""
        try:
            page = await self._parts.rapid_forms.fetch_choices(
                session,
                screen.account_id,
                form_input.get_text(FIELD),
                form_input.fields,
                form_input.get_text(CURSOR) or None,
            )
        except RapidFormFailed as failed:
            return self._responder.respond_json({"error": failed.message}, 422)
        choices = [{"value": str(option.value), "label": option.label} for option in page.choices]
        return self._responder.respond_json({"choices": choices, "more": page.more})
