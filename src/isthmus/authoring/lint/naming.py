"""Names of methods and of the ids in their paths (`method_naming`), and what their descriptions say
(`description_quality`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from isthmus.authoring.lint.subject import IntegrationSubject, Method
from isthmus.definitions.findings import Finding, Severity

__all__ = ["check"]

_NUMBERED = re.compile(r"_[0-9]+\Z")
_LAST_PLACEHOLDER = re.compile(r"\{\{([^{}]+)\}\}/?\Z")
_READS_ID = re.compile(r"\s*id\s*(?:[:|?]|\Z)")
_ITEM_METHODS = frozenset({"get", "update", "partial_update", "delete"})
_MIN_DESCRIPTION = 10


def check(subject: IntegrationSubject) -> Iterator[Finding]:
    for method in subject.methods:
        yield from _name(method)
        yield from _own_id(method)
    for index, row in enumerate(subject.documentation):
        if row.get("type") == "description":
            yield from _description(row, index)


def _name(method: Method) -> Iterator[Finding]:
    if _NUMBERED.search(method.name):
        yield _finding("warn", method, method.path, "is the name a generator falls back to", _better(method))


def _better(method: Method) -> str:
    """What the method probably is."""
    if method.verb == "get" and _LAST_PLACEHOLDER.search(method.url_path):
        return "name it get"
    if method.verb == "patch":
        return "name it partial_update"
    if method.verb == "post" and "search" in method.url_path:
        return "name it list, with `method: post` and `add_query_to_body: true`"
    return "name it by what it does"


def _own_id(method: Method) -> Iterator[Finding]:
    match = _LAST_PLACEHOLDER.search(method.url_path.partition("?")[0])
    if method.name in _ITEM_METHODS and match and not _READS_ID.match(match[1]):
        yield _finding(
            "warn",
            method,
            f"{method.path}.path",
            f"ends in {{{{{match[1]}}}}}, and the record's own id is {{{{id}}}}",
            "end it in {{id}}; read a parent's id from {{query.…}}",
        )


def _description(row: Any, index: int) -> Iterator[Finding]:
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


def _finding(severity: Severity, method: Method, path: str, message: str, fix: str) -> Finding:
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
