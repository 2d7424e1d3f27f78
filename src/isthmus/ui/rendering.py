"""From a screen to a page: templates, and what they need besides the screen."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from isthmus.connect.screens import Offered, Screen
from isthmus.connect.session_outcomes import Ending, place_of
from isthmus.connect.sessions import Session
from isthmus.tenancy.connect_settings import ConnectSettings
from isthmus.ui.page_security import Site
from isthmus.ui.static_files import Files, content_mark

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["Rendering"]

_PICTURES: Final = ("https://", "data:image/")


class Rendering:
    """One for the process. Every text is escaped; nothing that a provider sent is taken for markup."""

    def __init__(self, site: Site, files: Files) -> None:
        self._site = site
        self._files = files

    @cached_property
    def _templates(self) -> Environment:
        from jinja2 import Environment, PackageLoader, StrictUndefined  # most servers show no page at first

        templates = Environment(
            loader=PackageLoader("isthmus.ui"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        templates.globals.update(at=self._site.at, logo_of=self._logo, mark=content_mark())
        return templates

    def page(
        self,
        screen: Screen,
        *,
        nonce: str,
        session: Session | None,
        settings: ConnectSettings,
        ending: Ending | None = None,
        **more: Any,
    ) -> str:
        """`ending`: what the button that closes the page tells, where no session can be asked."""
        name = type(screen).__name__.lower()
        return self._render(name, nonce, session, settings, screen=screen, ending=ending, **more)

    def ended(self, ending: Ending, *, nonce: str, session: Session | None, settings: ConnectSettings) -> str:
        """The last page: it tells whoever opened it, or goes where the flow ends."""
        return self._render("ended", nonce, session, settings, ending=ending)

    def leaving(
        self, label: str, address: str, *, nonce: str, session: Session, settings: ConnectSettings
    ) -> str:
        """On the way to a provider: in this window, or from a frame in one of its own."""
        return self._render("leaving", nonce, session, settings, label=label, address=address)

    def returned(self, *, nonce: str) -> str:
        """After a trip in a window of its own."""
        return self._render("returned", nonce, None, ConnectSettings())

    def _render(
        self, name: str, nonce: str, session: Session | None, settings: ConnectSettings, **values: Any
    ) -> str:
        screen: Screen | None = values.get("screen")
        common: Mapping[str, Any] = {
            "nonce": nonce,
            "session": session,
            "theme": settings.theme,
            "origins": settings.origins or ("*",),
            "place": name if screen is None else place_of(screen),
            "home": None if session is None else self._site.page_of(session),
            "query": "" if session is None else f"?session={session.id}",
            "framed": session is not None and _framed(session),
            "ending": None,
        }
        return self._templates.get_template(f"{name}.html").render({**common, **values})

    def _logo(self, face: Offered) -> str | None:
        if face.logo is not None and face.logo.startswith(_PICTURES):
            return face.logo
        return None if self._files.logo_file(face.slug) is None else self._site.at(f"/logos/{face.slug}.svg")


def _framed(session: Session) -> bool:
    return session.options.is_framed or (session.rapid is not None and session.rapid.is_framed)
