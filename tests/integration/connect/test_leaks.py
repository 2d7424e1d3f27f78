"""What a whole connection leaves behind: no secret, code, state or token in clear, anywhere that lasts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import psycopg
import pytest
from playwright.async_api import BrowserContext, Page, Request
from psycopg import sql
from sqlalchemy import select

from isthmus.accounts.rows.context import decrypt_context
from isthmus.config import Settings
from isthmus.connect.authorization_requests import _PAYLOAD
from isthmus.db.tables import connect_trip, integrated_account
from tests.fakes.oauth1 import CONSUMER, OAuth1
from tests.fakes.oidc import Oidc
from tests.integration.connect.desk import Desk, ended, enter_key
from tests.integration.connect.embedded import WAYS, allow, connect, embed, install_all
from tests.integration.connect.product import KEKA_SECRET, KEKA_TOKEN, KEY

pytestmark = pytest.mark.walk(of="folder", share=0.15)

WRONG = "wrong-key-0123456789"
NAMES = frozenset(
    {
        "_csrf",
        "code",
        "integrated_account_session_token",
        "link_token",
        "oauth_token",
        "oauth_verifier",
        "state",
        "ticket",
    }
)
TOKENS = ("access_token", "refresh_token", "access_token_secret")


class Watch:
    """What a browser sent: addresses and forms, the values in them that nobody may keep, and each Referer."""

    def __init__(self, context: BrowserContext) -> None:
        self.secrets: set[str] = set()
        self.headers: list[asyncio.Task[dict[str, str]]] = []
        self._context = context
        context.on("request", self._sent)

    def _sent(self, request: Request) -> None:
        # Now, since a window may be closed before the end.
        self.headers.append(asyncio.ensure_future(request.all_headers()))
        for name, value in parse_qsl(f"{urlsplit(request.url).query}&{request.post_data or ''}"):
            if name in NAMES and value:
                self.secrets.add(value)

    async def all_secrets(self, desk: Desk) -> set[str]:
        """Those seen, cookies, and what accounts and trips hold."""
        cookies = {cookie["value"] for cookie in await self._context.cookies([desk.server.url])}
        database = desk.server.database
        held: set[str] = set()
        async with database.read() as conn:
            for row in (await conn.execute(select(integrated_account))).mappings():
                token = _token(decrypt_context(database.keys, dict(row)))
                held |= {str(token[name]) for name in TOKENS if name in token}
            for row in (await conn.execute(select(connect_trip))).mappings():
                trip = _PAYLOAD.decrypt(database.keys, row["id"], row["payload"])
                held |= {trip["state"], trip["verifier"], *(trip["request"] or ())}
        return {each for each in self.secrets | cookies | held if each}

    async def all_referers(self) -> list[str]:
        """Of each request whose window stayed open for long enough to tell."""
        found = await asyncio.gather(*self.headers, return_exceptions=True)
        return [each.get("referer", "") for each in found if isinstance(each, dict)]


def _token(context: Mapping[str, Any]) -> Mapping[str, Any]:
    token = context.get("oauth", {}).get("token", {})
    return token if isinstance(token, Mapping) else {}


async def history_of(page: Page) -> list[str]:
    session = await page.context.new_cdp_session(page)
    entries = (await session.send("Page.getNavigationHistory"))["entries"]
    return [entry["url"] for entry in entries]


def dump_of(settings: Settings) -> bytes:
    """Every column of every row as it is stored. On SQLite the files themselves: with their log, and with
    what was deleted and not written over yet."""
    assert settings.database_url is not None
    url = settings.database_url.reveal()
    if url.startswith("sqlite"):
        folder = Path(urlsplit(url).path).parent
        return b"".join(path.read_bytes() for path in sorted(folder.glob("isthmus.sqlite3*")))
    found = bytearray()
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (name,) in tables:
            copy = sql.SQL("COPY {} TO STDOUT (FORMAT binary)").format(sql.Identifier(name))
            with connection.cursor().copy(copy) as rows:
                for part in rows:
                    found += part
    return bytes(found)


async def each_way(desk: Desk, context: BrowserContext) -> list[Page]:
    """Each credential format once, instead of the page; a sign-in from a frame, too. The tabs that stay."""
    tabs = []
    for slug, format in WAYS:
        for mode in ("page", "frame") if format == "oauth2" else ("page",):
            flow = await embed(desk, context, mode, integration=slug, authFormat=format)
            await connect(flow, slug, format)
            assert (await flow.outcome())["result"] == "success"
            tabs.append(flow.host)
    return tabs


async def failures(desk: Desk, context: BrowserContext) -> list[Page]:
    """A key that is wrong, and a person who says no, each before a success. The tabs."""
    alone = await desk.open(context, integration="keydesk")
    await enter_key(alone, key=WRONG)
    await alone.get_by_role("button", name="Try again").click()
    await enter_key(alone)
    await ended(alone)
    page = await desk.open(context, integration="postdesk", auth_format="oauth2")
    await page.get_by_role("button", name="Continue to Postdesk").click()
    await allow(page, "Deny")
    await page.get_by_role("button", name="Try again").click()
    await allow(page)
    await ended(page)
    return [alone, page]


async def account_form(desk: Desk, context: BrowserContext) -> Page:
    """An account's own form, by a token of the account."""
    _, token = await desk.account("formdesk")
    page = await context.new_page()
    path = f"/connect-account/post-connect?integrated_account_session_token={token}"
    await page.goto(desk.server.url + path)
    await page.get_by_label("Sales").check()
    await page.get_by_role("button", name="Save").click()
    await ended(page)
    return page


