"""Validates submitted credentials against the form fields of a credential format."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from isthmus.definitions.credentials import BaseField
from isthmus.expressions import ExpressionError
from isthmus.expressions.runtime.regex import Pattern
from isthmus.kit.ids import is_uuid

__all__ = ["ReportProblem", "validate_form"]

ReportProblem = Callable[[str, str, str], None]
"""Is called for each invalid field with its dotted path, a message, and an error code."""

_PATTERN_TIMEOUT_SECONDS: Final = 0.25
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s.]+(?:\.[^@\s.]+)+")


def validate_form(
    fields: Iterable[BaseField], values: Mapping[str, Any], report: ReportProblem, *, complete: bool
) -> dict[str, Any]:
    """Return `values` with every form field as it is to be stored; keys that are no form field stay
    unchanged.

    Each field is trimmed, gets its default, and is checked: required, format, pattern, options; then it is
    transformed. `complete`: the values are a whole submission; otherwise only fields that they name are
    checked. Invalid fields are reported to `report` and left as they were sent.
    """
    result = dict(values)
    for field in fields:
        if field.name not in values and not complete:
            continue
        value = _trim(values.get(field.name))
        if value in (None, "") and field.default is not None and complete:
            value = field.default
        if value in (None, ""):
            if field.required:
                report(f"context.{field.name}", f"is required: {_describe_field(field)}", "required")
            continue
        problem = _find_problem(field, value)
        if problem is not None:
            report(f"context.{field.name}", *problem)
            continue
        result[field.name] = _transform(field, value)
    return result


def _describe_field(field: BaseField) -> str:
    """Return the label of a form field, with its help text."""
    return f"{field.label or field.name}{f' ({field.help_text})' if field.help_text else ''}"


def _trim(value: Any) -> Any:
    """Return a text without white space around it, any other value as it is."""
    return value.strip() if isinstance(value, str) else value


def _find_problem(field: BaseField, value: Any) -> tuple[str, str] | None:
    """Return `(message, code)` for an invalid value, None for a valid one."""
    if isinstance(value, (Mapping, list)) and field.options is None:
        return "must be a text", "type"
    text = value if isinstance(value, str) else str(value)
    check = _FORMAT_CHECKS.get(field.format or "")
    if check is not None and not check[0](text):
        return f"must be {check[1]}", "format"
    if field.pattern is not None and not _matches_pattern(field.pattern, text):
        return f"must match the pattern {field.pattern}", "pattern"
    if field.options is not None and value not in [option.value for option in field.options]:
        allowed = ", ".join(str(option.value) for option in field.options)
        return f"must be one of {allowed}", "option"
    return None


def _matches_pattern(pattern: str, text: str) -> bool:
    """Return True if the whole text matches. False for an invalid pattern, and for one that takes too
    long. `pattern`: a regular expression as JSONata writes it, without its slashes."""
    try:
        return (
            Pattern.from_source(pattern, "").compiled.fullmatch(text, timeout=_PATTERN_TIMEOUT_SECONDS)
            is not None
        )
    except (ExpressionError, TimeoutError):
        return False


def _is_number(text: str) -> bool:
    """Return True for the text of a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _is_url(text: str) -> bool:
    """Return True for an http or https URL with a host."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


_FORMAT_CHECKS: Final[Mapping[str, tuple[Callable[[str], bool], str]]] = {
    "email": (lambda text: _EMAIL.fullmatch(text) is not None, "an e-mail address"),
    "number": (_is_number, "a number"),
    "uuid": (is_uuid, "a UUID"),
    "url": (_is_url, "an absolute http or https URL"),
}


def _transform(field: BaseField, value: Any) -> Any:
    """Return the value as the field's `transform` changes it: lower case, upper case or SHA-256; unchanged
    without one."""
    if field.transform is None:
        return value
    text = str(value)
    if field.transform == "lowercase":
        return text.lower()
    if field.transform == "uppercase":
        return text.upper()
    return hashlib.sha256(text.encode()).hexdigest()
