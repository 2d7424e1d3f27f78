"""File pickers of the embedding script, against pages that speak the vendors' protocols."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, Route, expect

from tests.integration.connect.desk import Desk, answers

pytestmark = pytest.mark.walk(of="folder", share=0.15)

PICKER = """<!doctype html><title>Picker</title><button id="pick">Pick</button><script>
const { messaging } = JSON.parse(new URLSearchParams(location.search).get("filePicker"));
const channel = new MessageChannel();
channel.port1.onmessage = ({ data }) => {
  if (data.type !== "activate") return;
  document.getElementById("pick").onclick = () => channel.port1.postMessage({ type: "command", id: "1",
    data: { command: "pick", items: [{ id: "a", size: 1 }, { id: "b", size: 2 }, { id: "a", size: 3 }] } });
};
opener.postMessage({ type: "initialize", channelId: messaging.channelId }, messaging.origin, [channel.port2]);
</script>"""
GOOGLE = """window.gapi = {
  load: (names, done) => { window.loaded = names; setTimeout(done); },
  client: { load: async (address) => { window.discovered = address; } },
};
window.calls = [];
class Noting { // each setter: its name and arguments, and itself to go on with
  constructor(...args) {
    window.calls.push([this.constructor.name, ...args]);
    return new Proxy(this, { get: (of, name, proxy) => of[name] ?? ((...sent) => {
      window.calls.push([name, ...sent.filter((each) => !(each instanceof Noting))]);
      return proxy;
    }) });
  }
}
class DocsView extends Noting {}
class PickerBuilder extends Noting {
  setCallback(heard) { PickerBuilder.heard = heard; }
  build() { return { setVisible: () => offers.forEach(offer) }; }
}
const offers = [["picked", [{ id: "g1" }, { id: "g2" }]], ["cancel"]];
function offer([action, docs]) {
  const button = Object.assign(document.createElement("button"), { textContent: action });
  button.onclick = () => ["loaded", action].forEach((each) => PickerBuilder.heard({ action: each, docs }));
  document.body.append(button);
}
window.google = { picker: {
  PickerBuilder, DocsView, ViewId: { DOCS: "all" }, Action: { PICKED: "picked", CANCEL: "cancel" },
  Feature: { MULTISELECT_ENABLED: "multi", NAV_HIDDEN: "no-nav" },
} };"""
BOX = """window.Box = { FilePicker: class {
  heard = {};
  addListener(name, heard) { this.heard[name] = heard; }
  hide() { window.hidden = true; }
  show(folder, token, options) {
    window.shown = { folder, token, options: { ...options, maxSelectable: String(options.maxSelectable) } };
    const place = document.querySelector(options.container);
    for (const [name, items] of [["choose", [{ id: "b1", type: "file" }]], ["cancel"]]) {
      const button = Object.assign(document.createElement("button"), { textContent: name });
      button.onclick = () => this.heard[name](items);
      place.append(button);
    }
  }
} };"""
DROPINS = "https://www.dropbox.com/static/api/2/dropins.js"


async def token_of(desk: Desk, **context: Any) -> tuple[str, str]:
    """An account, and a token of it."""
    await desk.install()
    return await desk.account("ticketry", **context)


async def stored_items(desk: Desk, account_id: str) -> Any:
    return (await desk.server.ok("GET", f"/integrated-account/{account_id}"))["context"]["drive_items"]


async def test_a_picker_in_a_window_keeps_what_was_picked(desk: Desk, context: BrowserContext) -> None:
    desk.host.files["/_layouts/15/FilePicker.aspx"] = (PICKER, "text/html")
    account, token = await token_of(desk, rootSiteUrl=desk.host.url)
    config = "{ trutoExpression: '$map($, function($each) { { \"id\": $each.id } })' }"
    page = await desk.embedding(context, f"return showFilePicker('sharepoint', '{token}', {config})")
    async with page.expect_popup() as opened:
        await page.get_by_role("button", name="Connect").click()
    child = await opened.value
    await child.get_by_role("button", name="Pick").click()
    (answer,) = await answers(page)
    assert answer == {"answer": [{"id": "a"}, {"id": "b"}]}
    assert child.is_closed()
    assert await stored_items(desk, account) == [{"id": "a"}, {"id": "b"}]


async def test_what_was_picked_before_is_added_to(desk: Desk, context: BrowserContext) -> None:
    old = [{"id": "a", "name": "old"}, {"id": "z", "name": "kept"}]
    account, token = await token_of(desk, drive_items=old)
    config = "{ appKey: 'k', truto_upsert_drive_items: true }"
    page = await desk.embedding(context, f"return showFilePicker('dropbox', '{token}', {config})")
    await page.evaluate(
        f"""const script = document.createElement("script");
        Object.assign(script, {{ type: "none", src: "{DROPINS}" }});
        script.dataset.loaded = "true";
        document.head.append(script);
        window.Dropbox = {{ isBrowserSupported: () => true,
          choose: (options) => options.success([{{ id: "a", name: "new", how: options.linkType }}]) }};"""
    )
    await page.get_by_role("button", name="Connect").click()
    (answer,) = await answers(page)
    assert answer == {"answer": [{"id": "a", "name": "new", "how": "preview"}]}
    assert await stored_items(desk, account) == [
        {"id": "a", "name": "new", "how": "preview"},
        {"id": "z", "name": "kept"},
    ]


async def test_a_name_without_a_picker_has_none(desk: Desk, context: BrowserContext) -> None:
    page = await desk.embedding(
        context, "return Promise.resolve(showFilePicker('nothing', 't') === undefined)"
    )
    await page.get_by_role("button", name="Connect").click()
    assert await answers(page) == [{"answer": True}]


async def vendor(page: Page, pattern: str, script: str) -> list[str]:
    """Answers in a vendor's place, as this machine reaches nobody. The addresses that were asked for."""
    asked: list[str] = []

    async def answer(route: Route) -> None:
        asked.append(route.request.url)
        kind = "text/css" if route.request.url.endswith(".css") else "text/javascript"
        await route.fulfill(body="" if kind == "text/css" else script, content_type=kind)

    await page.route(pattern, answer)
    return asked


