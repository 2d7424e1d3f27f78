"""From a screen to a page: templates, and what they need besides the screen."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from isthmus.connect.endings import Ending, place_of
from isthmus.connect.screens import Offered, Screen
from isthmus.connect.sessions import Session
from isthmus.integrations.catalog import Catalog
from isthmus.tenancy.connect_settings import ConnectSettings
from isthmus.ui.safety import Site

__all__ = ["Rendering", "asset"]

_TYPES: Final = {
    "connect.css": "text/css; charset=utf-8",
    "connect.js": "text/javascript; charset=utf-8",
    "link.js": "text/javascript; charset=utf-8",
    "link.d.ts": "text/plain; charset=utf-8",
}
_PICTURES: Final = ("https://", "data:image/")


@lru_cache(maxsize=16)
def asset(folder: str, name: str) -> tuple[bytes, str] | None:
    """`(content, media type)` of a file that is served as it is; None for one that is not."""
    if name not in _TYPES:
        return None
    file = resources.files("isthmus.ui").joinpath(folder, name)
    return (file.read_bytes(), _TYPES[name]) if file.is_file() else None


class Rendering:
    """One for the process. Every text is escaped; nothing that a provider sent is taken for markup."""

    def __init__(self, site: Site, catalog: Catalog) -> None:
        self._site = site
        self._catalog = catalog
        self._templates = Environment(
            loader=PackageLoader("isthmus.ui"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals.update(at=site.at, logo_of=self._logo, mark=_mark())

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

    def logo_file(self, slug: str) -> Path | None:
        """The logo that the catalogue ships for an integration."""
        if not slug.replace("-", "").replace("_", "").isalnum():
            return None
        path = self._catalog.path / "integrations" / slug / "logo.svg"
        return path if path.is_file() else None

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
        return None if self.logo_file(face.slug) is None else self._site.at(f"/logos/{face.slug}.svg")


def _framed(session: Session) -> bool:
    return session.options.is_framed or (session.rapid is not None and session.rapid.is_framed)


def _mark() -> str:
    """Of the files' content, in their addresses: browsers may keep them until it changes."""
    found = [asset("assets", name) for name in ("connect.css", "connect.js")]
    return hashlib.sha256(b"".join(each[0] for each in found if each)).hexdigest()[:12]
