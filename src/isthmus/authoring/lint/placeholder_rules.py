"""Checks placeholders that stay in the text, fail, or lose the type of their value (source `placeholder`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from isthmus.authoring.lint.expression_sites import TEMPLATE_ROOTS, Site
from isthmus.authoring.lint.integration_subject import IntegrationSubject, Method, get_at, iter_texts
from isthmus.definitions.findings import Finding, Severity
from isthmus.definitions.json_values import as_mapping
from isthmus.expressions.placeholders import (
    CASTS,
    Alternative,
    Placeholder,
    compile_template,
    find_placeholders,
)

__all__ = ["check_placeholder_syntax", "check_placeholders", "find_unknown_names"]

_BRACES: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_FUNCTION_CALL: Final = re.compile(r"\$[a-z][A-Za-z]*\(")
_STEP_ROOTS: Final = frozenset(
    {"previous", "steps", "account", "step", "data", "before", "record", "item", "form"}
)
_COLLECTION_NAME: Final = re.compile(
    r"(?:^|_)(?:ids|tags|items|lines|labels|properties|attributes|metadata)\Z"
)


def check_placeholders(subject: IntegrationSubject, sites: tuple[Site, ...]) -> Iterator[Finding]:
    """Yields findings on the templates of an integration: their syntax, the names they read, and placeholders
    that turn arrays or objects into text. `sites`: its templates and expressions, each with its place."""
    for site in sites:
        if site.kind == "template":
            yield from check_placeholder_syntax(site)
            # The names of a signature's secrets are looked at with the rest of it: there they are errors.
            if not site.path.startswith("webhook.signature_verification."):
                yield from _check_names(site, subject)
    for method in subject.methods:
        yield from _check_collection_casts(method)


def check_placeholder_syntax(site: Site) -> Iterator[Finding]:
    """Yields findings on the syntax of a template: braces outside the grammar, unknown casts, function
    calls."""
    understood = {offset for offset, _ in find_placeholders(site.text)}
    for match in _BRACES.finditer(site.text):
        if match.start() not in understood and "{{" not in match[1]:
            yield _make_placeholder_finding(
                "error",
                site,
                f"{{{{{match[1]}}}}} is outside the grammar and stays in the text as it is",
                "use names, dots, | : and ?: only; an index is written items.0.name",
            )
    for _, placeholder in find_placeholders(site.text):
        yield from _check_casts(site, placeholder)
    if _FUNCTION_CALL.search(site.text):
        yield _make_placeholder_finding(
            "warn",
            site,
            "calls a function, and functions do not run in templates",
            "write the whole field as a JSONata string",
        )


def _check_casts(site: Site, placeholder: Placeholder) -> Iterator[Finding]:
    """Yields findings on casts that do not exist, of an alternative or of the default: a default such as
    `host:port` is read as `host` with the cast `port`."""
    for alternative in placeholder.alternatives:
        if alternative.cast not in CASTS:
            yield _make_placeholder_finding(
                "error",
                site,
                f"{placeholder.text} has the cast {alternative.cast!r}, which does not exist",
                f"use one of {', '.join(sorted(CASTS))}",
            )
    if placeholder.has_default_cast and placeholder.default_cast not in CASTS:
        yield _make_placeholder_finding(
            "error",
            site,
            f"the default of {placeholder.text} holds a colon and a word, which is read as the cast "
            f"{placeholder.default_cast!r}",
            "leave the port or the colon out of the default",
        )


def _check_names(site: Site, subject: IntegrationSubject) -> Iterator[Finding]:
    """Yields findings on names that no credential field or action provides; errors if the call would fail."""
    must_resolve = site.path.rsplit(".", 1)[-1] == "base_url" or site.section == "authorization"
    field_names = ", ".join(sorted(subject.credential_field_names))
    for placeholder in compile_template(site.text).placeholders:
        unknown = find_unknown_names(placeholder, subject)
        if not unknown:
            continue
        fatal = must_resolve and not placeholder.default
        yield _make_placeholder_finding(
            "error" if fatal else "warn",
            site,
            f"{placeholder.text}: no credential field is named {' or '.join(unknown)}, no action writes it"
            + ("; the call would fail" if fatal else ""),
            f"declare the field, or use one of {field_names or 'the named roots'}",
        )


def find_unknown_names(placeholder: Placeholder, subject: IntegrationSubject) -> list[str]:
    """Returns the context keys that a placeholder reads, if none of them is known to be written; otherwise
    empty."""
    names = [_get_context_name(alternative) for alternative in placeholder.alternatives]
    if any(name is None or name in subject.known_context_names for name in names):
        return []
    return [name for name in names if name is not None]


def _get_context_name(alternative: Alternative) -> str | None:
    """Returns the context key that an alternative reads; None if it reads something else."""
    root, *rest = alternative.path
    if root in ("credentials", "context"):
        return rest[0] if rest else None
    return None if root in TEMPLATE_ROOTS or root in _STEP_ROOTS else root


def _check_collection_casts(method: Method) -> Iterator[Finding]:
    """Yields findings on placeholders in the body that turn an array or object of the caller into text: one
    by the body schema, or by its name where the schema has no type for it."""
    schema = as_mapping(get_at(method.definition, "body_schema", "properties"))
    body = method.definition.get("body")
    if isinstance(body, str):
        return
    for path, text in iter_texts(body, f"{method.path}.body"):
        template = compile_template(text)
        if not template.is_placeholder:
            continue
        alternative = template.placeholders[0].alternatives[0]
        name = alternative.path[-1]
        declared = as_mapping(schema.get(name)).get("type")
        is_collection = declared in ("array", "object") or (
            declared is None and _COLLECTION_NAME.search(name)
        )
        if alternative.cast == "str" and alternative.path[0] == "body" and is_collection:
            yield Finding(
                severity="warn",
                section="resources",
                source="placeholder",
                path=path,
                message=f"{text} turns an array or object into text",
                fix=f"{{{{{'.'.join(alternative.path)}:json:undefined}}}}",
                resource=method.resource,
                method=method.name,
            )


def _make_placeholder_finding(severity: Severity, site: Site, message: str, fix: str) -> Finding:
    """Makes a finding on a template."""
    return Finding(
        severity=severity,
        section=site.section,
        source="placeholder",
        path=site.path,
        message=message,
        fix=fix,
        resource=site.resource,
        method=site.method,
    )
