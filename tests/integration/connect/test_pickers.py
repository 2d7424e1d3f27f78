"""File pickers of the embedding script, against pages that speak the vendors' protocols."""

from __future__ import annotations

from typing import Any

from playwright.async_api import BrowserContext

from tests.integration.connect.desk import Desk, answers
from tests.integration.connect.product import KEY

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
DROPINS = "https://www.dropbox.com/static/api/2/dropins.js"


async def token_of(desk: Desk, **context: Any) -> tuple[str, str]:
    """An account, and a token of it."""
    await desk.install()
    values = {"subdomain": "acme", "api_key": KEY, **context}
    account = await desk.server.account_of("ticketry", context=values)
    sent = {"integrated_account_id": account["id"]}
    reply = await desk.server.ok("POST", "/integrated-account/token", json=sent)
    return account["id"], reply["token"]


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
