"""Where templates and expressions stand in a definition, and which names each expression sees
(`definitions.md` §0, §3.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from isthmus.authoring.lint.subject import IntegrationSubject, Method, at, text_leaves
from isthmus.definitions.json_values import as_list, as_mapping
from isthmus.definitions.paths import is_dotted

__all__ = ["MAPPING_SCOPES", "TEMPLATE_ROOTS", "Site", "integration_sites", "mapping_sites"]

TEMPLATE_ROOTS: Final = frozenset({"id", "query", "body", "credentials", "context", "environment_variables"})
_STEP_NAMES: Final = {
    "before": frozenset({"id", "query", "body", "context", "step"}),
    "after": frozenset({"id", "query", "body", "context", "step", "data"}),
}
_ACTION_NAMES: Final = TEMPLATE_ROOTS | {"previous", "steps", "account"}
_INBOUND: Final = frozenset({"body", "headers", "query", "method", "path", "rawBody"})
_RESPONSE: Final = frozenset({"response", "headers", "status", "data"})
_PAGE: Final = frozenset({"query", "url", "requestOptions"})

MAPPING_SCOPES: Final[Mapping[str, frozenset[str] | None]] = {
    "query_mapping": frozenset({"query", "body", "context", "before", "id"}),
    "request_body_mapping": frozenset({"body", "context", "query", "rawQuery", "before", "id"}),
    "path_mapping": frozenset({"headers", "body", "query", "rawQuery", "context", "before", "id"}),
    "request_header_mapping": None,
    "response_mapping": frozenset(
        {
            "response",
            "query",
            "rawQuery",
            "context",
            "headers",
            "body",
            "documentParserApiUrl",
            "documentParserApiKey",
        }
    ),
    "response_header_mapping": None,
    "error_mapping": frozenset({"headers", "error", "body", "query", "rawQuery", "context", "before", "id"}),
    "is_partial_expression": frozenset(
        {"data", "query", "rawQuery", "before", "id", "requestBody", "rawBody"}
    ),
}
"""By field of a mapping; None where the root holds names nobody can list (headers)."""

_CHOICE: Final = frozenset({"query", "rawQuery", "body", "context"})
_SIDE_LOAD: Final = frozenset({"response", "query", "rawQuery", "body"})


@dataclass(frozen=True, slots=True)
class Site:
    """A string with its dotted path. `scope`: names an expression sees; None where they cannot be listed."""

    kind: Literal["template", "expression"]
    path: str
    text: str
    section: str
    scope: frozenset[str] | None = None
    resource: str | None = None
    method: str | None = None


def integration_sites(subject: IntegrationSubject) -> Iterator[Site]:
    config = subject.config
    for field in ("base_url", "headers", "query"):
        yield from _templates(config.get(field), field, field)
    yield from _credential_sites(config.get("credentials"))
    yield from _authorization_sites(config.get("authorization"), "authorization")
    yield from _pagination_sites(config.get("pagination"), "pagination")
    for field, text in as_mapping(config.get("rate_limit")).items():
        yield from _expression(text, f"rate_limit.{field}", "rate_limit", frozenset({"headers", "status"}))
    yield from _expression(config.get("error_expression"), "error_expression", "error_expression", _RESPONSE)
    known = subject.known_context
    for method in subject.methods:
        yield from _method_sites(method.body, method.path, "resources", TEMPLATE_ROOTS | known, method)
    yield from _webhook_sites(config.get("webhook"))
    for name, action in as_mapping(config.get("actions")).items():
        yield from _expression(at(action, "schedule", "run_if"), f"actions.{name}.schedule.run_if", "actions")
        steps = as_mapping(action).get("steps")
        yield from _step_sites(steps, f"actions.{name}.steps", "actions", _ACTION_NAMES | known)


def mapping_sites(config: Mapping[str, Any], path: str, resource: str, method: str) -> Iterator[Site]:
    """The sites of one cell's config, which stands at `path`."""
    for site in _cell_sites(config, path):
        yield Site(site.kind, site.path, site.text, "mapping", site.scope, resource, method)


def _cell_sites(config: Mapping[str, Any], path: str) -> Iterator[Site]:
    for field in ("resource", "method"):
        yield from _expression(
            at(config, field, "expression"), f"{path}.{field}.expression", "mapping", _CHOICE
        )
    for field in ("query", "body"):
        yield from _templates(config.get(field), f"{path}.{field}", "mapping")
    for field, scope in MAPPING_SCOPES.items():
        if scope is not None and field == "request_body_mapping":
            scope |= frozenset(as_mapping(config.get("body")))
        yield from _mapping_field(config.get(field), f"{path}.{field}", scope)
    for field, names in _STEP_NAMES.items():
        yield from _step_sites(config.get(field), f"{path}.{field}", "mapping", names)
    for key, load in as_mapping(config.get("side_load")).items():
        below = f"{path}.side_load.{key}"
        yield from _mapping_field(
            as_mapping(load).get("response_mapping"), f"{below}.response_mapping", _SIDE_LOAD
        )
        # A key of the context, which nobody can list here, is read at the root, too.
        yield from _expression(as_mapping(load).get("run_if"), f"{below}.run_if", "mapping")
        for field in ("id", "query", "body"):
            yield from _templates(as_mapping(load).get(field), f"{below}.{field}", "mapping")