async def pick(page: Page, name: str) -> Any:
    await page.get_by_role("button", name="Connect").click()
    await page.get_by_role("button", name=name).click()
    (answer,) = await answers(page)
    await page.evaluate("window.answers = []")
    return answer


OAUTH = {"oauth": {"token": {"access_token": "at-of-the-account"}}}


async def test_googles_picker_is_shown_with_the_accounts_token(desk: Desk, context: BrowserContext) -> None:
    account, token = await token_of(desk, **OAUTH)
    config = """{ appId: "app-1", developerKey: "dev-1", locale: "de", maxItems: 5, origin: "https://a.test",
      selectableMimeTypes: ["text/plain", "image/png"], size: { width: 700, height: 500 },
      disableFeature: "NAV_HIDDEN", views: [{ viewId: "DOCS", mimeTypes: "text/plain", parent: "root" }] }"""
    page = await desk.embedding(context, f"return showFilePicker('googledrive', '{token}', {config})")
    asked = await vendor(page, "https://*.google.com/**", GOOGLE)
    assert await pick(page, "picked") == {"answer": [{"id": "g1"}, {"id": "g2"}]}
    assert asked == ["https://apis.google.com/js/api.js", "https://accounts.google.com/gsi/client"]
    assert await page.evaluate("loaded") == "client:picker"
    calls = await page.evaluate("calls")
    for call in (
        ["setOAuthToken", "at-of-the-account"],
        ["enableFeature", "multi"],
        ["disableFeature", "no-nav"],
        ["setTitle", "Select files"],
        ["setAppId", "app-1"],
        ["setDeveloperKey", "dev-1"],
        ["setLocale", "de"],
        ["setMaxItems", 5],
        ["setOrigin", "https://a.test"],
        ["setSelectableMimeTypes", "text/plain,image/png"],
        ["setSize", 700, 500],
        ["DocsView", "all"],
        ["setMimeTypes", "text/plain"],
        ["setParent", "root"],
    ):
        assert call in calls, call
    assert (
        len([call for call in calls if call[0] == "addView"]) == 1
    )  # a list takes the place of the usual one
    assert await stored_items(desk, account) == [{"id": "g1"}, {"id": "g2"}]


async def test_googles_picker_has_two_views_and_can_be_left(desk: Desk, context: BrowserContext) -> None:
    _, token = await token_of(desk, **OAUTH, drive_items=[{"id": "kept"}])
    page = await desk.embedding(context, f"return showFilePicker('google', '{token}', {{ appId: 'app-1' }})")
    await vendor(page, "https://*.google.com/**", GOOGLE)
    assert (await pick(page, "cancel"))["error"]["message"] == "User cancelled file selection"
    calls = await page.evaluate("calls")
    assert [call for call in calls if call[0] == "DocsView"] == [["DocsView", "all"], ["DocsView"]]
    assert [call for call in calls if call[0] == "setEnableDrives"] == [["setEnableDrives", True]]


async def test_the_box_picker_lies_over_the_page(desk: Desk, context: BrowserContext) -> None:
    account, token = await token_of(desk, **OAUTH, folderId="77")
    config = '{ extensions: ["pdf"], canUpload: false }'
    page = await desk.embedding(context, f"return showFilePicker('box', '{token}', {config})")
    asked = await vendor(page, "https://cdn01.boxcdn.net/**", BOX)
    assert await pick(page, "choose") == {"answer": [{"id": "b1", "type": "file"}]}
    elements = "https://cdn01.boxcdn.net/platform/elements/23.0.0/en-US/picker"
    assert sorted(asked) == [f"{elements}.css", f"{elements}.js"]
    shown = await page.evaluate("shown")
    assert (shown["folder"], shown["token"]) == ("77", "at-of-the-account")
    assert {
        name: shown["options"][name] for name in ("extensions", "canUpload", "maxSelectable", "logoUrl")
    } == {
        "extensions": ["pdf"],
        "canUpload": False,
        "maxSelectable": "Infinity",
        "logoUrl": "box",
    }
    await expect(page.locator("#truto-box-picker-container")).to_have_count(0)
    assert await page.evaluate("hidden")
    assert await stored_items(desk, account) == [{"id": "b1", "type": "file"}]


async def test_the_box_picker_that_is_left_keeps_what_there_was(desk: Desk, context: BrowserContext) -> None:
    account, token = await token_of(desk, **OAUTH, drive_items=[{"id": "kept"}])
    page = await desk.embedding(context, f"return showFilePicker('box', '{token}')")
    await vendor(page, "https://cdn01.boxcdn.net/**", BOX)
    assert (await pick(page, "cancel"))["error"]["message"] == "User cancelled file selection"
    assert (await page.evaluate("shown.folder")) == "0"
    await expect(page.locator("#truto-box-picker-container")).to_have_count(0)
    assert await stored_items(desk, account) == [{"id": "kept"}]
