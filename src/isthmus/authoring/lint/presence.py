"""What an integration usually has, and this one lacks (`presence_check`)."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus.authoring.lint.subject import IntegrationSubject
from isthmus.definitions.findings import Finding, Severity
from isthmus.definitions.json_values import as_mapping

__all__ = ["check"]


def check(subject: IntegrationSubject) -> Iterator[Finding]:
    yield from _connecting(subject)
    yield from _calling(subject)


def _connecting(subject: IntegrationSubject) -> Iterator[Finding]:
    config = subject.config
    if not config.get("label") and not subject.has_label:
        yield _lacks("error", "label", "has no label: it has no name in the catalogue", "add `label`")
    if not config.get("credentials"):
        yield _lacks(
            "error",
            "credentials",
            "has no credentials: nobody can connect it",
            "add `credentials`, for example of the format api_key with one password field",
        )
        if not config.get("authorization"):
            yield _lacks("warn", "authorization", "has neither credentials nor authorization", None)


def _calling(subject: IntegrationSubject) -> Iterator[Finding]:
    config = subject.config
    if not subject.methods:
        yield _lacks("warn", "resources", "has no resource with a method: nothing can be called", None)
    names = {str(name).lower() for name in as_mapping(config.get("headers"))}
    if not names & {"accept", "content-type"}:
        yield _lacks(
            "warn", "headers", "has no Accept or Content-Type header", "add `Accept: application/json`"
        )
    if any(method.name == "list" for method in subject.methods):
        paginates = all("pagination" in method.body for method in subject.methods if method.name == "list")
        if not config.get("pagination") and not paginates:
            yield _lacks("info", "pagination", "has no pagination: lists are read as one page", None)
    for field, otherwise in (
        ("rate_limit", "a status of 429 is the only sign of throttling"),
        ("error_expression", "an error in a 2xx answer is taken for data"),
    ):
        if not config.get(field):
            yield _lacks("info", field, f"has no {field}: {otherwise}", None)


def _lacks(severity: Severity, section: str, message: str, fix: str | None) -> Finding:
    return Finding(
        severity=severity, section=section, source="presence_check", path=section, message=message, fix=fix
    )
