"""Placeholders that would stay in the text, throw, or lose the type of their value (`placeholder`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from isthmus.authoring.lint.sites import TEMPLATE_ROOTS, Site
from isthmus.authoring.lint.subject import IntegrationSubject, Method, at, text_leaves
from isthmus.definitions.findings import Finding, Severity
from isthmus.definitions.json_values import as_mapping
from isthmus.expressions.placeholders import (
    CASTS,
    Alternative,
    Placeholder,
    compile_template,
    find_placeholders,
)

__all__ = ["check", "check_syntax", "unknown_names"]

_BRACES: Final = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_FUNCTION_CALL: Final = re.compile(r"\$[a-z][A-Za-z]*\(")
_STEP_ROOTS: Final = frozenset(
    {"previous", "steps", "account", "step", "data", "before", "record", "item", "form"}
)
_COLLECTIONS: Final = re.compile(r"(?:^|_)(?:ids|tags|items|lines|labels|properties|attributes|metadata)\Z")


def check(subject: IntegrationSubject, sites: tuple[Site, ...]) -> Iterator[Finding]:
    """The rules for an integration's templates: syntax, names, types."""
    for site in sites:
        if site.kind == "template":
            yield from check_syntax(site)
            # The names of a signature's secrets are looked at with the rest of it: there they are errors.
            if not site.path.startswith("webhook.signature_verification."):
                yield from _names(site, subject)
    for method in subject.methods:
        yield from _collections(method)


def check_syntax(site: Site) -> Iterator[Finding]:
    """The rules that need no knowledge of what is in scope."""
    understood = {offset for offset, _ in find_placeholders(site.text)}
    for match in _BRACES.finditer(site.text):
        if match.start() not in understood and "{{" not in match[1]:
            yield _finding(
                "error",
                site,
                f"{{{{{match[1]}}}}} is outside the grammar and stays in the text as it is",
                "use names, dots, | : and ?: only; an index is written items.0.name",
            )
    for _, placeholder in find_placeholders(site.text):
        yield from _casts(site, placeholder)
    if _FUNCTION_CALL.search(site.text):
        yield _finding(
            "warn",
            site,
            "calls a function, and functions do not run in templates",
            "write the whole field as a JSONata string",
        )


def _casts(site: Site, placeholder: Placeholder) -> Iterator[Finding]:
    for alternative in placeholder.alternatives:
        if alternative.cast not in CASTS:
            yield _finding(
                "error",
                site,
                f"{placeholder.text} has the cast {alternative.cast!r}, which does not exist",
                f"use one of {', '.join(sorted(CASTS))}",
            )
    if placeholder.has_default_cast and placeholder.default_cast not in CASTS:
        yield _finding(
            "error",
            site,
            f"the default of {placeholder.text} holds a colon and a word, which is read as the cast "
            f"{placeholder.default_cast!r}",
            "leave the port or the colon out of the default",
        )


def _names(site: Site, subject: IntegrationSubject) -> Iterator[Finding]:
    must_resolve = site.path.rsplit(".", 1)[-1] == "base_url" or site.section == "authorization"
    for placeholder in compile_template(site.text).placeholders:
        unknown = unknown_names(placeholder, subject)
        if not unknown:
            continue
        fatal = must_resolve and not placeholder.default
        yield _finding(
            "error" if fatal else "warn",
            site,
            f"{placeholder.text}: no credential field is named {' or '.join(unknown)}, no action writes it"
            + ("; the call would fail" if fatal else ""),
            f"declare the field, or use one of {', '.join(sorted(subject.fields)) or 'the named roots'}",
        )


def unknown_names(placeholder: Placeholder, subject: IntegrationSubject) -> list[str]:
    """The context keys that it reads, where nothing is known to write any of them; else empty."""
    names = [_context_name(alternative) for alternative in placeholder.alternatives]
    if any(name is None or name in subject.known_context for name in names):
        return []
    return [name for name in names if name is not None]


def _context_name(alternative: Alternative) -> str | None:
    """The context key that an alternative reads; None where it reads something else."""
    root, *rest = alternative.path
    if root in ("credentials", "context"):
        return rest[0] if rest else None
    return None if root in TEMPLATE_ROOTS or root in _STEP_ROOTS else root


def _collections(method: Method) -> Iterator[Finding]:
    schema = as_mapping(at(method.body, "body_schema", "properties"))
    body = method.body.get("body")
    if isinstance(body, str):
        return
    for path, text in text_leaves(body, f"{method.path}.body"):
        template = compile_template(text)
        if not template.is_placeholder:
            continue
        alternative = template.placeholders[0].alternatives[0]
        name = alternative.path[-1]
        declared = as_mapping(schema.get(name)).get("type")
        is_collection = declared in ("array", "object") or (declared is None and _COLLECTIONS.search(name))
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


def _finding(severity: Severity, site: Site, message: str, fix: str) -> Finding:
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
