"""While the database is away, locked or silent, every door answers 503 and says when to come again; the log
has a line for the outage, not one for each request."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import uuid4

import pytest

from isthmus.config import Settings
from isthmus.kit.secret import Secret
from tests.background import until
from tests.fakes.postgresql_link import PostgresqlLink, linked_postgresql
from tests.integration.serving import Server, serving

pytestmark = pytest.mark.parametrize("backend", ["postgresql"], indirect=True)

LIMIT = 0.5
ID = str(uuid4())


@pytest.fixture
async def link(desk_settings: Settings) -> AsyncIterator[PostgresqlLink]:
    assert desk_settings.database_url is not None
    async with linked_postgresql(desk_settings.database_url.reveal()) as link:
        yield link


@pytest.fixture
async def linked(
    link: PostgresqlLink, desk_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Server]:
    monkeypatch.setattr("isthmus.api.dispatcher.CALLER_WAITS", LIMIT)
    async with serving(replace(desk_settings, database_url=Secret(link.own_url))) as server:
        yield server
        link.restore()


async def call_every_door(server: Server) -> dict[str, tuple[int, str | None]]:
    """Calls a route of each kind that needs the database; returns status and `Retry-After` of each."""
    account = f"integrated_account_id={ID}"
    doors: tuple[tuple[str, str, object], ...] = (
        ("GET", "/integration", None),
        ("GET", f"/integrated-account/{ID}", None),
        ("POST", "/link-token", {"tenant_id": "t"}),
        ("GET", f"/proxy/tickets?{account}", None),
        ("GET", f"/unified/crm/contacts?{account}", None),
        ("POST", f"/custom/tickets?{account}", {}),
        ("GET", f"/unified/crm/contacts/meta/list?{account}", None),
        ("POST", "/batch-request", {"integrated_account_id": ID, "resources": [{"resource": "x"}]}),
        ("GET", f"/connect-account?link_token={ID}", None),
        ("GET", f"/connect-account/callback?state={ID}&code=x", None),
        ("GET", "/readyz", None),
    )

    async def knock(verb: str, path: str, body: object) -> tuple[int, str | None]:
        headers = {"authorization": f"Bearer {server.token}", "idempotency-key": ID}
        async with server.session.request(
            verb, server.url + path, json=body, headers=headers, allow_redirects=False
        ) as answer:
            await answer.read()
            return answer.status, answer.headers.get("retry-after")

    answers = await asyncio.gather(*(knock(*door) for door in doors))
    return {f"{verb} {path}": answer for (verb, path, _), answer in zip(doors, answers, strict=True)}


def require_outage(answers: dict[str, tuple[int, str | None]]) -> None:
    """Fails unless every door answered 503 and said when to come again."""
    wrong = {door: answer for door, answer in answers.items() if answer[0] != 503 or not answer[1]}
    assert wrong == {}


def require_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """Fails unless the log has one line about the outage, and no trace."""
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.message for record in warnings if record.exc_info] == []
    outages = [record.message for record in warnings if record.name == "isthmus.db"]
    assert len(outages) == 1, outages
    assert outages[0].startswith("the database is away (no connection): ")


async def test_every_door_answers_503_while_the_database_is_stopped(
    linked: Server, link: PostgresqlLink, caplog: pytest.LogCaptureFixture
) -> None:
    link.cut()
    require_outage(await call_every_door(linked))
    require_outage(await call_every_door(linked))
    assert (await linked.call("GET", "/healthz", token=""))[0] == 200
    require_one_line(caplog)
    link.restore()
    await until(lambda: _is_served(linked))


async def test_every_door_answers_503_in_time_while_the_database_is_silent(
    linked: Server, link: PostgresqlLink, caplog: pytest.LogCaptureFixture
) -> None:
    link.silence()
    began = time.monotonic()
    _, ready = await linked.call("GET", "/readyz", token="")
    assert time.monotonic() - began < 2
    assert ready["checks"]["database_writes"] == "no answer within 0.8 s"
    require_outage(await call_every_door(linked))
    began = time.monotonic()
    require_outage(await call_every_door(linked))
    assert time.monotonic() - began < 2
    require_one_line(caplog)
    link.restore()
    await until(lambda: _is_served(linked))


async def _is_served(server: Server) -> bool:
    """Returns True if the server is ready, and a route that needs the database answers."""
    ready, _ = await server.call("GET", "/readyz", token="")
    listed, _ = await server.call("GET", "/integration?limit=1")
    return (ready, listed) == (200, 200)
