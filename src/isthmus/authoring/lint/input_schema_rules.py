"""Checks the schemas of what callers send to a method (source `tools`): agents' toolsets build the input of a
tool from them alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from isthmus.authoring.lint.expression_text import mask_literals
from isthmus.authoring.lint.integration_subject import IntegrationSubject, Method, iter_texts
from isthmus.definitions.authored_schemas import SCHEMA_TYPES, parse_schema
from isthmus.definitions.findings import Finding
from isthmus.expressions.placeholders import compile_template

__all__ = ["check_input_schemas"]

_METHODS_WITHOUT_FIELDS: Final = frozenset({"list", "get", "delete"})
_METHODS_BY_ID: Final = frozenset({"get", "update", "delete"})
_VERBS_WITH_BODY: Final = frozenset({"post", "put", "patch"})
_BODY: Final = re.compile(r"\bbody\b")


def check_input_schemas(subject: IntegrationSubject) -> Iterator[Finding]:
    """Yields findings on the schemas of each method: invalid ones, a body that callers send and no schema
    describes, and names that the query and the body both have."""
    rows = {
        (row.get("resource"), row.get("method"), row.get("type")): row.get("content")
        for row in subject.documentation
    }
    for method in subject.methods:
        schemas: dict[str, Mapping[str, Any] | None] = {}
        for kind in sorted(SCHEMA_TYPES):
            written = rows.get((method.resource, method.name, kind)) or method.definition.get(kind)
            schema, problems = parse_schema(written) if written else (None, [])
            schemas[kind] = {} if problems else schema
            for path, message in problems:
                yield method.make_finding(
                    "error", f"{kind}.{path}".rstrip("."), message, None, source="tools"
                )
        yield from _check_body_schema(method, schemas["body_schema"])
        yield from _check_shared_names(method, schemas["query_schema"], schemas["body_schema"])


def _check_body_schema(method: Method, schema: Mapping[str, Any] | None) -> Iterator[Finding]:
    """Yields a finding on a write or custom method that sends its caller's body and has no schema of its
    fields. `schema`: of the body; {} for an invalid one."""
    if schema == {} or method.name in _METHODS_WITHOUT_FIELDS or not _sends_callers_body(method):
        return
    if schema is None or (schema.get("type", "object") == "object" and not schema.get("properties")):
        yield method.make_finding(
            "warn",
            "body_schema",
            "sends the body of its caller, and names no field of it: toolsets send an empty one",
            "describe each field under `properties`; a method that takes no body has `ignore_body: true`",
            source="tools",
        )


def _sends_callers_body(method: Method) -> bool:
    """Returns True if anything of the caller's body goes into the body that the method sends."""
    definition = method.definition
    if definition.get("ignore_body") or definition.get("set_body_to_null"):
        return False
    body = definition.get("body")
    if body is None:
        return method.verb in _VERBS_WITH_BODY
    if isinstance(body, str) and not compile_template(body).is_placeholder:
        return _BODY.search(mask_literals(body)) is not None
    return any(
        alternative.path[0] == "body"
        for _, text in iter_texts(body, "body")
        for placeholder in compile_template(text).placeholders
        for alternative in placeholder.alternatives
    )


def _check_shared_names(
    method: Method, query: Mapping[str, Any] | None, body: Mapping[str, Any] | None
) -> Iterator[Finding]:
    """Yields a finding on each name that is in both schemas; `id` of a method that is called by id counts as
    one of the query."""
    in_query = set((query or {}).get("properties") or ())
    if method.name in _METHODS_BY_ID:
        in_query.add("id")
    for name in (body or {}).get("properties") or ():
        if name in in_query:
            yield method.make_finding(
                "warn",
                f"body_schema.properties.{name}",
                "is a name of the query too: toolsets send it in both",
                "keep it in one of the two",
                source="tools",
            )
