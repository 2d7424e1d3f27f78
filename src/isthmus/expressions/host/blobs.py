"""Blobs, array buffers and raw bytes as host values, and conversions between bytes and text."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from isthmus.expressions.errors import make_function_error
from isthmus.expressions.host.streams import Stream
from isthmus.expressions.host_value import Host, make_host_type
from isthmus.expressions.meter import charge_bytes_use
from isthmus.expressions.values import UNDEFINED

__all__ = [
    "BLOB",
    "BUFFER",
    "BYTES",
    "ArrayBuffer",
    "Blob",
    "decode_bytes",
    "encode_text",
    "extract_bytes",
    "normalize_media_type",
]


@dataclass(frozen=True, slots=True)
class Blob(Host):
    """Bytes with a media type. `name` and `last_modified` (milliseconds) are set for files only."""

    data: bytes
    type: str = ""
    name: str | None = None
    last_modified: int | None = None

    def to_text(self) -> str:
        """Return the text that JavaScript gives for a blob."""
        return "[object Blob]"


@dataclass(frozen=True, slots=True)
class ArrayBuffer(Host):
    """Bytes without a media type, as JavaScript's `ArrayBuffer`."""

    data: bytes

    def to_text(self) -> str:
        """Return the text that JavaScript gives for an array buffer."""
        return "[object ArrayBuffer]"


def extract_bytes(value: object) -> bytes | None:
    """Return the bytes of a blob, buffer or byte string; None for anything else."""
    if isinstance(value, (Blob, ArrayBuffer)):
        return value.data
    return bytes(value) if isinstance(value, (bytes, bytearray, memoryview)) else None


def normalize_media_type(media_type: str) -> str:
    """Return a media type as blobs keep it: in lower case, `""` where it is not printable ASCII."""
    return media_type.lower() if media_type.isascii() and media_type.isprintable() else ""


def decode_bytes(data: bytes, encoding: object) -> str:
    """Return bytes as text, by Node's names of encodings (default UTF-8); raises ExpressionError for
    another."""
    name = "utf8" if encoding is UNDEFINED or encoding is None else str(encoding).lower()
    match name:
        case "utf8" | "utf-8":
            return data.decode("utf-8", "replace")
        case "hex":
            return data.hex()
        case "base64":
            return base64.b64encode(data).decode()
        case "base64url":
            return base64.urlsafe_b64encode(data).decode().rstrip("=")
        case "latin1" | "binary":
            return data.decode("latin-1")
        case "ascii":
            return bytes(byte & 0x7F for byte in data).decode("ascii")
        case "utf16le" | "utf-16le" | "ucs2" | "ucs-2":
            return data[: len(data) // 2 * 2].decode("utf-16-le", "replace")
    raise make_function_error("bufferToString", f"Unknown encoding: {encoding}")


def encode_text(text: str) -> bytes:
    """Return the text in UTF-8, with lone surrogates as U+FFFD, as a JavaScript TextEncoder has it."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def _resolve_index(value: object, size: int, missing: int) -> int:
    """Return a start or end of `slice` as an index from 0 to `size`; a negative one counts from the end.

    `missing`: the index for anything but a number.
    """
    if not isinstance(value, (int, float)) or value != value:
        return missing
    at = int(max(min(value, size), -size))
    return at if at >= 0 else size + at


def _slice_bytes(data: bytes, start: object, end: object) -> bytes:
    """Return the bytes from `start` up to `end`, as JavaScript's `slice` reads them."""
    part = slice(_resolve_index(start, len(data), 0), _resolve_index(end, len(data), len(data)))
    charge_bytes_use(part.stop - part.start)
    return data[part]


def _slice_blob(blob: Blob, start: object, end: object, media_type: object) -> Blob:
    """Return a blob of a part of the bytes, with another media type or none."""
    kind = normalize_media_type(media_type) if isinstance(media_type, str) else ""
    return Blob(_slice_bytes(blob.data, start, end), kind)


def _stream_blob(blob: Blob) -> Stream:
    """Return a new stream of the blob's bytes."""

    async def chunks() -> AsyncIterator[bytes]:
        if blob.data:
            yield blob.data

    return Stream(chunks())


def _convert_none_to_undefined(value: object) -> object:
    """Return the value itself; UNDEFINED for None."""
    return UNDEFINED if value is None else value


BLOB: Final = make_host_type(
    Blob,
    {
        "size": lambda blob: len(blob.data),
        "type": lambda blob: blob.type,
        "name": lambda blob: _convert_none_to_undefined(blob.name),
        "lastModified": lambda blob: _convert_none_to_undefined(blob.last_modified),
    },
    {
        "arrayBuffer": lambda blob: ArrayBuffer(blob.data),
        "text": lambda blob: blob.data.decode("utf-8", "replace"),
        "slice": _slice_blob,
        "stream": _stream_blob,
    },
)

BUFFER: Final = make_host_type(
    ArrayBuffer,
    {"byteLength": lambda buffer: len(buffer.data)},
    {"slice": lambda buffer, start, end: ArrayBuffer(_slice_bytes(buffer.data, start, end))},
)

BYTES: Final = make_host_type(
    bytes,
    {"length": len, "byteLength": len, "buffer": ArrayBuffer},
    {"slice": _slice_bytes, "subarray": _slice_bytes, "toString": decode_bytes},
    to_json=lambda data: base64.b64encode(data).decode(),
)
