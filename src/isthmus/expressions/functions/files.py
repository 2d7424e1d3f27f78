"""Blobs, buffers, streams, media types: `$blob`, `$bufferToString`, `$getDataUri`, `$teeStream` and more."""

from __future__ import annotations

import base64
import re
from collections.abc import Coroutine, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from isthmus.expressions.errors import make_function_error
from isthmus.expressions.functions.arguments import get_options, to_bytes
from isthmus.expressions.host.blobs import (
    ArrayBuffer,
    Blob,
    decode_bytes,
    extract_bytes,
    normalize_media_type,
)
from isthmus.expressions.host.streams import Stream, branch_stream, drain_stream
from isthmus.expressions.javascript import as_list, is_nil, is_truthy, to_text
from isthmus.expressions.meter import charge_bytes_use
from isthmus.expressions.values import UNDEFINED

__all__ = ["blob", "buffer_to_string", "get_array_buffer", "get_data_uri", "get_mime_type", "tee_stream"]

_MAX_NAME_LENGTH: Final = 4_096
_FOLDERS: Final = re.compile(r".*[/\\]", re.S)


def blob(content: object = UNDEFINED, options: object = UNDEFINED) -> Blob:
    """A blob of one content or a list of parts, one after the other.

    Arguments:
        content: texts (as UTF-8), blobs, buffers and bytes (as they are), other values by their text form.
        options: `type`, the media type (default `""`).
    Null and missing: content that is null, missing, `""`, `0` or `false` gives an empty blob.
    Example:
        $blob(["héllo", "!"], {"type": "text/plain"}).size
        => 7
    """
    parts = as_list(content) if is_truthy(content) else [""]
    data = b"".join(to_bytes(part) for part in parts)
    kind = get_options(options).get("type", "")
    return Blob(data, "" if is_nil(kind) else normalize_media_type(to_text(kind)))


def get_array_buffer(file: object = UNDEFINED) -> object:
    """The bytes of a blob or file as an array buffer.

    Arguments:
        file: a blob.
    Null and missing: anything but a blob gives nothing.
    Example:
        $getArrayBuffer($blob("hello")).byteLength
        => 5
    """
    return ArrayBuffer(file.data) if isinstance(file, Blob) else UNDEFINED


def get_data_uri(file: object = UNDEFINED, mime_type: object = UNDEFINED) -> str | Coroutine[Any, Any, str]:
    """A `data:` URI of a blob, of bytes, or of what is left in a stream.

    Arguments:
        file: a blob, buffer, bytes or stream.
        mimeType: the media type to state (default: the blob's own).
    Errors: `Mime type is required`; `Unsupported file type for getDataUri`.
    Example:
        $getDataUri($blob("hello"), "text/plain")
        => "data:text/plain;base64,aGVsbG8="
    """
    media_type = file.type if isinstance(file, Blob) and not is_truthy(mime_type) else mime_type
    if not is_truthy(media_type):
        raise make_function_error("getDataUri", "Mime type is required")
    kind = to_text(media_type)
    if isinstance(file, Stream):
        return _drain_to_data_uri(file, kind)
    data = extract_bytes(file)
    if data is None:
        raise make_function_error("getDataUri", "Unsupported file type for getDataUri")
    charge_bytes_use(len(data))
    return _to_data_uri(data, kind)


def _to_data_uri(data: bytes, kind: str) -> str:
    """Return a `data:` URI of the bytes with the media type `kind`."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


async def _drain_to_data_uri(stream: Stream, kind: str) -> str:
    """Return a `data:` URI of what is left in a stream."""
    return _to_data_uri(await drain_stream(stream, "getDataUri"), kind)


def buffer_to_string(
    value: object = UNDEFINED, encoding: object = UNDEFINED
) -> str | Coroutine[Any, Any, str]:
    """The text in bytes or in what is left of a stream.

    Arguments:
        value: bytes, a buffer, a blob or a stream.
        encoding: `utf8` (default), `hex`, `base64`, `base64url`, `latin1`, `ascii` or `utf16le`.
    Errors: `Unsupported value type for bufferToString`; `Unknown encoding: …`.
    Example:
        $bufferToString($getArrayBuffer($blob("hé")), "hex")
        => "68c3a9"
    """
    if isinstance(value, Stream):
        return _drain_to_text(value, encoding)
    data = extract_bytes(value)
    if data is None:
        raise make_function_error("bufferToString", "Unsupported value type for bufferToString")
    charge_bytes_use(len(data))
    return decode_bytes(data, encoding)


async def _drain_to_text(stream: Stream, encoding: object) -> str:
    """Return the text of what is left in a stream."""
    return decode_bytes(await drain_stream(stream, "bufferToString"), encoding)


def tee_stream(stream: object = UNDEFINED) -> list[Stream]:
    """Two streams with the bytes of one, which becomes locked.

    Arguments:
        stream: a stream that nobody reads yet.
    Errors: the value is no stream, or another reader has it; one branch more than 8 MiB behind.
    Example:
        $bufferToString($teeStream($blob("hello").stream())[1])
        => "hello"
    """
    if not isinstance(stream, Stream):
        raise make_function_error("teeStream", "teeStream: the value must be a stream")
    return branch_stream(stream)


def get_mime_type(name: object = UNDEFINED) -> str | None:
    """The media type that a file name or an extension stands for.

    Arguments:
        extensionOrName: `html`, `.html` or `a/b/report.HTML`.
    Null and missing: null for anything unknown, also for null, missing and values that are no text.
    Example:
        [$getMimeType("report.PDF"), $getMimeType("dir/html")]
        => ["application/pdf", null]
    """
    if not isinstance(name, str) or len(name) > _MAX_NAME_LENGTH:
        return None
    last = _FOLDERS.sub("", name).lower()
    extension = last.rpartition(".")[2]
    has_folder, has_dot = len(last) < len(name), len(extension) < len(last)
    return _load_media_types().get(extension) if has_dot or not has_folder else None


@lru_cache(maxsize=1)
def _load_media_types() -> Mapping[str, str]:
    """Return file extension -> media type, from the shipped table."""
    table = files("isthmus.expressions.functions").joinpath("data/media_types.txt").read_text("utf-8")
    rows = (line.split() for line in table.splitlines() if not line.startswith("#"))
    return {extension: row[0] for row in rows for extension in row[1:]}
