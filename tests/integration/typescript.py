"""The published TypeScript client as a server sees it: its requests, none of its code."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import aiohttp
from yarl import URL

__all__ = ["Cursor", "TypeScriptClient", "TypeScriptError"]

_RETRIED: Final = frozenset({408, 409, 425, 429, 502, 503, 504})
_ATTEMPTS: Final = 3
_WAIT: Final = 10
_UNRESERVED: Final = "-_.!~*'()"
"""What `encodeURIComponent` leaves as it is, besides letters and digits."""


class TypeScriptError(Exception):
    """`data`: the parsed body; the message is the reason phrase, as over HTTP/1.1."""

    def __init__(self, status: int, reason: str, data: Any) -> None:
        super().__init__(reason)
        self.status = status
        self.data = data


@dataclass
class Cursor:
    """A list: `next` asks for a page each time it is called; the first one with an empty `next_cursor`."""

    fetch: Callable[[dict[str, Any]], Awaitable[Any]]
    params: dict[str, Any]
    cursor: str | None = ""

    async def next(self) -> list[Any]:
        """Returns the records of the next page."""
        page = await self.fetch({**self.params, "next_cursor": self.cursor})
        self.cursor = page["next_cursor"]
        rows: list[Any] = page["result"]
        return rows

    async def to_array(self) -> list[Any]:
        """Returns the records of all pages."""
        rows = await self.next()
        while self.cursor:
            rows += await self.next()
        return rows


class TypeScriptClient:
    """`base_url` ends with a slash, since some endpoints have none of their own: the others then go out
    with two. `waits`: the seconds it would have slept before another try."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, token: str) -> None:
        assert base_url.endswith("/")
        self._session = session
        self._base_url = base_url
        self._token = token
        self.waits: list[int] = []
        self.tries = 0

    async def send(
        self,
        verb: str,
        endpoint: str,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        *,
        stringified: bool = False,
    ) -> Any:
        """`stringified`: one of the calls whose body is a string already and goes out as plain text."""
        headers = {
            "authorization": f"Bearer {self._token}",
            "accept": "application/json",
            "user-agent": "truto-ts-sdk/1.0.0",
        }
        data: Any = None
        if isinstance(body, aiohttp.FormData):
            data = body
        elif body is not None:
            data = json.dumps(body)
            headers["content-type"] = "text/plain;charset=UTF-8" if stringified else "application/json"
        url = URL(f"{self._base_url}{endpoint}?{qs(params or {})}", encoded=True)
        for attempt in range(_ATTEMPTS):
            self.tries += 1
            async with self._session.request(verb, url, headers=headers, data=data) as response:
                if response.status < 400:
                    return await _parsed(response)
                failed = TypeScriptError(response.status, response.reason or "", await _parsed(response))
                again = response.status in _RETRIED and attempt < _ATTEMPTS - 1
                if again and response.status == 429:
                    wait = response.headers.get("retry-after", str(_WAIT))
                    again = wait.isdigit() and int(wait) > 0
                    self.waits += [int(wait)] if again else []
            if not again:
                break
        raise failed

    def cursor(self, endpoint: str, params: Mapping[str, Any] | None = None) -> Cursor:
        """Returns a cursor over a list."""
        return Cursor(lambda query: self.send("GET", endpoint, query), dict(params or {}))


async def _parsed(response: aiohttp.ClientResponse) -> Any:
    """JSON where the type says so, else bytes; nothing at all is an empty object."""
    if response.status == 204:
        return {}
    body = await response.read()
    return json.loads(body) if "json" in response.headers.get("content-type", "") else body


def encode(text: str) -> str:
    """`encodeURIComponent`."""
    return quote(text, safe=_UNRESERVED)


def qs(params: Mapping[str, Any]) -> str:
    """Returns what the library `qs` writes: nested names and indices in brackets, encoded too; null as
    nothing."""
    return "&".join(f"{encode(name)}={encode(value)}" for name, value in _pairs("", params))


def _pairs(prefix: str, value: Any) -> Sequence[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [
            pair
            for key, element in value.items()
            for pair in _pairs(f"{prefix}[{key}]" if prefix else key, element)
        ]
    if isinstance(value, list):
        return [pair for place, element in enumerate(value) for pair in _pairs(f"{prefix}[{place}]", element)]
    if isinstance(value, bool):
        return [(prefix, str(value).lower())]
    return [(prefix, "" if value is None else str(value))]
