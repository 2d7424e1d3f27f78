"""Validates unified records against the JSON Schema of their model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from jsonschema import Draft202012Validator, FormatChecker

__all__ = ["find_violations", "make_record_validator"]

_FORMATS: Final = FormatChecker(formats=())
_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@_FORMATS.checks("date-time")
def _is_timestamp(value: object) -> bool:
    """Returns True for a time in UTC with milliseconds, the form that records have, and for anything but
    text."""
    return not isinstance(value, str) or _TIMESTAMP.fullmatch(value) is not None


def make_record_validator(schema: Mapping[str, Any]) -> Draft202012Validator:
    """Returns the validator of a JSON Schema (2020-12). Of formats it checks date-time only."""
    return Draft202012Validator(schema, format_checker=_FORMATS)


def find_violations(record: Any, validator: Draft202012Validator) -> Iterator[str]:
    """Yields the violations of the schema in a record, each `$.path: message`."""
    for error in validator.iter_errors(record):
        yield f"{error.json_path}: {error.message}"
