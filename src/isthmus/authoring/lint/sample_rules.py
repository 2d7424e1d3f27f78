"""Checks that a mapping makes valid records of the `sample` in its cell (source `mapping`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from isthmus import expressions
from isthmus.authoring.lint.integration_subject import get_at
from isthmus.definitions.findings import Finding
from isthmus.definitions.json_values import as_list, as_mapping
from isthmus.definitions.mapping import is_envelope
from isthmus.definitions.object_mapping import ObjectMapping, ObjectMappingError
from isthmus.expressions import UNDEFINED, ExpressionError

__all__ = ["check_samples"]

_EMPTY_SCOPE: Final[Mapping[str, Any]] = {
    "query": {},
    "rawQuery": {},
    "context": {},
    "headers": {},
    "body": None,
}
_MAX_VIOLATIONS: Final = 3


def check_samples(data: Mapping[str, Any], model: Mapping[str, Any] | None) -> Iterator[Finding]:
    """Yields findings on cells whose response mapping fails on its sample, or makes an invalid record of it.

    `model`: the unified model with its schemas; if None, records are not validated.
    """
    for index, cell in enumerate(as_list(data.get("cells"))):
        text = get_at(cell, "config", "response_mapping")
        sample = as_mapping(cell).get("sample")
        if sample is None or not isinstance(text, str | Mapping):
            continue
        try:
            records = list(_map_sample(text, sample, by_item=_is_mapped_by_item(cell)))
        except ObjectMappingError:
            continue  # reported by the schema
        except ExpressionError as error:
            yield _make_sample_finding(index, f"fails on the cell's own sample: {error}")
            continue
        schema = get_at(model, "resources", str(cell.get("resource_name")), "schema")
        for violation in _list_violations(records, schema) if isinstance(schema, Mapping) else ():
            yield _make_sample_finding(
                index, f"makes of the cell's own sample a record that is not valid: {violation}"
            )


def _is_mapped_by_item(cell: Any) -> bool:
    """Returns True if the cell's response mapping runs once for each item of an answer."""
    return bool(get_at(cell, "config", "response_mapping_method") == "item")


def _map_sample(text: str | Mapping[str, Any], sample: Any, *, by_item: bool) -> Iterator[Any]:
    """Yields the unified records that the mapping makes of a sample, taken out of an envelope, without nulls.
    `by_item`: the mapping runs once for each item. Raises ExpressionError and ObjectMappingError."""
    expression = expressions.compile(text) if isinstance(text, str) else ObjectMapping(text)
    for item in sample if by_item and isinstance(sample, list) else [sample]:
        result = expression.evaluate({**_EMPTY_SCOPE, "response": item})
        if is_envelope(result):
            result = result.get("result")
        records = result if isinstance(result, list) else [result]
        yield from (record for record in records if record is not None and record is not UNDEFINED)


def _list_violations(records: list[Any], schema: Mapping[str, Any]) -> list[str]:
    """Returns at most three violations of the schema in the records, a sentence each."""
    from isthmus.definitions.record_validation import (  # slow to import, and seldom needed
        find_violations,
        make_record_validator,
    )

    validator = make_record_validator(schema)
    return [text for record in records for text in find_violations(record, validator)][:_MAX_VIOLATIONS]


def _make_sample_finding(index: int, message: str) -> Finding:
    """Makes a finding on the response mapping of the cell at `index`."""
    return Finding(
        severity="error",
        section="mapping",
        source="mapping",
        path=f"cells.{index}.config.response_mapping",
        message=message,
        fix="map it so that the record is valid, or bring the sample up to date",
    )
