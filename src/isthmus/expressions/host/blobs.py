"""Blobs, array buffers and raw bytes (`functions.md` §6.1, 6.2, 6.7)."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from isthmus.expressions.errors import function_error
from isthmus.expressions.host.streams import Stream
from isthmus.expressions.host_value import Host, host_type
from isthmus.expressions.values import UNDEFINED

__all__ = [
    "BLOB",
    "BUFFER",
    "BYTES",
    "ArrayBuffer",
    "Blob",
    "decode_bytes",
    "encode_text",
    "media_type",
    "raw_bytes",
]


@dataclass(frozen=True, slots=True)
class Blob(Host):
    """Bytes with a media type. `name` and `last_modified` (milliseconds) are set for files only."""

    data: bytes
    type: str = ""
    name: str | None = None
    last_modified: int | None = None

    def to_text(self) -> str:
        return "[object Blob]"


@dataclass(frozen=True, slots=True)
class ArrayBuffer(Host):
    data: bytes

    def to_text(self) -> str:
        return "[object ArrayBuffer]"


def raw_bytes(value: object) -> bytes | None:
    """The bytes of a blob, buffer or byte string; None for anything else."""
    if isinstance(value, (Blob, ArrayBuffer)):
        return value.data
    return bytes(value) if isinstance(value, (bytes, bytearray, memoryview)) else None


def media_type(given: str) -> str:
    """A blob's type as the standard keeps it: in lower case, `""` where it is not printable ASCII."""
    return given.lower() if given.isascii() and given.isprintable() else ""


def decode_bytes(data: bytes, encoding: object) -> str:
    """Bytes as text, by Node's names of encodings; raises for an unknown one."""
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
    raise function_error("bufferToString", f"Unknown encoding: {encoding}")


def encode_text(text: str) -> bytes:
    """UTF-8; lone surrogates become U+FFFD, as a JavaScript TextEncoder does."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def _index(value: object, size: int, missing: int) -> int:
    """A start or end of `slice`, counted from the end where negative, held inside the data."""
    if not isinstance(value, (int, float)) or value != value:
        return missing
    at = int(max(min(value, size), -size))
    return at if at >= 0 else size + at


def _cut(data: bytes, start: object, end: object) -> bytes:
    return data[_index(start, len(data), 0) : _index(end, len(data), len(data))]


def _blob_slice(blob: Blob, start: object, end: object, given: object) -> Blob:
    kind = media_type(given) if isinstance(given, str) else ""
    return Blob(_cut(blob.data, start, end), kind)


def _blob_stream(blob: Blob) -> Stream:
    async def chunks() -> AsyncIterator[bytes]:
        if blob.data:
            yield blob.data

    return Stream(chunks())


def _present(value: object) -> object:
    return UNDEFINED if value is None else value


BLOB: Final = host_type(
    Blob,
    {
        "size": lambda blob: len(blob.data),
        "type": lambda blob: blob.type,
        "name": lambda blob: _present(blob.name),
        "lastModified": lambda blob: _present(blob.last_modified),
    },
    {
        "arrayBuffer": lambda blob: ArrayBuffer(blob.data),
        "text": lambda blob: blob.data.decode("utf-8", "replace"),
        "slice": _blob_slice,
        "stream": _blob_stream,
    },
)

BUFFER: Final = host_type(
    ArrayBuffer,
    {"byteLength": lambda buffer: len(buffer.data)},
    {"slice": lambda buffer, start, end: ArrayBuffer(_cut(buffer.data, start, end))},
)

BYTES: Final = host_type(
    bytes,
    {"length": len, "byteLength": len, "buffer": ArrayBuffer},
    {"slice": _cut, "subarray": _cut, "toString": decode_bytes},
    to_json=lambda data: base64.b64encode(data).decode(),
)
