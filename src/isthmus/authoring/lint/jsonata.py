"""Expressions that fail on every call, or read what is never there (`jsonata`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from isthmus import expressions
from isthmus.authoring.lint.scan import called_functions, hyphenated_headers
from isthmus.authoring.lint.sites import Site
from isthmus.definitions.findings import Finding, Severity
from isthmus.expressions import DIALECT, Expression, ExpressionError
from isthmus.kit.close_names import closest

__all__ = ["check"]

_ALWAYS: Final = frozenset({"undefined"})
_BUILT_IN: Final = "string"


def check(site: Site) -> Iterator[Finding]:
    """The rules for one expression. One that does not compile is reported by the schema."""
    try:
        expression = expressions.compile(site.text)
    except ExpressionError:
        return
    yield from _functions(site)
    yield from _headers(site)
    yield from _scope(site, expression)


def _functions(site: Site) -> Iterator[Finding]:
    known = DIALECT.functions
    if _BUILT_IN not in known:  # a library that does not list what the language has can tell nothing
        return
    for name, position in called_functions(site.text):
        if name not in known:
            close = closest(name, known)
            yield _finding(
                "error",
                site,
                f"${name} is no function",
                f"did you mean ${close}?" if close else "use a function of the dialect",
                position,
            )


def _headers(site: Site) -> Iterator[Finding]:
    for name, position in hyphenated_headers(site.text):
        yield _finding(
            "error", site, f"headers.{name} subtracts one name from another", f"headers.`{name}`", position
        )


def _scope(site: Site, expression: Expression) -> Iterator[Finding]:
    if site.scope is None:
        return
    for name in sorted(expression.names - site.scope - _ALWAYS):
        yield _finding(
            "warn",
            site,
            f"{name} is not in scope here and is always undefined",
            f"in scope: {', '.join(sorted(site.scope))}",
            None,
        )


def _finding(severity: Severity, site: Site, message: str, fix: str, position: int | None) -> Finding:
    return Finding(
        severity=severity,
        section=site.section,
        source="jsonata",
        path=site.path,
        message=message,
        fix=fix,
        resource=site.resource,
        method=site.method,
        position=position,
    )
