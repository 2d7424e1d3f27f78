"""Renders the HTML of the connect pages from screens, with Jinja templates."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from isthmus.connect.screens import IntegrationSummary, Screen
from isthmus.connect.session_outcomes import SessionOutcome, get_screen_name
from isthmus.connect.sessions import Session
from isthmus.tenancy.connect_settings import ConnectSettings
from isthmus.ui.page_security import Site
from isthmus.ui.static_files import StaticFiles, compute_assets_digest

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["PageRenderer"]

_LOGO_PREFIXES: Final = ("https://", "data:image/")


class PageRenderer:
    """Renders the templates of the connect pages. Every text is escaped, so that nothing a provider sent
    becomes markup."""

    def __init__(self, site: Site, files: StaticFiles) -> None:
        self._site = site
        self._files = files

    @cached_property
    def _templates(self) -> Environment:
        """The template environment; its globals are functions for addresses, and the digest of the assets."""
        from jinja2 import (  # imported late: slow, and not needed before the first page
            Environment,
            PackageLoader,
            StrictUndefined,
        )

        templates = Environment(
            loader=PackageLoader("isthmus.ui"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        templates.globals.update(
            path_of=self._site.make_path,
            logo_of=self._find_logo_address,
            assets_digest=compute_assets_digest(),
        )
        return templates

    def render_screen(
        self,
        screen: Screen,
        *,
        nonce: str,
        session: Session | None,
        settings: ConnectSettings,
        outcome: SessionOutcome | None = None,
        **template_values: Any,
    ) -> str:
        """Renders the page of a screen. `outcome`: told to the opener if the person closes the page, where no
        session has it. `template_values`: further values for the template."""
        name = type(screen).__name__.lower()
        return self._render(name, nonce, session, settings, screen=screen, outcome=outcome, **template_values)

    def render_outcome(
        self, outcome: SessionOutcome, *, nonce: str, session: Session | None, settings: ConnectSettings
    ) -> str:
        """Renders the last page, whose script posts the outcome to the page that opened it, or goes to its
        address."""
        return self._render("ended", nonce, session, settings, outcome=outcome)

    def render_redirect(
        self, label: str, address: str, *, nonce: str, session: Session, settings: ConnectSettings
    ) -> str:
        """Renders the page that leads to a provider: in this window, or from a frame in another one. `label`:
        of the integration. `address`: of the page that redirects to the provider's."""
        return self._render("leaving", nonce, session, settings, label=label, address=address)

    def render_callback_done(self, *, nonce: str) -> str:
        """Renders the last page of the other window that a frame opened for the provider, after the person
        came back: it has nothing more to show."""
        return self._render("returned", nonce, None, ConnectSettings())

    def _render(
        self, name: str, nonce: str, session: Session | None, settings: ConnectSettings, **values: Any
    ) -> str:
        """Renders a template with the values that all pages share. `name`: of the template, without
        `.html`."""
        screen: Screen | None = values.get("screen")
        common: Mapping[str, Any] = {
            "nonce": nonce,
            "session": session,
            "theme": settings.theme,
            "origins": settings.origins or ("*",),
            "screen_name": name if screen is None else get_screen_name(screen),
            "session_path": None if session is None else self._site.make_session_path(session),
            "query": "" if session is None else f"?session={session.id}",
            "framed": session is not None and session.is_framed,
            "outcome": None,
        }
        return self._templates.get_template(f"{name}.html").render({**common, **values})

    def _find_logo_address(self, integration: IntegrationSummary) -> str | None:
        """Returns the address of an integration's logo: its own, otherwise the shipped one; None if it has
        neither."""
        if integration.logo is not None and integration.logo.startswith(_LOGO_PREFIXES):
            return integration.logo
        return (
            None
            if self._files.find_logo(integration.slug) is None
            else self._site.make_path(f"/logos/{integration.slug}.svg")
        )
