"""The front door, with a platform application behind it that keeps no limits of its own."""

from __future__ import annotations

import logging
from typing import Any

import orjson
import pytest
from fastapi import APIRouter

from isthmus.api.dispatcher import Dispatcher
from isthmus.api.platform_app import build_platform
from isthmus.engine.evaluation import EvaluationSettings

router = APIRouter()


@router.post("/echo")
async def echo(body: dict[str, Any]) -> dict[str, Any]:
    return body


@router.post("/broken")
async def broken(body: dict[str, Any]) -> dict[str, Any]:
    raise RuntimeError(f"a fault of ours, {len(body)}")


async def request(path: str, *chunks: bytes, headers: dict[str, str] | None = None) -> tuple[int, Any, int]:
    """Status, body, and how many of the chunks were taken."""
    front = Dispatcher(
        {}, build_platform([router]), state={}, max_body_bytes=64, evaluations=EvaluationSettings()
    )
    waiting, sent = list(chunks), []
    names = {"content-type": "application/json", **(headers or {})}

    async def receive() -> dict[str, Any]:
        chunk = waiting.pop(0) if waiting else b""
        return {"type": "http.request", "body": chunk, "more_body": bool(waiting)}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in names.items()],
    }
    await front(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], orjson.loads(body), len(chunks) - len(waiting)


async def test_the_platform_reads_a_body_that_came_in_pieces() -> None:
    assert await request("/echo", b'{"a":', b" 1}") == (200, {"a": 1}, 2)


async def test_a_body_for_the_platform_is_not_read_past_the_limit() -> None:
    status, body, taken = await request("/echo", *[b" " * 40] * 100)
    assert (status, body["error"], taken) == (413, "Payload Too Large", 2)


async def test_a_body_for_the_platform_that_says_it_is_too_large_is_not_read_at_all() -> None:
    status, _, taken = await request("/echo", b"{}", headers={"content-length": "65"})
    assert (status, taken) == (413, 0)


async def test_a_fault_of_the_platform_is_answered_and_keeps_the_connection(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR, "isthmus.api"):
        status, body, _ = await request("/broken", b"{}")
    assert (status, body["error"]) == (500, "Internal Server Error")
    assert "fault of ours" not in str(body)
    assert [record.name for record in caplog.records] == ["isthmus.api"]
