"""The form of a credential format, checked on the server (`definitions.md` §1.3.1)."""

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

__all__ = ["Report", "submitted"]

Report = Callable[[str, str, str], None]
"""Takes a dotted path, what would be right, and a code."""

_PATTERN_SECONDS: Final = 0.25
_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s.]+(?:\.[^@\s.]+)+")


def submitted(
    fields: Iterable[BaseField], values: Mapping[str, Any], report: Report, *, complete: bool
) -> dict[str, Any]:
    """`values` with each field of the form as it is stored; keys that are no field stay as they are.

    Order: default, trim, required, format, pattern, options, transform. `complete`: the values are a whole
    submission; otherwise only the fields they name are looked at. Failures go to `report`.
    """
    result = dict(values)
    for field in fields:
        if field.name not in values and not complete:
            continue
        value = _trimmed(values.get(field.name))
        if value in (None, "") and field.default is not None and complete:
            value = field.default
        if value in (None, ""):
            if field.required:
                report(f"context.{field.name}", f"is required: {_called(field)}", "required")
            continue
        problem = _problem(field, value)
        if problem is not None:
            report(f"context.{field.name}", *problem)
            continue
        result[field.name] = _transformed(field, value)
    return result


def _called(field: BaseField) -> str:
    return f"{field.label or field.name}{f' ({field.help_text})' if field.help_text else ''}"


def _trimmed(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _problem(field: BaseField, value: Any) -> tuple[str, str] | None:
    """`(message, code)`, or None where the value is right."""
    if isinstance(value, (Mapping, list)) and field.options is None:
        return "must be a text", "type"
    text = value if isinstance(value, str) else str(value)
    check = _FORMATS.get(field.format or "")
    if check is not None and not check[0](text):
        return f"must be {check[1]}", "format"
    if field.pattern is not None and not _matches(field.pattern, text):
        return f"must match the pattern {field.pattern}", "pattern"
    if field.options is not None and value not in [option.value for option in field.options]:
        allowed = ", ".join(str(option.value) for option in field.options)
        return f"must be one of {allowed}", "option"
    return None


def _matches(pattern: str, text: str) -> bool:
    """Whether the whole text matches; a pattern that takes too long, or is none, matches nothing."""
    try:
        return Pattern.of(pattern, "").compiled.fullmatch(text, timeout=_PATTERN_SECONDS) is not None
    except (ExpressionError, TimeoutError):
        return False


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


_FORMATS: Final[Mapping[str, tuple[Callable[[str], bool], str]]] = {
    "email": (lambda text: _EMAIL.fullmatch(text) is not None, "an e-mail address"),
    "number": (_is_number, "a number"),
    "uuid": (is_uuid, "a UUID"),
    "url": (_is_url, "an absolute http or https URL"),
}


def _transformed(field: BaseField, value: Any) -> Any:
    if field.transform is None:
        return value
    text = str(value)
    if field.transform == "lowercase":
        return text.lower()
    if field.transform == "uppercase":
        return text.upper()
    return hashlib.sha256(text.encode()).hexdigest()
