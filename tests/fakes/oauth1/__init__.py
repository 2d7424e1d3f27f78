"""An OAuth 1.0a provider on `oauthlib`'s server side (RFC 5849): it checks signatures, nonces and verifiers.

`GET /tickets` is the product behind it; `GET /authorize` the page on which a person allows or denies.
"""

from __future__ import annotations

import html
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from oauthlib.oauth1 import RequestValidator, WebApplicationServer

from tests.fakes.listening import listening

__all__ = ["CONSUMER", "OAuth1", "running_oauth1"]

_PAGE = """<!doctype html><html lang="en"><title>Allow?</title><h1>Allow access?</h1>
<form method="post" action="?oauth_token={token}">
<button name="answer" value="allow">Allow</button> <button name="answer" value="deny">Deny</button></form>"""
CONSUMER = ("consumer-key-of-tests", "consumer-secret-of-tests")


@dataclass
class _Request:
    secret: str
    callback: str
    verifier: str = ""


@dataclass
class OAuth1(RequestValidator):
    """`seen`: `(path, whether it was right)` of each signed call."""

    url: str = ""
    requests: dict[str, _Request] = field(default_factory=dict)
    access: dict[str, str] = field(default_factory=dict)
    nonces: set[tuple[str, ...]] = field(default_factory=set)
    seen: list[tuple[str, bool]] = field(default_factory=list)

    enforce_ssl = False
    client_key_length = (5, 60)
    request_token_length = access_token_length = nonce_length = verifier_length = (5, 100)
    safe_characters = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")  # noqa: RUF012  # the library asks for it by this name
    dummy_client = dummy_request_token = dummy_access_token = "nobody"

    def __post_init__(self) -> None:
        super().__init__()
        self.server = WebApplicationServer(self)

    # What the library asks.

    def check_client_key(self, key: str) -> bool:
        return key.replace("-", "").isalnum()

    def check_nonce(self, nonce: str) -> bool:
        return set(nonce) <= self.safe_characters

    def check_request_token(self, request_token: str) -> bool:
        return set(request_token) <= self.safe_characters

    def check_access_token(self, request_token: str) -> bool:
        return set(request_token) <= self.safe_characters

    def check_verifier(self, verifier: str) -> bool:
        return set(verifier) <= self.safe_characters

    def validate_client_key(self, client_key: str, request: Any) -> bool:
        return client_key == CONSUMER[0]

    def get_client_secret(self, client_key: str, request: Any) -> str:
        return CONSUMER[1] if client_key == CONSUMER[0] else "nothing"

    def validate_timestamp_and_nonce(self, client_key: str, *rest: Any, **more: Any) -> bool:
        key = (client_key, *(str(each) for each in rest[:2]), *(str(more[name]) for name in sorted(more)))
        is_new = key not in self.nonces
        self.nonces.add(key)
        return is_new

    def get_default_realms(self, client_key: str, request: Any) -> list[str]:
        return []

    def get_realms(self, token: str, request: Any) -> list[str]:
        return []

    def validate_requested_realms(self, client_key: str, realms: Any, request: Any) -> bool:
        return True

    def validate_realms(self, *_: Any, **__: Any) -> bool:
        return True

    def validate_redirect_uri(self, client_key: str, redirect_uri: str, request: Any) -> bool:
        return redirect_uri.startswith("http://127.0.0.1:")

    def save_request_token(self, token: Any, request: Any) -> None:
        self.requests[token["oauth_token"]] = _Request(token["oauth_token_secret"], request.redirect_uri)

    def validate_request_token(self, client_key: str, token: str, request: Any) -> bool:
        return token in self.requests

    def get_request_token_secret(self, client_key: str, token: str, request: Any) -> str:
        return self.requests[token].secret if token in self.requests else "nothing"

    def validate_verifier(self, client_key: str, token: str, verifier: str, request: Any) -> bool:
        known = self.requests.get(token)
        return known is not None and known.verifier != "" and known.verifier == verifier

    def save_access_token(self, token: Any, request: Any) -> None:
        self.access[token["oauth_token"]] = token["oauth_token_secret"]

    def invalidate_request_token(self, client_key: str, request_token: str, request: Any) -> None:
        self.requests.pop(request_token, None)

    def validate_access_token(self, client_key: str, token: str, request: Any) -> bool:
        return token in self.access

    def get_access_token_secret(self, client_key: str, token: str, request: Any) -> str:
        return self.access.get(token, "nothing")

    # What a browser and a client ask.

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/authorize":
            return await self._authorize(request)
        if request.path not in ("/request_token", "/access_token", "/tickets"):
            return web.Response(status=404)
        given = (str(request.url), request.method, await request.text(), dict(request.headers))
        if request.path == "/request_token":
            head, body, status = self.server.create_request_token_response(*given)
        elif request.path == "/access_token":
            head, body, status = self.server.create_access_token_response(*given)
        else:
            is_valid, _ = self.server.validate_protected_resource_request(*given)
            self.seen.append((request.path, is_valid))
            return web.json_response({"items": [{"id": "1"}]}, status=200 if is_valid else 401)
        self.seen.append((request.path, status == 200))
        return web.Response(text=body or "", status=status, headers=head)

    async def _authorize(self, request: web.Request) -> web.StreamResponse:
        token = request.query.get("oauth_token", "")
        known = self.requests.get(token)
        if known is None:
            return web.Response(status=400, text="no such token")
        if request.method == "GET":
            return web.Response(text=_PAGE.format(token=html.escape(token)), content_type="text/html")
        sent: dict[str, str]
        if (await request.post()).get("answer") == "allow":
            known.verifier = secrets.token_hex(12)
            sent = {"oauth_token": token, "oauth_verifier": known.verifier}
        else:
            sent = {"denied": token}
        mark = "&" if "?" in known.callback else "?"
        return web.Response(status=303, headers={"location": known.callback + mark + urlencode(sent)})


@asynccontextmanager
async def running_oauth1() -> AsyncIterator[OAuth1]:
    """Runs the provider; yields it."""
    fake = OAuth1()
    async with listening(fake.answer) as fake.url:
        yield fake
