"""What a dry run shows of a request that is not sent."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.engine.upstreams import integration

from isthmus.api.call_parsing import parse_call
from isthmus.definitions.secrets import MASK
from isthmus.engine.explain.dry_run import DryRun
from isthmus.engine.explain.explanations import explain_proxy
from isthmus.engine.upstream import AccountFacts


@pytest.mark.parametrize(("length", "is_shown"), [(65_536, True), (65_537, False)])
async def test_a_text_of_up_to_64_ki_characters_is_shown(length: int, is_shown: bool) -> None:
    text = "x" * length
    config = integration({"create": {"path": "/x", "method": "post", "body_format": "raw"}})
    dry_run = DryRun(AccountFacts("a", "t", "e"), {"api_key": "k"})
    plan = await explain_proxy(dry_run, config, "things", parse_call("create", body=text))
    assert plan.request is not None
    expected = text if is_shown else {"bytes": length, "content_type": "application/octet-stream"}
    assert plan.request["body"] == expected


async def test_what_authorizes_and_what_a_telling_name_holds_is_masked() -> None:
    signature = {"format": "header", "config": {"header_name": "X-Sum", "header_value": "{{api_key}}"}}
    headers = {"X-Token": "t", "Authorization": "Basic eDp5", "X-Plain": "p"}
    config = integration({"get": {"path": "/x", "headers": headers}}, authorization=signature)
    dry_run = DryRun(AccountFacts("a", "t", "e"), {"api_key": "k"})
    plan = await explain_proxy(dry_run, config, "things", parse_call("get"))
    assert plan.request is not None
    assert plan.request["headers"] == {
        "X-Token": MASK,
        "Authorization": f"Basic {MASK}",
        "X-Plain": "p",
        "X-Sum": MASK,
    }


@pytest.mark.parametrize(
    ("method", "shown"),
    [
        ({}, {"a": 1}),
        ({"headers": {"Content-Type": "application/vnd.api+json"}}, {"a": 1}),
        ({"body_format": "form"}, "a=1"),
        ({"body_format": "raw", "body": "'{}'", "headers": {"Content-Type": "text/plain"}}, "{}"),
        ({"body_format": "raw", "body": "'{'", "headers": {"Content-Type": "application/json"}}, "{"),
    ],
)
async def test_a_body_is_shown_as_its_content_type_says(method: dict[str, Any], shown: Any) -> None:
    config = integration({"create": {"path": "/x", "method": "post", **method}})
    dry_run = DryRun(AccountFacts("a", "t", "e"), {"api_key": "k"})
    plan = await explain_proxy(dry_run, config, "things", parse_call("create", body={"a": 1}))
    assert plan.request is not None
    assert plan.request["body"] == shown
