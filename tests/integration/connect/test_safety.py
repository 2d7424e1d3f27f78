"""What keeps the pages to themselves, request by request: each rule fails one of these without it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from isthmus.config import Settings
from tests.integration.connect.desk import Desk
from tests.integration.connect.product import KEY

CSRF = re.compile(r'name="_csrf" value="([^"]+)"')


@dataclass
class Reply:
    status: int
    headers: Any
    text: str

    @property
    def location(self) -> str:
        return str(self.headers["location"])


class Tab:
    """A browser without a mind: it keeps cookies by hand, and follows nothing."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.cookies: dict[str, str] = {}
        self.set: list[str] = []
        self._http = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())

    async def call(self, verb: str, path: str, **options: Any) -> Reply:
        headers = {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        headers |= options.pop("headers", {})
        url = path if path.startswith("http") else self.desk.server.url + path
        async with self._http.request(
            verb, url, headers=headers, allow_redirects=False, **options
        ) as response:
            self.set = response.headers.getall("set-cookie", [])
            for line in self.set:
                for name, morsel in SimpleCookie(line).items():
                    self.cookies[name] = morsel.value
            return Reply(response.status, response.headers, await response.text())

    async def get(self, path: str, **options: Any) -> Reply:
        return await self.call("GET", path, **options)

    async def open(self, token: str, parameters: str = "", **options: Any) -> Reply:
        """The page that a link leads to."""
        first = await self.get(f"/connect-account?link_token={token}{parameters}", **options)
        assert first.status == 303, first.text
        return await self.get(first.location)

    async def send(self, page: Reply, path: str, **options: Any) -> Reply:
        """The form of a page. `values`, `headers`."""
        found = CSRF.search(page.text)
        values = {"_csrf": found[1] if found else "", **options.pop("values", {})}
        return await self.call("POST", path, data=values, **options)

    async def close(self) -> None:
        await self._http.close()


@pytest.fixture
async def tab(desk: Desk) -> AsyncIterator[Tab]:
    tab = Tab(desk)
    yield tab
    await tab.close()


@pytest.fixture
async def other(desk: Desk) -> AsyncIterator[Tab]:
    tab = Tab(desk)
    yield tab
    await tab.close()


FORM = "/connect-account/integration/ticketry/api_key?session={}"
VALUES = {"subdomain": "acme", "api_key": KEY}


def session_in(cookies: dict[str, str], location: str) -> str:
    identity = parse_qs(urlsplit(location).query)["session"][0]
    assert f"connect_{identity[:8]}" in cookies
    return identity


async def begin(tab: Tab, **values: Any) -> tuple[Reply, str]:
    """The form of the one product, and the session."""
    await tab.desk.install()
    first = await tab.get(f"/connect-account?link_token={await tab.desk.link(**values)}&integration=ticketry")
    return await tab.get(first.location), session_in(tab.cookies, first.location)


async def test_a_token_leaves_the_address_and_a_session_is_a_cookie(tab: Tab) -> None:
    token = await tab.desk.link()
    first = await tab.get(f"/connect-account?link_token={token}&no_back=true")
    assert first.status == 303
    assert token not in first.location
    (cookie,) = tab.set
    assert {"HttpOnly", "SameSite=lax", "Path=/connect-account"} <= set(cookie.split("; "))
    assert "Partitioned" not in cookie


async def test_a_frame_has_a_cookie_of_its_own(tab: Tab) -> None:
    token = await tab.desk.link()
    await tab.get(f"/connect-account?link_token={token}", headers={"sec-fetch-dest": "iframe"})
    (cookie,) = tab.set
    assert {"HttpOnly", "Secure", "SameSite=none", "Partitioned"} <= set(cookie.split("; "))


async def test_windows_side_by_side_keep_their_own_sessions(tab: Tab) -> None:
    await tab.desk.install()
    pages = [await tab.get(f"/connect-account?link_token={await tab.desk.link()}") for _ in range(2)]
    assert len(tab.cookies) == 2
    for page in pages:
        assert (await tab.get(page.location)).status == 200


async def test_a_session_is_nobody_elses(tab: Tab, other: Tab) -> None:
    page, session = await begin(tab)
    assert (await other.get(f"/connect-account?session={session}")).status == 410
    sent = await other.send(page, FORM.format(session), values=VALUES)
    assert sent.status == 410
    assert await tab.desk.accounts() == []


@pytest.mark.parametrize(
    "headers",
    [{"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"origin": "https://elsewhere.test"}],
)
async def test_a_form_of_another_page_is_refused(tab: Tab, headers: dict[str, str]) -> None:
    page, session = await begin(tab)
    sent = await tab.send(page, FORM.format(session), values=VALUES, headers=headers)
    assert sent.status == 403
    assert await tab.desk.accounts() == []


async def test_a_form_without_the_pages_secret_is_refused(tab: Tab) -> None:
    page, session = await begin(tab)
    for path in (FORM, "/connect-account?session={}", "/connect-account/post-connect?session={}"):
        sent = await tab.send(page, path.format(session), values={**VALUES, "_csrf": "guessed"})
        assert sent.status == 403, path
    assert await tab.desk.accounts() == []


@pytest.mark.parametrize("headers", [{"origin": "null", "sec-fetch-site": "same-origin"}, {}])
async def test_a_form_of_the_page_is_taken_as_text_or_json(tab: Tab, headers: dict[str, str]) -> None:
    page, session = await begin(tab)
    sent = await tab.send(page, FORM.format(session), values=VALUES, headers=headers)
    assert sent.status == 303
    assert len(await tab.desk.accounts()) == 1


async def test_a_form_is_taken_as_json(tab: Tab) -> None:
    page, session = await begin(tab)
    found = CSRF.search(page.text)
    assert found is not None
    sent = await tab.call("POST", FORM.format(session), json={**VALUES, "_csrf": found[1]})
    assert sent.status == 303
    assert len(await tab.desk.accounts()) == 1


async def test_every_page_has_its_headers(tab: Tab) -> None:
    page, session = await begin(tab)
    problem = await tab.get("/connect-account?link_token=isth_nothing")
    for each in (page, problem, await tab.get(f"/connect-account/done?session={session}")):
        policy = each.headers["content-security-policy"]
        assert re.fullmatch(
            r"default-src 'none'; script-src 'self' 'nonce-[\w-]+'; style-src 'self'; "
            r"img-src 'self' https: data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
            r"frame-ancestors \*",
            policy,
        )
        assert each.headers["referrer-policy"] == "no-referrer"
        assert each.headers["cache-control"] == "no-store"
        assert each.headers["x-content-type-options"] == "nosniff"
        assert "x-frame-options" not in each.headers
        assert "cross-origin-opener-policy" not in each.headers
        assert "strict-transport-security" not in each.headers  # not over http


async def test_a_trip_is_never_framed(tab: Tab) -> None:
    for path in ("start?ticket=none", "callback?state=none&code=c"):
        page = await tab.get(f"/connect-account/{path}")
        assert page.status == 400
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert "data-ending" not in page.text


async def test_only_origins_that_are_listed_embed_the_page_and_hear_of_it(tab: Tab) -> None:
    (environment,) = (await tab.desk.server.ok("GET", "/environment"))["result"]
    settings = {"embedding_origins": ["https://app.example.com", "https://two.example.com"]}
    await tab.desk.server.ok("PATCH", f"/environment/{environment['id']}", json={"settings": settings})
    page = await tab.open(await tab.desk.link())
    policy = page.headers["content-security-policy"]
    assert policy.endswith("frame-ancestors https://app.example.com https://two.example.com")
    assert "https://two.example.com" in page.text
    status, body = await tab.desk.server.call(
        "PATCH",
        f"/environment/{environment['id']}",
        json={"settings": {"embedding_origins": ["app; script-src *"], "connect_theme": {"accent": "red"}}},
    )
    assert status == 400
    assert [each["path"] for each in body["details"]["failures"]] == [
        "settings.embedding_origins",
        "settings.connect_theme.accent",
    ]


async def test_what_a_provider_says_is_text(tab: Tab) -> None:
    await tab.desk.install(url="", oauth="http://127.0.0.1:9")
    page = await tab.open(await tab.desk.link(), "&integration=ticketry&auth_format=oauth2")
    session = next(iter(re.findall(r"session=([0-9a-f-]{36})", page.text)))
    left = await tab.send(page, f"/connect-account/integration/ticketry/oauth2?session={session}")
    ticket = re.search(r'href="([^"]*ticket=[^"]*)"', left.text)
    assert ticket is not None
    start = await tab.get(ticket[1].replace("&amp;", "&"))
    state = parse_qs(urlsplit(start.location).query)["state"][0]
    said = "<script>alert(1)</script>" + "x" * 600
    back = await tab.get(
        "/connect-account/callback", params={"state": state, "error": "e", "error_description": said}
    )
    shown = await tab.get(back.location)
    assert "<script>alert" not in shown.text
    assert "&lt;script&gt;alert(1)" in shown.text
    assert "x" * 500 not in shown.text


async def test_an_answer_that_comes_to_another_browser_connects_nothing(tab: Tab, other: Tab) -> None:
    await tab.desk.install(url="", oauth="http://127.0.0.1:9")
    page = await tab.open(await tab.desk.link(), "&integration=ticketry&auth_format=oauth2")
    session = next(iter(re.findall(r"session=([0-9a-f-]{36})", page.text)))
    left = await tab.send(page, f"/connect-account/integration/ticketry/oauth2?session={session}")
    ticket = re.search(r'href="([^"]*ticket=[^"]*)"', left.text)
    assert ticket is not None
    address = ticket[1].replace("&amp;", "&")
    start = await tab.get(address)
    assert "connect_trip" in tab.cookies
    assert (await other.get(address)).status == 400  # a ticket is good once
    state = parse_qs(urlsplit(start.location).query)["state"][0]
    callback = f"/connect-account/callback?state={state}&code=c"
    assert (await other.get(callback)).status == 403
    assert (await tab.get(callback)).status == 400  # the state is used up
    assert await tab.desk.accounts() == []


async def test_what_a_product_says_of_a_failure_is_cut_short(tab: Tab) -> None:
    page, session = await begin(tab)
    tab.desk.product.refusal = "No: <b>locked</b>" + "y" * 600
    await tab.send(page, FORM.format(session), values={**VALUES, "api_key": "wrong-key-0123456789"})
    for _ in range(200):
        shown = await tab.get(f"/connect-account?session={session}")
        if 'data-place="problem"' in shown.text:
            break
        await asyncio.sleep(0.05)
    assert "No: &lt;b&gt;locked&lt;/b&gt;yyy" in shown.text
    assert "y" * 500 not in shown.text


async def test_choices_of_a_product_are_text_and_cut_short(tab: Tab) -> None:
    await tab.desk.install(form=True)
    tab.desk.product.first_team = "<img src=x onerror=alert(1)>" + "z" * 600
    _, token = await tab.desk.account("ticketry")
    first = await tab.get(f"/connect-account/post-connect?integrated_account_session_token={token}")
    assert token not in first.location
    shown = await tab.get(first.location)
    assert "&lt;img src=x onerror=alert(1)&gt;zzz" in shown.text
    assert "<img src=x" not in shown.text
    assert "z" * 500 not in shown.text


@pytest.mark.parametrize("path", ["/connect-account/callback", FORM])
async def test_a_form_that_is_none_is_refused(tab: Tab, path: str) -> None:
    _, session = await begin(tab)
    headers = {"content-type": "multipart/form-data"}  # and no boundary
    sent = await tab.call("POST", path.format(session), data=b"--b\r\nnothing", headers=headers)
    assert sent.status == 400
    assert "could not be read" in sent.text


async def test_a_link_is_opened_only_so_often(tab: Tab) -> None:
    token = await tab.desk.link()
    statuses = [(await tab.get(f"/connect-account?link_token={token}")).status for _ in range(40)]
    assert statuses[:30] == [303] * 30
    assert set(statuses[30:]) == {429}
    assert (await tab.get(f"/connect-account?link_token={await tab.desk.link()}")).status == 303


async def test_looking_ahead_uses_nothing_up(tab: Tab) -> None:
    token = await tab.desk.link()
    assert (await tab.call("HEAD", f"/connect-account?link_token={token}")).status == 405


async def test_scripts_are_for_pages_of_any_origin(tab: Tab, settings: Settings) -> None:
    for name in ("link.js", "link.d.ts", "jsonata.js"):
        file = await tab.get(f"/sdk/{name}")
        assert (file.status, file.headers["access-control-allow-origin"]) == (200, "*")
    for path in ("/sdk/package.json", "/sdk/..%2Fpyproject.toml", "/connect-account/logos/..%2F..%2Fx.svg"):
        assert (await tab.get(path)).status == 404
    assert (await tab.get("/connect-account/logos/jira.svg")).status == 200
