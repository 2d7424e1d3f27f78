"""Each screen, small and wide, light and dark: axe-core finds nothing to mend, and nothing sticks out. A run
without `--matrix` draws one of the four looks for each test.

With ISTHMUS_SHOTS=directory, pictures of them are kept there.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

import pytest
from playwright.async_api import BrowserContext, Frame, Page, expect

from tests.fakes.oidc import Oidc
from tests.integration.connect.desk import Desk, ended, enter_key
from tests.integration.connect.embedded import allow
from tests.selection import Walk

pytestmark = pytest.mark.walk(of="folder", share=0.15)

SIZES = {360: 740, 1280: 800}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_AXE = """axe.run(document, {resultTypes: ['violations']}).then(({violations}) =>
  violations.map(({id, nodes}) => id + ': ' + nodes.map(({html}) => html).join(' ')))"""


class Eye:
    """Looks at screens. `seen`: their names."""

    def __init__(self, npm: Path, walk: Walk) -> None:
        self._axe = (npm / "axe-core" / "axe.min.js").read_text()
        looks = [(scheme, size) for scheme in SCHEMES for size in SIZES.items()]
        self._looks = walk.draw(looks, share=0.25)
        self._shots = os.environ.get("ISTHMUS_SHOTS")
        self.seen: list[str] = []

    async def look(self, page: Page, name: str, frame: Frame | None = None) -> None:
        where = frame or page.main_frame
        found: dict[str, Any] = {}
        await where.evaluate(self._axe)
        for scheme, (width, height) in self._looks:
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            await page.set_viewport_size({"width": width, "height": height})
            mark = f"{name}-{width}-{scheme}"
            if violations := await where.evaluate(_AXE):
                found[mark] = violations
            wide = await where.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{mark} sticks out by {wide} pixels"
            if self._shots:
                await page.screenshot(path=Path(self._shots) / f"{mark}.png")
        assert found == {}
        self.seen.append(name)


@pytest.fixture
def eye(npm: Path, walk: Walk) -> Eye:
    return Eye(npm, walk)


async def test_each_screen_of_a_connection_by_key(desk: Desk, context: BrowserContext, eye: Eye) -> None:
    await desk.install(form=True, oauth="http://127.0.0.1:9")
    for name in ("brambleworks", "cloudberry", "duskline", "everfield"):
        await desk.install(name)
    page = await desk.open(context)
    await expect(page.get_by_role("link", name="Ticketry")).to_be_visible()
    await eye.look(page, "pick")
    await page.get_by_label("Search").fill("dusk")
    await expect(page.get_by_role("link", name="Ticketry")).to_be_hidden()
    await page.get_by_label("Search").fill("ticket")
    await page.get_by_role("link", name="Ticketry").click()
    await eye.look(page, "method")
    await page.get_by_role("link", name="API key").click()
    await eye.look(page, "form")
    await page.locator("form.fields").evaluate("form => form.noValidate = true")
    await enter_key(page, key="", subdomain="Not One")
    await expect(page.get_by_text("Please fill this in.")).to_be_visible()
    await eye.look(page, "form-wrong")
    await enter_key(page, key="wrong-key-0123456789")
    await expect(page.get_by_role("alert")).to_contain_text("The key is not known.")
    await eye.look(page, "problem")
    desk.product.gate.clear()
    await page.get_by_role("button", name="Try again").click()
    await enter_key(page)
    await expect(page.locator("body[data-place=validation]")).to_be_visible()
    await eye.look(page, "progress")
    desk.product.gate.set()
    await expect(page.get_by_role("button", name="Save")).to_be_visible()
    await eye.look(page, "rapidform")
    await page.get_by_label("Sales").check()
    await page.get_by_role("button", name="Load more").click()
    await page.get_by_label("Support").check()
    await page.get_by_label("Board").select_option("t1,t3-b")
    await page.get_by_label("Days to look back").fill("a month")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("It must be a number.")).to_be_visible()
    await expect(page.get_by_label("Support")).to_be_checked()
    await eye.look(page, "rapidform-wrong")
    await page.get_by_label("Days to look back").fill("14")
    await page.get_by_role("button", name="Save").click()
    await ended(page)
    await eye.look(page, "done")
    (row,) = await desk.accounts()
    assert row["context"]["teams"] == ["t1", "t3"]
    assert (row["context"]["board"], row["context"]["days"]) == ("t1,t3-b", 14)


async def test_each_screen_of_a_link_that_is_none(desk: Desk, context: BrowserContext, eye: Eye) -> None:
    page = await context.new_page()
    await page.goto(desk.address("isth_nothing"))
    await eye.look(page, "invalid")
    await page.goto(f"{desk.server.url}/connect-account/callback?state=none&code=none")
    await eye.look(page, "trip-refused")
    await desk.install()
    page = await desk.open(context)
    await page.get_by_role("link", name="Close").click()
    await eye.look(page, "closed")


async def test_each_screen_of_what_goes_wrong(desk: Desk, context: BrowserContext, eye: Eye) -> None:
    await desk.install(form=True)
    page = await desk.open(context, integrations="nothing")
    await eye.look(page, "pick-empty")
    page = await desk.open(context, integration="nothing")
    await eye.look(page, "not-installed")
    page = await desk.open(context, integration="ticketry")
    other = await context.browser.new_page()  # type: ignore[union-attr]  # a context of a browser
    await other.goto(page.url)
    await eye.look(other, "another-browser")
    await other.close()
    await enter_key(page, key="wrong-key-0123456789")
    await expect(page.get_by_role("alert")).to_contain_text("The key is not known.")
    await page.get_by_role("link", name="Close").click()
    await eye.look(page, "ended-error")
    used = await desk.link(redirect_uri=f"{desk.host.url}/back")
    page = await context.new_page()
    await page.goto(desk.address(used, integration="ticketry"))
    await enter_key(page)
    await page.get_by_role("link", name="Skip").click()
    await page.wait_for_url("**/back?**")
    await page.goto(desk.address(used))
    await eye.look(page, "used")


async def test_each_screen_of_an_accounts_form_alone(desk: Desk, context: BrowserContext, eye: Eye) -> None:
    await desk.install(form=True)
    account, _ = await desk.account("ticketry", teams=["t2"], days=90)
    sent = {"integrated_account_id": account}
    page = await context.new_page()
    told = quote(json.dumps({"days": {"message": "Your plan sets this."}}))
    locked = quote(json.dumps({"teams": {"message": "Ask your administrator to take a team away."}}))
    query = f"truto_disabled_fields={told}&truto_prevent_deselect={locked}"
    for name in ("rapidform-alone", "rapidform-failed"):
        token = (await desk.server.ok("POST", "/integrated-account/token", json=sent))["token"]
        path = f"/connect-account/post-connect?integrated_account_session_token={token}&{query}"
        await page.goto(desk.server.url + path)
        await eye.look(page, name)
        desk.product.is_down = True
    await expect(page.get_by_role("alert")).to_contain_text("could not be fetched")


async def test_each_screen_of_a_trip(desk: Desk, context: BrowserContext, oidc: Oidc, eye: Eye) -> None:
    await desk.install(url="", oauth=oidc.url)
    page = await desk.open(context, integration="ticketry", auth_format="oauth2")
    await eye.look(page, "sign-in")
    away = "**/connect-account/start?**"
    await page.route(away, lambda route: route.fulfill(status=204))  # stays where it is
    await page.get_by_role("button", name="Continue to Ticketry").click()
    await expect(page.get_by_role("heading", name="Taking you to Ticketry")).to_be_visible()
    await eye.look(page, "leaving")
    await page.unroute(away)
    await page.get_by_role("link", name="Continue").click()
    await allow(page, "Deny")
    await expect(page.get_by_role("alert")).to_have_text("Access was not granted.")
    await eye.look(page, "denied")


async def test_each_screen_of_a_trip_from_a_frame(
    desk: Desk, context: BrowserContext, oidc: Oidc, eye: Eye
) -> None:
    await desk.install(url="", oauth=oidc.url)
    token = await desk.link()
    options = "{ baseUrl, authFormat: 'oauth2', integration: 'ticketry' }"
    page = await desk.embedding(context, f"return authenticate('{token}', {options})")
    await page.get_by_role("button", name="Connect").click()
    await page.frame_locator("iframe").get_by_role("button", name="Continue to Ticketry").wait_for()
    frame = page.frames[1]
    await eye.look(page, "frame-form", frame)
    async with context.expect_page() as opened:
        await frame.get_by_role("button", name="Continue to Ticketry").click()
    child = await opened.value
    await expect(frame.get_by_role("heading", name="Waiting for Ticketry")).to_be_visible()
    await eye.look(page, "frame-away", frame)
    await child.route("**/assets/connect.js?**", lambda route: route.abort())  # or it closes itself
    await allow(child, "Deny")
    await expect(child.get_by_role("heading", name="You can close this window")).to_be_visible()
    await eye.look(child, "returned")
    await child.close()
    await frame.get_by_role("alert").wait_for()
    await frame.evaluate("window.open = () => null")  # a browser that opens no window
    await frame.get_by_role("button", name="Try again").click()
    await expect(frame.get_by_role("heading", name="Continue to Ticketry")).to_be_visible()
    await eye.look(page, "frame-leaving", frame)


async def test_an_environment_has_its_own_look(desk: Desk, context: BrowserContext, eye: Eye) -> None:
    (environment,) = (await desk.server.ok("GET", "/environment"))["result"]
    theme = {"name": "Harrowgate", "accent": "#ffd54a", "accent_dark": "#7c4dff", "radius": 2}
    path = f"/environment/{environment['id']}"
    await desk.server.ok("PATCH", path, json={"settings": {"connect_theme": theme}})
    await desk.install()
    page = await desk.open(context, integration="ticketry")
    button = page.get_by_role("button", name="Connect")
    await expect(button).to_have_css("background-color", "rgb(255, 213, 74)")
    await expect(button).to_have_css("color", "rgb(0, 0, 0)")
    await expect(page.get_by_text("Harrowgate")).to_be_visible()
    await eye.look(page, "theme")
