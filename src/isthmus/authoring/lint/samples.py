"""Whether a mapping makes valid records of the sample that travels with it (`mapping`, §6.2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from isthmus import expressions
from isthmus.authoring.lint.subject import at
from isthmus.definitions.envelope import is_envelope
from isthmus.definitions.findings import Finding
from isthmus.definitions.json_values import as_list, as_mapping
from isthmus.definitions.object_mapping import ObjectMapping, ObjectMappingError
from isthmus.expressions import UNDEFINED, ExpressionError

__all__ = ["check"]

_NOTHING: Final[Mapping[str, Any]] = {"query": {}, "rawQuery": {}, "context": {}, "headers": {}, "body": None}
_SHOWN: Final = 3


def check(data: Mapping[str, Any], model: Mapping[str, Any] | None) -> Iterator[Finding]:
    """Each cell that has a sample is run on it, offline. `model`: the unified model with its schemas, None
    where it is not known; then it only has to run."""
    for index, cell in enumerate(as_list(data.get("cells"))):
        text = at(cell, "config", "response_mapping")
        sample = as_mapping(cell).get("sample")
        if sample is None or not isinstance(text, str | Mapping):
            continue
        try:
            records = list(_records(text, sample, by_item=_is_by_item(cell)))
        except ObjectMappingError:
            continue  # reported by the schema
        except ExpressionError as error:
            yield _finding(index, f"fails on the cell's own sample: {error}")
            continue
        schema = at(model, "resources", str(cell.get("resource_name")), "schema")
        for wrong in _wrong(records, schema) if isinstance(schema, Mapping) else ():
            yield _finding(index, f"makes of the cell's own sample a record that is not valid: {wrong}")


def _is_by_item(cell: Any) -> bool:
    return bool(at(cell, "config", "response_mapping_method") == "item")


def _records(text: str | Mapping[str, Any], sample: Any, *, by_item: bool) -> Iterator[Any]:
    """As a call would have them: out of an envelope with a cursor, and without nulls."""
    expression = expressions.compile(text) if isinstance(text, str) else ObjectMapping(text)
    for each in sample if by_item and isinstance(sample, list) else [sample]:
        made = expression.evaluate({**_NOTHING, "response": each})
        if is_envelope(made):
            made = made.get("result")
        several = made if isinstance(made, list) else [made]
        yield from (record for record in several if record is not None and record is not UNDEFINED)


def _wrong(records: list[Any], schema: Mapping[str, Any]) -> list[str]:
    from isthmus.definitions.records import record_validator, wrong_in  # slow to import, and seldom needed

    validator = record_validator(schema)
    return [text for record in records for text in wrong_in(record, validator)][:_SHOWN]


def _finding(index: int, message: str) -> Finding:
    return Finding(
        severity="error",
        section="mapping",
        source="mapping",
        path=f"cells.{index}.config.response_mapping",
        message=message,
        fix="map it so that the record is valid, or bring the sample up to date",
    )
