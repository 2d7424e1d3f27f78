"""Any graph of nodes runs each once, after all it depends on, and never more at once than allowed."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.clock import VirtualClock
from tests.unit.engine.desk_calls import DeskCalls, limits, ran

from isthmus.engine.calls import Call
from isthmus.errors import RemoteError


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[dict[str, Any]], dict[str, set[str]]]:
    """Nodes `m/n0`, `m/n1`, ... in any order, each waiting for some of those of lower number."""
    count = draw(st.integers(1, 12))
    waits = {
        f"m/n{index}": draw(st.sets(st.sampled_from([f"m/n{below}" for below in range(index)]), max_size=4))
        if index
        else set()
        for index in range(count)
    }
    nodes = [{"resource": name, "depends_on": sorted(before)} for name, before in waits.items()]
    return draw(st.permutations(nodes)), waits


@given(graphs(), st.integers(1, 6), st.sets(st.integers(0, 11), max_size=3))
def test_each_node_runs_once_after_what_it_depends_on(
    made: tuple[list[dict[str, Any]], dict[str, set[str]]], at_once: int, failing: set[int]
) -> None:
    nodes, waits = made
    bad = {f"m/n{index}" for index in failing}

    async def run() -> tuple[DeskCalls, dict[str, Any], list[tuple[str, str]]]:
        clock = VirtualClock()
        events: list[tuple[str, str]] = []

        def answer(name: str) -> Any:
            def rows(_: Call) -> Any:
                events.append(("end", name))
                return RemoteError("no", status=500, raw_response=None) if name in bad else [name]

            return rows

        class Watched(DeskCalls):
            async def call(self, resource: str, call: Call, admit: Any) -> Any:
                events.append(("begin", resource))
                return await super().call(resource, call, admit)

        calls = Watched(clock, {name: answer(name) for name in waits})
        return calls, await ran(calls, clock, *nodes, limits=limits(at_once=at_once)), events

    calls, body, events = asyncio.run(run())
    lost: set[str] = set()
    for name, before in waits.items():  # of rising number, so what it waits for is known
        if before & (lost | bad):
            lost.add(name)
    assert sorted(calls.order) == sorted(waits.keys() - lost)
    assert calls.most <= at_once
    for name in waits.keys() - lost:
        begun = events.index(("begin", name))
        assert all(events.index(("end", each)) < begun for each in waits[name])
    for name in waits:
        told = [each["statusCode"] for each in body["errors"][name]]
        assert told == ([424] if name in lost else [500] if name in bad else [])
        assert body["result"][name] == ([] if name in lost | bad else [name])


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8), st.integers(1, 4), st.integers(1, 5))
def test_a_loop_answers_every_page_of_every_turn_in_order(sizes: list[int], size: int, at_once: int) -> None:
    async def run() -> tuple[DeskCalls, dict[str, Any]]:
        clock = VirtualClock()
        calls = DeskCalls(
            clock,
            {
                "m/in": lambda call: [
                    f"{call.query.nested['n']}.{i}" for i in range(sizes[int(call.query.nested["n"])])
                ]
            },
            size=size,
        )
        node = {"resource": "m/in", "loop_on": "args.n", "query": {"n": "{{args.n}}"}}
        return calls, await ran(
            calls, clock, node, args={"n": list(range(len(sizes)))}, limits=limits(at_once=at_once)
        )

    calls, body = asyncio.run(run())
    assert body["result"]["m/in"] == [f"{n}.{i}" for n, count in enumerate(sizes) for i in range(count)]
    assert calls.most <= at_once
