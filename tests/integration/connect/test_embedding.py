"""The flow inside a customer's page: in a window, in a frame, instead of the page. What the customer learns
is the same in each."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.async_api import BrowserContext, Page, expect
from sqlalchemy import update

from isthmus.db.tables import link_token
from tests.fakes.oauth1 import OAuth1
from tests.fakes.oidc import Oidc
from tests.integration.connect.desk import Desk, click_away, enter_key, told
from tests.integration.connect.embedded import (
    FRAME,
    MODES,
    WAYS,
    allow,
    connect,
    embed,
    install_all,
    link_for,
)

pytestmark = pytest.mark.walk(of="folder", share=0.15)
EACH = pytest.mark.parametrize("mode", MODES)

USED = "This link was used already. Ask for a new one where you got it."
EXPIRED = "This link has expired. Ask for a new one where you got it."


@EACH
async def test_each_way_to_connect_leads_to_an_account_that_works(
    mode: str, desk: Desk, context: BrowserContext, oidc: Oidc, oauth1: OAuth1
) -> None:
    await install_all(desk, oidc, oauth1)
    for slug, format in WAYS:
        flow = await embed(desk, context, mode, integration=slug, authFormat=format)
        await connect(flow, slug, format)
        outcome = await flow.outcome()
        account = outcome.pop("integrated_account_id")
        assert outcome == {"result": "success", "integration": slug}, format
        row = await desk.server.ok("GET", f"/integrated-account/{account}")
        assert (row["status"], row["authentication_method"]) == ("active", format)
        await flow.host.close()
    assert len(await desk.accounts()) == 5
    assert {path for path, is_right in oauth1.seen if is_right} == {
        "/request_token",
        "/access_token",
        "/tickets",
    }


@EACH
async def test_a_choice_leads_to_one_message(mode: str, desk: Desk, context: BrowserContext) -> None:
    await desk.install()
    flow = await embed(desk, context, mode)
    await flow.where.get_by_role("link", name="Ticketry").click()
    if mode != "page":
        assert await told(flow.host) == []
    await enter_key(flow.where)
    outcome = await flow.outcome()
    (row,) = await desk.accounts()
    assert outcome == {
        "result": "success",
        "integration": "ticketry",
        "integrated_account_id": row["id"],
    }
    if mode != "page":
        assert await told(flow.host) == [{"is_truto": True, **outcome}]
        await expect(flow.host.locator(FRAME)).to_have_count(0)
    if mode == "window":
        assert isinstance(flow.where, Page)
        assert flow.where.is_closed()


@EACH
async def test_a_page_that_is_closed_says_so(mode: str, desk: Desk, context: BrowserContext) -> None:
    await desk.install()
    flow = await embed(desk, context, mode)
    await click_away(flow.where.get_by_role("link", name="Close"))
    assert await flow.outcome() == {"result": "closed"}
    if mode != "page":
        assert await told(flow.host) == (["closed"] if mode == "frame" else [])
    assert await desk.accounts() == []


async def test_a_window_that_the_person_closes_gives_no_message(desk: Desk, context: BrowserContext) -> None:
    await desk.install()
    flow = await embed(desk, context, "window", integration="ticketry")
    assert isinstance(flow.where, Page)
    await flow.where.close()
    assert await flow.outcome() == {"result": "closed"}
    assert await told(flow.host) == []


@EACH
async def test_what_a_person_denies_can_be_tried_again_or_told(
    mode: str, desk: Desk, context: BrowserContext, oidc: Oidc
) -> None:
    await desk.install(url="", oauth=oidc.url)
    flow = await embed(desk, context, mode, integration="ticketry", authFormat="oauth2")
    for _ in range(2):
        await allow(await flow.leave(), "Deny")
        await expect(flow.where.get_by_role("alert")).to_have_text("Access was not granted.")
    if mode != "page":
        assert await told(flow.host) == []
    await click_away(flow.where.get_by_role("link", name="Close"))
    assert await flow.outcome() == {
        "result": "error",
        "error": "Access was not granted.",
        "error_type": "connection_error",
        "integration": "ticketry",
    }
    assert await desk.accounts() == []


@EACH
async def test_a_wrong_key_can_be_mended(mode: str, desk: Desk, context: BrowserContext) -> None:
    await desk.install()
    flow = await embed(desk, context, mode, integration="ticketry")
    await enter_key(flow.where, key="wrong-key-0123456789")
    await expect(flow.where.get_by_role("alert")).to_contain_text("The key is not known.")
    await flow.where.get_by_role("button", name="Try again").click()
    await expect(flow.where.get_by_label("API key")).to_have_value("")
    await enter_key(flow.where)
    outcome = await flow.outcome()
    (row,) = await desk.accounts()
    assert (outcome["result"], outcome["integrated_account_id"]) == ("success", row["id"])
    assert row["status"] == "active"


@EACH
async def test_a_link_that_has_expired_is_told(mode: str, desk: Desk, context: BrowserContext) -> None:
    token = await link_for(desk, mode)
    database = desk.server.database
    async with database.write() as conn:
        past = database.clock.now() - timedelta(seconds=1)
        await conn.execute(update(link_token).values(expires_at=past))
    flow = await embed(desk, context, mode, token)
    await expect(flow.where.get_by_text(EXPIRED)).to_be_visible()
    await click_away(flow.where.get_by_text("Close", exact=True))
    assert await flow.outcome() == {"result": "error", "error": EXPIRED, "error_type": "invalid_token"}


@EACH
@pytest.mark.both_databases
async def test_two_windows_with_one_link_make_one_account(
    mode: str, desk: Desk, context: BrowserContext
) -> None:
    await desk.install()
    token = await link_for(desk, mode)
    first, second = [await embed(desk, context, mode, token, integration="ticketry") for _ in range(2)]
    await enter_key(second.where)
    assert (await second.outcome())["result"] == "success"
    await enter_key(first.where)
    late = await embed(desk, context, mode, token)
    for flow in (first, late):
        await expect(flow.where.get_by_text(USED)).to_be_visible()
        await click_away(flow.where.get_by_text("Close", exact=True))
        outcome = await flow.outcome()
        assert (outcome["error_type"], outcome["error"]) == ("invalid_token", USED)
    assert len(await desk.accounts()) == 1


async def test_a_frame_waits_for_the_window_of_its_provider(
    desk: Desk, context: BrowserContext, oidc: Oidc
) -> None:
    await desk.install(url="", oauth=oidc.url)
    flow = await embed(desk, context, "frame", integration="ticketry", authFormat="oauth2")
    child = await flow.leave()
    await expect(flow.where.get_by_role("heading", name="Waiting for Ticketry")).to_be_visible()
    await child.close()
    await flow.where.get_by_role("button", name="Start again").click()
    child = await flow.leave()
    await allow(child)
    assert (await flow.outcome())["result"] == "success"
    assert child.is_closed()
    assert len(await told(flow.host)) == 1


@EACH
async def test_a_provider_may_answer_with_a_form(
    mode: str, desk: Desk, context: BrowserContext, oidc: Oidc
) -> None:
    """`response_mode=form_post`: a POST from another site, with no cookie but those meant for it."""
    await desk.install(url="", oauth=oidc.url, params={"response_mode": "form_post"})
    flow = await embed(desk, context, mode, integration="ticketry", authFormat="oauth2")
    answered: list[tuple[str, str]] = []
    context.on("request", lambda sent: answered.append((sent.method, sent.url.partition("?")[0])))
    await allow(await flow.leave(), "Deny")
    await expect(flow.where.get_by_role("alert")).to_have_text("Access was not granted.")
    await allow(await flow.leave())
    assert (await flow.outcome())["result"] == "success"
    callback = f"{desk.server.url}/connect-account/callback"
    assert [verb for verb, address in answered if address == callback] == ["POST", "POST"]
