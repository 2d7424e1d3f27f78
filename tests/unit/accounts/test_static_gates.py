"""Accounts whose requests go out through a gate on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import ClientSession, web
from sqlalchemy import update
from tests.fakes.listening import listening
from tests.unit.accounts.conftest import Desk
from tests.unit.accounts.provider import Provider
from tests.unit.integrations.world import World, query

from isthmus.accounts import Connections
from isthmus.accounts.egress import Gate
from isthmus.accounts.static_gates import StaticGates
from isthmus.api.call_parsing import parse_call
from isthmus.db import Database
from isthmus.db.epochs import increment_epoch
from isthmus.db.tables import integrated_account
from isthmus.engine import proxy
from isthmus.engine.calls import ListResult
from isthmus.errors import BadRequest, Conflict, Forbidden, NotFound, UpstreamUnreachable
from isthmus.kit.secret import Secret


@dataclass
class Tollgate:
    """A gate as the protocol has it: sends on to `Truto-Target-URL` what brings its token."""

    domain: str = ""
    token: str = "gate-token-of-the-test"
    passed: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Truto-StaticGate-Token") != self.token:
            return web.json_response({"error": "unauthorized"}, status=401)
        target = request.headers["Truto-Target-URL"]
        self.passed.append(target)
        skipped = {"host", "content-length", "accept-encoding"}
        headers = {
            name: value
            for name, value in request.headers.items()
            if name.lower() not in skipped and not name.lower().startswith("truto-")
        }
        async with (
            ClientSession() as session,
            session.request(request.method, target, headers=headers, data=await request.read()) as response,
        ):
            body = await response.read()
            return web.Response(body=body, status=response.status, content_type=response.content_type)


@pytest.fixture
async def gate() -> AsyncIterator[Tollgate]:
    fake = Tollgate()
    async with listening(fake.answer) as url:
        fake.domain = url.removeprefix("http://")
        yield fake


async def gated(desk: Desk, database: Database, gate: Tollgate) -> tuple[str, str]:
    """An account that goes out through the gate: its id and the gate's."""
    account = await desk.connect()
    async with database.write() as conn:
        values = {"name": "g", "domain": gate.domain, "api_token_secret": gate.token}
        row = await StaticGates(conn, desk.scope).create(values)
        chosen = update(integrated_account).where(integrated_account.c.id == account["id"])
        await conn.execute(chosen.values(truto_static_gate_id=row["id"]))
        await increment_epoch(conn, desk.scope.environment_id)
    return account["id"], row["id"]


async def tickets(connections: Connections, desk: Desk, id: str) -> object:
    connection = await connections.open(desk.scope.environment_id, id, request_id="r")
    result = await proxy.call_method(
        connection.upstream, connection.definition, "tickets", parse_call("list")
    )
    assert isinstance(result, ListResult)
    return result.records


async def test_a_call_goes_through_the_gate_and_the_gates_token_no_further(
    connections: Connections, desk: Desk, database: Database, gate: Tollgate, provider: Provider
) -> None:
    account, _ = await gated(desk, database, gate)
    assert await tickets(connections, desk, account) == [{"no": 1}]
    assert [url.partition("?")[0] for url in gate.passed] == [f"{provider.url}/tickets"]
    ((_, headers),) = provider.seen
    assert headers["X-Desk-Key"] == "k-1"
    assert not any(name.lower().startswith("truto-") for name in headers)


async def test_a_gate_in_use_is_not_deleted(desk: Desk, database: Database, gate: Tollgate) -> None:
    _, gate_id = await gated(desk, database, gate)
    async with database.write() as conn:
        with pytest.raises(Conflict, match="1 integrated account goes out"):
            await StaticGates(conn, desk.scope).delete(gate_id)


async def test_an_account_whose_gate_is_gone_is_not_let_out_another_way(
    connections: Connections, desk: Desk, database: Database, gate: Tollgate, provider: Provider
) -> None:
    account, gate_id = await gated(desk, database, gate)
    async with database.write() as conn:
        await conn.execute(update(integrated_account).values(truto_static_gate_id=account))
        await StaticGates(conn, desk.scope).delete(gate_id)
    with pytest.raises(UpstreamUnreachable, match="gate was removed"):
        await tickets(connections, desk, account)
    assert provider.seen == []


async def test_a_gates_token_is_shown_once_and_sealed(desk: Desk, database: Database) -> None:
    async with database.write() as conn:
        gates = StaticGates(conn, desk.scope)
        row = await gates.create({"name": "g", "domain": "gate.example"})
        assert len(row["api_token"]) > 30
        assert "api_token" not in await gates.get(row["id"])
        page = await gates.list(query(("name", "g")))
        assert [each["id"] for each in page.rows] == [row["id"]]
        changed = await gates.update(row["id"], {"domain": "other.example:8443"})
        assert changed["domain"] == "other.example:8443"


async def test_a_gate_is_not_made_for_another_environment(
    desk: Desk, database: Database, world: World
) -> None:
    values = {"name": "g", "domain": "gate.example", "environment_id": world.foreign.environment_id}
    async with database.write() as conn:
        with pytest.raises(Forbidden, match="is not this token's"):
            await StaticGates(conn, desk.scope).create(values)
        own = values | {"environment_id": desk.scope.environment_id}
        assert (await StaticGates(conn, desk.scope).create(own))[
            "environment_id"
        ] == desk.scope.environment_id


async def test_a_gate_of_another_environment_is_none(desk: Desk, database: Database, world: World) -> None:
    async with database.write() as conn:
        row = await StaticGates(conn, world.foreign).create({"name": "g", "domain": "gate.example"})
        with pytest.raises(NotFound):
            await StaticGates(conn, desk.scope).get(row["id"])


@pytest.mark.parametrize("domain", ["", "https://gate.example", "gate.example/x", "a@b", "-x", 7, "a b"])
async def test_a_domain_is_a_host_alone(desk: Desk, database: Database, domain: object) -> None:
    async with database.write() as conn:
        with pytest.raises(BadRequest) as caught:
            await StaticGates(conn, desk.scope).create({"name": "g", "domain": domain})
    assert caught.value.details["failures"][0]["path"] == "domain"


@pytest.mark.parametrize(
    ("domain", "url"),
    [
        ("gate.example", "https://gate.example/"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080/"),
        ("10.0.0.1", "https://10.0.0.1/"),
        ("[::1]:90", "http://[::1]:90/"),
    ],
)
def test_only_this_machine_is_spoken_to_in_the_clear(domain: str, url: str) -> None:
    assert Gate(domain, Secret("t")).url == url
