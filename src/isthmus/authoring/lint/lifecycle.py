"""Blocks of an account's life: inbound webhooks, actions, tool tags (`webhook`, `actions`, `tool_tags`)."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus.authoring.lint.placeholder import unknown_names
from isthmus.authoring.lint.subject import IntegrationSubject, at, called
from isthmus.definitions.actions import RESERVED_ACTIONS
from isthmus.definitions.findings import Finding, Severity
from isthmus.definitions.json_values import as_list, as_mapping
from isthmus.expressions.placeholders import compile_template

__all__ = ["check"]


def check(subject: IntegrationSubject) -> Iterator[Finding]:
    yield from _webhook(subject)
    yield from _actions(subject)
    tags = as_mapping(subject.config.get("tool_tags"))
    for name in tags.keys() - as_mapping(subject.config.get("resources")).keys():
        yield _finding(
            "warn", "tool_tags", f"tool_tags.{name}", f"{name} is no resource, so the tags never match", None
        )


def _webhook(subject: IntegrationSubject) -> Iterator[Finding]:
    webhook = subject.config.get("webhook")
    if webhook is None:
        return
    if not as_mapping(webhook):
        yield _finding("warn", "webhook", "webhook", "is empty", "remove it, or add `payload_transform`")
        return
    signature = at(webhook, "signature_verification")
    if at(webhook, "payload_transform") and not signature:
        yield _finding(
            "warn",
            "webhook",
            "webhook.payload_transform",
            "events are taken from requests that prove nothing: anyone can inject them",
            "add `signature_verification`",
        )
    yield from _signature(subject, signature)


def _signature(subject: IntegrationSubject, signature: object) -> Iterator[Finding]:
    config = as_mapping(at(signature, "config"))
    path = "webhook.signature_verification.config"
    for name in ("secret", "password", "username"):
        text = config.get(name)
        for placeholder in compile_template(text).placeholders if isinstance(text, str) else ():
            names = unknown_names(placeholder, subject)
            if names:
                yield _finding(
                    "error",
                    "webhook",
                    f"{path}.{name}",
                    f"{placeholder.text}: no credential field is named {' or '.join(names)}",
                    "declare the field, or read {{environment_variables.…}}",
                )


def _actions(subject: IntegrationSubject) -> Iterator[Finding]:
    for name, action in as_mapping(subject.config.get("actions")).items():
        steps = as_mapping(action).get("steps")
        if name in RESERVED_ACTIONS and not steps:
            yield _finding("warn", "actions", f"actions.{name}", "has no steps", "remove it, or add steps")
        for path, resource, method in called(steps, f"actions.{name}.steps"):
            if at(subject.config, "resources", resource, method) is None:
                message = f"{resource} has no method {method}, so the step always fails"
                yield _finding("error", "actions", path, message, "name a method that resources define")
        for index, step in enumerate(as_list(steps)):
            if at(step, "type") == "form" and name != "post_connect_user_form":
                yield _finding(
                    "warn",
                    "actions",
                    f"actions.{name}.steps.{index}",
                    "a form waits for a user, and nobody is there: the action never completes",
                    "move it to post_connect_user_form",
                )


def _finding(severity: Severity, section: str, path: str, message: str, fix: str | None) -> Finding:
    return Finding(severity=severity, section=section, source=section, path=path, message=message, fix=fix)
