"""What a data-plane call hands on to the engine."""

from __future__ import annotations

from typing import Any

from isthmus.api.call_parsing import read_data_call
from isthmus.api.incoming_request import IncomingRequest


def incoming(headers: dict[str, str]) -> IncomingRequest:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "method": "POST",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    return IncomingRequest(scope, receive, ("proxy", "tickets"), "request-1", 1_000)


async def test_the_callers_token_for_this_server_is_no_header_that_a_definition_can_forward() -> None:
    sent = {"authorization": "Bearer t", "cookie": "s=1", "x-workspace": "w", "accept": "text/csv"}
    call = await read_data_call(incoming(sent), "create", None)
    assert call.headers == {"x-workspace": "w", "accept": "text/csv"}
