"""Checks method names and ids in paths (source `method_naming`), and descriptions (`description_quality`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from isthmus.authoring.lint.integration_subject import IntegrationSubject, Method
from isthmus.definitions.findings import Finding, Severity

__all__ = ["check_naming"]

_NUMBERED = re.compile(r"_[0-9]+\Z")
_LAST_PLACEHOLDER = re.compile(r"\{\{([^{}]+)\}\}/?\Z")
_READS_ID = re.compile(r"\s*id\s*(?:[:|?]|\Z)")
_ITEM_METHODS = frozenset({"get", "update", "partial_update", "delete"})
_MIN_DESCRIPTION = 10


def check_naming(subject: IntegrationSubject) -> Iterator[Finding]:
    """Yields the findings on names of methods, ids in paths, and descriptions."""
    for method in subject.methods:
        yield from _check_method_name(method)
        yield from _check_path_id(method)
    for index, row in enumerate(subject.documentation):
        if row.get("type") == "description":
            yield from _check_description(row, index)


def _check_method_name(method: Method) -> Iterator[Finding]:
    """Yields a finding if the name ends in a number, as generated names do."""
    if _NUMBERED.search(method.name):
        yield _make_naming_finding(
            "warn", method, method.path, "is the name a generator falls back to", _suggest_name(method)
        )


def _suggest_name(method: Method) -> str:
    """Returns a correction with the name that probably fits the method."""
    if method.verb == "get" and _LAST_PLACEHOLDER.search(method.url_path):
        return "name it get"
    if method.verb == "patch":
        return "name it partial_update"
    if method.verb == "post" and "search" in method.url_path:
        return "name it list, with `method: post` and `add_query_to_body: true`"
    return "name it by what it does"


def _check_path_id(method: Method) -> Iterator[Finding]:
    """Yields a finding if the path of an item method ends in a placeholder other than `{{id}}`."""
    match = _LAST_PLACEHOLDER.search(method.url_path.partition("?")[0])
    if method.name in _ITEM_METHODS and match and not _READS_ID.match(match[1]):
        yield _make_naming_finding(
            "warn",
            method,
            f"{method.path}.path",
            f"ends in {{{{{match[1]}}}}}, and the record's own id is {{{{id}}}}",
            "end it in {{id}}; read a parent's id from {{query.…}}",
        )


def _check_description(row: Any, index: int) -> Iterator[Finding]:
    """Yields a finding if a documentation row with a description is too short, or only repeats the method's
    name."""
    text = str(row.get("content", "")).strip()
    method = row.get("method")
    severity: Severity
    if len(text) < _MIN_DESCRIPTION:
        severity, message = "warn", f"is shorter than {_MIN_DESCRIPTION} characters"
    elif method and text.lower().rstrip(".").replace("_", " ") == str(method).replace("_", " "):
        severity, message = "info", "only repeats the method's name"
    else:
        return
    yield Finding(
        severity=severity,
        section="documentation",
        source="description_quality",
        path=f"documentation.{index}.content",
        message=message,
        fix="say what the method does and when to use it: agents choose tools by it",
        resource=row.get("resource"),
        method=method,
    )


def _make_naming_finding(severity: Severity, method: Method, path: str, message: str, fix: str) -> Finding:
    """Makes a finding on the name or path of a method. `path`: of the finding."""
    return Finding(
        severity=severity,
        section="resources",
        source="method_naming",
        path=path,
        message=message,
        fix=fix,
        resource=method.resource,
        method=method.name,
    )
