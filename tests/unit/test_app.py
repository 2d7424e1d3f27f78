"""The server as a whole: what it takes from its settings. How it starts and stops: `integration`."""

from __future__ import annotations

import pytest

from isthmus.app import _get_public_url
from isthmus.config import Settings

APP, API = "https://app.example.com", "https://api.example.com"


@pytest.mark.parametrize(
    ("app_url", "api_url", "url"),
    [(APP, API, APP), (APP, None, APP), (None, API, API), (None, None, "http://127.0.0.1:8000")],
)
def test_the_pages_have_an_address_whatever_is_set(
    app_url: str | None, api_url: str | None, url: str
) -> None:
    assert _get_public_url(Settings(public_app_url=app_url, public_api_url=api_url)) == url
