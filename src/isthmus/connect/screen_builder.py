"""Which screen a session is at: what the rows mean for the person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.lifecycle.lifecycle import Lifecycle
from isthmus.accounts.rows.account_views import read_status
from isthmus.connect.connectable_integrations import Offer, face_of, offer, offered, slug_of_account
from isthmus.connect.credential_forms import FORMAT_LABELS, Entered, draw_form
from isthmus.connect.errors import ConnectProblem, ErrorType, InvalidIntegration, InvalidToken, capped
from isthmus.connect.link_tokens import USED, LinkToken, link_of
from isthmus.connect.screens import (
    Away,
    Done,
    Form,
    Method,
    Offered,
    Pick,
    Problem,
    Progress,
    Screen,
)
from isthmus.connect.sessions import Session
from isthmus.integrations.effective.effective_definitions import EffectiveDefinitions

__all__ = ["Drawing", "FormIsNext", "chosen_offer", "link_of_session"]

_FAILED: Final[Mapping[str, ErrorType]] = {
    "post_install_error": "post_install_error",
    "validation_error": "validation_error",
    "needs_reauth": "validation_error",
}


@dataclass(frozen=True, slots=True)
class FormIsNext:
    """The account is active, and may have a form of its own: whether it has takes calls to the provider to
    know. `after`: the screen where it has none."""

    integration: Offered
    account_id: str
    after: Screen


async def link_of_session(conn: AsyncConnection, session: Session) -> LinkToken:
    """Raises InvalidToken for a session that has none: it only shows an account's form."""
    if session.link_id is None:
        raise InvalidToken("This page only shows an account's form.")
    return await link_of(conn, session.link_id)


async def chosen_offer(
    conn: AsyncConnection, effective: EffectiveDefinitions, session: Session, link: LinkToken, slug: str
) -> Offer:
    """Raises InvalidIntegration for an integration that the browser may not connect."""
    fixed = await _fixed_slug(conn, session, link)
    if fixed is not None and slug != fixed:
        raise InvalidIntegration("A connection can only be renewed with the product it is to.")
    return await offer(conn, effective, link, session.options, slug)


async def _fixed_slug(conn: AsyncConnection, session: Session, link: LinkToken) -> str | None:
    """The integration of the account that is reconnected, or was saved; None where any may be chosen."""
    account_id = session.account_id or link.account_id
    if account_id is None:
        return None
    slug = await slug_of_account(conn, session.environment_id, account_id)
    if slug is None:
        raise InvalidToken("The account of this link was removed.")
    return slug


class Drawing:
    """One for the process."""

    def __init__(self, effective: EffectiveDefinitions, lifecycle: Lifecycle) -> None:
        self._effective = effective
        self._lifecycle = lifecycle

    async def screen(self, conn: AsyncConnection, session: Session) -> Screen | FormIsNext:
        if session.account_id is not None and not session.is_retrying:
            return await self._of_account(conn, session, session.account_id)
        link = await link_of_session(conn, session)
        try:
            return await self._of_link(conn, session, link)
        except ConnectProblem as problem:
            return Problem(problem.type, problem.message, can_retry=False, redirect_uri=link.redirect_uri)

    def form(
        self,
        session: Session,
        link: LinkToken,
        chosen: Offer,
        format: str,
        *,
        sent: Mapping[str, Any],
        entered: Entered | None = None,
        error: str | None = None,
    ) -> Form:
        """`sent`: what was typed; `entered`: what was wrong with it; `error`: why the last try failed."""
        is_fixed = session.options.auth_format in chosen.credentials or len(chosen.credentials) < 2
        return draw_form(
            chosen.face,
            chosen.credentials[format],
            () if is_fixed else _formats(chosen),
            link.context,
            can_go_back=_can_go_back(session, link),
            sent=sent,
            errors=None if entered is None else entered.errors,
            error=error,
        )

    async def _of_link(self, conn: AsyncConnection, session: Session, link: LinkToken) -> Screen:
        if link.is_consumed and session.account_id is None:
            raise InvalidToken(USED)
        slug = await _fixed_slug(conn, session, link) or session.slug or session.options.integration
        if slug is None:
            return Pick(await offered(conn, link, session.options))
        chosen = await offer(conn, self._effective, link, session.options, slug)
        if session.is_away and session.options.is_framed:
            return Away(chosen.face)
        format = _format(session, chosen)
        if format is None:
            return Method(chosen.face, _formats(chosen), _can_go_back(session, link))
        return self.form(session, link, chosen, format, sent=session.entered, error=session.error)

    async def _of_account(
        self, conn: AsyncConnection, session: Session, account_id: str
    ) -> Screen | FormIsNext:
        found = await read_status(conn, session.environment_id, account_id)
        slug = await slug_of_account(conn, session.environment_id, account_id)
        if found is None or slug is None:
            return Problem("invalid_token", "The account was removed.", can_retry=False)
        status, last_error = found
        face = await face_of(conn, session.environment_id, slug)
        link = None if session.link_id is None else await link_of(conn, session.link_id)
        redirect_uri = None if link is None else link.redirect_uri
        is_alone = link is None
        if is_alone and status != "active":
            message = f"The connection to {face.label} has to be renewed before its settings can be changed."
            return Problem("rapid_form_error", message, False, face, account_id)
        if status in _FAILED:
            told = capped(last_error or "")
            return Problem(_FAILED[status], told, True, face, account_id, redirect_uri)
        if status != "active":
            return Progress(face, await self._lifecycle.find_stage(conn, account_id))
        if session.is_form_done or session.options.skip_rapid_form:
            return Done(face, account_id, redirect_uri)
        if is_alone:
            message = f"{face.label} has no settings to choose."
            return FormIsNext(face, account_id, Problem("rapid_form_error", message, False, face, account_id))
        return FormIsNext(face, account_id, Done(face, account_id, redirect_uri))


def _can_go_back(session: Session, link: LinkToken) -> bool:
    is_fixed = session.account_id is not None or link.account_id is not None
    return not (is_fixed or session.options.no_back or session.options.integration)


def _format(session: Session, chosen: Offer) -> str | None:
    """The way to connect; None where the person has to choose one."""
    names = list(chosen.credentials)
    if not names:
        raise InvalidIntegration(f"{chosen.face.label} cannot be connected: it offers no way to.")
    for wanted in (session.options.auth_format, session.format):
        if wanted in chosen.credentials:
            return wanted
    return names[0] if len(names) == 1 else None


def _formats(chosen: Offer) -> tuple[tuple[str, str], ...]:
    return tuple((name, FORMAT_LABELS.get(name, name)) for name in chosen.credentials)
