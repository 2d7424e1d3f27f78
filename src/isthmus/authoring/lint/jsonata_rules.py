"""Checks expressions for what always fails, and for names that never exist (source `jsonata`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from isthmus import expressions
from isthmus.authoring.lint.expression_sites import Site
from isthmus.authoring.lint.expression_text import find_called_functions, find_hyphenated_headers
from isthmus.definitions.findings import Finding, Severity
from isthmus.expressions import DIALECT, Expression, ExpressionError
from isthmus.kit.close_names import find_closest_name

__all__ = ["check_expression"]

_ALWAYS: Final = frozenset({"undefined"})
_BUILT_IN: Final = "string"


def check_expression(site: Site) -> Iterator[Finding]:
    """Yields the findings on one expression. One that does not compile is reported by `parse_model`."""
    try:
        expression = expressions.compile(site.text)
    except ExpressionError:
        return
    yield from _check_functions(site)
    yield from _check_headers(site)
    yield from _check_scope(site, expression)


def _check_functions(site: Site) -> Iterator[Finding]:
    """Yields a finding for each called function that does not exist."""
    functions = DIALECT.functions
    if _BUILT_IN not in functions:  # a library that does not list what the language has can tell nothing
        return
    for name, position in find_called_functions(site.text):
        if name not in functions:
            close_name = find_closest_name(name, functions)
            yield _make_expression_finding(
                "error",
                site,
                f"${name} is no function",
                f"did you mean ${close_name}?" if close_name else "use a function of the dialect",
                position,
            )


def _check_headers(site: Site) -> Iterator[Finding]:
    """Yields a finding for each header name that needs backticks."""
    for name, position in find_hyphenated_headers(site.text):
        yield _make_expression_finding(
            "error", site, f"headers.{name} subtracts one name from another", f"headers.`{name}`", position
        )


def _check_scope(site: Site, expression: Expression) -> Iterator[Finding]:
    """Yields a finding for each name that the expression cannot read where it stands."""
    if site.scope is None:
        return
    for name in sorted(expression.names - site.scope - _ALWAYS):
        yield _make_expression_finding(
            "warn",
            site,
            f"{name} is not in scope here and is always undefined",
            f"in scope: {', '.join(sorted(site.scope))}",
            None,
        )


def _make_expression_finding(
    severity: Severity, site: Site, message: str, fix: str, position: int | None
) -> Finding:
    """Makes a finding on an expression. `position`: 0-based in its text, None if it concerns the whole."""
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
