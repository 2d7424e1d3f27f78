"""`POST /batch-request` over HTTP, against the fake desk and a sandbox, on both databases."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from isthmus.config import Settings
from tests.fakes.larkdesk import Fault, Larkdesk, RequestLimit, running
from tests.fakes.larkdesk.records import Records
from tests.integration.larkdesk import MODEL, connect, install
from tests.integration.serving import Server, serving

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "batch.md"
TICKETS = f"{MODEL}/tickets"
CONTACTS = f"{MODEL}/contacts"
LIST = {"resource": TICKETS, "method": "list"}


class Desk:
    def __init__(self, server: Server, fake: Larkdesk, account: str) -> None:
        self.server = server
        self.fake = fake
        self.account = account

    async def send(self, *nodes: Any, headers: dict[str, str] | None = None, **rest: Any) -> tuple[int, Any]:
        body = {"integrated_account_id": self.account, "resources": list(nodes), **rest}
        return await self.server.call("POST", "/batch-request", json=body, headers=headers)

    async def ok(self, *nodes: Any, **rest: Any) -> Any:
        status, body = await self.send(*nodes, **rest)
        assert status == 200, body
        return body

    async def hang_up_on(self, body: Any, headers: Mapping[str, str] | None = None) -> None:
        """Sends a batch and hangs up while the fake keeps it waiting."""
        sent = {"authorization": f"Bearer {self.server.token}", **(headers or {})}
        async with aiohttp.ClientSession() as session:
            call = asyncio.ensure_future(
                session.post(f"{self.server.url}/batch-request", json=body, headers=sent)
            )
            await self.fake.holding.wait()
            call.cancel()
            await asyncio.gather(call, return_exceptions=True)

    @property
    def paths(self) -> Counter[str]:
        return Counter(f"{visit.method} {visit.path}" for visit in self.fake.visits)


def small() -> Larkdesk:
    return Larkdesk(limit=RequestLimit(None), records=Records(tickets=7, comments=21))


@pytest.fixture
async def desk(desk_server: Server) -> AsyncIterator[Desk]:
    async with running(small()) as fake:
        yield Desk(desk_server, fake, await connect(desk_server, await install(desk_server), fake.url))


async def test_nodes_read_what_those_before_them_gave(desk: Desk) -> None:
    body = await desk.ok(
        LIST | {"query": {"limit": 3, "truto_ignore_remote_data": True}},
        {
            "resource": "comments",
            "method": "list",
            "loop_on": f"resources.{MODEL}.tickets",
            "query": {"ticket": f"{{{{resources.{MODEL}.tickets.id}}}}"},
        },
        {
            "resource": CONTACTS,
            "method": "GET",
            "id": f"{{{{resources.{MODEL}.tickets.contact.id}}}}",
            "query": {"truto_exclude_fields": "remote_data,phones"},
        },
        {
            "type": "transform",
            "name": "talk",
            "config": {"expression": f"resources.{MODEL}.tickets@$t.{{'ticket': $t.id, 'said': "
                       "$count($$.resources.comments[$string(ticket) = $t.id])}"},
        },
    )  # fmt: skip
    assert {key: len(found) for key, found in body["errors"].items()} == {
        TICKETS: 0, "comments": 0, CONTACTS: 0, "talk": 0,
    }  # fmt: skip
    assert set(body["result"]) == {TICKETS, CONTACTS, "talk"}
    assert [each["id"] for each in body["result"][TICKETS]] == [str(n) for n in range(1, 8)]
    assert "remote_data" not in body["result"][TICKETS][0]
    assert body["result"]["talk"] == [{"ticket": str(n), "said": 3} for n in range(1, 8)]
    (contact,) = body["result"][CONTACTS]
    assert (contact["id"], "phones" in contact) == ("2", False)
    assert desk.paths == {"GET /v1/tickets": 3, "GET /v1/comments": 7, "GET /v1/contacts/2": 1}


async def test_a_failing_node_does_not_take_the_others_with_it(desk: Desk) -> None:
    desk.fake.cue(Fault("status", "/v1/contacts", code=500, times=None))
    body = await desk.ok(
        LIST,
        {"resource": CONTACTS, "method": "list"},
        {"resource": "users", "method": "list", "persist": True, "depends_on": CONTACTS},
        {"resource": f"{MODEL}/nothing", "method": "list"},
    )
    assert len(body["result"][TICKETS]) == 7
    statuses = {key: [each["statusCode"] for each in found] for key, found in body["errors"].items()}
    assert statuses == {TICKETS: [], CONTACTS: [500], "users": [424], f"{MODEL}/nothing": [404]}
    assert body["errors"][CONTACTS][0]["truto_is_remote_error"] is True
    assert body["result"]["users"] == []


async def test_writes_are_made_in_the_order_of_a_loop(desk: Desk) -> None:
    body = await desk.ok(
        {
            "resource": TICKETS,
            "method": "POST",
            "loop_on": "args.names",
            "body": {"name": "{{args.names}}"},
        },
        args={"names": ["c", "a", "b"]},
    )
    assert [(each["id"], each["name"]) for each in body["result"][TICKETS]] == [
        ("8", "c"), ("9", "a"), ("10", "b"),
    ]  # fmt: skip


async def test_a_batch_with_a_key_is_carried_out_once(desk: Desk) -> None:
    node = {"resource": TICKETS, "method": "create", "body": {"name": "kettle"}}
    key = {"idempotency-key": "batch-1"}
    first = await desk.send(node, headers=key)
    again = await desk.send(node, headers=key)
    other = await desk.send(node | {"body": {"name": "pot"}}, headers=key)
    assert (first, other[0]) == (again, 422)
    assert desk.paths["POST /v1/tickets"] == 1


async def test_what_json_cannot_say_is_an_error_of_its_node_alone(desk: Desk) -> None:
    file = {"type": "transform", "name": "file", "config": {"expression": "{'f': $blob('x')}"}}
    size = {"type": "transform", "name": "count", "config": {"expression": "$count(resources.file)"}}
    body = await desk.ok(LIST, file, size)
    assert (len(body["result"][TICKETS]), body["result"]["file"], body["result"]["count"]) == (7, [], [1])
    assert [each["statusCode"] for each in body["errors"]["file"]] == [422]


async def test_a_batch_that_asks_for_a_plan_sends_nothing(desk: Desk) -> None:
    body = {"integrated_account_id": desk.account, "resources": [LIST]}
    status, answer = await desk.server.call("POST", "/batch-request?isthmus_explain=true", json=body)
    assert (status, answer["details"]["failures"][0]["path"]) == (400, "isthmus_explain")
    assert not desk.fake.visits
    await desk.server.ok("POST", "/batch-request?isthmus_explain=false", json=body)


async def test_a_graph_that_cannot_run_is_refused_whole(desk: Desk) -> None:
    write = {"resource": TICKETS, "method": "create", "body": {"name": "kettle"}}
    for nodes, code in (
        ([write, LIST | {"name": "a", "depends_on": "b"}, LIST | {"name": "b", "depends_on": "a"}], "cycle"),
        ([write, LIST | {"depends_on": "nobody"}], "unknown_node"),
        ([write, LIST | {"run_iff": "true"}], "unknown_field"),
        ([write, LIST | {"loop_on": "{{args.x}}"}], "string_pattern_mismatch"),
        ([write, {"type": "event", "name": "x"}], "tag"),
        ([write, {"resource": "a/b/c", "method": "list"}], "string_pattern_mismatch"),
        ([write, {"resource": "tickets", "method": "list", "response_format": "unified"}], "bad_value"),
        ([write, {"type": "transform", "name": "t", "config": {"expression": "$("}}], "expression"),
        ([write, {"type": "spool", "name": "s"}], "missing"),
        ([], "too_short"),
        ([LIST] * 51, "too_long"),
    ):
        status, body = await desk.send(*nodes)
        assert (status, body["details"]["failures"][0]["code"]) == (400, code), body
    status, body = await desk.send(write, tenant="acme")
    assert (status, body["details"]["failures"][0]["path"]) == (400, "tenant")
    assert desk.fake.visits == []


async def test_an_account_that_is_not_there_is_said_before_the_graph_is_looked_at(desk: Desk) -> None:
    for account, expected in ((None, 400), ("", 400), (7, 400), ("nobody", 404)):
        status, _ = await desk.send(LIST | {"depends_on": "nobody"}, integrated_account_id=account)
        assert status == expected, account
    for text, expected in (("", 400), ("[]", 400), ("{", 400)):
        status, _ = await desk.server.call("POST", "/batch-request", data=text)
        assert status == expected, text
    issued = await desk.server.ok(
        "POST", "/integrated-account/token", json={"integrated_account_id": desk.account}
    )
    for token, expected in (("", 401), (issued["token"], 403)):
        body = {"integrated_account_id": desk.account, "resources": [LIST]}
        status, _ = await desk.server.call("POST", "/batch-request", json=body, token=token)
        assert status == expected
    status, _ = await desk.server.call("GET", "/batch-request")
    assert status == 405
    status, _ = await desk.server.call("POST", "/batch-request/x", json={})
    assert status == 404


async def test_a_body_is_json_and_is_told_so_in_its_own_words(desk: Desk) -> None:
    """A `curl -d` without a header says that it sends a form; without any type, it is taken for JSON."""
    body = json.dumps({"integrated_account_id": desk.account, "resources": [LIST]})
    for kind, expected in (("application/x-www-form-urlencoded", 400), ("text/plain", 200), ("", 200)):
        headers = {"content-type": kind}
        status, said = await desk.server.call("POST", "/batch-request", data=body, headers=headers)
        assert status == expected, said
        if status == 400:
            assert said["message"] == (
                f"a body of type {kind} cannot be read. Send JSON with Content-Type: application/json."
            )


async def test_a_read_only_account_is_read_and_not_written(desk: Desk) -> None:
    await desk.server.ok("POST", "/sandbox-integrated-account", json={"id": desk.account})
    body = await desk.ok(
        {"resource": TICKETS, "method": "list"},
        {"resource": TICKETS, "name": "new", "method": "create", "body": {"name": "x"}},
    )
    assert body["result"][TICKETS]
    assert [each["statusCode"] for each in body["errors"][TICKETS]] == [405]


async def test_a_node_reads_what_another_created_in_a_sandbox_account(desk: Desk) -> None:
    desk.account = await desk.server.sandbox_of("zendesk", "ticketing")
    body = await desk.ok(
        {
            "resource": "ticketing/tickets",
            "method": "create",
            "body": {"name": "Pump", "description": "It hums."},
        },
        {
            "resource": "tickets",
            "method": "get",
            "loop_on": "resources.ticketing.tickets",
            "id": "{{resources.ticketing.tickets.id}}",
            "persist": True,
        },
    )
    assert body["errors"] == {"ticketing/tickets": [], "tickets": []}
    assert [record["subject"] for record in body["result"]["tickets"]] == ["Pump"]


async def test_the_example_of_the_page_runs(desk: Desk) -> None:
    found = re.search(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    body = json.loads(found[1]) | {
        "integrated_account_id": await desk.server.sandbox_of("zendesk", "ticketing")
    }
    answer = await desk.server.ok("POST", "/batch-request", json=body)
    assert answer["errors"] == {"ticketing/tickets": [], "ticketing/comments": [], "summary": []}
    assert answer["result"]["summary"] == [{"subject": "Pump controller shows E17", "comments": 3}]


async def test_credentials_that_are_refused_are_not_tried_again(desk: Desk) -> None:
    desk.fake.keys = frozenset({"another"})
    body = await desk.ok(
        {"resource": TICKETS, "method": "get", "id": "{{args.n}}", "loop_on": "args.n"},
        {"resource": "users", "method": "list", "depends_on": []},
        args={"n": list(range(1, 100))},
    )
    assert {each["statusCode"] for found in body["errors"].values() for each in found} == {401}
    assert len(desk.fake.visits) <= 5
    status, _ = await desk.send(LIST)
    assert status == 401


async def test_a_transform_is_not_shown_the_credentials(desk: Desk) -> None:
    node = {
        "type": "transform",
        "name": "seen",
        "config": {"expression": "{'url': url, 'key': api_key, 'all': $string(environment_variables)}"},
    }
    body = await desk.ok(node)
    assert body["result"]["seen"] == [{"url": desk.fake.url}]


async def test_a_provider_that_slows_us_down_is_waited_for(desk_server: Server) -> None:
    fake = Larkdesk(limit=RequestLimit(4, seconds=1.0, wait_seconds=1.0), records=Records(tickets=12))
    server = desk_server
    async with running(fake):
        desk = Desk(server, fake, await connect(server, await install(server), fake.url))
        body = await desk.ok(
            {"resource": TICKETS, "method": "get", "id": "{{args.n}}", "loop_on": "args.n"},
            args={"n": list(range(1, 9))},
        )
    assert [each["id"] for each in body["result"][TICKETS]] == [str(n) for n in range(1, 9)]
    assert body["errors"][TICKETS] == []


async def test_each_request_counts_for_the_account_and_none_is_refused(desk_settings: Settings) -> None:
    settings = replace(desk_settings, account_rate_limit=10, batch_seconds=2.0)
    async with running(small()) as fake, serving(settings) as server:
        desk = Desk(server, fake, await connect(server, await install(server), fake.url))
        node = {
            "resource": "tickets",
            "method": "get",
            "id": "{{args.n}}",
            "loop_on": "args.n",
            "persist": True,
        }
        body = await desk.ok(node, args={"n": [1 + n % 7 for n in range(30)]})
        assert (len(body["result"]["tickets"]), len(fake.visits)) == (10, 10)
        assert {each["statusCode"] for each in body["errors"]["tickets"]} == {429}


async def test_no_more_calls_are_under_way_than_allowed(desk_settings: Settings) -> None:
    settings = replace(desk_settings, batch_concurrency=3, batch_seconds=1.0)
    async with running(small()) as fake, serving(settings) as server:
        desk = Desk(server, fake, await connect(server, await install(server), fake.url))
        fake.cue(Fault("hang", times=None))
        nodes = [{"resource": "tickets", "name": f"n{n}", "method": "list"} for n in range(6)]
        loop = {"resource": "users", "method": "get", "id": "{{args.n}}", "loop_on": "args.n"}
        body = await desk.ok(*nodes, loop, args={"n": [1, 2, 3]})
        assert len(fake.visits) == 3
        assert [each["statusCode"] for found in body["errors"].values() for each in found] == [504] * 7


async def test_a_caller_that_hangs_up_ends_the_batch(desk: Desk) -> None:
    desk.fake.cue(Fault("hang"))
    users = {"resource": "users", "method": "list", "depends_on": TICKETS}
    nodes = [LIST, users | {"name": "a"}, users | {"name": "b"}]
    body = {"integrated_account_id": desk.account, "resources": nodes}
    await desk.hang_up_on(body)
    await asyncio.wait_for(_until(lambda: desk.fake.visits[0].answered > 0), 10)
    await desk.ok({"resource": "contacts", "method": "list"})
    assert desk.paths == {"GET /v1/tickets": 1, "GET /v1/contacts": 5}


async def test_a_batch_with_a_key_goes_on_when_the_caller_hangs_up(desk: Desk) -> None:
    desk.fake.cue(Fault("hang", seconds=0.2))
    node = {"resource": TICKETS, "method": "create", "body": {"name": "kettle"}}
    body = {"integrated_account_id": desk.account, "resources": [node]}
    await desk.hang_up_on(body, {"idempotency-key": "k"})
    await asyncio.wait_for(_until(lambda: desk.fake.visits[0].status == 503), 10)
    status = 409
    answer: Any = None
    while status == 409:
        status, answer = await desk.send(node, headers={"idempotency-key": "k"})
    assert [each["statusCode"] for each in answer["errors"][TICKETS]] == [503]
    assert desk.paths == {"POST /v1/tickets": 1}


async def _until(holds: Any) -> None:
    while not holds():  # noqa: ASYNC110  # the fake keeps a record, and has no event for it
        await asyncio.sleep(0)
