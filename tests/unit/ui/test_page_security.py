"""What keeps the pages to themselves, where no test of the whole gets to: https, and many who open them."""

from __future__ import annotations

import pytest
from starlette.requests import Request
from starlette.responses import Response
from tests.fakes.clock import VirtualClock

from isthmus.connect.sessions import PageOptions, Session
from isthmus.ui.page_rate_limit import PageRateLimit, TooManyPageOpens
from isthmus.ui.page_security import Site

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
        opens.count_open("192.0.2.1", str(number))
    with pytest.raises(TooManyPageOpens):
        opens.count_open("192.0.2.1", "another")
    opens.count_open("192.0.2.2", "another")
    await clock.advance(60)
    opens.count_open("192.0.2.1", "another")
