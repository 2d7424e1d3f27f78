"""Checks for blocks that an integration usually has and this one lacks (source `presence_check`)."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus.authoring.lint.integration_subject import IntegrationSubject, get_at
from isthmus.definitions.findings import Finding, Severity
from isthmus.definitions.json_values import as_list, as_mapping

__all__ = ["check_presence"]


def check_presence(subject: IntegrationSubject) -> Iterator[Finding]:
    """Yields the findings on missing blocks of an integration."""
    yield from _check_connection_blocks(subject)
    yield from _check_call_blocks(subject)


def _check_connection_blocks(subject: IntegrationSubject) -> Iterator[Finding]:
    """Yields findings on a missing label, credentials, authorization and validation."""
    config = subject.config
    if not config.get("label") and not subject.has_label:
        yield _make_missing_finding(
            "error", "label", "has no label: it has no name in the catalogue", "add `label`"
        )
    if not config.get("credentials"):
        yield _make_missing_finding(
            "error",
            "credentials",
            "has no credentials: nobody can connect it",
            "add `credentials`, for example of the format api_key with one password field",
        )
        if not config.get("authorization"):
            yield _make_missing_finding(
                "warn", "authorization", "has neither credentials nor authorization", None
            )
        return
    steps = as_list(get_at(config, "actions", "validation", "steps"))
    if not any(get_at(step, "type") == "request" for step in steps):
        yield Finding(
            severity="warn",
            section="actions",
            source="presence_check",
            path="actions.validation",
            message="calls nothing when somebody connects: an account with a wrong key becomes active",
            fix="add `actions.validation` with a step of the type request, to what every key may read",
        )


def _check_call_blocks(subject: IntegrationSubject) -> Iterator[Finding]:
    """Yields findings on missing methods, headers, pagination, rate limit and error expression."""
    config = subject.config
    if not subject.methods:
        yield _make_missing_finding(
            "warn", "resources", "has no resource with a method: nothing can be called", None
        )
    names = {str(name).lower() for name in as_mapping(config.get("headers"))}
    if not names & {"accept", "content-type"}:
        yield _make_missing_finding(
            "warn", "headers", "has no Accept or Content-Type header", "add `Accept: application/json`"
        )
    if any(method.name == "list" for method in subject.methods):
        paginates = all(
            "pagination" in method.definition for method in subject.methods if method.name == "list"
        )
        if not config.get("pagination") and not paginates:
            yield _make_missing_finding(
                "info", "pagination", "has no pagination: lists are read as one page", None
            )
    for field, otherwise in (
        ("rate_limit", "a status of 429 is the only sign of throttling"),
        ("error_expression", "an error in a 2xx answer is taken for data"),
    ):
        if not config.get(field):
            yield _make_missing_finding("info", field, f"has no {field}: {otherwise}", None)


def _make_missing_finding(severity: Severity, section: str, message: str, fix: str | None) -> Finding:
    """Makes a finding on a missing block. `section`: its name."""
    return Finding(
        severity=severity, section=section, source="presence_check", path=section, message=message, fix=fix
    )
