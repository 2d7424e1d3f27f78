"""The address that `isthmus serve` listens on, and tells."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from isthmus.cli.server import serve as module
from isthmus.cli.server.serve import _display_host, _open_listener, serve
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


@pytest.mark.parametrize(("workers", "is_supervised"), [(1, False), (2, True)])
def test_a_single_process_serves_without_a_supervisor(
    monkeypatch: pytest.MonkeyPatch, workers: int, is_supervised: bool
) -> None:
    served: list[bool] = []

    async def serve_one(_: Any, listener: socket.socket, *__: Any) -> None:
        listener.close()
        served.append(False)

    def serve_many(_: Any, listener: socket.socket, *__: Any) -> None:
        listener.close()
        served.append(True)

    monkeypatch.setattr(module, "_serve_one", serve_one)
    monkeypatch.setattr(module, "_serve_many", serve_many)
    monkeypatch.setattr(module, "_configure_logging", lambda: None)  # it changes that of the tests
    monkeypatch.setenv("ISTHMUS_PUBLIC_API_URL", "https://api.example.com")
    monkeypatch.setenv("ISTHMUS_DATABASE_URL", "postgresql://u:p@127.0.0.1/d")
    serve("127.0.0.1", 0, workers)
    assert served == [is_supervised]
