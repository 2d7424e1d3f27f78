"""What a whole connection leaves behind: no secret, code, state or token in clear, anywhere that lasts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.async_api import BrowserContext, Page, Request
from sqlalchemy import select

from isthmus.accounts.sealed import stored_context
from isthmus.db.tables import integrated_account
from tests.fakes.oidc import Oidc
from tests.integration.connect.desk import Desk, answers, ended, enter_key
from tests.integration.connect.product import KEY
from tests.integration.connect.test_embedding import allow

NAMES = frozenset(
    {"link_token", "integrated_account_session_token", "ticket", "state", "code", "oauth_token"}
)


class Watch:
    """What a browser sent: addresses, the values in them that nobody may keep, and each Referer."""

    def __init__(self, context: BrowserContext) -> None:
        self.secrets: set[str] = set()
        self.headers: list[asyncio.Task[dict[str, str]]] = []
        self._context = context
        context.on("request", self._sent)

    def _sent(self, request: Request) -> None:
        # Now, since a window may be closed before the end.
        self.headers.append(asyncio.ensure_future(request.all_headers()))
        for name, value in parse_qsl(urlsplit(request.url).query):
            if name in NAMES and value:
                self.secrets.add(value)

    async def all_secrets(self, desk: Desk) -> set[str]:
        """Those seen, cookies, and what the accounts hold."""
        cookies = {cookie["value"] for cookie in await self._context.cookies([desk.server.url])}
        database = desk.server.application.database
        held: set[str] = {KEY, "app-secret"}
        async with database.read() as conn:
            for row in (await conn.execute(select(integrated_account))).mappings():
                token = _token(stored_context(database.keys, dict(row)))
                held |= {str(token[name]) for name in ("access_token", "refresh_token") if name in token}
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


def dump_of(settings_path: Path) -> bytes:
    """Of the file, its log, and what was deleted and not written over yet."""
    return b"".join(path.read_bytes() for path in sorted(settings_path.glob("isthmus.sqlite3*")))


async def test_nothing_that_lasts_holds_a_secret(
    desk: Desk,
    context: BrowserContext,
    oidc: Oidc,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, logger="isthmus")
    watch = Watch(context)
    await desk.install("keydesk")
    await desk.install("ticketry", url="", oauth=oidc.url)
    alone = await desk.open(context, integration="keydesk")
    await enter_key(alone, key="wrong-key-0123456789")
    await alone.get_by_role("button", name="Try again").click()
    await enter_key(alone)
    await ended(alone)
    page = await desk.open(context, integration="ticketry", auth_format="oauth2")
    await page.get_by_role("button", name="Continue to Ticketry").click()
    await allow(page, "Deny")
    await page.get_by_role("button", name="Try again").click()
    await allow(page)
    await ended(page)
    token = await desk.link()
    options = "{ baseUrl, authFormat: 'oauth2', integration: 'ticketry' }"
    host = await desk.embedding(context, f"return authenticate('{token}', {options})")
    await host.get_by_role("button", name="Connect").click()
    async with context.expect_page() as opened:
        await host.frame_locator("iframe").get_by_role("button", name="Continue to Ticketry").click()
    await allow(await opened.value)
    await answers(host)
    assert len(await desk.accounts()) == 3

    secrets = {*await watch.all_secrets(desk), "wrong-key-0123456789"}
    assert len(secrets) > 12, "the run was not watched"
    log = "\n".join([*(record.getMessage() for record in caplog.records), caplog.text])
    histories = [url for each in (alone, page, host) for url in await history_of(each)]
    referers = await watch.all_referers()
    assert len(referers) > 20
    dump = dump_of(tmp_path)
    assert b"ticketry" in dump
    for secret in secrets:
        assert secret not in log, f"the log holds {secret}"
        assert secret.encode() not in dump, f"the database holds {secret}"
        assert not [url for url in histories if secret in url], f"the history holds {secret}"
        assert not [url for url in referers if secret in url], f"a Referer holds {secret}"
    assert not [url for url in referers if url.startswith(desk.server.url)]


async def test_a_leak_is_found(desk: Desk, context: BrowserContext) -> None:
    """The control: a page that keeps its token in its address is seen to."""
    watch = Watch(context)
    token = await desk.link()
    page = await context.new_page()
    await page.goto(f"{desk.host.url}/kept?link_token={token}")
    assert token in await watch.all_secrets(desk)
    assert [url for url in await history_of(page) if token in url]
