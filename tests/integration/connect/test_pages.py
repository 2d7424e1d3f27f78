"""The pages in a browser, opened by a link."""

from __future__ import annotations

from playwright.async_api import BrowserContext, expect

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


async def test_a_wrong_key_is_told_and_the_right_one_connects_the_same_account(
    desk: Desk, context: BrowserContext
) -> None:
    await desk.install()
    page = await desk.open(context, integration="ticketry")
    await enter_key(page, key="wrong-key-0123456789")
    await expect(page.get_by_role("alert")).to_contain_text("The key is not known.")
    await page.get_by_role("button", name="Try again").click()
    await expect(page.get_by_label("API key")).to_have_value("")
    await enter_key(page)
    await ended(page)
    (row,) = await desk.accounts()
    assert row["status"] == "active"
