"""Unified records out of what a mapping gave: lists restored, nulls removed, the raw record attached
(`definitions.md` §3.5, §4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from isthmus.definitions.envelope import is_envelope
from isthmus.expressions import UNDEFINED

__all__ = ["MappedList", "attached", "mapped_list", "with_raw"]


@dataclass(frozen=True, slots=True)
class MappedList:
    """`has_next`, `has_prev`: the mapping named the cursor itself, if only with null, and that counts."""

    records: list[Any]
    next_cursor: str | None = None
    prev_cursor: str | None = None
    has_next: bool = False
    has_prev: bool = False


def mapped_list(value: Any, raw: list[Any]) -> MappedList:
    """`value`: what the mapping gave for the whole data; any single value is a list of one."""
    if not is_envelope(value):
        return MappedList(attached(_several(value), raw))
    return MappedList(
        attached(_several(value.get("result")), raw),
        cursor_text(value.get("next_cursor")),
        cursor_text(value.get("prev_cursor")),
        has_next="next_cursor" in value,
        has_prev="prev_cursor" in value,
    )


def _several(value: Any) -> list[Any]:
    if value is UNDEFINED or value is None:
        return []
    return value if isinstance(value, list) else [value]


def cursor_text(value: Any) -> str | None:
    if value is None or value is False or value == "":
        return None
    return value if isinstance(value, str) else str(value)


def with_raw(record: Any, raw: Any) -> Any:
    """The record with its provider's object as `remote_data`; one of its own wins. None attaches nothing."""
    if not isinstance(record, dict) or "remote_data" in record or raw is None:
        return record
    return {**record, "remote_data": raw}


def attached(mapped: list[Any], raw: list[Any]) -> list[Any]:
    """By position where both are as long, before nulls are removed; else by `id` where both have them."""
    if len(mapped) == len(raw):
        pairs = zip(mapped, raw, strict=True)
        return [with_raw(record, source) for record, source in pairs if record is not None]
    by_id = {
        str(item["id"]): item for item in raw if isinstance(item, Mapping) and item.get("id") is not None
    }
    return [
        with_raw(record, by_id.get(str(record.get("id")))) if isinstance(record, dict) else record
        for record in mapped
        if record is not None
    ]
