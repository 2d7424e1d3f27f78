"""Builds the screen that a session is at, from what is stored."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.lifecycle.causes import FailureCause
from isthmus.accounts.lifecycle.lifecycle import Lifecycle
from isthmus.accounts.rows.account_views import AccountStatus, read_status
from isthmus.accounts.rows.connected_definition import Stage
from isthmus.connect.connectable_integrations import (
    ConnectableIntegration,
    find_slug_of_account,
    list_connectable,
    load_connectable,
    read_summary,
)
from isthmus.connect.credential_forms import FORMAT_LABELS, FormValues, build_form
from isthmus.connect.errors import ConnectError, ErrorType, InvalidIntegration, InvalidToken, truncate_message
from isthmus.connect.link_tokens import LINK_USED, LinkToken, read_link
from isthmus.connect.person_messages import describe_missing_app, describe_stage_failure
from isthmus.connect.screens import (
    Away,
    Done,
    Form,
    IntegrationSummary,
    Method,
    Pick,
    Problem,
    Progress,
    Screen,
)
from isthmus.connect.sessions import Session
from isthmus.integrations.effective.effective_definitions import EffectiveDefinitions

__all__ = [
    "RapidFormPending",
    "ScreenBuilder",
    "load_chosen_integration",
    "read_link_of_session",
    "require_way_to_connect",
]

log = logging.getLogger("isthmus.connect")

_ERROR_TYPES: Final[Mapping[str, ErrorType]] = {
    "post_install_error": "post_install_error",
    "validation_error": "validation_error",
    "needs_reauth": "validation_error",
}

_FAILED_STAGES: Final[Mapping[str, Stage]] = {
    "post_install_error": "post_install",
    "validation_error": "validation",
}


@dataclass(frozen=True, slots=True)
class RapidFormPending:
    """The account is active. Whether it has a form of its own is only known by calling the provider. `after`:
    the screen to show where it has none."""

    integration: IntegrationSummary
    account_id: str
    after: Screen


async def read_link_of_session(conn: AsyncConnection, session: Session) -> LinkToken:
    """Reads the link token of a session. Raises InvalidToken for a session that only shows an account's
    form."""
    if session.link_id is None:
        raise InvalidToken("This page only shows an account's form.")
    return await read_link(conn, session.link_id)


async def load_chosen_integration(
    conn: AsyncConnection, effective: EffectiveDefinitions, session: Session, link: LinkToken, slug: str
) -> ConnectableIntegration:
    """Loads the integration that the person chose. Raises InvalidIntegration if the session must not connect
    it."""
    required = await _find_required_slug(conn, session, link)
    if required is not None and slug != required:
        raise InvalidIntegration("An account can only be reconnected with the product that it belongs to.")
    return await load_connectable(conn, effective, link, session.options, slug)


async def _find_required_slug(conn: AsyncConnection, session: Session, link: LinkToken) -> str | None:
    """Returns the integration of the account that the session is about, one to reconnect or one already
    saved; None if the person may choose. Raises InvalidToken if that account is gone."""
    account_id = session.account_id or link.account_id
    if account_id is None:
        return None
    slug = await find_slug_of_account(conn, session.environment_id, account_id)
    if slug is None:
        raise InvalidToken("The account of this link was removed.")
    return slug


class ScreenBuilder:
    """Builds screens from the stored state of sessions and accounts, without calls to providers."""

    def __init__(self, effective: EffectiveDefinitions, lifecycle: Lifecycle) -> None:
        self._effective = effective
        self._lifecycle = lifecycle

    async def build_screen(self, conn: AsyncConnection, session: Session) -> Screen | RapidFormPending:
        """Builds the screen that the session is at. Raises InvalidToken if there is no account to show and
        the session has no link. An account that was removed gives a Problem."""
        if session.account_id is not None and not session.is_retrying:
            return await self._build_account_screen(conn, session, session.account_id)
        link = await read_link_of_session(conn, session)
        try:
            return await self._build_link_screen(conn, session, link)
        except ConnectError as problem:
            return Problem(problem.type, problem.message, can_retry=False, redirect_uri=link.redirect_uri)

    def build_form(
        self,
        session: Session,
        link: LinkToken,
        integration: ConnectableIntegration,
        format: str,
        *,
        sent: Mapping[str, Any],
        parsed: FormValues | None = None,
        error: str | None = None,
    ) -> Form:
        """Builds the form of a credential format. `sent`: what was typed; `parsed`: that, with its errors;
        `error`: why the last try failed."""
        is_format_fixed = (
            session.options.auth_format in integration.offered_formats or len(integration.offered_formats) < 2
        )
        return build_form(
            integration.summary,
            integration.credentials[format],
            () if is_format_fixed else _label_formats(integration),
            link.context,
            can_go_back=_can_go_back(session, link),
            sent=sent,
            errors=None if parsed is None else parsed.errors,
            error=error,
        )

    async def _build_link_screen(self, conn: AsyncConnection, session: Session, link: LinkToken) -> Screen:
        """Builds the screen of a session whose account is not saved yet: the choice of an integration or
        format, the form, or Away. Raises ConnectError."""
        if link.is_consumed and session.account_id is None:
            raise InvalidToken(LINK_USED)
        slug = await _find_required_slug(conn, session, link) or session.slug or session.options.integration
        if slug is None:
            return Pick(await list_connectable(conn, link, session.options))
        integration = await load_connectable(conn, self._effective, link, session.options, slug)
        if session.is_away and session.options.is_framed:
            return Away(integration.summary)
        format = _select_format(session, integration)
        if format is None:
            return Method(integration.summary, _label_formats(integration), _can_go_back(session, link))
        return self.build_form(session, link, integration, format, sent=session.entered, error=session.error)

    async def _build_account_screen(
        self, conn: AsyncConnection, session: Session, account_id: str
    ) -> Screen | RapidFormPending:
        """Builds the screen of a session whose account is saved, from the account's status. A session that
        only shows the account's form gives a Problem unless the account is active."""
        account_status = await read_status(conn, session.environment_id, account_id)
        slug = await find_slug_of_account(conn, session.environment_id, account_id)
        if account_status is None or slug is None:
            return Problem("invalid_token", "The account was removed.", can_retry=False)
        status = account_status.status
        summary = await read_summary(conn, session.environment_id, slug)
        link = None if session.link_id is None else await read_link(conn, session.link_id)
        redirect_uri = None if link is None else link.redirect_uri
        is_form_only = link is None
        if is_form_only and status != "active":
            message = (
                f"The account at {summary.label} must be reconnected before its settings can be changed."
            )
            return Problem(
                "rapid_form_error", message, can_retry=False, integration=summary, account_id=account_id
            )
        if status in _ERROR_TYPES:
            message = truncate_message(_describe_failure(summary.label, account_status))
            return Problem(
                _ERROR_TYPES[status],
                message,
                can_retry=True,
                integration=summary,
                account_id=account_id,
                redirect_uri=redirect_uri,
            )
        if status != "active":
            return Progress(summary, await self._lifecycle.find_stage(conn, account_id))
        if session.is_form_done or session.options.skip_rapid_form:
            return Done(summary, account_id, redirect_uri)
        if is_form_only:
            message = f"{summary.label} has no settings to choose."
            problem = Problem(
                "rapid_form_error", message, can_retry=False, integration=summary, account_id=account_id
            )
            return RapidFormPending(summary, account_id, problem)
        return RapidFormPending(summary, account_id, Done(summary, account_id, redirect_uri))


