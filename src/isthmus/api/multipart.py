"""Parses `multipart/form-data` bodies (RFC 7578): fields become text, files become blobs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from isthmus.engine.queries import nest_pairs
from isthmus.errors import BadRequest, failure
from isthmus.expressions.host import Blob

__all__ = ["MAX_HEADERS", "MAX_HEADER_BYTES", "MAX_PARTS", "parse_multipart"]

MAX_PARTS: Final = 1_000
MAX_HEADERS: Final = 8
"""Of one part."""
MAX_HEADER_BYTES: Final = 4_224
"""Of one header line."""


def parse_multipart(body: bytes, content_type: str) -> dict[str, Any]:
    """Parses a body; returns its fields by name: text, and a Blob for a file. Names with brackets make
    objects and arrays, as in a query string.

    `content_type`: the header's value, with its parameters. Raises BadRequest for a body that is not
    multipart or breaks off, that has more than MAX_PARTS parts, or a part without a name, with more than
    MAX_HEADERS headers or a header of more than MAX_HEADER_BYTES.
    """
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise _make_malformed_error("has no boundary in its content type")
    collector = _PartCollector()
    try:
        parser = MultipartParser(
            boundary,
            collector.get_callbacks(),  # type: ignore[arg-type]  # a TypedDict of these
            max_header_count=MAX_HEADERS,
            max_header_size=MAX_HEADER_BYTES,
        )
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise _make_malformed_error(f"cannot be read: {error}") from error
    if not collector.is_complete:
        raise _make_malformed_error("breaks off before its last boundary")
    return nest_pairs(collector.fields)


@dataclass(slots=True)
class _PartCollector:
    """Collects the parts from the callbacks of the parser. `fields`: name and value of each finished part.
    The other attributes hold the part, and the header, that is being read."""

    fields: list[tuple[str, Any]] = field(default_factory=list)
    is_complete: bool = False
    _headers: dict[str, bytes] = field(default_factory=dict)
    _header_name: bytearray = field(default_factory=bytearray)
    _header_value: bytearray = field(default_factory=bytearray)
    _data: bytearray = field(default_factory=bytearray)

    def get_callbacks(self) -> dict[str, Any]:
        """Returns the functions that the parser calls, by event."""
        return {
            "on_part_begin": self._begin_part,
            "on_part_data": self._add_data,
            "on_part_end": self._end_part,
            "on_header_field": self._add_header_name,
            "on_header_value": self._add_header_value,
            "on_header_end": self._end_header,
            "on_end": self._finish,
        }

    def _begin_part(self) -> None:
        """Begins a part. Raises BadRequest above MAX_PARTS."""
        if len(self.fields) >= MAX_PARTS:
            raise _make_malformed_error(f"has more than {MAX_PARTS} parts")
        self._headers = {}
        self._data = bytearray()

    def _add_data(self, data: bytes, start: int, end: int) -> None:
        """Adds a piece of the part's content."""
        self._data += data[start:end]

    def _add_header_name(self, data: bytes, start: int, end: int) -> None:
        """Adds a piece of a header's name."""
        self._header_name += data[start:end]

    def _add_header_value(self, data: bytes, start: int, end: int) -> None:
        """Adds a piece of a header's value."""
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        """Keeps the header that was read, under its lower-case name."""
        self._headers[self._header_name.decode("latin-1").lower()] = bytes(self._header_value)
        self._header_name, self._header_value = bytearray(), bytearray()

    def _end_part(self) -> None:
        """Adds the part to `fields`: as text, or as a Blob if it is a file. Raises BadRequest for a part
        without a name."""
        _, options = parse_options_header(self._headers.get("content-disposition", b""))
        name = options.get(b"name")
        if name is None:
            raise _make_malformed_error("has a part without a name")
        key, data = name.decode("utf-8", "replace"), bytes(self._data)
        filename = options.get(b"filename")
        content_type = self._headers.get("content-type", b"").decode("latin-1").strip()
        if filename is None and (not content_type or content_type.lower().startswith("text/plain")):
            self.fields.append((key, data.decode("utf-8", "replace")))
            return
        decoded = None if filename is None else filename.decode("utf-8", "replace")
        self.fields.append((key, Blob(data, content_type, decoded)))

    def _finish(self) -> None:
        """Notes that the last boundary was read."""
        self.is_complete = True


def _make_malformed_error(message: str) -> BadRequest:
    """Returns the error for a malformed body. `message`: continues "the multipart body"."""
    return BadRequest(
        f"the multipart body {message}.", failures=[failure("body", message, "malformed_multipart")]
    )
