"""Batches: dependencies, loops, recursion, what fails alone, and the budget; in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from tests.fakes.clock import VirtualClock
from tests.unit.engine.desk_calls import DeskCalls, graph_of, limits, outcome_of, ran

from isthmus.api.call_parsing import parse_node_call
from isthmus.engine.batch import run_batch
from isthmus.engine.calls import Call, ListResult, ResponseOptions, StreamResult, ValueResult
from isthmus.errors import AccountNeedsReauth, RemoteError, TooManyRequests, UpstreamUnreachable
from isthmus.kit.call_warnings import CallWarning


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def tickets(count: int) -> list[dict[str, Any]]:
    return [{"id": str(number), "group": number % 2} for number in range(1, count + 1)]


def comments_of(call: Call) -> list[dict[str, Any]]:
    return [{"id": f"{call.query.nested['ticket']}-{letter}"} for letter in "ab"]


def remote(status: int, **headers: str) -> RemoteError:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return RemoteError("refused", status=status, raw_response=None, headers=given)


def transform(name: str, expression: str, **more: Any) -> dict[str, Any]:
    return {"type": "transform", "name": name, "config": {"expression": expression}, **more}


async def test_a_list_is_read_to_its_last_page(clock: VirtualClock) -> None:
    calls = DeskCalls(clock, {"desk/tickets": tickets(5)})
    body = await ran(calls, clock, {"resource": "desk/tickets", "query": {"limit": 2}})
    assert body == {"result": {"desk/tickets": tickets(5)}, "errors": {"desk/tickets": []}}
    assert [call.cursor for _, call in calls.asked] == [None, "2", "4"]


async def test_what_calls_left_out_is_told_once_with_the_name_of_the_node(clock: VirtualClock) -> None:
    unread = CallWarning("unknown_name", "body.emial is not known.", "body.emial")
    partial = CallWarning("partial_failure", "1 of 2 parts failed.")
    results = {
        "desk/tickets": lambda call: ValueResult({"id": call.id}, warnings=(unread, partial)),
        "desk/comments": ListResult([], warnings=(unread,)),
    }
    calls = DeskCalls(clock, results)
    outcome = await outcome_of(
        calls,
        clock,
        {"resource": "desk/comments", "name": "said"},
        {"resource": "desk/tickets", "method": "get", "id": "{{args.n}}", "loop_on": "args.n"},
        args={"n": [1, 2]},
    )
    assert len(calls.asked) == 3
    assert outcome.warnings == [
        replace(unread, field="said: body.emial"),
        replace(unread, field="desk/tickets: body.emial"),
        replace(partial, message="desk/tickets: 1 of 2 parts failed."),
    ]
    assert outcome.body.keys() == {"result", "errors"}


async def test_a_loop_calls_once_for_each_record_and_answers_in_their_order(clock: VirtualClock) -> None:
    calls = DeskCalls(clock, {"desk/tickets": tickets(3), "desk/comments": comments_of}, size=10)
    body = await ran(
        calls,
        clock,
        {"resource": "desk/tickets"},
        {
            "resource": "desk/comments",
            "loop_on": "resources.desk.tickets",
            "query": {"ticket": "{{resources.desk.tickets.id}}"},
        },
    )
    assert [each["id"] for each in body["result"]["desk/comments"]] == [
        "1-a",
        "1-b",
        "2-a",
        "2-b",
        "3-a",
        "3-b",
    ]


async def test_without_a_loop_a_reference_is_to_the_first_record(clock: VirtualClock) -> None:
    calls = DeskCalls(
        clock, {"m/ticket": {"id": 7, "by": {"id": 3}}, "m/users": lambda call: {"id": call.id}}
    )
    body = await ran(
        calls,
        clock,
        {"resource": "m/ticket", "method": "get", "id": "{{args.ticket}}"},
        {"resource": "m/users", "method": "GET", "id": "{{resources.m.ticket.by.id}}"},
        args={"ticket": 7},
    )
    assert body["result"]["m/users"] == [{"id": "3"}]


async def test_an_expression_makes_query_and_body(clock: VirtualClock) -> None:
    calls = DeskCalls(clock, {"m/tickets": tickets(3), "m/notes": lambda call: call.body}, size=10)
    body = await ran(
        calls,
        clock,
        {"resource": "m/tickets", "query": '{"state": args.state}'},
        {
            "resource": "m/notes",
            "method": "POST",
            "depends_on": "m/tickets",
            "body": '{"ids": resources.m.tickets.id, "count": $count(resources.m.tickets)}',
        },
        args={"state": "open"},
    )
    assert calls.asked[0][1].query.nested == {"state": "open"}
    assert body["result"]["m/notes"] == [{"ids": ["1", "2", "3"], "count": 3}]


async def test_a_transform_and_a_spool_are_answered_by_name(clock: VirtualClock) -> None:
    calls = DeskCalls(clock, {"tickets": tickets(3), "users": [{"id": "u"}]}, size=10)
    body = await ran(
        calls,
        clock,
        {"resource": "tickets"},
        {"resource": "users"},
        {"type": "spool", "name": "all", "depends_on": ["users", "tickets"]},
        transform("odd", "resources.tickets[group = 1].id"),
        transform("nothing", '"" '),
    )
    assert body["result"]["all"] == [{"id": "u"}, *tickets(3)]
    assert body["result"]["odd"] == ["1", "3"]
    assert body["result"]["nothing"] == []


async def test_records_of_proxy_nodes_are_answered_where_they_are_to_persist(clock: VirtualClock) -> None:
    calls = DeskCalls(clock, {"a": [1], "b": [2], "m/c": [3], "m/d": [4]})
    body = await ran(
        calls,
        clock,
        {"resource": "a"},
        {"resource": "b", "persist": True},
        {"resource": "m/c"},
        {"resource": "m/d", "persist": False},
    )
    assert body["result"] == {"b": [2], "m/c": [3]}
    assert set(body["errors"]) == {"a", "b", "m/c", "m/d"}


async def test_nodes_of_one_resource_are_answered_one_after_the_other(clock: VirtualClock) -> None:
    calls = DeskCalls(clock, {"m/a": lambda call: [call.query.nested["n"]]})
    nodes = [{"resource": "m/a", "name": f"n{number}", "query": {"n": number}} for number in (3, 1, 2)]
    assert (await ran(calls, clock, *nodes))["result"] == {"m/a": ["3", "1", "2"]}


async def test_a_failing_node_fails_alone_and_those_behind_it_are_skipped(clock: VirtualClock) -> None:
    calls = DeskCalls(clock, {"m/a": remote(500), "m/b": [1]})
    body = await ran(
        calls,
        clock,
        {"resource": "m/a"},
        {"resource": "m/b"},
        {"resource": "m/c", "depends_on": "m/a"},
        {"resource": "m/d", "depends_on": "m/c"},
    )
    assert body["result"] == {"m/a": [], "m/b": [1], "m/c": [], "m/d": []}
    statuses = {key: [each["statusCode"] for each in found] for key, found in body["errors"].items()}
    assert statuses == {"m/a": [500], "m/b": [], "m/c": [424], "m/d": [424]}
    assert body["errors"]["m/a"][0]["truto_is_remote_error"] is True
    assert body["errors"]["m/d"][0] | {"message": ""} == {
        "statusCode": 424,
        "error": "Failed Dependency",
        "message": "",
        "details": {"depends_on": ["m/c"]},
        "node": "m/d",
    }
    assert sorted(calls.order) == ["m/a", "m/b"]


async def test_pages_before_a_failure_are_answered_beside_it(clock: VirtualClock) -> None:
    pages: list[Any] = [remote(500), tickets(4), tickets(4)]
    calls = DeskCalls(clock, {"m/a": lambda _: pages.pop()})
    body = await ran(calls, clock, {"resource": "m/a", "query": {"limit": 1}})
    assert [each["id"] for each in body["result"]["m/a"]] == ["1", "2"]
    assert [each["statusCode"] for each in body["errors"]["m/a"]] == [500]


async def test_a_turn_of_a_loop_that_fails_says_which(clock: VirtualClock) -> None:
    calls = DeskCalls(clock, {"m/a": lambda call: remote(404) if call.id == "2" else {"id": call.id}})
    body = await ran(
        calls,
        clock,
        {"resource": "m/a", "method": "get", "loop_on": "args.ids", "id": "{{args.ids}}"},
        {"resource": "m/a", "name": "again", "method": "get", "loop_on": "resources.m.a",
         "id": "{{resources.m.a.id}}"},
        args={"ids": [1, 2, 3]},
    )  # fmt: skip
    assert [each["id"] for each in body["result"]["m/a"]] == ["1", "3", "1", "3"]
    assert [(each["statusCode"], each["turn"], each["node"]) for each in body["errors"]["m/a"]] == [
        (404, 1, "m/a")
    ]


async def test_what_every_turn_would_meet_is_told_once(clock: VirtualClock) -> None:
    refused = AccountNeedsReauth("reconnect")
    calls = DeskCalls(clock, {"m/a": refused})
    node = {"resource": "m/a", "method": "get", "loop_on": "args.ids", "id": "{{args.ids}}"}
    body = await ran(calls, clock, node, args={"ids": list(range(200))})
    assert [each["statusCode"] for each in body["errors"]["m/a"]] == [401]
    assert len(calls.asked) <= 5


@pytest.mark.parametrize(
    ("method", "most"), [("list", 2), ("get", 2), ("create", 1), ("update", 1), ("delete", 1), ("close", 1)]
)
async def test_only_reads_of_a_loop_are_made_at_the_same_time(
    clock: VirtualClock, method: str, most: int
) -> None:
    record = {"id": "1"}
    rows = {"list": [record], "close": {"result": record}}
    calls = DeskCalls(clock, {"m/a": rows.get(method, record)})
    node = {"resource": "m/a", "method": method, "id": "{{args.n}}", "loop_on": "args.n"}
    body = await ran(calls, clock, node, args={"n": [1, 2, 3]}, limits=limits(at_once=2))
    assert (calls.most, body["result"]["m/a"]) == (most, [record] * 3)


async def test_writes_of_a_loop_go_one_after_the_other(clock: VirtualClock) -> None:
    calls = DeskCalls(clock, {"m/a": lambda call: call.body})
    node = {"resource": "m/a", "method": "create", "loop_on": "args.n", "body": {"n": "{{args.n:int}}"}}
    body = await ran(calls, clock, node, args={"n": [3, 1, 2]})
    assert body["result"]["m/a"] == [{"n": 3}, {"n": 1}, {"n": 2}]
    assert calls.most == 1


async def test_recursion_goes_down_a_tree_and_ends_where_it_comes_round() -> None:
    clock = VirtualClock()
    tree = {"": ["a", "b"], "a": ["c"], "c": ["a"], "b": []}

    def folders(call: Call) -> list[dict[str, Any]]:
        return [{"id": each, "more": each != "b"} for each in tree[call.query.nested.get("parent", "")]]

    calls = DeskCalls(clock, {"m/folders": folders})
    node = {
        "resource": "m/folders",
        "query": {"limit": 1},
        "recurse": {
            "if": "{{resources.m.folders.more:bool}}",
            "config": {"query": {"parent": "{{resources.m.folders.id}}"}},
        },
    }
    body = await ran(calls, clock, node)
    assert [each["id"] for each in body["result"]["m/folders"]] == ["a", "c", "a", "b"]
    assert body["errors"]["m/folders"] == []


async def test_a_placeholder_without_a_value_drops_a_parameter_and_refuses_an_id(clock: VirtualClock) -> None:
    calls = DeskCalls(clock, {"m/a": []})
    body = await ran(
        calls,
        clock,
        {"resource": "m/a", "query": {"x": "{{args.none}}", "y": 1}},
        {"resource": "m/b", "method": "get", "id": "{{args.none}}"},
    )
    assert calls.asked[0][1].query.nested == {"y": "1"}
    assert [each["statusCode"] for each in body["errors"]["m/b"]] == [400]
    assert len(calls.asked) == 1


async def test_a_provider_that_asks_to_wait_is_waited_for(clock: VirtualClock) -> None:
    answers: list[Any] = [[1], remote(429, retry_after="7")]
    calls = DeskCalls(clock, {"m/a": lambda _: answers.pop()})
    body = await ran(calls, clock, {"resource": "m/a"})
    assert (body["result"]["m/a"], clock.monotonic()) == ([1], 9.0)


@pytest.mark.parametrize("seconds", ["59", "700"])
async def test_a_wait_that_does_not_end_within_the_batch_is_told_at_once(
    clock: VirtualClock, seconds: str
) -> None:
    calls = DeskCalls(clock, {"m/a": remote(429, retry_after=seconds)})
    body = await ran(calls, clock, {"resource": "m/a"}, limits=limits(seconds=60))
    assert [each["statusCode"] for each in body["errors"]["m/a"]] == [429]
    assert clock.monotonic() < 60


async def test_a_refused_write_is_not_repeated(clock: VirtualClock) -> None:
    calls = DeskCalls(clock, {"m/a": remote(429, retry_after="1")})
    body = await ran(calls, clock, {"resource": "m/a", "method": "create", "body": {}})
    assert [each["statusCode"] for each in body["errors"]["m/a"]] == [429]
    assert len(calls.asked) == 1


async def test_our_own_limit_is_waited_for() -> None:
    clock = VirtualClock()
    windows: dict[int, int] = {}

    def take() -> None:
        window = int(clock.monotonic() // 10)
        windows[window] = windows.get(window, 0) + 1
        if windows[window] > 3:
            windows[window] -= 1
            raise TooManyRequests("full", retry_after=10 - int(clock.monotonic() % 10))

    calls = DeskCalls(clock, {"m/a": tickets(8)}, size=1, seconds=0.1)
    body = await ran(calls, clock, {"resource": "m/a"}, count_request=take)
    assert len(body["result"]["m/a"]) == 8
    assert windows == {0: 3, 1: 3, 2: 2}


async def test_what_is_left_when_time_is_over_says_so_and_keeps_what_it_had() -> None:
    clock = VirtualClock()
    calls = DeskCalls(clock, {"m/slow": tickets(50), "m/quick": [1]}, size=1)
    nodes = (
        {"resource": "m/slow"},
        {"resource": "m/quick"},
        {"resource": "m/after", "depends_on": "m/slow"},
    )
    body = await ran(calls, clock, *nodes, limits=limits(seconds=5.5))
    assert clock.monotonic() == 5.5
    assert (len(body["result"]["m/slow"]), body["result"]["m/quick"]) == (5, [1])
    statuses = {key: [each["statusCode"] for each in found] for key, found in body["errors"].items()}
    assert statuses == {"m/slow": [504], "m/quick": [], "m/after": [504]}
    assert calls.under_way == 0


async def test_cancelling_ends_every_node() -> None:
    clock = VirtualClock()
    calls = DeskCalls(clock, {"m/a": tickets(50), "m/b": tickets(50)}, size=1)
    graph = graph_of({"resource": "m/a"}, {"resource": "m/b"})
    task = asyncio.ensure_future(
        run_batch(graph, calls, parse_call=parse_node_call, extra_names={}, limits=limits(), clock=clock)
    )
    for _ in range(30):
        await clock.advance(0.1)
        for _ in range(10):
            await asyncio.sleep(0)
    asked = len(calls.asked)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await clock.advance(100)
    assert (calls.under_way, len(calls.asked), task.cancelled()) == (0, asked, True)


async def test_the_pages_of_one_list_come_one_after_the_other(clock: VirtualClock) -> None:
    calls = DeskCalls(clock, {"m/a": tickets(50)}, size=1)
    await ran(calls, clock, {"resource": "m/a"})
    assert (calls.most, clock.monotonic()) == (1, 50)


@pytest.mark.parametrize(
    ("changed", "kept"), [({"records": 3}, 3), ({"pages": 2}, 4), ({"records": 3, "pages": 2}, 3)]
)
async def test_more_records_or_pages_than_a_batch_holds_are_an_error_beside_the_rest(
    clock: VirtualClock, changed: dict[str, int], kept: int
) -> None:
    calls = DeskCalls(clock, {"m/a": tickets(50)})
    body = await ran(calls, clock, {"resource": "m/a"}, limits=limits(**changed))
    assert len(body["result"]["m/a"]) == kept
    assert [each["statusCode"] for each in body["errors"]["m/a"]] == [422]


async def test_a_list_that_ends_at_the_last_allowed_page_is_whole(clock: VirtualClock) -> None:
    calls = DeskCalls(clock, {"m/a": tickets(4)})
    body = await ran(calls, clock, {"resource": "m/a"}, limits=limits(pages=2, records=4))
    assert (len(body["result"]["m/a"]), body["errors"]["m/a"]) == (4, [])


async def test_a_loop_over_more_than_allowed_calls_nothing(clock: VirtualClock) -> None:
    calls = DeskCalls(clock, {"m/a": {}})
    node = {"resource": "m/a", "method": "get", "id": "{{args.n}}", "loop_on": "args.n"}
    body = await ran(calls, clock, node, args={"n": [1, 2, 3]}, limits=limits(calls=2))
    assert [each["statusCode"] for each in body["errors"]["m/a"]] == [422]
    assert calls.asked == []


async def test_a_loop_over_as_many_as_allowed_calls_each(clock: VirtualClock) -> None:
    calls = DeskCalls(clock, {"m/a": {}})
    node = {"resource": "m/a", "method": "get", "id": "{{args.n}}", "loop_on": "args.n"}
    body = await ran(calls, clock, node, args={"n": [1, 2]}, limits=limits(calls=2))
    assert (len(calls.asked), body["errors"]["m/a"]) == (2, [])


async def test_a_turn_that_fails_leaves_the_others_of_as_many_as_allowed(clock: VirtualClock) -> None:
    calls = DeskCalls(clock, {"m/a": lambda call: remote(404) if call.id == "1" else {"id": call.id}})
    node = {"resource": "m/a", "method": "get", "id": "{{args.n}}", "loop_on": "args.n"}
    body = await ran(calls, clock, node, args={"n": [1, 2]}, limits=limits(calls=2, at_once=1))
    assert body["result"]["m/a"] == [{"id": "2"}]
    assert [each["statusCode"] for each in body["errors"]["m/a"]] == [404]


TRUTHY: list[Any] = [[], {}, [0], "x", "0", 1, True]


@pytest.mark.parametrize(
    ("record", "recurs"),
    [
        *(({"flag": flag}, True) for flag in TRUTHY),
        *(({"flag": flag}, False) for flag in ("", 0, None, False)),
        ({}, False),
    ],
)
async def test_recursion_goes_on_where_its_condition_is_true_in_javascript(
    clock: VirtualClock, record: dict[str, Any], recurs: bool
) -> None:
    calls = DeskCalls(clock, {"m/a": lambda call: [] if call.query.nested else [record]})
    recurse = {"if": "{{resources.m.a.flag:any}}", "config": {"query": {"under": "1"}}}
    await ran(calls, clock, {"resource": "m/a", "recurse": recurse})
    assert len(calls.asked) == (2 if recurs else 1)


async def test_recursion_goes_50_levels_down_at_the_most(clock: VirtualClock) -> None:
    calls = DeskCalls(clock, {"m/a": lambda call: [{"id": int(call.query.nested.get("under", "0")) + 1}]})
    node = {
        "resource": "m/a",
        "recurse": {"if": "true", "config": {"query": {"under": "{{resources.m.a.id}}"}}},
    }
    body = await ran(calls, clock, node)
    assert [each["id"] for each in body["result"]["m/a"]] == list(range(1, 52))
    assert body["errors"]["m/a"] == []


async def test_a_node_that_fails_in_a_way_nobody_foresaw_does_not_hide_the_others(
    clock: VirtualClock,
) -> None:
    def broken(_: Call) -> Any:
        raise ZeroDivisionError

    calls = DeskCalls(clock, {"m/a": broken, "m/b": [1], "m/c": UpstreamUnreachable("gone")})
    body = await ran(calls, clock, {"resource": "m/a"}, {"resource": "m/b"}, {"resource": "m/c"})
    statuses = {key: [each["statusCode"] for each in found] for key, found in body["errors"].items()}
    assert statuses == {"m/a": [500], "m/b": [], "m/c": [502]}


async def test_the_format_of_a_node_is_that_of_its_call(clock: VirtualClock) -> None:
    calls = DeskCalls(clock, {"m/a": [1]})
    query = {"truto_ignore_remote_data": True, "remote_query": {"expand": "owner"}, "limit": 5}
    await ran(calls, clock, {"resource": "m/a", "response_format": "normalized", "query": query})
    (_, call), *_ = calls.asked
    assert call.response_options == ResponseOptions(ignore_remote_data=True, response_format="normalized")
    assert (call.remote_query, call.limit) == ({"expand": "owner"}, 5)


@pytest.mark.parametrize("name", ["truto_key_by", "truto_body_passthrough", "isthmus_explain"])
async def test_a_parameter_that_is_not_for_a_node_is_refused(clock: VirtualClock, name: str) -> None:
    calls = DeskCalls(clock, {"m/a": [1]})
    body = await ran(calls, clock, {"resource": "m/a", "query": {name: "id"}})
    assert [each["statusCode"] for each in body["errors"]["m/a"]] == [400]
    assert calls.asked == []


class Bytes:
    closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"%PDF"

    async def close(self) -> None:
        self.closed = True


async def test_a_file_is_let_go_of_and_is_an_error(clock: VirtualClock) -> None:
    file = Bytes()
    calls = DeskCalls(clock, {"m/a": StreamResult(200, {"content-type": "application/pdf"}, file)})
    body = await ran(calls, clock, {"resource": "m/a", "method": "download"})
    assert [each["statusCode"] for each in body["errors"]["m/a"]] == [422]
    assert file.closed


async def test_a_transform_sees_no_secret_of_the_account(clock: VirtualClock) -> None:
    calls = DeskCalls(clock, {"m/a": [1]}, context={"url": "u", "api_key": "k"})
    calls.public_context = {"url": "u"}
    body = await ran(
        calls,
        clock,
        {"resource": "m/a", "query": {"key": "{{api_key}}"}},
        transform("seen", '{"url": url, "key": api_key}'),
    )
    assert calls.asked[0][1].query.nested == {"key": "k"}
    assert body["result"]["seen"] == [{"url": "u"}]