@pytest.mark.both_databases
async def test_nothing_that_lasts_holds_a_secret(
    desk: Desk,
    context: BrowserContext,
    oidc: Oidc,
    oauth1: OAuth1,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, logger="isthmus")
    caplog.set_level(logging.WARNING, logger="aiohttp.access")  # of the provider's server, not of ours
    watch = Watch(context)
    await install_all(desk, oidc, oauth1)
    await desk.install("postdesk", url="", oauth=oidc.url, params={"response_mode": "form_post"})
    await desk.install("formdesk", form=True)
    tabs = [*await each_way(desk, context), *await failures(desk, context), await account_form(desk, context)]
    assert len(await desk.accounts()) == 9

    given = {KEY, WRONG, "app-secret", "machine-secret", KEKA_SECRET, KEKA_TOKEN, CONSUMER[1]}
    secrets = {*await watch.all_secrets(desk), *given}
    assert len(secrets) > 40, "the run was not watched"
    log = "\n".join([*(record.getMessage() for record in caplog.records), caplog.text])
    # A provider's own page has its request token in its address: it is spent, and was never good by itself.
    histories = [url for each in tabs for url in await history_of(each) if not url.startswith(oauth1.url)]
    referers = [url for url in await watch.all_referers() if not url.startswith(oauth1.url)]
    assert len(histories) > 20
    assert len(referers) > 60
    dump = dump_of(settings)
    assert b"signdesk" in dump
    for secret in secrets:
        assert secret not in log, f"the log holds {secret}"
        assert secret.encode() not in dump, f"the database holds {secret}"
        assert not [url for url in histories if secret in url], f"the history holds {secret}"
        assert not [url for url in referers if secret in url], f"a Referer holds {secret}"
    assert not [url for url in referers if url.startswith(desk.server.url)]


@pytest.mark.both_databases
async def test_a_leak_is_found(
    desk: Desk, context: BrowserContext, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    """The control: a token that is kept in an address, in the database or in the log is seen."""
    watch = Watch(context)
    token = await desk.link()
    page = await context.new_page()
    await page.goto(f"{desk.host.url}/kept?link_token={token}")
    await page.evaluate("fetch('/next', { referrerPolicy: 'unsafe-url' })")
    assert token in await watch.all_secrets(desk)
    assert [url for url in await history_of(page) if token in url]
    assert [url for url in await watch.all_referers() if token in url]
    assert token.encode() not in dump_of(settings)
    (environment,) = (await desk.server.ok("GET", "/environment"))["result"]
    await desk.server.ok("PATCH", f"/environment/{environment['id']}", json={"name": token})
    assert token.encode() in dump_of(settings)
    logging.getLogger("isthmus.ui").warning("opened with %s", token)
    assert token in caplog.text
