"""`multipart/form-data` as callers send it: fields as text, files as blobs (RFC 7578)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from isthmus.engine.queries import nest
from isthmus.errors import BadRequest, failure
from isthmus.expressions.host import Blob

__all__ = ["read_multipart"]

_MOST_PARTS: Final = 1_000
_MOST_HEAD: Final = 16_384


def read_multipart(raw: bytes, content_type: str) -> dict[str, Any]:
    """Names with brackets make objects and arrays, as in a query. `content_type`: with its parameters.

    Raises BadRequest for a body that breaks off or is not multipart at all.
    """
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise _bad("has no boundary in its content type")
    parts = _Parts()
    try:
        parser = MultipartParser(boundary, parts.callbacks())  # type: ignore[arg-type]  # a TypedDict of these
        parser.write(raw)
        parser.finalize()
    except FormParserError as error:
        raise _bad(f"cannot be read: {error}") from error
    if not parts.is_complete:
        raise _bad("breaks off before its last boundary")
    return nest(parts.fields)


@dataclass(slots=True)
class _Parts:
    """What the parser tells, put together."""

    fields: list[tuple[str, Any]] = field(default_factory=list)
    is_complete: bool = False
    _head: dict[str, bytes] = field(default_factory=dict)
    _name: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _data: bytearray = field(default_factory=bytearray)

    def callbacks(self) -> dict[str, Any]:
        return {
            "on_part_begin": self._begin,
            "on_part_data": self._take,
            "on_part_end": self._end,
            "on_header_field": self._take_name,
            "on_header_value": self._take_value,
            "on_header_end": self._end_header,
            "on_end": self._finish,
        }

    def _begin(self) -> None:
        if len(self.fields) >= _MOST_PARTS:
            raise _bad(f"has more than {_MOST_PARTS} parts")
        self._head = {}
        self._data = bytearray()

    def _take(self, data: bytes, start: int, end: int) -> None:
        self._data += data[start:end]

    def _take_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]
        self._bound()

    def _take_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._bound()

    def _bound(self) -> None:
        if len(self._name) + len(self._value) > _MOST_HEAD:
            raise _bad("has a part whose head is too long")

    def _end_header(self) -> None:
        self._head[self._name.decode("latin-1").lower()] = bytes(self._value)
        self._name, self._value = bytearray(), bytearray()

    def _end(self) -> None:
        _, options = parse_options_header(self._head.get("content-disposition", b""))
        name = options.get(b"name")
        if name is None:
            raise _bad("has a part without a name")
        key, data = name.decode("utf-8", "replace"), bytes(self._data)
        filename = options.get(b"filename")
        kind = self._head.get("content-type", b"").decode("latin-1").strip()
        if filename is None and (not kind or kind.lower().startswith("text/plain")):
            self.fields.append((key, data.decode("utf-8", "replace")))
            return
        shown = None if filename is None else filename.decode("utf-8", "replace")
        self.fields.append((key, Blob(data, kind, shown)))

    def _finish(self) -> None:
        self.is_complete = True


def _bad(message: str) -> BadRequest:
    return BadRequest(
        f"the multipart body {message}.", failures=[failure("body", message, "malformed_multipart")]
    )
