"""The HTTP server of the fake."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from aiohttp import web
from oauthlib.oauth1.rfc5849 import signature
from oauthlib.oauth1.rfc5849.utils import parse_authorization_header

from tests.fakes.listening import running_app

__all__ = ["CONSUMER", "TOKEN", "Seen", "Vaultline", "running"]

CONSUMER = ("vault-key", "vault-secret")
TOKEN = ("tok-1", "tok-secret")
_COUNT = 7
_BODY = web.RequestKey("body", bytes)


@dataclass(frozen=True, slots=True)
class Seen:
    """One request, as it arrived."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Vaultline:
    """`chunks`: how large the pieces were in which the last body came."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    chunks: list[int] = field(default_factory=list)

    def application(self) -> web.Application:
        """Returns the server as an application."""
        app = web.Application(middlewares=[self._front], client_max_size=64 * 1024 * 1024)
        app.router.add_get("/v1/boxes", self._boxes)
        app.router.add_post("/v1/boxes", self._create)
        app.router.add_post("/v1/files", self._upload)
        app.router.add_get("/v1/report", self._report)
        app.router.add_route("*", "/v1/echo{tail:.*}", self._echo)
        return app

    @property
    def last(self) -> Seen:
        """What was seen of the last request."""
        return self.seen[-1]

    @web.middleware
    async def _front(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Writes each request down, and checks its signature."""
        self.chunks = []
        body = b""
        async for chunk in request.content.iter_any():
            self.chunks.append(len(chunk))
            body += chunk
        request[_BODY] = body
        headers = {name.lower(): value for name, value in request.headers.items()}
        raw_path, _, query = request.raw_path.partition("?")
        self.seen.append(Seen(request.method, raw_path, query, headers, body))
        problem = _problem_of(request, body, self.url)
        if problem is not None:
            text = f"<fault code='auth'><message>{problem}</message></fault>"
            return web.Response(status=401, text=text, content_type="application/xml")
        response: web.StreamResponse = await handler(request)
        return response

    async def _boxes(self, request: web.Request) -> web.Response:
        """Answers with a page of boxes."""
        first, last = (int(part) for part in request.headers["Range"].removeprefix("boxes=").split("-"))
        if first >= _COUNT:
            return web.Response(status=416, headers={"Content-Range": f"boxes */{_COUNT}"})
        last = min(last, _COUNT - 1)
        rows = "".join(f"<box id='{n}'><label>Box {n}</label></box>" for n in range(first, last + 1))
        return web.Response(
            status=206,
            text=f"<boxes>{rows}</boxes>",
            content_type="text/xml",
            headers={"Content-Range": f"boxes {first}-{last}/{_COUNT}"},
        )

    async def _create(self, request: web.Request) -> web.Response:
        """Adds a box."""
        root = ElementTree.fromstring(request[_BODY])
        label = root.findtext("label")
        if root.tag != "box" or not label:
            text = "<fault code='invalid'><message>label is missing</message></fault>"
            return web.Response(status=422, text=text, content_type="application/xml")
        text = f"<box id='99' kind='{root.get('kind', '')}'><label>{escape(label)}</label></box>"
        return web.Response(status=201, text=text, content_type="application/xml")

    async def _upload(self, request: web.Request) -> web.Response:
        """Takes a file."""
        return web.json_response({"bytes": len(request[_BODY]), "type": request.headers.get("Content-Type")})

    async def _report(self, request: web.Request) -> web.Response:
        """Answers with a file."""
        return web.Response(text='id,label\n1,"a, b"\n', content_type="text/csv")

    async def _echo(self, request: web.Request) -> web.Response:
        """Answers with the request itself."""
        body = request[_BODY].decode("utf-8", "replace")
        return web.json_response({"method": request.method, "query": request.query_string, "body": body})


def _problem_of(request: web.Request, body: bytes, origin: str) -> str | None:
    """Returns what is wrong with a request's signature, checked by the server's half of the library; None for
    a valid one."""
    authorization = request.headers.get("Authorization", "")
    if not authorization.startswith("OAuth "):
        return "not signed"
    sent = dict(parse_authorization_header(authorization))
    if (sent.get("oauth_consumer_key"), sent.get("oauth_token")) != (CONSUMER[0], TOKEN[0]):
        return "unknown key or token"
    is_form = request.content_type == "application/x-www-form-urlencoded"
    parameters = signature.collect_parameters(
        uri_query=request.rel_url.raw_query_string,
        headers={"Authorization": authorization},
        body=body.decode() if is_form else [],
        exclude_oauth_signature=True,
    )
    verb: Any = request.method  # the stubs list the verbs, and mistake pairs for an object
    pairs: Any = parameters
    base = signature.signature_base_string(
        verb,
        signature.base_string_uri(origin + request.rel_url.raw_path),
        signature.normalize_parameters(pairs),
    )
    mac = hmac.new(f"{CONSUMER[1]}&{TOKEN[1]}".encode(), base.encode(), hashlib.sha1)
    expected = base64.b64encode(mac.digest()).decode()
    return None if unquote(sent.get("oauth_signature", "")) == expected else "wrong signature"


@asynccontextmanager
async def running(vault: Vaultline) -> AsyncIterator[Vaultline]:
    """Serves the fake in this loop; `vault.url` is where it listens."""
    async with running_app(vault.application()) as vault.url:
        yield vault
