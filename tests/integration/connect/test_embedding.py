"""The flow inside a customer's page: in a window, in a frame, instead of the page."""

from __future__ import annotations

from typing import Any

from playwright.async_api import BrowserContext, Page, expect

from tests.fakes.oidc import Oidc
from tests.integration.connect.desk import Desk, answers, enter_key, told

FRAME = "#truto-link-iframe"


async def popup_of(page: Page) -> Page:
    async with page.expect_popup() as opened:
        await page.get_by_role("button", name="Connect").click()
    return await opened.value


async def test_a_window_gives_one_message_and_is_closed(desk: Desk, context: BrowserContext) -> None:
    await desk.install()
    token = await desk.link()
    page = await desk.embedding(context, f"return authenticate('{token}', {{ baseUrl, iframe: false }})")
    popup = await popup_of(page)
    await popup.get_by_role("link", name="Ticketry").click()
    assert await told(page) == []
    await enter_key(popup)
    (answer,) = await answers(page)
    (row,) = await desk.accounts()
    success = {
        "is_truto": True,
        "result": "success",
        "integration": "ticketry",
        "integrated_account_id": row["id"],
    }
    assert answer == {"answer": success}
    assert await told(page) == [success]
    assert popup.is_closed()


async def test_a_window_that_is_closed_gives_no_message(desk: Desk, context: BrowserContext) -> None:
    await desk.install()
    token = await desk.link()
    page = await desk.embedding(context, f"return authenticate('{token}', {{ baseUrl, iframe: false }})")
    popup = await popup_of(page)
    await popup.get_by_role("link", name="Close").click()
    (answer,) = await answers(page)
    assert answer["error"]["message"] == "closed"
    assert await told(page) == []


async def test_a_frame_gives_one_message_and_is_taken_away(desk: Desk, context: BrowserContext) -> None:
    await desk.install()
    token = await desk.link()
    page = await desk.embedding(context, f"return authenticate('{token}', {{ baseUrl }})")
    await page.get_by_role("button", name="Connect").click()
    frame = page.frame_locator(FRAME)
    await frame.get_by_role("link", name="Ticketry").click()
    await enter_key(frame)
    (answer,) = await answers(page)
    assert answer["answer"]["result"] == "success"
    assert len(await told(page)) == 1
    await expect(page.locator(FRAME)).to_have_count(0)


async def test_closing_a_frame_says_closed(desk: Desk, context: BrowserContext) -> None:
    await desk.install()
    token = await desk.link()
    page = await desk.embedding(context, f"return authenticate('{token}', {{ baseUrl }})")
    await page.get_by_role("button", name="Connect").click()
    await page.frame_locator(FRAME).get_by_role("link", name="Close").click()
    await answers(page)
    assert await told(page) == ["closed"]


async def test_a_page_instead_of_this_one_ends_at_the_return_address(
    desk: Desk, context: BrowserContext
) -> None:
    await desk.install()
    back = f"{desk.host.url}/back?order=5"
    token = await desk.link(redirect_uri=back)
    page = await desk.embedding(context, f"return authenticate('{token}', {{ baseUrl, sameWindow: true }})")
    script = f"location.href = '{desk.address(token)}'"
    await page.evaluate(script)
    await page.get_by_role("link", name="Ticketry").click()
    await enter_key(page)
    await page.wait_for_url("**/back?**")
    (row,) = await desk.accounts()
    query = f"order=5&result=success&integration=ticketry&integrated_account_id={row['id']}"
    assert page.url == f"{desk.host.url}/back?{query}"


async def allow(page: Page, answer: str = "Allow") -> None:
    await page.get_by_role("button", name=answer).click()


async def test_signing_in_at_a_provider_in_a_window(desk: Desk, context: BrowserContext, oidc: Oidc) -> None:
    await desk.install(url="", oauth=oidc.url)
    token = await desk.link()
    options = "{ baseUrl, iframe: false, authFormat: 'oauth2', integration: 'ticketry' }"
    page = await desk.embedding(context, f"return authenticate('{token}', {options})")
    popup = await popup_of(page)
    await popup.get_by_role("button", name="Continue to Ticketry").click()
    await allow(popup)
    (answer,) = await answers(page)
    assert answer["answer"]["result"] == "success"
    (row,) = await desk.accounts()
    assert (row["status"], row["authentication_method"]) == ("active", "oauth2")


async def test_signing_in_at_a_provider_from_a_frame(desk: Desk, context: BrowserContext, oidc: Oidc) -> None:
    await desk.install(url="", oauth=oidc.url)
    token = await desk.link()
    options = "{ baseUrl, authFormat: 'oauth2', integration: 'ticketry' }"
    page = await desk.embedding(context, f"return authenticate('{token}', {options})")
    await page.get_by_role("button", name="Connect").click()
    frame = page.frame_locator(FRAME)
    async with context.expect_page() as opened:
        await frame.get_by_role("button", name="Continue to Ticketry").click()
    child = await opened.value
    await expect(frame.get_by_role("heading", name="Waiting for Ticketry")).to_be_visible()
    await allow(child)
    (answer,) = await answers(page)
    assert answer["answer"]["result"] == "success"
    assert len(await told(page)) == 1
    assert child.is_closed()


async def test_what_a_person_denies_can_be_tried_again_or_told(
    desk: Desk, context: BrowserContext, oidc: Oidc
) -> None:
    await desk.install(url="", oauth=oidc.url)
    token = await desk.link()
    options = "{ baseUrl, iframe: false, authFormat: 'oauth2', integration: 'ticketry' }"
    page = await desk.embedding(context, f"return authenticate('{token}', {options})")
    popup = await popup_of(page)
    await popup.get_by_role("button", name="Continue to Ticketry").click()
    await allow(popup, "Deny")
    await expect(popup.get_by_role("alert")).to_have_text("Access was not granted.")
    await popup.get_by_role("button", name="Try again").click()
    await allow(popup, "Deny")
    await expect(popup.get_by_role("alert")).to_have_text("Access was not granted.")
    assert await told(page) == []
    await popup.get_by_role("link", name="Close").click()
    (answer,) = await answers(page)
    error: dict[str, Any] = answer["error"]
    assert (error["error_type"], error["message"]) == ("connection_error", "Access was not granted.")
    assert "integrated_account_id" not in error
    assert await desk.accounts() == []
