"""Functions that ask other servers, against a real server on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from tests.fakes.listening import running_app
from tests.unit.functions.running import error, services

from isthmus.errors import EgressDenied, UpstreamInvalid, UpstreamTimeout, UpstreamUnreachable
from isthmus.expressions import UNDEFINED, ExpressionError, Limits, Services, compile


@dataclass
class Provider:
    """Answers with what was put in `answers`, the last one again and again; keeps what it was asked."""

    url: str = ""
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, dict(request.headers), await request.read()))
        status, headers, body = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return web.Response(status=status, headers=headers, body=body)


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    provider = Provider()
    app = web.Application()
    app.router.add_post("/{path:.*}", provider.handle)
    async with running_app(app) as provider.url:
        yield provider


async def _fetch(
    method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, seconds: float, max_bytes: int
) -> tuple[int, Mapping[str, str], bytes]:
    async with (
        aiohttp.ClientSession() as session,
        session.request(
            method, url, headers=headers, data=body, timeout=aiohttp.ClientTimeout(seconds)
        ) as answer,
    ):
        return answer.status, dict(answer.headers), await answer.content.read(max_bytes)


async def run(expression: str, data: object, given: Services, **bindings: object) -> object:
    return await compile(expression).evaluate_async(data, {"key": "secret-key"} | bindings, services=given)


EMBED = "$generateEmbeddingsCohere(body, $key)"


async def test_embeddings_are_asked_for_20_texts_at_a_time(provider: Provider) -> None:
    provider.answers = [(200, {}, b'{"n": 1}'), (200, {}, b'{"n": 2}')]
    given = services(_fetch, embeddings_url=f"{provider.url}/v2/embed")
    body = {"model": "m", "texts": [f"t{n}" for n in range(25)]}
    assert await run(EMBED, {"body": body}, given) == [{"n": 1}, {"n": 2}]
    sent = [json.loads(data) for _, _, data in provider.asked]
    assert [len(request["texts"]) for request in sent] == [20, 5]
    assert {request["model"] for request in sent} == {"m"}
    path, headers, _ = provider.asked[0]
    assert (path, headers["Authorization"]) == ("/v2/embed", "Bearer secret-key")


async def test_images_are_one_request_and_nothing_is_none(provider: Provider) -> None:
    provider.answers = [(200, {}, b'{"n": 1}')]
    given = services(_fetch, embeddings_url=provider.url)
    assert await run(EMBED, {"body": {"images": ["i"]}}, given) == {"n": 1}
    assert await run(EMBED, {"body": {"texts": [], "images": ["i"]}}, given) == {"n": 1}
    assert await run(EMBED, {"body": {"texts": []}}, given) is UNDEFINED
    assert len(provider.asked) == 2


@pytest.mark.parametrize(("texts", "is_taken"), [(1, True), (2, True), (3, False)])
async def test_texts_of_an_embedding_are_bounded(provider: Provider, texts: int, is_taken: bool) -> None:
    provider.answers = [(200, {}, b"{}")]
    given = services(_fetch, embeddings_url=provider.url)
    limits = Limits(embedding_texts=2)
    data = {"body": {"texts": ["t"] * texts}}
    if is_taken:
        assert await compile(EMBED).evaluate_async(data, {"key": "k"}, services=given, limits=limits) == [{}]
    else:
        with pytest.raises(ExpressionError) as caught:
            await compile(EMBED).evaluate_async(data, {"key": "k"}, services=given, limits=limits)
        assert caught.value.code == "ISTHMUS_LIMIT"


async def test_embeddings_without_a_fetcher_are_not_configured() -> None:
    with pytest.raises(ExpressionError, match="not configured"):
        await run(EMBED, {"body": {"texts": "one"}}, services(embeddings_url="http://127.0.0.1:9"))


async def test_rate_limits_and_server_errors_are_tried_again(provider: Provider) -> None:
    provider.answers = [(429, {}, b""), (500, {}, b""), (200, {}, b"{}")]
    given = services(_fetch, embeddings_url=provider.url)
    assert await run(EMBED, {"body": {"texts": "one"}}, given) == [{}]
    assert given.clock.monotonic() == 2.5 + 5.0


@pytest.mark.parametrize(
    ("status", "body", "message", "requests"),
    [
        (429, b"", "Rate limit exceeded", 6),
        (503, b"", "Server error", 6),
        (500, b"", "Server error", 6),
        (499, b"gone", "gone", 1),
        (404, b"", "status 404", 1),
        (400, b"bad model", "bad model", 1),
    ],
)
async def test_what_the_server_says_is_the_error(
    provider: Provider, status: int, body: bytes, message: str, requests: int
) -> None:
    provider.answers = [(status, {}, body)]
    given = services(_fetch, embeddings_url=provider.url)
    with pytest.raises(ExpressionError) as caught:
        await run(EMBED, {"body": {"texts": "one"}}, given)
    assert caught.value.message == message
    assert len(provider.asked) == requests


@pytest.mark.parametrize(
    ("awaited_seconds", "requests"), [(2.5, 1), (2.6, 2), (7.5, 2), (7.6, 3), (12.5, 3), (60.0, 6)]
)
async def test_no_pause_ends_at_or_after_the_time_that_may_be_awaited(
    provider: Provider, awaited_seconds: float, requests: int
) -> None:
    provider.answers = [(503, {}, b"")]
    given = services(_fetch, embeddings_url=provider.url)
    with pytest.raises(ExpressionError, match="Server error"):
        await compile(EMBED).evaluate_async(
            {"body": {"texts": "one"}},
            {"key": "k"},
            services=given,
            limits=Limits(awaited_seconds=awaited_seconds),
        )
    assert len(provider.asked) == requests


@pytest.mark.parametrize(
    ("raised", "requests"),
    [
        (ConnectionResetError("reset"), 2),
        (TimeoutError(), 2),
        (UpstreamUnreachable("no route"), 2),
        (UpstreamTimeout("too slow"), 2),
        (UpstreamInvalid("too large"), 1),
        (EgressDenied("not allowed"), 1),
    ],
)
async def test_faults_of_the_network_are_tried_again(
    provider: Provider, raised: Exception, requests: int
) -> None:
    provider.answers = [(200, {}, b'{"n": 1}')]
    attempts = 0

    async def fetch_at_the_second_attempt(
        method: str, url: str, **details: Any
    ) -> tuple[int, Mapping[str, str], bytes]:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise raised
        return await _fetch(method, url, **details)

    given = services(fetch_at_the_second_attempt, embeddings_url=provider.url)
    if requests == 2:
        assert await run(EMBED, {"body": {"texts": "one"}}, given) == [{"n": 1}]
    else:
        with pytest.raises(ExpressionError, match=str(raised)):
            await run(EMBED, {"body": {"texts": "one"}}, given)
    assert attempts == requests


async def test_a_server_that_is_not_there_is_an_error_without_secrets() -> None:
    given = services(_fetch, embeddings_url="http://127.0.0.1:9/")
    with pytest.raises(ExpressionError) as caught:
        await run(EMBED, {"body": {"texts": "one"}}, given)
    assert caught.value.message.startswith("generateEmbeddingsCohere: no answer")
    assert "secret-key" not in str(caught.value)


async def test_embeddings_are_off_without_a_port_or_a_setting(provider: Provider) -> None:
    for given in (services(), services(_fetch), services(embeddings_url=provider.url)):
        with pytest.raises(ExpressionError) as caught:
            await run(EMBED, {"body": {"texts": "one"}}, given)
        assert caught.value.message == "generateEmbeddingsCohere is not configured"
    assert provider.asked == []


async def test_documents_are_parsed_by_a_service(provider: Provider) -> None:
    provider.answers = [(200, {}, b'{"content": "the text"}')]
    given = services(_fetch, documents_mode="remote")
    found = await run(
        "$parseDocument(f, 'application/pdf')",
        {"f": b"%PDF"},
        given,
        documentParserApiUrl=provider.url,
        documentParserApiKey="k",
    )
    assert found == "the text"
    path, headers, body = provider.asked[0]
    assert (path, headers["Content-Type"], headers["Authorization"], body) == (
        "/parse",
        "application/pdf",
        "Bearer k",
        b"%PDF",
    )


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("attachment; filename=a.pdf; filename*=UTF-8''b%20c.pdf", "b c.pdf"),
        ('attachment; filename="a.pdf"', "a.pdf"),
        ("", "document.pdf"),
    ],
)
async def test_pdfs_are_made_by_a_service(provider: Provider, disposition: str, name: str) -> None:
    headers = {"Content-Type": "application/pdf", "Content-Disposition": disposition}
    provider.answers = [(200, headers, b"%PDF-1.7")]
    given = services(_fetch, pdf_mode="remote")
    found = await run(
        "$convertMdToPdf('# x', {'pageSize': 'A4'}, {'h': 'v'}).[name, type, size]",
        UNDEFINED,
        given,
        documentParserApiUrl=provider.url,
        documentParserApiKey="k",
    )
    assert found == [name, "application/pdf", 8]
    assert json.loads(provider.asked[0][2]) == {
        "markdown": "# x",
        "options": {"pageSize": "A4"},
        "assetHeaders": {"h": "v"},
    }


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((200, {"Content-Type": "text/html"}, b"x"), "Expected PDF but received: text/html"),
        ((422, {}, b'{"message": "no"}'), "PDF conversion failed (422): no"),
        ((400, {"Content-Type": "application/pdf"}, b"no"), "PDF conversion failed (400): no"),
    ],
)
async def test_pdf_service_errors(
    provider: Provider, answer: tuple[int, dict[str, str], bytes], message: str
) -> None:
    provider.answers = [answer]
    given = services(_fetch, pdf_mode="remote")
    bindings = {"documentParserApiUrl": provider.url, "documentParserApiKey": "k"}
    with pytest.raises(ExpressionError) as caught:
        await run("$convertMdToPdf('x')", UNDEFINED, given, **bindings)
    assert caught.value.message == message


async def test_pdfs_are_made_by_the_service_that_the_operator_configured(provider: Provider) -> None:
    provider.answers = [(200, {"Content-Type": "application/pdf"}, b"%PDF")]
    given = services(_fetch, pdf_mode="remote", documents_url=provider.url, documents_key="k2")
    assert await run("$convertMdToPdf('x').size", UNDEFINED, given) == 4
    path, headers, _ = provider.asked[0]
    assert (path, headers["Authorization"]) == ("/md-to-pdf", "Bearer k2")


def test_pdf_service_needs_its_bindings() -> None:
    given = services(_fetch, pdf_mode="remote")
    assert error("$convertMdToPdf('x')", given=given).message == (
        "Document parser API key not found in environment"
    )
    message = error("$convertMdToPdf('x')", given=given, bindings={"documentParserApiKey": "k"}).message
    assert message == "Document parser API URL not found in environment"
    bindings = {"documentParserApiKey": "", "documentParserApiUrl": "http://127.0.0.1:9"}
    message = error("$convertMdToPdf('x')", given=given, bindings=bindings).message
    assert message == "Document parser API key not found in environment"


async def test_waiting_for_a_server_lets_others_run(provider: Provider) -> None:
    provider.answers = [(200, {}, b"{}")]
    given = services(_fetch, embeddings_url=provider.url)
    one, two = await asyncio.gather(
        run(EMBED, {"body": {"texts": "one"}}, given), run(EMBED, {"body": {"texts": "two"}}, given)
    )
    assert one == two == [{}]
