"""Dry runs: an `Upstream` that sends nothing, and the description of the request that was not sent.

The code of a real call runs up to the moment of sending, so the description is what would happen. Whoever
makes a `DryRun` gives it a context whose secrets are masked already: what expressions and templates make of a
secret (a Basic pair, a signature, a query parameter) is made of the mask.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

import orjson

from isthmus.definitions.secrets import MASK, is_secret_name
from isthmus.engine.authorization.credential_headers import make_credential_headers
from isthmus.engine.authorization.flows import authorize
from isthmus.engine.queries import parse_query
from isthmus.engine.upstream import AccountFacts, OutgoingRequest

__all__ = ["DryRun", "NotSent", "describe_request"]

_SCHEMES: Final = re.compile(r"(Basic|Bearer|Digest|OAuth|Token)\s", re.IGNORECASE)
_MAX_TEXT: Final = 65_536


class NotSent(Exception):
    """Raised where a dry run would send. It is no `IsthmusError`, so that the engine neither ignores it nor
    makes an error response of it. `request`: the one not sent."""

    def __init__(self, request: OutgoingRequest) -> None:
        super().__init__(request.operation.method)
        self.request = request


class DryRun:
    """An `engine.upstream.Upstream` whose `send` raises NotSent. `context`: effective, with masked
    secrets."""

    def __init__(self, account: AccountFacts, context: Mapping[str, Any]) -> None:
        self._account = account
        self._context: Mapping[str, Any] = context

    @property
    def context(self) -> Mapping[str, Any]:
        """The context with masked secrets, and with what the steps so far changed."""
        return self._context

    @property
    def account(self) -> AccountFacts:
        """The account whose call is explained."""
        return self._account

    async def send(self, request: OutgoingRequest) -> NoReturn:
        """Raises NotSent with the request, which is not authorized yet."""
        raise NotSent(request)

    async def update_context(self, patch: Mapping[str, Any]) -> None:
        """Changes the context for the steps that follow, and stores nothing."""
        self._context = {**self._context, **patch}


def describe_request(outgoing: OutgoingRequest, context: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the request with its credentials masked: `{method, url, headers, query, body}`. `query`: that
    of `url`, parsed. `body`: the value of JSON, else the text, or `{bytes, content_type}`; absent where there
    is none.

    Raises BadRequest for an authorization that does not resolve, as sending would.
    """
    built = frozenset(name.lower() for name in make_credential_headers(outgoing, context))
    flow = authorize(outgoing, context)
    try:
        next(flow)
    except StopIteration as ready:
        http = ready.value
    else:  # authorization asks the provider first
        http = outgoing.http
    described: dict[str, Any] = {
        "method": http.method,
        "url": http.url,
        "headers": {
            name: _mask_credential(value) if name.lower() in built or is_secret_name(name) else value
            for name, value in http.headers.items()
        },
        "query": dict(parse_query(urlsplit(http.url).query).nested),
    }
    if http.body is not None:
        kind = next((value for name, value in http.headers.items() if name.lower() == "content-type"), "")
        described["body"] = _describe_body(http.body, kind, http.body_length)
    return described


def _mask_credential(value: str) -> str:
    """Returns the mask, behind the scheme of an `Authorization` header where there is one."""
    scheme = _SCHEMES.match(value)
    return f"{scheme[1]} {MASK}" if scheme else MASK


def _describe_body(body: bytes | AsyncIterator[bytes], content_type: str, length: int | None) -> Any:
    """Returns the body as JSON or text; `{bytes, content_type}` for a stream, binary data and long text."""
    if not isinstance(body, bytes):
        return {"bytes": length, "content_type": content_type}
    if "json" in content_type:
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            pass
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = ""
    if not text or len(text) > _MAX_TEXT:
        return {"bytes": len(body), "content_type": content_type}
    return text
