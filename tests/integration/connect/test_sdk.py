"""The published browser SDK, as its package is, against this server."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, expect

from tests.fakes.oidc import Oidc
from tests.integration.connect.desk import Desk, answers, click_away, enter_key, told
from tests.integration.connect.embedded import allow, popup_of

pytestmark = pytest.mark.walk(of="folder", share=0.15)


def serve_published(desk: Desk, npm: Path) -> str:
    """Its address, on the customer's site."""
    source = (npm / "@truto" / "truto-link-sdk" / "dist" / "main.js").read_text()
    desk.host.files["/published.js"] = (source, "text/javascript")
    return f"{desk.host.url}/published.js"


async def test_the_published_sdk_connects_in_a_window(desk: Desk, context: BrowserContext, npm: Path) -> None:
    await desk.install(form=True)
    token = await desk.link()
    options = "{ baseUrl, iframe: false, skipRapidForm: true, noBack: true }"
    script = f"return authenticate('{token}', {options})"
    page = await desk.embedding(context, script, sdk=serve_published(desk, npm))
    popup = await popup_of(page)
    await popup.get_by_role("link", name="Ticketry").click()
    await expect(popup.get_by_role("button", name="Back")).to_have_count(0)
    await enter_key(popup)
    (answer,) = await answers(page)
    assert answer["answer"]["result"] == "success"
    assert len(await told(page)) == 1


async def test_the_published_sdk_hears_of_failures_and_of_a_closed_window(
    desk: Desk, context: BrowserContext, npm: Path
) -> None:
    script = "return authenticate(window.token, { baseUrl, iframe: false })"
    page = await desk.embedding(context, script, sdk=serve_published(desk, npm))
    await page.evaluate("window.token = 'isth_nothing'")
    popup = await popup_of(page)
    await click_away(popup.get_by_role("button", name="Close").or_(popup.get_by_text("Close", exact=True)))
    (answer,) = await answers(page)
    assert answer["error"]["error_type"] == "invalid_token"
    assert answer["error"]["message"] == "This link is not valid. Ask for a new one where you got it."
    await page.evaluate(f"window.answers = []; window.token = '{await desk.link()}'")
    popup = await popup_of(page)
    await popup.close()
    (answer,) = await answers(page)
    assert answer["error"]["message"] == "closed"


async def test_the_published_sdk_connects_instead_of_the_page(
    desk: Desk, context: BrowserContext, oidc: Oidc, npm: Path
) -> None:
    await desk.install(url="", oauth=oidc.url)
    token = await desk.link(redirect_uri=f"{desk.host.url}/back")
    options = "{ baseUrl, sameWindow: true, integration: 'ticketry', authFormat: 'oauth2' }"
    page = await desk.embedding(
        context, f"return Promise.resolve(authenticate('{token}', {options}))", sdk=serve_published(desk, npm)
    )
    await page.get_by_role("button", name="Connect").click()
    await page.get_by_role("button", name="Continue to Ticketry").click()
    await allow(page)
    await page.wait_for_url("**/back?**")
    assert "result=success" in page.url


async def test_the_published_sdk_shows_the_form_of_an_account(
    desk: Desk, context: BrowserContext, npm: Path
) -> None:
    await desk.install(form=True)
    account, token = await desk.account("ticketry", teams=["t2"])
    locks = "{ teams: { message: 'Ask your administrator.' } }"
    more = "additionalContext: { plan: 'large' }"
    options = f"{{ baseUrl, iframe: false, preventDeselect: {locks}, {more} }}"
    script = f"return rapidForm('{token}', {options})"
    page = await desk.embedding(context, script, sdk=serve_published(desk, npm))
    popup = await popup_of(page)
    assert "session_token" not in popup.url
    await expect(popup.get_by_label("Product")).to_be_disabled()
    await expect(popup.get_by_text("Ask your administrator.")).to_be_visible()
    await popup.get_by_label("Sales").check()
    await popup.get_by_role("button", name="Save").click()
    (answer,) = await answers(page)
    assert answer["answer"]["integrated_account_id"] == account
    row = await desk.server.ok("GET", f"/integrated-account/{account}")
    assert sorted(row["context"]["teams"]) == ["t1", "t2"]
    assert row["context"]["plan"] == "large"
