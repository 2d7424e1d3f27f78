"""Ways to connect, as they are refused, renewed, and used without scripts."""

from __future__ import annotations

import pytest
from playwright.async_api import BrowserContext, expect

from tests.fakes.oauth1 import OAuth1
from tests.fakes.oidc import Oidc
from tests.integration.connect.desk import Desk, ended, enter_key
from tests.integration.connect.embedded import allow

pytestmark = pytest.mark.walk(of="folder", share=0.15)


async def test_client_credentials_are_refused_and_then_taken(
    desk: Desk, context: BrowserContext, oidc: Oidc
) -> None:
    await desk.install(url="", oauth=oidc.url)
    page = await desk.open(context, integration="ticketry", auth_format="oauth2_client_credentials")
    await page.get_by_label("Client ID").fill("machine")
    await page.get_by_label("Client secret").fill("no-secret-of-it")
    await page.get_by_role("button", name="Connect").click()
    await expect(page.get_by_role("alert")).to_contain_text("Ticketry did not accept this.")
    assert await desk.accounts() == []
    await page.get_by_label("Client secret").fill("machine-secret")
    await page.get_by_role("button", name="Try again").click()
    await ended(page)
    (row,) = await desk.accounts()
    assert (row["status"], row["authentication_method"]) == ("active", "oauth2_client_credentials")


async def test_a_trip_by_oauth_1_connects_and_can_be_denied(
    desk: Desk, context: BrowserContext, oauth1: OAuth1
) -> None:
    await desk.install(url="", oauth1=oauth1.url)
    page = await desk.open(context, integration="ticketry")
    await page.get_by_role("button", name="Continue to Ticketry").click()
    await allow(page, "Deny")
    await expect(page.get_by_role("alert")).to_have_text("Access was not granted.")
    await page.get_by_role("button", name="Try again").click()
    await allow(page)
    await ended(page)
    (row,) = await desk.accounts()
    assert (row["status"], row["authentication_method"]) == ("active", "oauth")
    assert oauth1.seen[-3:] == [("/request_token", True), ("/access_token", True), ("/tickets", True)]


async def test_an_account_is_reconnected_with_its_own_product(desk: Desk, context: BrowserContext) -> None:
    await desk.install()
    await desk.install("otherdesk")
    old = {"subdomain": "old", "api_key": "gone-key-0123456789"}
    account = await desk.server.account_of("ticketry", context=old)
    link = await desk.server.ok("POST", "/link-token", json={"integrated_account_id": account["id"]})
    page = await context.new_page()
    await page.goto(desk.address(link["link_token"], integration="otherdesk"))
    await expect(page.get_by_role("heading", name="Connect Ticketry")).to_be_visible()
    await enter_key(page)
    await ended(page)
    (row,) = await desk.accounts()
    assert (row["id"], row["status"]) == (account["id"], "active")
    assert row["context"]["subdomain"] == "acme"


async def test_the_pages_work_without_scripts(desk: Desk, oidc: Oidc, context: BrowserContext) -> None:
    await desk.install(url="", oauth=oidc.url)
    assert context.browser is not None
    plain = await context.browser.new_context(java_script_enabled=False)
    page = await plain.new_page()
    await page.goto(desk.address(await desk.link()))
    await page.get_by_role("link", name="Ticketry").click()
    await page.get_by_role("link", name="Sign in").click()
    await page.get_by_role("button", name="Continue to Ticketry").click()
    await allow(page)
    await ended(page)
    await plain.close()
    (row,) = await desk.accounts()
    assert row["status"] == "active"
