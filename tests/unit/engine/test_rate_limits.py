from __future__ import annotations

from typing import Any

import pytest
from tests.unit.engine.upstreams import MemoryUpstream, answer, integration

from isthmus.api.call_parsing import parse_call
from isthmus.definitions import RateLimit
from isthmus.engine import proxy
from isthmus.engine.provider_errors import detect_throttling, make_account_closed_error
from isthmus.errors import RemoteError

NOW = 1_700_000_000.0


def _wait(spec: dict[str, Any] | None, status: int = 200, **headers: str) -> float | None:
    rule = None if spec is None else RateLimit.model_validate(spec)
    return detect_throttling(rule, answer({}, status, **headers), now=NOW)


def test_without_a_block_status_429_decides() -> None:
    assert _wait(None) is None
    assert _wait(None, 503, retry_after="5") is None
    assert _wait(None, 429) == 10.0
    assert _wait(None, 429, retry_after="7") == 7.0
    assert _wait(None, 429, retry_after="0.5") == 0.5
    assert _wait(None, 429, retry_after="0") == 0.0
    assert _wait(None, 429, retry_after="Tue, 14 Nov 2023 22:13:50 GMT") == 30.0
    assert _wait(None, 429, retry_after="Tue, 14 Nov 2000 22:13:50 GMT") == 0.0
    assert _wait(None, 429, retry_after="soon") == 10.0
    assert _wait(None, 429, retry_after="nan") == 10.0
    assert _wait(None, 429, retry_after=f"Tue, 14 Nov {'9' * 20} 22:13:50 GMT") == 10.0
    assert _wait(None, 429, retry_after="1e9") == 86_400.0


def test_expressions_tell_throttling_whatever_the_status() -> None:
    spec = {
        "is_rate_limited": "headers.`x-remaining` = '0' or status = 503",
        "retry_after_header_expression": "$number(headers.`x-wait`)",
        "rate_limit_header_expression": "$number(headers.`x-reset`)",
    }
    assert _wait(spec) is None
    assert _wait(spec, 429) is None
    assert _wait(spec, x_remaining="0", x_wait="3") == 3.0
    assert _wait(spec, x_remaining="0", x_reset=str(NOW + 8)) == 8.0
    assert _wait(spec, x_remaining="0", x_wait="3", x_reset=str(NOW + 8)) == 8.0
    assert _wait(spec, x_remaining="0", x_reset=str(NOW - 8)) == 0.0
    assert _wait(spec, 503) == 10.0
    assert _wait(spec, 503, x_wait="never", retry_after="4") == 4.0


def test_an_expression_that_fails_is_no_throttling() -> None:
    assert _wait({"is_rate_limited": "$error('x')"}, 429) is None
    assert _wait({"retry_after_header_expression": "'6'"}, 429) == 6.0
    for value in ("true", "{}", "'Infinity'", "$toNumber('Infinity')", "'nan'", "null"):
        assert _wait({"retry_after_header_expression": value}, 429) == 10.0


@pytest.mark.parametrize("status", [200, 429])
async def test_a_throttled_call_is_a_429_with_whole_seconds(status: int) -> None:
    upstream = MemoryUpstream([answer({"message": "slow down"}, status, retry_after="2.5")])
    config = integration({"get": {"path": "/x"}}, rate_limit={"is_rate_limited": "true"})
    with pytest.raises(RemoteError, match="slow down") as caught:
        await proxy.call_method(upstream, config, "things", parse_call("get"))
    assert (caught.value.status, caught.value.headers) == (429, {"retry-after": "3"})
    assert caught.value.raw_response == {"message": "slow down"}


@pytest.mark.parametrize("status", [200, 429])
async def test_an_error_expression_words_the_throttling_too_but_for_its_status(status: int) -> None:
    upstream = MemoryUpstream([answer({"ok": False, "why": "ratelimited"}, status, retry_after="4")])
    config = integration(
        {"get": {"path": "/x"}},
        rate_limit={"is_rate_limited": "true"},
        error_expression="{'message': data.why, 'error': 'Slow Down', 'status': 503, "
        "'statusCode': 503, 'hint': 'later'}",
    )
    with pytest.raises(RemoteError, match="ratelimited") as caught:
        await proxy.call_method(upstream, config, "things", parse_call("get"))
    assert (caught.value.status, caught.value.headers) == (429, {"retry-after": "4"})
    assert (caught.value.error, caught.value.remote_details) == ("Slow Down", {"hint": "later"})


def test_a_closed_account_says_how_long() -> None:
    assert make_account_closed_error(0.01).headers == {"retry-after": "1"}
    assert make_account_closed_error(3.2).headers == {"retry-after": "4"}
