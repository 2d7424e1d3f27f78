"""Checks inbound webhooks, actions and tool tags (sources `webhook`, `actions`, `tool_tags`)."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus.authoring.lint.integration_subject import IntegrationSubject, get_at, iter_called_methods
from isthmus.authoring.lint.placeholder_rules import find_unknown_names
from isthmus.definitions.actions import RESERVED_ACTIONS
from isthmus.definitions.findings import Finding, Severity
from isthmus.definitions.json_values import as_list, as_mapping
from isthmus.expressions.placeholders import compile_template

__all__ = ["check_lifecycle"]


def check_lifecycle(subject: IntegrationSubject) -> Iterator[Finding]:
    """Yields the findings on webhook, actions and tool tags."""
    yield from _check_webhook(subject)
    yield from _check_actions(subject)
    tags = as_mapping(subject.config.get("tool_tags"))
    for name in tags.keys() - as_mapping(subject.config.get("resources")).keys():
        yield _make_lifecycle_finding(
            "warn", "tool_tags", f"tool_tags.{name}", f"{name} is no resource, so the tags never match", None
        )


def _check_webhook(subject: IntegrationSubject) -> Iterator[Finding]:
    """Yields findings on an empty webhook, on events without verification, and on the signature."""
    webhook = subject.config.get("webhook")
    if webhook is None:
        return
    if not as_mapping(webhook):
        yield _make_lifecycle_finding(
            "warn", "webhook", "webhook", "is empty", "remove it, or add `payload_transform`"
        )
        return
    signature = get_at(webhook, "signature_verification")
    if get_at(webhook, "payload_transform") and not signature:
        yield _make_lifecycle_finding(
            "warn",
            "webhook",
            "webhook.payload_transform",
            "events are taken from requests that prove nothing: anyone can inject them",
            "add `signature_verification`",
        )
    yield from _check_signature(subject, signature)


def _check_signature(subject: IntegrationSubject, signature: object) -> Iterator[Finding]:
    """Yields a finding for each secret of the signature that no credential field provides."""
    config = as_mapping(get_at(signature, "config"))
    path = "webhook.signature_verification.config"
    for name in ("secret", "password", "username"):
        text = config.get(name)
        for placeholder in compile_template(text).placeholders if isinstance(text, str) else ():
            names = find_unknown_names(placeholder, subject)
            if names:
                yield _make_lifecycle_finding(
                    "error",
                    "webhook",
                    f"{path}.{name}",
                    f"{placeholder.text}: no credential field is named {' or '.join(names)}",
                    "declare the field, or read {{environment_variables.…}}",
                )


def _check_actions(subject: IntegrationSubject) -> Iterator[Finding]:
    """Yields findings on empty reserved actions, on steps with unknown methods, and on forms without a
    user."""
    for name, action in as_mapping(subject.config.get("actions")).items():
        steps = as_mapping(action).get("steps")
        if name in RESERVED_ACTIONS and not steps:
            yield _make_lifecycle_finding(
                "warn", "actions", f"actions.{name}", "has no steps", "remove it, or add steps"
            )
        for path, resource, method in iter_called_methods(steps, f"actions.{name}.steps"):
            if get_at(subject.config, "resources", resource, method) is None:
                message = f"{resource} has no method {method}, so the step always fails"
                yield _make_lifecycle_finding(
                    "error", "actions", path, message, "name a method that resources define"
                )
        for index, step in enumerate(as_list(steps)):
            if get_at(step, "type") == "form" and name != "post_connect_user_form":
                yield _make_lifecycle_finding(
                    "warn",
                    "actions",
                    f"actions.{name}.steps.{index}",
                    "a form waits for a user, and nobody is there: the action never completes",
                    "move it to post_connect_user_form",
                )


def _make_lifecycle_finding(
    severity: Severity, section: str, path: str, message: str, fix: str | None
) -> Finding:
    """Makes a finding whose source is its section."""
    return Finding(severity=severity, section=section, source=section, path=path, message=message, fix=fix)