def _describe_failure(label: str, account: AccountStatus) -> str:
    """Returns the text for the person about an account that is not connected."""
    cause: FailureCause | None = "credentials" if account.status == "needs_reauth" else _read_cause(account)
    return describe_stage_failure(label, cause, account.last_error or "")


def _read_cause(account: AccountStatus) -> FailureCause | None:
    """Returns the stored cause of the failed stage; None where the latest result is of another action, or of
    a version that stored no cause."""
    result = account.last_action or {}
    if result.get("action") != _FAILED_STAGES[account.status]:
        return None
    cause: FailureCause | None = (result.get("error") or {}).get("cause")
    return cause


def _can_go_back(session: Session, link: LinkToken) -> bool:
    """Returns True if the person may go back and choose another integration."""
    is_fixed = session.account_id is not None or link.account_id is not None
    return not (is_fixed or session.options.no_back or session.options.integration)


def _select_format(session: Session, integration: ConnectableIntegration) -> str | None:
    """Returns the credential format to connect with; None if the person has to choose one. Raises what
    `require_way_to_connect` raises."""
    require_way_to_connect(session, integration)
    names = integration.offered_formats
    for format in (session.options.auth_format, session.format):
        if format in names:
            return format
    return names[0] if len(names) == 1 else None


def require_way_to_connect(session: Session, integration: ConnectableIntegration) -> None:
    """Raises InvalidIntegration if there is no credential format to connect with, or the one that the page is
    opened with lacks its app."""
    names, label = integration.offered_formats, integration.summary.label
    if not integration.credentials:
        raise InvalidIntegration(f"{label} cannot be connected: it has no credential format.")
    without_app = integration.credentials.keys() - set(names)
    if not names or session.options.auth_format in without_app:
        log.warning(
            "%s cannot be connected by %s: set credentials.<format>.config.client in its install's override",
            integration.slug,
            ", ".join(sorted(without_app)),
        )
        raise InvalidIntegration(describe_missing_app(label))


def _label_formats(integration: ConnectableIntegration) -> tuple[tuple[str, str], ...]:
    """Returns name and label of each credential format to choose from."""
    return tuple((name, FORMAT_LABELS.get(name, name)) for name in integration.offered_formats)
