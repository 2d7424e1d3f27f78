"""The flow as a customer shows it: in a window, in a frame, or instead of the page."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from playwright.async_api import BrowserContext, Page

from tests.fakes.oauth1 import OAuth1
from tests.fakes.oidc import Oidc
from tests.integration.connect.desk import Desk, Where, answers, enter_key
from tests.integration.connect.product import KEKA_SECRET, KEY

__all__ = [
    "FRAME",
    "MODES",
    "WAYS",
    "Embedded",
    "allow",
    "connect",
    "embed",
    "install_all",
    "link_for",
    "popup_of",
]

MODES = ("window", "frame", "page")
WAYS = (
    ("keydesk", "api_key"),
    ("signdesk", "oauth2"),
    ("signdesk", "oauth2_client_credentials"),
    ("olddesk", "oauth"),
    ("kekadesk", "keka_oauth"),
)
"""Each credential format, and an integration of `install_all` that has it."""

FRAME = "#truto-link-iframe"
_HOW: Mapping[str, Mapping[str, Any]] = {
    "window": {"iframe": False},
    "frame": {},
    "page": {"sameWindow": True},
}


async def popup_of(page: Page) -> Page:
    """Returns the window that the page opens."""
    async with page.expect_popup() as opened:
        await page.get_by_role("button", name="Connect").click()
    return await opened.value


async def allow(page: Page, answer: str = "Allow") -> None:
    """Answers on the provider's page as a person does. `answer`: the button."""
    await page.get_by_role("button", name=answer).click()


@dataclass
class Embedded:
    """`host`: the customer's page. `where`: the flow's."""

    mode: str
    context: BrowserContext
    host: Page
    where: Where

    async def leave(self, label: str = "Ticketry") -> Page:
        """To the provider: the page that shows it."""
        button = self.where.get_by_role("button", name=f"Continue to {label}").or_(
            self.where.get_by_role("button", name="Try again")
        )
        if isinstance(self.where, Page):
            await button.click()
            return self.where
        async with self.context.expect_page() as opened:
            await button.click()
        return await opened.value

    async def outcome(self) -> dict[str, Any]:
        """Returns what the customer learns, the same in each mode."""
        if self.mode == "page":
            await self.host.wait_for_url("**/back?**")
            return dict(parse_qsl(urlsplit(self.host.url).query))
        (answer,) = await answers(self.host)
        if answer.get("error", {}).get("message") == "closed":
            return {"result": "closed"}
        found = answer.get("answer") or answer["error"]
        assert found["is_truto"] is True
        said = {name: value for name, value in found.items() if value is not None}
        return {name: value for name, value in said.items() if name not in ("is_truto", "message")}


async def link_for(desk: Desk, mode: str, **values: Any) -> str:
    """Creates a link token for a mode of showing the flow; returns its secret."""
    back = {"redirect_uri": f"{desk.host.url}/back"} if mode == "page" else {}
    return await desk.link(**back, **values)


async def embed(
    desk: Desk, context: BrowserContext, mode: str, token: str | None = None, **options: Any
) -> Embedded:
    """`options`: of `authenticate`."""
    token = token or await link_for(desk, mode)
    chosen = json.dumps({"baseUrl": desk.server.url, **_HOW[mode], **options})
    host = await desk.embedding(context, f"return Promise.resolve(authenticate('{token}', {chosen}))")
    if mode == "window":
        return Embedded(mode, context, host, await popup_of(host))
    await host.get_by_role("button", name="Connect").click()
    return Embedded(mode, context, host, host if mode == "page" else host.frame_locator(FRAME))


async def install_all(desk: Desk, oidc: Oidc, oauth1: OAuth1) -> None:
    """Installs an integration for each way to connect."""
    await desk.install("keydesk")
    await desk.install("signdesk", url="", oauth=oidc.url)
    await desk.install("olddesk", url="", oauth1=oauth1.url)
    await desk.install("kekadesk", url="", keka=desk.product.url)


async def connect(flow: Embedded, slug: str, format: str) -> None:
    """Does what a person does for one of `WAYS`."""
    where = flow.where
    if format == "api_key":
        await enter_key(where)
        return
    if format in ("oauth2", "oauth"):
        await allow(await flow.leave(slug.capitalize()))
        return
    await where.get_by_label("Client ID").fill("machine")
    if format == "oauth2_client_credentials":
        await where.get_by_label("Client secret").fill("machine-secret")
    else:
        await where.get_by_label("Client secret").fill(KEKA_SECRET)
        await where.get_by_label("API key").fill(KEY)
    await where.get_by_role("button", name="Connect", exact=True).click()
