"""What a call asks the database for: once it has been made before, nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from isthmus.config import Settings
from tests.fakes.larkdesk import Larkdesk, RequestLimit, running
from tests.fakes.larkdesk.records import Records
from tests.integration.larkdesk import MODEL, connect, install
from tests.integration.serving import Server, serving

_asked: ContextVar[list[str] | None] = ContextVar("asked", default=None)
"""The statements of the call that is under way; background work has none of its own."""


@contextmanager
def statements_counted() -> Iterator[None]:
    def note(_conn: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked = _asked.get()
        if asked is not None:
            asked.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@dataclass
class Desk:
    server: Server
    account: str

    async def statements(
        self, verb: str, path: str, *, query: str = "", body: Any = None, **headers: str
    ) -> list[str]:
        """Of one call, which must be answered with 200, made at the door itself."""
        given = {
            "authorization": f"Bearer {self.server.token}",
            "content-type": "application/json",
            **headers,
        }
        scope = {
            "type": "http",
            "method": verb,
            "path": path,
            "raw_path": path.encode(),
            "query_string": f"integrated_account_id={self.account}{query}".encode(),
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items()],
        }
        sent: list[Any] = []
        messages = [{"type": "http.request", "body": b"" if body is None else json.dumps(body).encode()}]

        async def receive() -> Any:
            return messages.pop() if messages else await asyncio.Event().wait()

        async def send(message: Any) -> None:
            sent.append(message)

        asked: list[str] = []
        token = _asked.set(asked)
        application = self.server.application
        assert application is not None
        try:
            await application.asgi(scope, receive, send)
        finally:
            _asked.reset(token)
        assert sent[0]["status"] == 200, sent
        return asked


@pytest.fixture
async def desk(desk_settings: Settings) -> AsyncIterator[Desk]:
    with statements_counted():
        async with (
            running(Larkdesk(limit=RequestLimit(None), records=Records(tickets=60))) as fake,
            serving(desk_settings) as server,
        ):
            yield Desk(server, await connect(server, await install(server), fake.url))


CALLS: dict[str, tuple[str, str, Any]] = {
    "unified list": ("GET", f"/unified/{MODEL}/tickets", None),
    "unified get": ("GET", f"/unified/{MODEL}/tickets/1", None),
    "unified create": ("POST", f"/unified/{MODEL}/tickets", {"name": "kettle"}),
    "proxy list": ("GET", "/proxy/tickets", None),
    "custom": ("GET", "/custom/v1/tickets", None),
}


async def test_a_call_that_was_made_before_asks_the_database_nothing(desk: Desk) -> None:
    for name, (verb, path, body) in CALLS.items():
        await desk.statements(verb, path, body=body)
        assert await desk.statements(verb, path, body=body) == [], name


async def test_a_batch_asks_for_no_more_than_its_calls(desk: Desk) -> None:
    nodes = [
        {"resource": f"{MODEL}/tickets", "method": "list", "query": {"limit": 20}},
        {"resource": f"{MODEL}/contacts", "method": "list"},
    ]
    body = {"integrated_account_id": desk.account, "resources": nodes}
    await desk.statements("POST", "/batch-request", body=body)
    assert await desk.statements("POST", "/batch-request", body=body) == []


async def test_a_change_of_the_environment_is_read_once(desk: Desk) -> None:
    verb, path, _ = CALLS["unified list"]
    await desk.statements(verb, path)
    await desk.server.ok("PATCH", f"/integrated-account/{desk.account}", json={"tenant_id": "other"})
    assert 0 < len(await desk.statements(verb, path)) <= 12
    assert await desk.statements(verb, path) == []


async def test_a_key_costs_three_transactions(desk: Desk) -> None:
    verb, path, body = CALLS["unified create"]
    await desk.statements(verb, path, body=body)
    asked = await desk.statements(verb, path, body=body, idempotency_key="k1")
    assert {statement.split()[0] for statement in asked} <= {
        "BEGIN", "DELETE", "INSERT", "UPDATE", "SAVEPOINT", "RELEASE", "SELECT",
    }  # fmt: skip
    assert 0 < len(asked) <= 9, asked
