"""HTTP responses (`functions.md` §6.8) as some mappings see them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from isthmus.expressions.errors import function_error
from isthmus.expressions.host.blobs import ArrayBuffer, Blob
from isthmus.expressions.host.streams import Stream
from isthmus.expressions.host_value import Host, host_type
from isthmus.expressions.library import HostType
from isthmus.expressions.values import UNDEFINED

__all__ = ["HEADERS", "RESPONSE", "Headers", "Response"]


@dataclass(frozen=True, slots=True)
class Headers(Host):
    """Header values by lower-case name; each name is also a field."""

    values: Mapping[str, str]

    def get(self, name: object) -> str | None:
        return self.values.get(str(name).lower())

    def to_json(self) -> object:
        return dict(self.values)


@dataclass(frozen=True, slots=True)
class Response(Host):
    """`url` is where redirects ended; `headers` have lower-case names."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    data: bytes = b""
    url: str = ""
    redirected: bool = False

    @property
    def status_text(self) -> str:
        try:
            return HTTPStatus(self.status).phrase
        except ValueError:
            return ""

    @property
    def body(self) -> Stream | None:
        if not self.data:
            return None

        async def chunks() -> AsyncIterator[bytes]:
            yield self.data

        return Stream(chunks())

    def parsed(self) -> object:
        try:
            return json.loads(self.data)
        except ValueError:
            raise function_error("json", "The body of the response is not JSON") from None


_METHODS: Final[Mapping[str, Callable[..., object]]] = {
    "get": Headers.get,
    "has": lambda headers, name: headers.get(name) is not None,
    "entries": lambda headers: [[name, value] for name, value in headers.values.items()],
    "keys": lambda headers: list(headers.values),
    "values": lambda headers: list(headers.values.values()),
}


class _EveryName(Mapping[str, Callable[[Headers], object]]):
    """Getters of the fields of `Headers`: any name is one, but for the names of its methods."""

    def __getitem__(self, name: str) -> Callable[[Headers], object]:
        if name in _METHODS:
            raise KeyError(name)
        return lambda headers: headers.values.get(name.lower(), UNDEFINED)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


HEADERS: Final = HostType(
    Headers,
    properties=_EveryName(),
    methods=host_type(Headers, {}, _METHODS).methods,
    to_json=Headers.to_json,
)

RESPONSE: Final = host_type(
    Response,
    {
        "status": lambda response: response.status,
        "statusText": lambda response: response.status_text,
        "ok": lambda response: 200 <= response.status < 300,
        "redirected": lambda response: response.redirected,
        "type": lambda response: "default",
        "url": lambda response: response.url,
        "bodyUsed": lambda response: False,
        "headers": lambda response: Headers(response.headers),
        "body": lambda response: response.body,
    },
    {
        "arrayBuffer": lambda response: ArrayBuffer(response.data),
        "blob": lambda response: Blob(response.data, response.headers.get("content-type", "").lower()),
        "json": Response.parsed,
        "text": lambda response: response.data.decode("utf-8", "replace"),
        "clone": lambda response: response,
    },
)
