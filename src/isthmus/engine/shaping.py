"""How a caller wants unified records to look: the `truto_*` parameters (`definitions.md` §4.2, 24)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isthmus.engine.calls import ResponseOptions
from isthmus.engine.queries import scalar_text
from isthmus.errors import BadRequest, failure

__all__ = ["key_by", "shape"]


def shape(record: Any, options: ResponseOptions, schema: Mapping[str, Any]) -> Any:
    """One record. `schema`: that of unified records; `normalized` fills its fields with null."""
    if not isinstance(record, dict):
        return record
    if options.response_format == "raw":
        return _without(record.get("remote_data", record), options.exclude_fields)
    if options.response_format == "normalized":
        properties = schema.get("properties")
        names = properties if isinstance(properties, Mapping) else {}
        record = {**dict.fromkeys(names), **record}
    if options.ignore_remote_data or options.response_format == "normalized":
        record = {name: value for name, value in record.items() if name != "remote_data"}
    return _without(record, options.exclude_fields)


def key_by(records: list[Any], shaped: list[Any], field: str) -> dict[str, Any]:
    """The shaped records by a field of the records as they were, the last one winning; those without it are
    left out. Raises BadRequest where none has it, naming what they have."""
    keyed = {}
    for record, shown in zip(records, shaped, strict=True):
        value = record.get(field) if isinstance(record, dict) else None
        if value is not None and not isinstance(value, (dict, list)):
            keyed[value if isinstance(value, str) else scalar_text(value)] = shown
    if records and not keyed:
        names = sorted({name for record in records if isinstance(record, dict) for name in record})
        raise BadRequest(
            f"truto_key_by={field}: no record has a text or number there. The records have "
            f"{', '.join(names) or 'no fields'}.",
            failures=[failure("truto_key_by", "must be a field that holds a text or number", "bad_value")],
        )
    return keyed


def _without(record: Any, fields: tuple[str, ...]) -> Any:
    for field in fields:
        record = _removed(record, field.split("."))
    return record


def _removed(value: Any, path: list[str]) -> Any:
    """A copy without the path; arrays on the way are gone through."""
    if isinstance(value, list):
        return [_removed(item, path) for item in value]
    if not isinstance(value, dict) or path[0] not in value:
        return value
    if len(path) == 1:
        return {name: item for name, item in value.items() if name != path[0]}
    return {**value, path[0]: _removed(value[path[0]], path[1:])}
