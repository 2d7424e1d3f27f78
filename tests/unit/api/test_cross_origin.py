"""What pages of any origin may call, and what browsers are told before they do."""

from __future__ import annotations

from typing import Any

import pytest

from isthmus.api.cross_origin import is_open_to_pages, make_preflight_response, with_cors_headers


@pytest.mark.parametrize(
    ("segments", "is_open"),
    [
        (("unified", "crm", "contacts"), True),
        (("proxy", "tickets"), True),
        (("custom",), True),
        (("integrated-account", "me"), True),
        (("integrated-account",), False),
        (("integrated-account", "me", "x"), False),
        (("integrated-account", "1"), False),
        (("batch-request",), False),
        (("connect-account",), False),
        (("team", "unified"), False),
        ((), False),
    ],
)
def test_pages_may_call_what_takes_the_token_of_an_account(segments: tuple[str, ...], is_open: bool) -> None:
    assert is_open_to_pages(segments) == is_open


def preflight(**headers: str) -> dict[str, str]:
    sent = {"access-control-request-method": "POST"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    answer = make_preflight_response("OPTIONS", sent)
    assert answer is not None
    assert answer.status == 200
    return dict(answer.headers)


OWN = "authorization, content-type, idempotency-key, x-request-id"


@pytest.mark.parametrize(
    ("requested", "allowed"),
    [
        ("x-one, X_Two", f"{OWN}, x-one, X_Two"),
        ("", OWN),
        ("a" * 1024, f"{OWN}, {'a' * 1024}"),
        ("a" * 1025, OWN),
        ("a\r\nset-cookie: b", OWN),
        ("a;b", OWN),
    ],
)
def test_a_browser_may_send_the_headers_it_asks_for_if_they_are_names(requested: str, allowed: str) -> None:
    headers = preflight(access_control_request_headers=requested)
    assert headers["access-control-allow-headers"] == allowed
    assert headers["access-control-allow-methods"] == "GET, HEAD, POST, PUT, PATCH, DELETE"


def test_a_call_is_no_question_before_one_also_by_options() -> None:
    assert make_preflight_response("OPTIONS", {"origin": "https://a.test"}) is None
    assert make_preflight_response("POST", {"access-control-request-method": "POST"}) is None


async def test_every_answer_may_be_read_by_the_page() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    open_send = with_cors_headers(send)
    await open_send({"type": "http.response.start", "status": 404, "headers": [(b"a", b"b")]})
    await open_send({"type": "http.response.body", "body": b""})
    assert sent[0]["headers"][:2] == [(b"a", b"b"), (b"access-control-allow-origin", b"*")]
    exposed = dict(sent[0]["headers"])[b"access-control-expose-headers"]
    assert b"retry-after" in exposed
    assert b"isthmus-warning" in exposed
    assert sent[1] == {"type": "http.response.body", "body": b""}
