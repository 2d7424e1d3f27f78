"""Writes bodies as `multipart/form-data` (RFC 7578): one part per key, files as file parts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from isthmus.definitions.methods import BodyFormatConfig
from isthmus.engine.queries import ArrayFormat, flatten_value
from isthmus.errors import BadRequest, failure
from isthmus.expressions.host import Blob
from isthmus.kit.ids import new_id

__all__ = ["OCTET_STREAM", "as_file", "write_multipart"]

_FILE_KEYS: Final = frozenset({"filename", "content_type", "data"})
OCTET_STREAM: Final = "application/octet-stream"
_BOUNDARY: Final = re.compile(r"[A-Za-z0-9'()+_,./:=? -]{0,69}[A-Za-z0-9'()+_,./:=?-]\Z")
_MEDIA_TYPE: Final = re.compile(r"[!#-~]+/[ -~]+\Z")
_ESCAPES: Final = {ord('"'): "%22", ord("\r"): "%0D", ord("\n"): "%0A"}


def write_multipart(body: Any, config: BodyFormatConfig, array_format: ArrayFormat) -> tuple[bytes, str]:
    """Returns the bytes of the body, and its content type with the boundary. Arrays repeat their part as
    `array_format` says, objects become `a[b]`.

    Raises BadRequest for a body that is no object, and for a file or boundary that cannot be written.
    """
    if not isinstance(body, Mapping):
        raise _make_multipart_error(
            "body", "must be an object, because this method sends it as multipart/form-data"
        )
    boundary = config.boundary or f"isthmus-{new_id()}"
    if not _BOUNDARY.match(boundary):
        raise _make_multipart_error(
            "body_format_config.boundary", "must be a boundary of RFC 2046, 1 to 70 characters"
        )
    file_fields = frozenset(config.file_fields or ())
    chunks: list[bytes] = []
    for name, value in _flatten_parts(body, array_format):
        head, data = _write_part(name, value, is_file=name.partition("[")[0] in file_fields)
        if config.boundary is not None and boundary.encode() in data:
            raise _make_multipart_error(
                "body_format_config.boundary", "stands in the data that is sent; leave it out"
            )
        chunks += [f"--{boundary}\r\n{head}\r\n\r\n".encode(), data, b"\r\n"]
    chunks.append(f"--{boundary}--\r\n".encode())
    shown = boundary if re.fullmatch(r"[\w'+.-]+", boundary) else f'"{boundary}"'
    return b"".join(chunks), f"multipart/form-data; boundary={shown}"


def _flatten_parts(body: Mapping[str, Any], array_format: ArrayFormat) -> Iterator[tuple[str, Any]]:
    """Yields the name and value of each part."""
    for name, value in body.items():
        yield from flatten_value(name, value, "repeat" if array_format == "comma" else array_format, as_file)


def as_file(value: Any) -> Blob | None:
    """Returns the file that a value stands for: an uploaded part, or `{filename?, content_type?, data}`. None
    for any other value."""
    if isinstance(value, Blob):
        return value
    if not isinstance(value, Mapping) or "data" not in value or not value.keys() <= _FILE_KEYS:
        return None
    data = value["data"]
    if isinstance(data, Mapping) or len(value) == 1:
        return None
    return Blob(_to_bytes(data), str(value.get("content_type") or ""), str(value.get("filename") or "file"))


def _to_bytes(data: Any) -> bytes:
    """Returns the content of a file: text and bytes as they are, any other value as JSON."""
    if isinstance(data, Blob):
        return data.data
    if isinstance(data, (bytes, bytearray)):
        return bytes(data)
    if isinstance(data, str):
        return data.encode()
    return orjson.dumps(data)


def _write_part(name: str, value: Any, *, is_file: bool) -> tuple[str, bytes]:
    """Returns the header lines of a part, without the empty line behind them, and its content. `is_file`:
    text is sent as a file too."""
    label = f'Content-Disposition: form-data; name="{name.translate(_ESCAPES)}"'
    file = value if isinstance(value, Blob) else Blob(str(value).encode()) if is_file else None
    if file is None:
        return label, str(value).encode()
    kind = file.type or OCTET_STREAM
    if not _MEDIA_TYPE.match(kind):
        raise _make_multipart_error(f"body.{name}.content_type", "must be a media type")
    filename = (file.name or name).translate(_ESCAPES)
    return f'{label}; filename="{filename}"\r\nContent-Type: {kind}', file.data


def _make_multipart_error(path: str, message: str) -> BadRequest:
    """Returns the error for a body or option that cannot be written as multipart."""
    return BadRequest(f"{path} {message}.", failures=[failure(path, message, "bad_body")])
