"""What a page may know of a session without a call to a provider, and what closing the page means now
(`connect.md` §3.4, §8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from isthmus.accounts.lifecycle.lifecycle import Lifecycle
from isthmus.connect.errors import ConnectProblem
from isthmus.connect.flow import Flow
from isthmus.connect.link_tokens import link_of
from isthmus.connect.redirect_uris import with_query
from isthmus.connect.screen_builder import Drawing, FormIsNext
from isthmus.connect.screens import Done, Form, Message, Problem, Progress, RapidForm, Screen
from isthmus.connect.sessions import Session
from isthmus.db.database import Database
from isthmus.integrations.effective.effective_definitions import EffectiveDefinitions

__all__ = ["Ending", "Endings"]

_IN_ADDRESS: Final = ("result", "integration", "integrated_account_id", "error", "error_type")


@dataclass(frozen=True, slots=True)
class Ending:
    """`message`: for whoever opened the page, empty when it was only closed. `address`: where the browser
    goes where nobody opened it, None for nowhere."""

    result: Literal["success", "error", "closed"]
    message: Mapping[str, Any] = field(default_factory=dict)
    address: str | None = None

    @classmethod
    def of(cls, screen: Done | Problem) -> Ending:
        message = Message.of(screen).body
        told = {name: str(message[name]) for name in _IN_ADDRESS if message.get(name) is not None}
        address = None if screen.redirect_uri is None else with_query(screen.redirect_uri, told)
        return cls("success" if isinstance(screen, Done) else "error", message, address)


class Endings:
    """One for the process."""

    def __init__(
        self, database: Database, effective: EffectiveDefinitions, lifecycle: Lifecycle, flow: Flow
    ) -> None:
        self._database = database
        self._drawing = Drawing(effective, lifecycle)
        self._flow = flow

    async def place(self, session: Session) -> str:
        """Where things stand, in a word that changes when the page should."""
        async with self._database.read() as conn:
            return place_of(await self._drawing.screen(conn, session))

    async def refusal(self, session: Session | None, problem: ConnectProblem) -> Problem:
        """The screen of a page that cannot be continued."""
        link = None
        if session is not None and session.link_id is not None:
            async with self._database.read() as conn:
                link = await link_of(conn, session.link_id)
        redirect_uri = problem.redirect_uri if link is None else link.redirect_uri
        return Problem(problem.type, problem.message, can_retry=False, redirect_uri=redirect_uri)

    async def ending(self, session: Session) -> Ending:
        """Closing a form that failed tells of the failure; closing the form of an account that is connected
        is a success (A9); closing anything else before its end tells nothing."""
        async with self._database.read() as conn:
            screen = await self._drawing.screen(conn, session)
            link = None if session.link_id is None else await link_of(conn, session.link_id)
        redirect_uri = None if link is None else link.redirect_uri
        if isinstance(screen, FormIsNext):
            shown = screen.after if link is not None else await self._flow.screen(session)
        elif isinstance(screen, Form) and session.error is not None:
            shown = Problem(
                "connection_error", session.error, True, screen.integration, redirect_uri=redirect_uri
            )
        else:
            shown = screen
        if isinstance(shown, Done | Problem):
            return Ending.of(shown)
        closed = {"result": "closed"}
        return Ending("closed", address=None if redirect_uri is None else with_query(redirect_uri, closed))


def place_of(screen: Screen | FormIsNext) -> str:
    if isinstance(screen, Progress):
        return screen.stage
    return "rapidform" if isinstance(screen, FormIsNext | RapidForm) else type(screen).__name__.lower()
