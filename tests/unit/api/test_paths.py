"""Paths as the front door reads them."""

from __future__ import annotations

import pytest

from isthmus.api.dispatcher import split_path


@pytest.mark.parametrize(
    ("raw", "segments"),
    [
        (b"/unified/crm/contacts", ("unified", "crm", "contacts")),
        (b"//team", ("team",)),
        (b"/team/", ("team",)),
        (b"/", ()),
        (b"", ()),
        (b"/proxy/tickets/alt%3Aref%3Aa%40b_t%3A1", ("proxy", "tickets", "alt:ref:a@b_t:1")),
        (b"/proxy/tickets/a%2Fb", ("proxy", "tickets", "a/b")),
        (b"/proxy/tickets/%C3%A9", ("proxy", "tickets", "\u00e9")),
    ],
)
def test_a_path_is_split_before_it_is_decoded(raw: bytes, segments: tuple[str, ...]) -> None:
    assert split_path(raw) == segments