def _mapping_field(value: Any, path: str, scope: frozenset[str] | None) -> Iterator[Site]:
    if isinstance(value, Mapping) and set(value) == {"$literal"}:
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _mapping_field(item, f"{path}.{key}", scope)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _mapping_field(item, f"{path}.{index}", scope)
    else:
        yield from _expression(value, path, "mapping", scope)


def _templates(value: Any, path: str, section: str, method: Method | None = None) -> Iterator[Site]:
    for below, text in text_leaves(value, path):
        yield _site("template", below, text, section, None, method)


def _expression(
    value: Any,
    path: str,
    section: str,
    scope: frozenset[str] | None = None,
    method: Method | None = None,
) -> Iterator[Site]:
    if isinstance(value, str) and value.strip():
        yield _site("expression", path, value, section, scope, method)


def _site(
    kind: Literal["template", "expression"],
    path: str,
    text: str,
    section: str,
    scope: frozenset[str] | None,
    method: Method | None,
) -> Site:
    resource, name = (method.resource, method.name) if method else (None, None)
    return Site(kind, path, text, section, scope, resource, name)


def _credential_sites(credentials: Any) -> Iterator[Site]:
    """The templates of either shape: everything below `config` but the form and its texts."""
    single = isinstance(at(credentials, "format"), str)
    entries = {"": credentials} if single else as_mapping(credentials)
    for name, entry in entries.items():
        prefix = f"credentials.{name}.config" if name else "credentials.config"
        for key, value in as_mapping(at(entry, "config")).items():
            if key not in ("fields", "documentation_link", "permissions_text", "scope"):
                yield from _templates(value, f"{prefix}.{key}", "credentials")


def _authorization_sites(block: Any, path: str, method: Method | None = None) -> Iterator[Site]:
    for key, value in as_mapping(at(block, "config")).items():
        below = f"{path}.config.{key}"
        if key == "expression":
            scope = frozenset({"url", "requestOptions", "context"})
            yield from _expression(value, below, "authorization", scope, method)
        elif key != "header_name":
            yield from _templates(value, below, "authorization", method)


def _pagination_sites(block: Any, path: str, method: Method | None = None) -> Iterator[Site]:
    for key, value in as_mapping(at(block, "config")).items():
        if key.endswith("_path") and not (isinstance(value, str) and is_dotted(value)):
            yield from _expression(value, f"{path}.config.{key}", "pagination", None, method)
        elif key.endswith("_expression"):
            scope = (
                _PAGE if key.startswith("get_initial") else _PAGE | {"response", "body", "paginationValues"}
            )
            yield from _expression(value, f"{path}.config.{key}", "pagination", scope, method)


def _method_sites(
    body: Mapping[str, Any],
    path: str,
    section: str,
    names: frozenset[str] | None,
    method: Method | None = None,
) -> Iterator[Site]:
    """`names`: what its expressions see, None where that cannot be listed."""
    for field in ("path", "base_url", "pagination_path"):
        yield from _templates(body.get(field), f"{path}.{field}", section, method)
    for field in ("headers", "query", "body"):
        value = body.get(field)
        is_text = isinstance(value, str) and not value.startswith("{{")
        yield from (
            _expression(value, f"{path}.{field}", section, names, method)
            if is_text
            else _templates(value, f"{path}.{field}", section, method)
        )
    yield from _expression(body.get("response_path"), f"{path}.response_path", section, None, method)
    yield from _expression(
        body.get("error_expression"), f"{path}.error_expression", section, _RESPONSE, method
    )
    yield from _authorization_sites(body.get("authorization"), f"{path}.authorization", method)
    yield from _pagination_sites(body.get("pagination"), f"{path}.pagination", method)


def _webhook_sites(webhook: Any) -> Iterator[Site]:
    for field in ("handle_verification", "payload_transform"):
        yield from _expression(at(webhook, field), f"webhook.{field}", "webhook", _INBOUND)
    for field in ("secret", "username", "password"):
        path = f"webhook.signature_verification.config.{field}"
        yield from _templates(at(webhook, "signature_verification", "config", field), path, "webhook")


def _step_sites(steps: Any, path: str, section: str, names: frozenset[str]) -> Iterator[Site]:
    """`names`: what its expressions see."""
    for index, step in enumerate(as_list(steps)):
        below = f"{path}.{index}"
        config = at(step, "config")
        kind = str(at(step, "type"))
        yield from _expression(at(step, "run_if"), f"{below}.run_if", section, names)
        if isinstance(config, str):
            if kind != "get_context":
                yield from _expression(config, f"{below}.config", section, names)
        elif kind in ("transform", "update_context"):
            yield from _expression(at(config, "expression"), f"{below}.config.expression", section, names)
        elif kind == "request" and isinstance(config, Mapping) and "resource" not in config:
            yield from _method_sites(config, f"{below}.config", section, None)
        elif kind == "form":
            for number, field in enumerate(as_list(config)):
                for key in ("value_path", "label_path"):
                    yield from _expression(at(field, key), f"{below}.config.{number}.{key}", section)
                yield from _templates(at(field, "query"), f"{below}.config.{number}.query", section)
        else:
            yield from _templates(config, f"{below}.config", section)
