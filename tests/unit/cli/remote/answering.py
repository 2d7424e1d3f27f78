"""A server that answers what it is told to, and remembers what it was asked: what a command sends."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from isthmus.kit.call_warnings import WARNING_HEADER

__all__ = ["ACCOUNT", "Answering", "Asked", "answering"]


ACCOUNT = "0b6f2c1e-6a55-4f0e-9d38-2f7c5a1be001"
"""The id of an account, whatever the server answers."""


@dataclass(frozen=True)
class Asked:
    """A request that the server got."""

    verb: str
    path: str
    body: Any
    authorization: str
    key: str | None


@dataclass
class Answering:
    """A server that answers what it is told to."""

    url: str = ""
    answers: list[tuple[int, str, bytes]] = field(default_factory=list)
    retry_after: str | None = None
    location: str | None = None
    warning: str | None = None
    asked: list[Asked] = field(default_factory=list)
    hold_after: int | None = None
    """How many are answered; the next one waits for `release`, and `held` tells that it came."""
    held: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)

    def will(self, value: Any, status: int = 200) -> None:
        """Adds a JSON response to those that are given, in order."""
        self.answers.append((status, "application/json", json.dumps(value).encode()))

    @property
    def lines(self) -> list[str]:
        return [f"{request.verb} {request.path}" for request in self.asked]


@contextmanager
def answering() -> Iterator[Answering]:
    """Answers in the order they were given; `{}` where none is left."""
    told = Answering()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            body = json.loads(raw) if raw else None
            headers = self.headers
            told.asked.append(
                Asked(
                    self.command,
                    self.path,
                    body,
                    headers.get("authorization", ""),
                    headers.get("idempotency-key"),
                )
            )
            if told.hold_after is not None and len(told.asked) > told.hold_after:
                told.held.set()
                told.release.wait(60)
                return
            status, kind, content = told.answers.pop(0) if told.answers else (200, "application/json", b"{}")
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(content)))
            headers_to_send = {
                "retry-after": told.retry_after,
                "location": told.location,
                WARNING_HEADER: told.warning,
            }
            for name, text in headers_to_send.items():
                if text is not None:
                    self.send_header(name, text)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _answer  # noqa: N815 - the names it looks for

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=partial(server.serve_forever, poll_interval=0.01))
    thread.start()
    told.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
