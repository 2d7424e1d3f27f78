"""What a caller sends that nobody knows, or this product leaves out: named or refused, wherever one looks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from typer.testing import CliRunner

from isthmus.cli.main import app
from isthmus.kit.call_warnings import WARNING_HEADER, CallWarning, parse_warning_header
from tests.fakes.larkdesk import Larkdesk, Records, RequestLimit, running
from tests.integration.larkdesk import MODEL, connect, install
from tests.integration.serving import Server

SUBJECT = "/unified/desk/tickets"


@dataclass
class Desk:
    """A connected account of the help desk, in an environment of its own."""

    server: Server
    fake: Larkdesk
    account: str
    headers: dict[str, str] = field(default_factory=dict)

    async def call(self, verb: str, query: str = "", body: Any = None) -> tuple[int, Any, list[CallWarning]]:
        """Calls the unified tickets. Returns status, body and the warnings of the header."""
        async with self.server.session.request(
            verb,
            f"{self.server.url}{SUBJECT}?integrated_account_id={self.account}{query}",
            json=body,
            headers={"authorization": f"Bearer {self.server.token}", **self.headers},
        ) as response:
            warnings = parse_warning_header(response.headers.get(WARNING_HEADER, ""))
            return response.status, await response.json(), warnings

    async def send_batch(self, *nodes: Any) -> tuple[Any, list[CallWarning]]:
        """Sends a batch request. Returns the body and the warnings of the header."""
        async with self.server.session.post(
            f"{self.server.url}/batch-request",
            json={"integrated_account_id": self.account, "resources": nodes},
            headers={"authorization": f"Bearer {self.server.token}"},
        ) as response:
            assert response.status == 200
            warnings = parse_warning_header(response.headers.get(WARNING_HEADER, ""))
            return await response.json(), warnings

    async def choose(self, value: str | None) -> None:
        """Sets what becomes of unknown names."""
        own = (await self.server.ok("GET", "/me"))["environment"]["id"]
        await self.server.ok("PATCH", f"/environment/{own}", json={"settings": {"unknown_names": value}})


@pytest.fixture
async def desk(server: Server) -> AsyncIterator[Desk]:
    async with running(Larkdesk(records=Records(tickets=2), limit=RequestLimit(None))) as fake:
        account = await connect(server, await install(server), fake.url)
        yield Desk(server, fake, account)


async def test_a_new_environment_refuses_a_name_that_nobody_knows(desk: Desk) -> None:
    status, body, _ = await desk.call("POST", body={"name": "Lamp", "descripton": "Broken"})

    assert (status, desk.fake.visits) == (400, [])
    assert body["details"]["failures"] == [
        {
            "path": "body.descripton",
            "message": "body.descripton is not known to desk/tickets create. Did you mean description?",
            "code": "unknown_name",
        }
    ]
    status, body, _ = await desk.call("GET", "&state=new")
    assert (status, body["details"]["failures"][0]["path"]) == (400, "query.state")


@pytest.mark.parametrize("value", ["warn", None])
async def test_an_environment_that_warns_makes_the_call_and_names_it(desk: Desk, value: str | None) -> None:
    await desk.choose(value)

    status, body, warnings = await desk.call("POST", body={"name": "Lamp", "descripton": "Broken"})
    assert (status, body["name"]) == (200, "Lamp")
    assert [(each.code, each.field) for each in warnings] == [("unknown_name", "body.descripton")]

    status, body, warnings = await desk.call("GET", "&state=new")
    assert (status, [each.field for each in warnings]) == (200, ["query.state"])

    status, body, warnings = await desk.call("GET", "&status[id]=new")
    assert (status, warnings) == (200, [])


BATCH = (
    {
        "resource": "desk/tickets",
        "name": "new",
        "method": "create",
        "body": {"name": "Lamp", "descripton": "Broken"},
    },
    {"resource": "desk/tickets", "name": "known", "method": "get", "id": "1"},
)


async def test_a_batch_names_what_its_nodes_sent_and_nobody_knows(desk: Desk) -> None:
    await desk.choose("warn")
    body, warnings = await desk.send_batch(*BATCH)
    assert [record["name"] for record in body["result"]["desk/tickets"]][:1] == ["Lamp"]
    assert (body.keys(), body["errors"]) == ({"result", "errors"}, {"desk/tickets": []})
    assert [(each.code, each.field) for each in warnings] == [("unknown_name", "new: body.descripton")]


async def test_a_node_of_a_batch_that_sends_an_unknown_name_is_refused_alone(desk: Desk) -> None:
    body, warnings = await desk.send_batch(*BATCH)
    assert [record["id"] for record in body["result"]["desk/tickets"]] == ["1"]
    (error,) = body["errors"]["desk/tickets"]
    assert (error["node"], error["statusCode"]) == ("new", 400)
    assert [each["path"] for each in error["details"]["failures"]] == ["body.descripton"]
    assert ([visit.method for visit in desk.fake.visits], warnings) == (["GET"], [])


async def test_the_choice_counts_from_the_next_call_on(desk: Desk) -> None:
    for value, status in (("warn", 200), ("refuse", 400), ("warn", 200)):
        await desk.choose(value)
        assert (await desk.call("GET", "&state=new"))[0] == status


@pytest.mark.parametrize("value", ["warn", "refuse"])
async def test_a_write_of_which_nothing_remains_is_refused_in_every_environment(
    desk: Desk, value: str
) -> None:
    await desk.choose(value)

    update = f"{desk.server.url}{SUBJECT}/1?integrated_account_id={desk.account}"
    headers = {"authorization": f"Bearer {desk.server.token}"}
    writes: list[dict[str, Any]] = [{"status": {"nme": "open"}}, {"assignees": []}]
    for fields in writes:
        async with desk.server.session.patch(update, json=fields, headers=headers) as response:
            answer = await response.json()
        assert response.status == 400, answer
        assert answer["details"]["failures"]
    assert desk.fake.visits == []


async def test_an_explanation_names_what_the_call_would_leave_out(desk: Desk) -> None:
    query = "&isthmus_explain=true&state=new"
    assert (await desk.call("GET", query))[0] == 400

    await desk.choose("warn")
    _, body, _ = await desk.call("GET", query)

    assert body["explain"]["warnings"] == [
        {
            "code": "unknown_name",
            "message": "query.state is not known to desk/tickets list. Did you mean status?",
            "field": "query.state",
        }
    ]
    assert body["explain"]["request"]["query"] == {}


async def test_the_log_line_of_the_call_has_the_names_and_no_value(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    await desk.choose("warn")
    caplog.set_level("INFO", "isthmus.calls")

    await desk.call("POST", body={"name": "Lamp", "descripton": "a secret"})
    await desk.call("GET")

    lines = [record.getMessage() for record in caplog.records if record.name == "isthmus.calls"]
    mine = [json.loads(line) for line in lines if desk.account in line]
    assert [line.get("unused") for line in mine] == [["body.descripton"], None]
    assert "a secret" not in "".join(lines)


async def test_the_command_line_prints_the_names_beside_the_records(desk: Desk) -> None:
    await desk.choose("warn")
    environ = {"ISTHMUS_API_URL": desk.server.url, "ISTHMUS_API_TOKEN": desk.server.token}
    arguments = ["unified", MODEL, "tickets", "-a", desk.account, "-q", "state=new", "-o", "id"]

    ran = await asyncio.to_thread(CliRunner().invoke, app, arguments, env=environ)

    assert (ran.exit_code, len(ran.stdout.split())) == (0, 2)
    assert "isthmus: warning: query.state is not known to desk/tickets list." in ran.stderr
