"""URLs that browsers are sent to: which are taken, and which are not."""

from __future__ import annotations

import pytest

from isthmus.kit.browser_urls import split_url, split_web_url


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com",
        "https://example.com:8443/path?a=b#c",
        "http://localhost:3000/",
        "http://127.0.0.1/x",
        "http://[::1]:8000/x",
    ],
)
def test_a_web_url_is_split(text: str) -> None:
    parts = split_web_url(text)
    assert parts is not None
    assert parts.geturl() == text


@pytest.mark.parametrize(
    "text",
    [
        "http://example.com/",
        "http://127.0.0.2/",
        "http://localhost.example.com/",
        "app://example.com/",
        "https:///path",
        "https://user@example.com/",
        "https://user:password@example.com/",
        "http://user@localhost/",
    ],
)
def test_what_is_no_web_url_is_refused(text: str) -> None:
    assert split_url(text) is not None
    assert split_web_url(text) is None


@pytest.mark.parametrize("text", ["myapp://done", "app:done", "https://example.com"])
def test_a_url_may_have_any_scheme(text: str) -> None:
    assert split_url(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        None,
        7,
        b"https://example.com",
        "",
        "https://example.com/a b",
        "https://example.com/\n",
        "https://example.com/\x00",
        "https://example.com\\@other.example",
        "https://example.com/<",
        "https://example.com/>",
        'https://example.com/"',
        "https://example.com:port/",
        "https://example.com:65536/",
        "https://[::1/",
    ],
)
def test_what_browsers_may_read_differently_is_refused(text: object) -> None:
    assert split_url(text) is None
    assert split_web_url(text) is None


def test_a_url_has_2000_characters_at_the_most() -> None:
    longest = "https://example.com/".ljust(2_000, "x")
    assert split_web_url(longest) is not None
    assert split_url(longest + "x") is None
