"""`Idempotency-Key`, over HTTP, on both databases."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from isthmus.accounts.connections.connections import Connection, Connections
from isthmus.accounts.connections.gateway import BeforeWrite
from isthmus.accounts.idempotency import IdempotencyKeys
from isthmus.api.idempotency import run_once
from isthmus.api.incoming_request import IncomingRequest
from isthmus.api.outgoing_response import OutgoingResponse
from isthmus.config import Settings
from isthmus.db.presence import ProcessPresence
from isthmus.db.tables import idempotency_record
from isthmus.engine.upstream import Operation, OutgoingRequest
from isthmus.errors import DatabaseUnavailable, OutcomeUnknown, UpstreamUnreachable
from isthmus.http.messages import HttpRequest
from tests.fakes.clock import VirtualClock
from tests.fakes.larkdesk import Fault, Larkdesk, RequestLimit, running
from tests.integration.larkdesk import MODEL, connect, install
from tests.integration.serving import Server, serving
from tests.ports import free_port

pytestmark = pytest.mark.both_databases

KEY = {"idempotency-key": "order-66"}


class Desk:
    def __init__(self, server: Server, fake: Larkdesk, account: str) -> None:
        self.server = server
        self.fake = fake
        self.account = account

    async def post(
        self,
        path: str = "/proxy/tickets",
        body: Any = None,
        *,
        verb: str = "POST",
        headers: dict[str, str] | None = None,
        query: str = "",
    ) -> tuple[int, Any, bool]:
        """Status, body, whether it is a replay."""
        url = f"{self.server.url}{path}?integrated_account_id={self.account}{query}"
        sent = {"authorization": f"Bearer {self.server.token}", **(KEY if headers is None else headers)}
        given = {"subject": "s"} if body is None else body
        async with self.server.session.request(verb, url, json=given, headers=sent) as response:
            return response.status, await response.json(), "idempotency-replayed" in response.headers

    @property
    def writes(self) -> int:
        return sum(1 for visit in self.fake.visits if visit.method != "GET")

    async def rows(self) -> int:
        async with self.server.database.read() as conn:
            count = select(func.count()).select_from(idempotency_record)
            return int((await conn.execute(count)).scalar_one())


@pytest.fixture
async def desk(desk_settings: Settings) -> AsyncIterator[Desk]:
    async with running(Larkdesk(limit=RequestLimit(None))) as fake, serving(desk_settings) as server:
        yield Desk(server, fake, await connect(server, await install(server), fake.url))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/proxy/tickets", {"subject": "s"}),
        (f"/unified/{MODEL}/tickets", {"name": "n", "description": "d"}),
        ("/custom/v1/tickets", {"subject": "s"}),
    ],
)
async def test_a_repetition_gets_the_first_answer_and_does_nothing(desk: Desk, path: str, body: Any) -> None:
    status, first, replayed = await desk.post(path, body)
    assert (status, replayed) == (200, False), first
    assert await desk.post(path, body) == (200, first, True)
    assert desk.writes == 1


async def test_another_verb_path_key_or_account_is_another_call(desk: Desk) -> None:
    await desk.post()
    assert not (await desk.post("/custom/v1/tickets"))[2]
    assert not (await desk.post(headers={"idempotency-key": "order-67"}))[2]
    assert not (await desk.post("/proxy/tickets/1", verb="PATCH"))[2]
    assert not (await desk.post("/proxy/tickets/2", verb="PATCH"))[2]
    assert desk.writes == 5


async def test_a_key_that_stands_for_another_request_is_refused(desk: Desk) -> None:
    await desk.post()
    for options in ({"body": {"subject": "t"}}, {"query": "&x=1"}):
        status, body, _ = await desk.post(**options)
        assert (status, body["details"]["failures"][0]["code"]) == (422, "idempotency_key_reused")
    assert desk.writes == 1


async def test_an_error_that_repeating_does_not_mend_is_kept(desk: Desk) -> None:
    status, first, _ = await desk.post(body={"text": "no subject"})
    assert status == 422
    assert await desk.post(body={"text": "no subject"}) == (422, first, True)
    assert desk.writes == 1


async def test_an_error_that_may_pass_is_not(desk: Desk) -> None:
    desk.fake.cue(Fault("status", code=503))
    assert (await desk.post())[0] == 503
    status, _, replayed = await desk.post()
    assert (status, replayed, desk.writes) == (200, False, 2)


LOST = [Fault("reset"), Fault("hang"), Fault("huge", size=20_000_000)]


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: fault.kind)
async def test_a_write_whose_answer_was_lost_is_sent_again_only_on_demand(desk: Desk, fault: Fault) -> None:
    config = {"resources": {"tickets": {"create": {"timeout_seconds": 0.2}}}}
    await desk.server.ok(
        "PATCH", f"/integrated-account/{desk.account}", json={"integration_override": config}
    )
    desk.fake.cue(replace(fault))
    assert (await desk.post())[0] in (502, 504)
    for _ in range(2):
        status, body, replayed = await desk.post()
        assert (status, body["error"], replayed) == (409, "Conflict", False)
        assert body["details"]["sent_to"] == "POST 127.0.0.1 (tickets.create)"
    assert desk.writes == 1
    status, body, replayed = await desk.post(query="&isthmus_repeat_unknown=true")
    assert (status, replayed, desk.writes) == (200, False, 2)
    assert await desk.post() == (200, body, True)


async def test_a_write_that_did_not_reach_the_provider_is_sent_by_a_repetition(desk: Desk) -> None:
    port = free_port()
    await desk.server.ok(
        "PATCH", f"/integrated-account/{desk.account}", json={"context": {"url": f"http://127.0.0.1:{port}"}}
    )
    assert (await desk.post())[0] == 502
    await desk.server.ok(
        "PATCH", f"/integrated-account/{desk.account}", json={"context": {"url": desk.fake.url}}
    )
    assert (await desk.post())[0] == 200


async def test_a_write_whose_answer_cannot_be_mapped_is_not_sent_again(desk: Desk) -> None:
    broken = {"tickets": {"create": {"response_mapping": "$error('broken')"}}}
    await desk.server.ok(
        "PATCH", f"/integrated-account/{desk.account}", json={"unified_model_override": {MODEL: broken}}
    )
    path, body = f"/unified/{MODEL}/tickets", {"name": "n", "description": "d"}
    assert (await desk.post(path, body))[0] == 500
    status, answer, _ = await desk.post(path, body)
    assert (status, answer["details"]["code"], desk.writes) == (409, "outcome_unknown", 1)


async def test_a_batch_that_lost_one_of_its_answers_stores_what_it_knows(desk: Desk) -> None:
    desk.fake.cue(Fault("reset"))
    node = {"resource": "tickets", "method": "create", "name": "t", "body": {"subject": "s"}}
    body = {"integrated_account_id": desk.account, "resources": [node]}
    first = await desk.server.call("POST", "/batch-request", json=body, headers=KEY)
    assert await desk.server.call("POST", "/batch-request", json=body, headers=KEY) == first
    assert desk.writes == 1


@pytest.mark.parametrize("writes_first", [False, True])
async def test_a_batch_with_a_node_that_met_an_outage_of_the_database_is_not_its_final_answer(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, writes_first: bool
) -> None:
    create = {"resource": "tickets", "method": "create", "body": {"subject": "s"}}
    nodes = [{**create, "name": "first"}, {**create, "name": "second", "depends_on": ["first"]}]
    body = {"integrated_account_id": desk.account, "resources": nodes}
    open_account, calls = Connections.open, itertools.count()
    is_away = True

    async def meet_outage(*arguments: Any, **options: Any) -> Connection:
        if is_away and next(calls) == (2 if writes_first else 1):  # the first one is of the batch itself
            raise DatabaseUnavailable("no connection")
        return await open_account(*arguments, **options)

    monkeypatch.setattr(Connections, "open", meet_outage)
    status, first, _ = await desk.post("/batch-request", body)
    assert (status, first["errors"]["tickets"][0]["statusCode"]) == (200, 503)
    assert desk.writes == (1 if writes_first else 0)
    is_away = False
    status, second, replayed = await desk.post("/batch-request", body)
    assert not replayed
    if writes_first:
        assert (status, second["details"]["code"], desk.writes) == (409, "outcome_unknown", 1)
    else:
        assert (status, second["errors"]["tickets"], desk.writes) == (200, [], 2)


@pytest.mark.parametrize(("verb", "headers"), [("POST", {}), ("GET", KEY)])
async def test_to_repeat_an_unknown_outcome_takes_the_key_of_a_write(
    desk: Desk, verb: str, headers: dict[str, str]
) -> None:
    status, body, _ = await desk.post(verb=verb, headers=headers, query="&isthmus_repeat_unknown=true")
    assert (status, body["details"]["failures"][0]["path"]) == (400, "headers.idempotency-key")
    assert desk.writes == 0


@pytest.mark.parametrize(("sends", "raised"), [(False, None), (True, OutcomeUnknown)])
async def test_a_cancelled_call_frees_its_key_unless_it_has_sent_its_write(
    desk: Desk, sends: bool, raised: type[Exception] | None
) -> None:
    database = desk.server.database
    keys = IdempotencyKeys(database, ProcessPresence(database))

    async def cancel(before_write: BeforeWrite) -> OutgoingResponse:
        if sends:
            await before_write(WRITE)
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await run_keyed(desk, keys, cancel)
    with nullcontext() if raised is None else pytest.raises(raised):
        assert (await run_keyed(desk, keys, succeed)).body == b"done"


@pytest.mark.parametrize(
    ("answers", "is_possibly_delivered", "is_unknown"),
    [
        ([], True, False),
        ([None], False, False),
        ([None], True, True),
        ([503], False, False),
        ([400, None], False, False),
        ([201], False, True),  # what failed is another request, after the write
        ([399, 503], False, True),
    ],
)
async def test_a_call_that_failed_frees_its_key_unless_a_write_may_have_been_carried_out(
    desk: Desk, answers: list[int | None], is_possibly_delivered: bool, is_unknown: bool
) -> None:
    database = desk.server.database
    keys = IdempotencyKeys(database, ProcessPresence(database))

    async def fail(before_write: BeforeWrite) -> OutgoingResponse:
        for status in answers:
            note_answer = await before_write(WRITE)
            if status is not None:
                note_answer(status)
        raise UpstreamUnreachable("gone", is_possibly_delivered=is_possibly_delivered)

    assert (await run_keyed(desk, keys, fail)).status == 502
    with pytest.raises(OutcomeUnknown) if is_unknown else nullcontext():
        assert (await run_keyed(desk, keys, succeed)).body == b"done"


WRITE = OutgoingRequest(HttpRequest("POST", "http://a.test"), Operation("create", "tickets", "create"))


async def run_keyed(
    desk: Desk, keys: IdempotencyKeys, make_response: Callable[[BeforeWrite], Awaitable[OutgoingResponse]]
) -> OutgoingResponse:
    """Serves a request with a key of the desk's environment."""
    account = await desk.server.ok("GET", f"/integrated-account/{desk.account}")
    scope = {"method": "POST", "path": "/proxy/tickets", "query_string": b"", "headers": []}
    request = IncomingRequest(scope, receive_nothing, ("proxy", "tickets"), "r-1", 1)
    return await run_once(
        keys,
        request,
        "k",
        environment_id=account["environment_id"],
        account_id="a",
        make_response=make_response,
    )


