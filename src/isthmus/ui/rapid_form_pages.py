"""An account's own form: at the end of a connection, or alone (`connect.md` §7)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from isthmus.connect.errors import PAGE_EXPIRED, RapidFormFailed
from isthmus.connect.screens import Problem, RapidForm
from isthmus.connect.sessions import Session
from isthmus.ui.form_input import CURSOR, FIELD, Sent, wants_json
from isthmus.ui.page_parameters import rapid_options_of
from isthmus.ui.page_responses import Answering, PageParts

__all__ = ["AccountFormPages"]


class AccountFormPages:
    def __init__(self, parts: PageParts, answering: Answering) -> None:
        self._parts = parts
        self._answering = answering

    async def show(self, request: Request) -> Response:
        """A token of the account becomes a session, and leaves the address."""
        token = request.query_params.get("integrated_account_session_token")
        if token:
            return await self._open(request, token)
        session = await self._answering.session(request)
        return await self._answering.drawn(session, await self._parts.flow.screen(session))

    async def submit(self, request: Request) -> Response:
        """Answers; or, for the page's script, the choices of one field by the answers so far."""
        session, sent = await self._answering.posted(request)
        screen = await self._parts.flow.screen(session)
        if not isinstance(screen, RapidForm):
            return self._answering.to(session)
        if sent.text(FIELD) and wants_json(request):
            return await self._choices(session, screen, sent)
        try:
            left = await self._parts.forms.submit(session, screen.account_id, screen.integration, sent.fields)
        except RapidFormFailed as failed:
            problem = Problem(failed.type, failed.message, True, screen.integration, screen.account_id)
            return await self._answering.drawn(session, problem, status=failed.status)
        if left is not None:
            return await self._answering.drawn(session, left, status=422)
        return self._answering.to(await self._parts.flow.finish_form(session))

    async def _open(self, request: Request, token: str) -> Response:
        self._answering.count_open(request, token)
        rapid = rapid_options_of(request)
        principal = self._parts.account_tokens.verify(token)
        if principal is None or principal.integrated_account_id is None:
            raise RapidFormFailed(PAGE_EXPIRED)
        session, cookie = await self._parts.flow.open_form(
            principal.environment_id, principal.integrated_account_id, rapid
        )
        return self._answering.begun(session, cookie.reveal())

    async def _choices(self, session: Session, screen: RapidForm, sent: Sent) -> Response:
        try:
            found = await self._parts.forms.options(
                session, screen.account_id, sent.text(FIELD), sent.fields, sent.text(CURSOR) or None
            )
        except RapidFormFailed as failed:
            return self._answering.json({"error": failed.message}, 422)
        choices = [{"value": str(each.value), "label": each.label} for each in found.choices]
        return self._answering.json({"choices": choices, "more": found.more})
