"""What the browser tests do, in the words of their steps."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from playwright.async_api import BrowserContext, Error, FrameLocator, Locator, Page, expect

from tests.background import until
from tests.fakes.listening import listening
from tests.integration.connect.product import KEY, Product, definition
from tests.integration.serving import Server

__all__ = ["Desk", "Host", "hosting"]

Where = Page | FrameLocator


@dataclass
class Host:
    """A customer's site. `files`: `(content, media type)` by path. It is on another site than the server:
    `localhost` is not `127.0.0.1`."""

    url: str = ""
    files: dict[str, tuple[str, str]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Serves the customer's page."""
        self.seen.append(str(request.rel_url))
        content, media_type = self.files.get(request.path, ("", "text/html"))
        return web.Response(text=content, content_type=media_type)


@asynccontextmanager
async def hosting() -> AsyncIterator[Host]:
    """Runs the customer's server; yields it."""
    host = Host()
    async with listening(host.answer) as url:
        host.url = url.replace("127.0.0.1", "localhost")
        yield host


@dataclass
class Desk:
    """A server with products, and a customer who embeds its pages."""

    server: Server
    product: Product
    host: Host

    async def install(self, name: str = "ticketry", **options: Any) -> None:
        """Creates and installs an integration of the product."""
        url = options.pop("url", self.product.url)
        row = await self.server.ok("POST", "/integration", json=definition(name, url, **options))
        await self.server.ok("POST", "/environment-integration", json={"integration_id": row["id"]})

    async def link(self, **values: Any) -> str:
        """Creates a link token; returns its secret."""
        sent = {"tenant_id": "t-1", **values}
        reply = await self.server.ok("POST", "/link-token", json=sent)
        token: str = reply["link_token"]
        return token

    def address(self, token: str, **parameters: str) -> str:
        """Returns the address of the connect page for a token."""
        more = "".join(f"&{name}={value}" for name, value in parameters.items())
        return f"{self.server.url}/connect-account?link_token={token}{more}"

    async def accounts(self) -> list[dict[str, Any]]:
        """Those that somebody connected."""
        listed = await self.server.ok("GET", "/integrated-account?is_sandbox=false")
        rows: list[dict[str, Any]] = listed["result"]
        return rows

    async def account(self, name: str, **context: Any) -> tuple[str, str]:
        """Connects an account and waits until it is active; returns its id, and a token of it."""
        values = {"subdomain": "acme", "api_key": KEY, **context}
        account: str = (await self.server.account_of(name, context=values))["id"]

        async def is_active() -> bool:
            row = await self.server.ok("GET", f"/integrated-account/{account}")
            return bool(row["status"] == "active")

        await until(is_active)
        sent = {"integrated_account_id": account}
        return account, (await self.server.ok("POST", "/integrated-account/token", json=sent))["token"]

    async def open(self, context: BrowserContext, **parameters: str) -> Page:
        """Opens the connect page alone, as a link in an e-mail would open it."""
        page = await context.new_page()
        await page.goto(self.address(await self.link(), **parameters))
        return page

    async def embedding(self, context: BrowserContext, script: str, *, sdk: str | None = None) -> Page:
        """Opens a page of the customer's that runs a script. `answers`: what its promises came to; `told`:
        each message it heard."""
        source = sdk or f"{self.server.url}/sdk/link.js"
        self.host.files["/"] = (
            f"""<!doctype html><html lang="en"><title>Customer</title><button id="go">Connect</button>
<script type="module">
import authenticate, {{ rapidForm, showFilePicker }} from "{source}";
window.answers = []; window.told = [];
addEventListener("message", (event) => window.told.push(event.data));
const baseUrl = "{self.server.url}";
const keep = (promise) => promise.then(
  (answer) => window.answers.push({{ answer }}),
  (error) => window.answers.push({{ error: {{ ...error, message: error?.message ?? String(error) }} }}));
document.getElementById("go").addEventListener("click", () => keep((() => {{ {script} }})()));
document.body.dataset.ready = "true";
</script></html>""",
            "text/html",
        )
        page = await context.new_page()
        await page.goto(self.host.url + "/")
        await page.wait_for_selector("body[data-ready]")
        return page


async def enter_key(where: Where, *, key: str = KEY, subdomain: str = "acme") -> None:
    """Fills in the form of an API key and submits it."""
    await where.get_by_label("Subdomain").fill(subdomain)
    await where.get_by_label("API key").fill(key)
    await (
        where.get_by_role("button", name="Connect", exact=True)
        .or_(where.get_by_role("button", name="Try again"))
        .click()
    )


async def click_away(button: Locator) -> None:
    """Clicks a button that ends the window or frame it is in, which may be gone before the click counts as
    done."""
    try:
        await button.click()
    except Error as error:
        if "closed" not in error.message and "detached" not in error.message:
            raise


async def answers(page: Page) -> list[Any]:
    """Waits until the customer's page was answered; returns the answers."""
    await page.wait_for_function("window.answers.length > 0")
    found: list[Any] = await page.evaluate("window.answers")
    return found


async def told(page: Page) -> list[Any]:
    """Returns each message that the customer's page heard."""
    found: list[Any] = await page.evaluate("window.told")
    return found


async def ended(page: Page, text: str = "Connected") -> None:
    """Waits until the page shows its end."""
    await expect(page.get_by_role("heading", name=text)).to_be_visible()
