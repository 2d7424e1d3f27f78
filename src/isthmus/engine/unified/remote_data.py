"""Adds `remote_data` in the body of a write, which holds further fields for the provider, to the mapped body.

They are laid under it, so that a mapped field always wins. A client that sends a record back as it read it
sends the provider's whole record there, which is never forwarded: it is recognised by its own identity, which
fields that a client means to add do not hold (`docs/explanation/engine.md`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from isthmus.definitions.json_values import merge_deep
from isthmus.engine.calls import NO_BODY, Call

__all__ = ["REMOTE_DATA", "add_remote_data", "drop_remote_data", "select_remote_data"]

REMOTE_DATA: Final = "remote_data"
_READ_METHODS: Final = frozenset({"list", "get", "delete"})
_IDENTITY_NAMES: Final = frozenset(
    {"id", "uuid", "guid", "uid", "gid", "_id", "key", "self", "href", "url", "@id"}
)


def select_remote_data(call: Call, id: str | None) -> dict[str, Any]:
    """Returns the further fields for the provider in the body of a call; empty for reads, and where
    `remote_data` is no object, or the provider's own record. `id`: of the record that is written."""
    body = call.body
    if call.method in _READ_METHODS or not isinstance(body, Mapping):
        return {}
    extra = body.get(REMOTE_DATA)
    return {} if not isinstance(extra, dict) or _is_echo(extra, body, id) else extra


def add_remote_data(mapped: Any, call: Call, id: str | None) -> Any:
    """Returns the mapped body with the caller's further fields under it; the same object where there are
    none. `id`: of the record that is written."""
    extra = select_remote_data(call, id)
    if not extra:
        return mapped
    if mapped is NO_BODY or mapped is None:
        return dict(extra)
    return merge_deep(extra, mapped) if isinstance(mapped, dict) else mapped


def drop_remote_data(body: Any) -> Any:
    """Returns the body without its `remote_data`."""
    if isinstance(body, dict) and REMOTE_DATA in body:
        return {name: value for name, value in body.items() if name != REMOTE_DATA}
    return body


def _is_echo(extra: Mapping[str, Any], body: Mapping[str, Any], id: str | None) -> bool:
    """Returns True if `extra` is the provider's own record, sent back: it has an identity of its own, or
    names the record that is written, by a top-level value."""
    if any(str(name).lower() in _IDENTITY_NAMES for name in extra):
        return True
    written_ids = {str(id_value) for id_value in (id, body.get("id")) if id_value is not None}
    return any(
        str(value) in written_ids
        for value in extra.values()
        if isinstance(value, (str, int)) and value is not True
    )
