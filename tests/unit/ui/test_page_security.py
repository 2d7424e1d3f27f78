"""What keeps the pages to themselves, where no test of the whole gets to: https, and many who open them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from starlette.requests import Request
from starlette.responses import Response
from tests.fakes.clock import VirtualClock

from isthmus.connect.errors import ForgedRequest
from isthmus.connect.sessions import PageOptions, RapidOptions, Session
from isthmus.ui.page_rate_limit import PageRateLimit, TooManyPageOpens
from isthmus.ui.page_security import Site, require_own_page

SITE = Site.from_url("https://connect.example.com/base")


def session(*, is_framed: bool = False) -> Session:
    options = PageOptions(is_framed=is_framed)
    return Session(id="0b6f2c1e-0000", environment_id="e", link_id="l", csrf="c", options=options)


def test_over_https_browsers_are_told_to_stay_there() -> None:
    answer = SITE.add_page_headers(Response(), "n", framable=True)
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize("is_framed", [False, True])
def test_over_https_a_cookie_never_travels_in_clear(is_framed: bool) -> None:
    answer = Response()
    SITE.set_session_cookie(answer, session(is_framed=is_framed), "value")
    parts = set(answer.headers["set-cookie"].split("; "))
    wanted = {"SameSite=none", "Partitioned"} if is_framed else {"SameSite=lax"}
    assert {"Secure", "HttpOnly", "Path=/base/connect-account", *wanted} <= parts


@pytest.mark.parametrize(
    ("page", "rapid", "is_framed"),
    [
        (False, None, False),
        (True, None, True),
        (False, RapidOptions(), False),
        (False, RapidOptions(is_framed=True), True),
    ],
)
def test_the_page_of_either_kind_of_session_may_be_in_a_frame(
    page: bool, rapid: RapidOptions | None, is_framed: bool
) -> None:
    opened = replace(session(is_framed=page), rapid=rapid)
    answer = Response()
    SITE.set_session_cookie(answer, opened, "value")
    assert opened.is_framed is is_framed
    assert ("Partitioned" in answer.headers["set-cookie"]) is is_framed


@pytest.mark.parametrize(("by_post", "same_site"), [(True, "SameSite=none"), (False, "SameSite=lax")])
def test_the_cookie_of_a_trip_comes_back_with_a_form_only_where_one_is_asked_for(
    by_post: bool, same_site: str
) -> None:
    request, answer = Request({"type": "http", "headers": []}), Response()
    SITE.set_binding_cookie(request, answer, "value", by_post=by_post)
    assert {"Secure", "HttpOnly", same_site} <= set(answer.headers["set-cookie"].split("; "))


async def test_one_address_opens_many_links_but_not_any_number() -> None:
    clock = VirtualClock()
    opens = PageRateLimit(clock)
    for number in range(300):
        opens.count_opening("192.0.2.1", str(number))
    with pytest.raises(TooManyPageOpens):
        opens.count_opening("192.0.2.1", "another")
    opens.count_opening("192.0.2.2", "another")
    await clock.advance(60)
    opens.count_opening("192.0.2.1", "another")


async def test_one_link_opens_often_but_not_any_number_and_again_after_a_minute() -> None:
    clock = VirtualClock()
    limit = PageRateLimit(clock)
    for number in range(30):
        limit.count_opening(str(number), "token")
    with pytest.raises(TooManyPageOpens):
        limit.count_opening("another", "token")
    limit.count_opening("another", "another token")
    await clock.advance(59.999)
    with pytest.raises(TooManyPageOpens):
        limit.count_opening("another", "token")
    await clock.advance(0.001)
    limit.count_opening("another", "token")


def test_the_address_that_was_counted_longest_ago_is_forgotten_first() -> None:
    limit = PageRateLimit(VirtualClock())
    for _ in range(30):
        limit.count_opening("first", "token")
    for number in range(5_000):
        limit.count_opening(str(number), f"token {number}")
    limit.count_opening("first", "token")


def test_a_browser_is_bound_to_its_latest_requests() -> None:
    bound = "five.four.three.two.one"
    cookies = [(b"cookie", f"connect_trip={bound}".encode())]
    request, answer = Request({"type": "http", "headers": cookies}), Response()
    SITE.set_binding_cookie(request, answer, "six", by_post=False)
    assert answer.headers["set-cookie"].startswith("connect_trip=six.five.four.three.two;")
    assert "Max-Age=600" in answer.headers["set-cookie"]


def posted(**headers: str) -> Request:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": [(b"host", b"inner:8000"), *pairs]})


@pytest.mark.parametrize(
    ("headers", "is_own"),
    [
        ({"sec_fetch_site": "same-origin"}, True),
        ({"sec_fetch_site": "same-site"}, False),
        ({"sec_fetch_site": "cross-site", "origin": "https://connect.example.com"}, False),
        ({"sec_fetch_site": "none"}, False),
        ({}, True),
        ({"origin": "null"}, True),
        ({"origin": "https://connect.example.com"}, True),
        ({"origin": "http://inner:8000"}, True),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "https://connect.example.com.evil.example"}, False),
        ({"origin": ""}, False),
    ],
)
def test_a_form_comes_from_a_page_of_this_site(headers: dict[str, str], is_own: bool) -> None:
    request = posted(**headers)
    assert SITE.is_own_page(request) == is_own
    if is_own:
        require_own_page(SITE, request, session(), "c")
        for csrf in ("", "d", "cc"):
            with pytest.raises(ForgedRequest):
                require_own_page(SITE, request, session(), csrf)
    else:
        with pytest.raises(ForgedRequest):
            require_own_page(SITE, request, session(), "c")


@pytest.mark.parametrize(
    ("url", "is_third_party"),
    [
        ("http://localhost:8000", True),
        ("http://127.0.0.1:8000", True),
        ("http://[::1]:8000", True),
        ("https://a.example", True),
        ("http://a.example", False),
        ("http://127.0.0.2", False),
    ],
)
def test_a_cookie_in_a_frame_is_made_for_another_site_where_browsers_take_one(
    url: str, is_third_party: bool
) -> None:
    answer = Response()
    Site.from_url(url).set_session_cookie(answer, session(is_framed=True), "value")
    assert ("Partitioned" in answer.headers["set-cookie"]) == is_third_party
    assert ("SameSite=none" in answer.headers["set-cookie"]) == is_third_party


def test_only_named_origins_may_embed_a_page_and_nobody_a_redirect() -> None:
    named = SITE.add_page_headers(
        Response(), "n", framable=True, origins=("https://a.test", "https://b.test")
    )
    assert "frame-ancestors https://a.test https://b.test" in named.headers["content-security-policy"]
    anybody = SITE.add_page_headers(Response(), "n", framable=True)
    assert "frame-ancestors *" in anybody.headers["content-security-policy"]
    nobody = SITE.add_page_headers(Response(), "n", framable=False, origins=("https://a.test",))
    assert "frame-ancestors 'none'" in nobody.headers["content-security-policy"]
