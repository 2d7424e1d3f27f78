"""The rule that a mapping makes valid records of the `sample` in its cell (source `mapping`)."""

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
            yield _sample_finding(index, f"fails on the cell's own sample: {error}")
            continue
        schema = get_at(model, "resources", str(cell.get("resource_name")), "schema")
        for wrong in _list_violations(records, schema) if isinstance(schema, Mapping) else ():
            yield _sample_finding(
                index, f"makes of the cell's own sample a record that is not valid: {wrong}"
            )


def _is_mapped_by_item(cell: Any) -> bool:
    """Returns True if the cell's response mapping runs once for each item of an answer."""
    return bool(get_at(cell, "config", "response_mapping_method") == "item")


def _map_sample(text: str | Mapping[str, Any], sample: Any, *, by_item: bool) -> Iterator[Any]:
    """Yields the unified records that the mapping makes of a sample, taken out of an envelope, without
    nulls."""
    expression = expressions.compile(text) if isinstance(text, str) else ObjectMapping(text)
    for each in sample if by_item and isinstance(sample, list) else [sample]:
        made = expression.evaluate({**_EMPTY_SCOPE, "response": each})
        if is_envelope(made):
            made = made.get("result")
        several = made if isinstance(made, list) else [made]
        yield from (record for record in several if record is not None and record is not UNDEFINED)


def _list_violations(records: list[Any], schema: Mapping[str, Any]) -> list[str]:
    """At most three violations of the schema in the records, a sentence each."""
    from isthmus.definitions.record_validation import (  # slow to import, and seldom needed
        find_violations,
        make_record_validator,
    )

    validator = make_record_validator(schema)
    return [text for record in records for text in find_violations(record, validator)][:_MAX_VIOLATIONS]


def _sample_finding(index: int, message: str) -> Finding:
    return Finding(
        severity="error",
        section="mapping",
        source="mapping",
        path=f"cells.{index}.config.response_mapping",
        message=message,
        fix="map it so that the record is valid, or bring the sample up to date",
    )
