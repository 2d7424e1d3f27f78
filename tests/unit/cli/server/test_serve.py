"""The address that `isthmus serve` listens on, and tells."""

from __future__ import annotations

import pytest

from isthmus.cli.server.serve import _display_host, _open_listener
from isthmus.errors import SetupError


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("0.0.0.0", "127.0.0.1"),
        ("::", "127.0.0.1"),
        ("::1", "[::1]"),
        ("127.0.0.1", "127.0.0.1"),
        ("desk.example", "desk.example"),
    ],
)
def test_an_address_is_told_as_it_can_be_pasted(host: str, shown: str) -> None:
    assert _display_host(host) == shown


def test_an_address_that_is_taken_is_told_with_the_reason() -> None:
    with _open_listener("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            SetupError, match=rf"cannot listen on 127.0.0.1:{port} \(Address already in use\)"
        ):
            _open_listener("127.0.0.1", port)