async def succeed(_: BeforeWrite) -> OutgoingResponse:
    """A response to store."""
    return OutgoingResponse(200, "text/plain", b"done")


async def receive_nothing() -> dict[str, Any]:
    """An empty request body, by ASGI."""
    return {"type": "http.request", "body": b"", "more_body": False}


class Chunks:
    """A stream of a provider."""

    def __init__(self, *chunks: bytes) -> None:
        self.chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            yield chunk

    async def close(self) -> None:
        """Nothing is held open."""


@pytest.mark.parametrize(("last", "is_kept"), [(b"5678", True), (b"56789", False)])
async def test_a_stream_is_kept_up_to_the_limit_of_an_answer_and_always_given_whole(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, last: bytes, is_kept: bool
) -> None:
    monkeypatch.setattr("isthmus.api.idempotency.MAX_ANSWER_BYTES", 8)
    database = desk.server.database
    keys = IdempotencyKeys(database, ProcessPresence(database))
    calls = 0

    async def give_stream(_: BeforeWrite) -> OutgoingResponse:
        nonlocal calls
        calls += 1
        return OutgoingResponse(200, "text/plain", stream=Chunks(b"1234", last))

    for _ in range(2):
        response = await run_keyed(desk, keys, give_stream)
        whole = response.body if response.stream is None else b"".join([c async for c in response.stream])
        assert whole == b"1234" + last
    assert calls == (1 if is_kept else 2)


