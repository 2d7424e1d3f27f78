"""HTTP responses and their headers, as those mappings see them that are given a raw response."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from isthmus.expressions.errors import make_function_error
from isthmus.expressions.host.blobs import ArrayBuffer, Blob
from isthmus.expressions.host.streams import Stream
from isthmus.expressions.host_value import Host, make_host_type
from isthmus.expressions.library import HostType
from isthmus.expressions.values import UNDEFINED

__all__ = ["HEADERS", "RESPONSE", "Headers", "Response"]


@dataclass(frozen=True, slots=True)
class Headers(Host):
    """Header values by lower-case name. Expressions read each name, in any case, as a field too."""

    values: Mapping[str, str]

    def get(self, name: object) -> str | None:
        """Return the value of a header, by its name in any case; None where there is none."""
        return self.values.get(str(name).lower())

    def to_json(self) -> object:
        """Return the headers as an object of lower-case names."""
        return dict(self.values)


@dataclass(frozen=True, slots=True)
class Response(Host):
    """An HTTP response: `headers` by lower-case name, `data` its body, `url` where redirects ended."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    data: bytes = b""
    url: str = ""
    redirected: bool = False

    @property
    def status_text(self) -> str:
        """The standard phrase of the status (`Not Found`); `""` for an unknown one."""
        try:
            return HTTPStatus(self.status).phrase
        except ValueError:
            return ""

    @property
    def body(self) -> Stream | None:
        """A new stream of the body; None where it is empty."""
        if not self.data:
            return None

        async def chunks() -> AsyncIterator[bytes]:
            yield self.data

        return Stream(chunks())

    def parse_json(self) -> object:
        """Return the body as JSON; raises ExpressionError where it is none."""
        try:
            return json.loads(self.data)
        except ValueError:
            raise make_function_error("json", "The body of the response is not JSON") from None


_HEADER_METHODS: Final[Mapping[str, Callable[..., object]]] = {
    "get": Headers.get,
    "has": lambda headers, name: headers.get(name) is not None,
    "entries": lambda headers: [[name, value] for name, value in headers.values.items()],
    "keys": lambda headers: list(headers.values),
    "values": lambda headers: list(headers.values.values()),
}


class _HeaderGetters(Mapping[str, Callable[[Headers], object]]):
    """Getters of the fields of `Headers`: one for every name, except the names of its methods."""

    def __getitem__(self, name: str) -> Callable[[Headers], object]:
        if name in _HEADER_METHODS:
            raise KeyError(name)
        return lambda headers: headers.values.get(name.lower(), UNDEFINED)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


HEADERS: Final = HostType(
    Headers,
    properties=_HeaderGetters(),
    methods=make_host_type(Headers, {}, _HEADER_METHODS).methods,
    to_json=Headers.to_json,
)

RESPONSE: Final = make_host_type(
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
        "json": Response.parse_json,
        "text": lambda response: response.data.decode("utf-8", "replace"),
        "clone": lambda response: response,
    },
)
