"""Checks methods for contradictory configurations (source `critic_method_config`)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from isthmus import expressions
from isthmus.authoring.lint.integration_subject import IntegrationSubject, Method, get_at
from isthmus.definitions.findings import Finding
from isthmus.definitions.methods import STANDARD_METHODS
from isthmus.expressions import UNDEFINED, ExpressionError

__all__ = ["check_methods"]

_ID = re.compile(r"\{\{\s*id\s*(?::\w+\s*)?\}\}")


def check_methods(subject: IntegrationSubject) -> Iterator[Finding]:
    """Yields the findings on all methods of an integration."""
    for method in subject.methods:
        yield from _check_path_id(method)
        yield from _check_bodies(method)
        yield from _check_list_sample(method)


def _check_path_id(method: Method) -> Iterator[Finding]:
    """Yields findings on paths with `{{id}}` in methods that are called without an id.

    These are `create`, and a `list` that is a POST. Custom POST methods have an id only if their caller sends
    one.
    """
    if not _ID.search(method.url_path):
        return
    if method.name == "create" or (method.name == "list" and method.verb == "post"):
        yield method.make_finding(
            "error",
            "path",
            f"{method.name} has no id, and its path asks for {{{{id}}}}",
            "use update with put or patch, or read a parent's id from {{query.…}}",
            source="critic_method_config",
        )
    elif method.name not in STANDARD_METHODS and method.name != "partial_update" and method.verb == "post":
        yield method.make_finding(
            "warn",
            "path",
            "a custom method has the id only where its caller sends `id` in the query or body",
            "read {{query.id}} or {{body.id}}",
            source="critic_method_config",
        )


def _check_bodies(method: Method) -> Iterator[Finding]:
    """Yields findings on GET and DELETE methods with a body."""
    if method.verb in ("get", "delete") and method.definition.get("body") is not None:
        yield method.make_finding(
            "warn",
            "body",
            f"{method.verb.upper()} with a body",
            "use `query`, or another `method`",
            source="critic_method_config",
        )
    if method.verb == "get" and method.definition.get("add_query_to_body"):
        yield method.make_finding(
            "warn",
            "add_query_to_body",
            "a GET has no body to put the query into",
            "remove it",
            source="critic_method_config",
        )


def _check_list_sample(method: Method) -> Iterator[Finding]:
    """Yields a finding if `response_path` does not find an array in the method's sample response."""
    sample = get_at(method.definition, "examples", "response")
    if method.name != "list" or not isinstance(sample, str):
        return
    path = method.definition.get("response_path")
    try:
        data = json.loads(sample)
        result = expressions.compile(path).evaluate(data) if isinstance(path, str) and path else data
    except (ValueError, RecursionError, ExpressionError):
        return
    if not isinstance(result, list) and not (isinstance(result, dict) and _collects_records(path, data)):
        description = "nothing" if result is UNDEFINED else "no array"
        yield method.make_finding(
            "warn",
            "response_path",
            f"finds {description} in the method's own sample of a response",
            "name the array of records",
            source="critic_method_config",
        )


def _collects_records(path: Any, data: Any) -> bool:
    """Returns True if the path goes through an array or computes its result.

    The engine then lists a single object that the path finds as a record.
    """
    for name in path.split(".") if isinstance(path, str) else ():
        if not isinstance(data, dict) or name not in data:
            return True
        data = data[name]
    return False
