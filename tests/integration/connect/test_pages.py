"""The pages in a browser, opened by a link."""

from __future__ import annotations

from playwright.async_api import BrowserContext

from tests.integration.connect.desk import Desk, ended, enter_key


async def test_a_key_connects_an_account(desk: Desk, context: BrowserContext) -> None:
    await desk.install()
    page = await desk.open(context)
    assert "link_token" not in page.url
    await page.get_by_role("link", name="Ticketry").click()
    await enter_key(page)
    await ended(page)
    (row,) = await desk.accounts()
    assert (row["status"], row["tenant_id"]) == ("active", "t-1")
    assert row["context"]["subdomain"] == "acme"