async def test_a_repetition_during_the_call_is_told_to_wait(desk: Desk) -> None:
    desk.fake.cue(Fault("hang", seconds=3600))
    first = asyncio.ensure_future(desk.post())
    await desk.fake.holding.wait()
    status, body, _ = await desk.post()
    assert (status, body["error"]) == (409, "Conflict")
    await desk.fake.close()
    assert (await first)[0] == 503
    assert (await desk.post())[0] == 200


async def test_reads_and_calls_without_a_key_keep_nothing(desk: Desk) -> None:
    assert (await desk.post("/proxy/tickets", {}, verb="GET"))[0] == 200
    assert (await desk.post(headers={}))[0] == 200
    assert await desk.rows() == 0


async def test_a_key_may_be_255_characters_long(desk: Desk) -> None:
    assert (await desk.post(headers={"idempotency-key": "k" * 255}))[0] == 200
    assert (await desk.post(headers={"idempotency-key": "k" * 256}))[0] == 400


async def test_what_is_kept_is_sealed(desk: Desk) -> None:
    await desk.post(body={"subject": "secret subject"})
    async with desk.server.database.read() as conn:
        row = (await conn.execute(select(idempotency_record))).mappings().one()
    assert b"secret subject" not in row["answer"]
    assert KEY["idempotency-key"] not in row["key_digest"]
    assert row["expires_at"] - row["updated_at"] == timedelta(hours=24)


async def test_a_day_later_the_key_is_free(settings: Settings) -> None:
    clock = VirtualClock()
    async with (
        running(Larkdesk(limit=RequestLimit(None))) as fake,
        serving(settings, clock=clock) as server,
    ):
        desk = Desk(server, fake, await connect(server, await install(server), fake.url))
        await desk.post()
        await clock.advance(23 * 3600)
        assert (await desk.post())[2]
        await clock.advance(3600)
        assert not (await desk.post())[2]
        assert (desk.writes, await desk.rows()) == (2, 1)
