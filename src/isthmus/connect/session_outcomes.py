"""Tells what closing the connect page means for a session now: success, an error, or nothing; and which
screen it is at.

No provider is called, except for the outcome of a session that only shows an account's form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from isthmus.accounts.lifecycle.lifecycle import Lifecycle
from isthmus.connect.errors import ConnectError
from isthmus.connect.flow import Flow
from isthmus.connect.link_tokens import read_link
from isthmus.connect.redirect_uris import add_query
from isthmus.connect.screen_builder import RapidFormPending, ScreenBuilder
from isthmus.connect.screens import Done, Form, Problem, Progress, RapidForm, Screen
from isthmus.connect.sessions import Session
from isthmus.db.database import Database
from isthmus.integrations.effective.effective_definitions import EffectiveDefinitions

__all__ = ["SessionOutcome", "SessionOutcomes", "get_screen_name"]

_ADDRESS_PARAMETERS: Final = ("result", "integration", "integrated_account_id", "error", "error_type")


@dataclass(frozen=True, slots=True)
class SessionOutcome:
    """How a session ended. `message`: to post to the page that embeds or opened this one, empty for "closed".
    `address`: where the browser goes if no page opened it, None for nowhere."""

    result: Literal["success", "error", "closed"]
    message: Mapping[str, Any] = field(default_factory=dict)
    address: str | None = None

    @classmethod
    def from_screen(cls, screen: Done | Problem) -> SessionOutcome:
        """Returns the outcome of a last screen: success for Done, an error for Problem."""
        message = build_page_message(screen)
        parameters = {
            name: str(message[name]) for name in _ADDRESS_PARAMETERS if message.get(name) is not None
        }
        address = None if screen.redirect_uri is None else add_query(screen.redirect_uri, parameters)
        return cls("success" if isinstance(screen, Done) else "error", message, address)


class SessionOutcomes:
    """Reads the outcomes of sessions from what is stored."""

    def __init__(
        self, database: Database, effective: EffectiveDefinitions, lifecycle: Lifecycle, flow: Flow
    ) -> None:
        self._database = database
        self._screens = ScreenBuilder(effective, lifecycle)
        self._flow = flow

    async def read_screen_name(self, session: Session) -> str:
        """Returns the name of the screen that the session is at; the page is loaded again when it changes."""
        async with self._database.read() as conn:
            return get_screen_name(await self._screens.build_screen(conn, session))

    async def build_problem(self, session: Session | None, error: ConnectError) -> Problem:
        """Builds the screen of an error after which the page cannot be continued. `session`: None if it is
        unknown."""
        link = None
        if session is not None and session.link_id is not None:
            async with self._database.read() as conn:
                link = await read_link(conn, session.link_id)
        redirect_uri = error.redirect_uri if link is None else link.redirect_uri
        return Problem(error.type, error.message, can_retry=False, redirect_uri=redirect_uri)

    async def read_outcome(self, session: Session) -> SessionOutcome:
        """Returns the outcome of closing the page now: the error of a form that failed, success for the form
        of a connected account, "closed" for anything else before the end."""
        async with self._database.read() as conn:
            screen = await self._screens.build_screen(conn, session)
            link = None if session.link_id is None else await read_link(conn, session.link_id)
        redirect_uri = None if link is None else link.redirect_uri
        if isinstance(screen, RapidFormPending):
            shown = screen.after if link is not None else await self._flow.build_screen(session)
        elif isinstance(screen, Form) and session.error is not None:
            shown = Problem(
                "connection_error", session.error, True, screen.integration, redirect_uri=redirect_uri
            )
        else:
            shown = screen
        if isinstance(shown, Done | Problem):
            return SessionOutcome.from_screen(shown)
        closed = {"result": "closed"}
        return SessionOutcome(
            "closed", address=None if redirect_uri is None else add_query(redirect_uri, closed)
        )


def get_screen_name(screen: Screen | RapidFormPending) -> str:
    """Returns the name of a screen for the page's script; for a Progress screen, its stage."""
    if isinstance(screen, Progress):
        return screen.stage
    return "rapidform" if isinstance(screen, RapidFormPending | RapidForm) else type(screen).__name__.lower()


def build_page_message(screen: Done | Problem) -> dict[str, Any]:
    """Builds the message that the page posts to the page that embeds or opened it."""
    if isinstance(screen, Done):
        message: dict[str, Any] = {
            "is_truto": True,
            "result": "success",
            "integration": screen.integration.slug,
            "integrated_account_id": screen.account_id,
        }
    else:
        message = {
            "is_truto": True,
            "result": "error",
            "error": screen.message,
            "error_type": screen.type,
            "integration": screen.integration.slug if screen.integration else None,
        }
        if screen.account_id is not None:
            message["integrated_account_id"] = screen.account_id
    if screen.redirect_uri is not None:
        message["redirect_uri"] = screen.redirect_uri
    return message
