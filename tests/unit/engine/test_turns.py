"""A definition's own expressions hold nobody up, wherever they stand."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pytest
from tests.unit.engine.mapped_calls import RECORD, records_of
from tests.unit.engine.upstreams import MemoryUpstream, answer, integration
from tests.unit.expressions.test_turns import ENDLESS
from tests.unit.expressions.turn_counter import count_turns

from isthmus.api.call_parsing import parse_call
from isthmus.engine import proxy
from isthmus.engine.calls import ListResult
from isthmus.engine.evaluation import EvaluationSettings, use_evaluation_settings
from isthmus.engine.explain.dry_run import DryRun
from isthmus.engine.explain.explanations import explain_proxy
from isthmus.engine.unified import response_mapping
from isthmus.engine.upstream import AccountFacts
from isthmus.errors import MappingFailed
from isthmus.expressions import Limits

SIGNED = {"format": "header", "config": {"expression": "{ 'X-Sum': $digest(requestOptions.body.n) }"}}


def _paged(**config: Any) -> dict[str, Any]:
    return {"pagination": {"format": "cursor", "config": {"cursor_path": "next", **config}}}


def _computed(name: str) -> dict[str, Any]:
    return {"pagination": {"format": "dynamic", "config": {f"get_{name}_expression": ENDLESS}}}


@pytest.mark.parametrize(
    ("method", "config", "fails"),
    [
        ({"query": ENDLESS}, {}, True),
        ({"headers": ENDLESS}, {}, True),
        ({"body": ENDLESS}, {}, True),
        ({"response_path": ENDLESS}, {}, True),
        ({"error_expression": ENDLESS}, {}, False),
        ({}, {"error_expression": ENDLESS}, False),
        ({}, {"rate_limit": {"is_rate_limited": ENDLESS}}, False),
        ({}, {"authorization": {"format": "header", "config": {"expression": ENDLESS}}}, True),
        ({}, _paged(cursor_path=ENDLESS), True),
        (_paged(has_more_path=ENDLESS), {}, True),
        ({"pagination_path": ENDLESS}, _paged(), True),
        ({}, _computed("initial_pagination_values"), True),
        ({}, _computed("pagination_values"), True),
        ({}, _computed("cursor_from_response"), True),
    ],
)
async def test_others_have_their_turn(method: dict[str, Any], config: Mapping[str, Any], fails: bool) -> None:
    definition = integration({"list": {"path": "/things", **method}}, **config)
    upstream = MemoryUpstream(lambda _: answer({"rows": [], "next": "n"}))
    call = proxy.call_method(upstream, definition, "things", parse_call("list"))
    async with count_turns() as turns:
        with use_evaluation_settings(EvaluationSettings(limits=Limits(seconds=0.5))):
            if fails:
                with pytest.raises(MappingFailed, match="seconds"):
                    await call
            else:
                assert isinstance(await call, ListResult)
        assert turns() > 1


async def test_an_authorization_may_wait_for_its_functions() -> None:
    definition = integration({"create": {"path": "/x", "method": "post"}}, authorization=SIGNED)
    upstream = MemoryUpstream([answer({})])
    text = "x" * 2_000_000
    call = parse_call("create", body={"n": text})
    async with count_turns() as turns:
        await proxy.call_method(upstream, definition, "things", call)
        assert turns() > 0
    assert upstream.request.headers["X-Sum"] == sha256(text.encode()).hexdigest()
    plan = await explain_proxy(DryRun(AccountFacts("a", "t", "e"), {}), definition, "things", call)
    assert plan.request is not None


async def test_the_mapping_of_many_records_lets_others_run_between_two_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(response_mapping, "_MAX_TURN_SECONDS", -1.0)  # every record takes too long
    records = [{"no": number, "label": "a"} for number in range(40)]
    upstream = MemoryUpstream([answer({"items": records})])
    async with count_turns() as turns:
        await records_of(upstream, {"response_mapping": RECORD, "response_mapping_method": "item"})
        assert turns() >= 40


async def test_records_that_take_no_time_are_mapped_in_one_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response_mapping, "_MAX_TURN_SECONDS", 0.0)
    monkeypatch.setattr(response_mapping, "monotonic", lambda: 1_000.0)
    records = [{"no": number, "label": "a"} for number in range(40)]
    upstream = MemoryUpstream([answer({"items": records})])
    async with count_turns() as turns:
        await records_of(upstream, {"response_mapping": RECORD, "response_mapping_method": "item"})
        assert turns() < 40
