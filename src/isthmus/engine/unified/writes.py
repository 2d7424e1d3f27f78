"""What a write sends besides what its mapping makes: `remote_data`, and files.

`remote_data` of a write's body holds further fields for the product. They are laid under the mapped body, so
that a mapped field always wins. A client that sends a record back as it read it sends the product's whole
record there, and that is never forwarded: it is told by the record's own identity, which fields that somebody
means to add do not hold (`docs/explanation/engine.md`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

from isthmus.definitions.mapping import FileUpload
from isthmus.engine.calls import NO_BODY, Call
from isthmus.engine.multipart import OCTETS
from isthmus.expressions.host import Blob

__all__ = ["as_upload", "upload_of", "with_remote_data", "without_remote_data"]

_READS: Final = frozenset({"list", "get", "delete"})
_KEY: Final = "remote_data"
_IDENTITIES: Final = frozenset(
    {"id", "uuid", "guid", "uid", "gid", "_id", "key", "self", "href", "url", "@id"}
)
_FILE: Final = "file"


def with_remote_data(mapped: Any, call: Call, id: str | None) -> Any:
    """The outbound body with the caller's further fields under it."""
    body = call.body
    if call.method in _READS or not isinstance(body, Mapping) or not isinstance(body.get(_KEY), dict):
        return mapped
    extra = body[_KEY]
    if not extra or _is_echo(extra, body, id):
        return mapped
    if mapped is NO_BODY or mapped is None:
        return dict(extra)
    return _under(mapped, extra) if isinstance(mapped, dict) else mapped


def without_remote_data(body: Any) -> Any:
    if isinstance(body, dict) and _KEY in body:
        return {name: value for name, value in body.items() if name != _KEY}
    return body


def _is_echo(extra: Mapping[str, Any], body: Mapping[str, Any], id: str | None) -> bool:
    """The product's own record: it names itself, or what is written, by a top-level value."""
    if any(str(name).lower() in _IDENTITIES for name in extra):
        return True
    known = {str(each) for each in (id, body.get("id")) if each is not None}
    return any(
        str(value) in known for value in extra.values() if isinstance(value, (str, int)) and value is not True
    )


def _under(high: Mapping[str, Any], low: Mapping[str, Any]) -> dict[str, Any]:
    """Objects by key, at any depth; where both say something, `high` holds."""
    result = dict(low)
    for key, value in high.items():
        below = result.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[key] = _under(value, below) if both and below is not None else value
    return result


def upload_of(file_upload: bool | FileUpload) -> FileUpload | None:
    if isinstance(file_upload, FileUpload):
        return file_upload
    return FileUpload() if file_upload else None


async def as_upload(upload: FileUpload, call: Call) -> Any:
    """The body of a call whose bytes are a file: an object with the one part. Anything else as it is."""
    body = call.body
    if isinstance(body, Blob):
        return {upload.field or _FILE: body}
    is_form = (call.content_type or "").lower().startswith("multipart/")
    if not call.body_passthrough or call.raw_body is None or is_form:
        return body
    data = call.raw_body if isinstance(call.raw_body, bytes) else await _whole(call.raw_body)
    return {upload.field or _FILE: Blob(data, call.content_type or OCTETS, upload.field or _FILE)}


async def _whole(stream: AsyncIterator[bytes]) -> bytes:
    return b"".join([part async for part in stream])
