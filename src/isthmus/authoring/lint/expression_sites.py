"""Finds the templates and expressions of a definition, and the names that each expression can read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from isthmus.authoring.lint.integration_subject import IntegrationSubject, Method, get_at, iter_texts
from isthmus.definitions.actions import STEP_SCOPES
from isthmus.definitions.body_path import is_dotted
from isthmus.definitions.json_values import as_list, as_mapping

__all__ = ["MAPPING_SCOPES", "TEMPLATE_ROOTS", "Site", "iter_integration_sites", "iter_mapping_sites"]

TEMPLATE_ROOTS: Final = frozenset({"id", "query", "body", "credentials", "context", "environment_variables"})
_WEBHOOK_SCOPE: Final = frozenset({"body", "headers", "query", "method", "path", "rawBody"})
_RESPONSE_SCOPE: Final = frozenset({"response", "headers", "status", "data"})
_PAGE_SCOPE: Final = frozenset({"query", "url", "requestOptions"})

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
"""The names that an expression can read, by field of a mapping; None if they cannot be listed (headers)."""

_CHOICE_SCOPE: Final = frozenset({"query", "rawQuery", "body", "context"})
_SIDE_LOAD_SCOPE: Final = frozenset({"response", "query", "rawQuery", "body"})


@dataclass(frozen=True, slots=True)
class Site:
    """A template or expression with its dotted path.

    `scope`: the names that an expression can read; None if they cannot be listed.
    """

    kind: Literal["template", "expression"]
    path: str
    text: str
    section: str
    scope: frozenset[str] | None = None
    resource: str | None = None
    method: str | None = None


def iter_integration_sites(subject: IntegrationSubject) -> Iterator[Site]:
    """Yields all templates and expressions of an integration's config."""
    config = subject.config
    for field in ("base_url", "headers", "query"):
        yield from _iter_templates(config.get(field), field, field)
    yield from _iter_credential_sites(config.get("credentials"))
    yield from _iter_authorization_sites(config.get("authorization"), "authorization")
    yield from _iter_pagination_sites(config.get("pagination"), "pagination")
    for field, text in as_mapping(config.get("rate_limit")).items():
        yield from _iter_expression(
            text, f"rate_limit.{field}", "rate_limit", frozenset({"headers", "status"})
        )
    yield from _iter_expression(
        config.get("error_expression"), "error_expression", "error_expression", _RESPONSE_SCOPE
    )
    context_names = subject.known_context_names
    for method in subject.methods:
        yield from _iter_method_sites(
            method.definition, method.path, "resources", TEMPLATE_ROOTS | context_names, method
        )
    yield from _iter_webhook_sites(config.get("webhook"))
    for name, action in as_mapping(config.get("actions")).items():
        yield from _iter_expression(
            get_at(action, "schedule", "run_if"), f"actions.{name}.schedule.run_if", "actions"
        )
        steps = as_mapping(action).get("steps")
        yield from _iter_step_sites(
            steps, f"actions.{name}.steps", "actions", frozenset(STEP_SCOPES["actions"]) | context_names
        )


def iter_mapping_sites(config: Mapping[str, Any], path: str, resource: str, method: str) -> Iterator[Site]:
    """Yields all templates and expressions of the config of one cell. `path`: of the config in the file.
    `resource`, `method`: of the cell."""
    for site in _iter_cell_sites(config, path):
        yield Site(site.kind, site.path, site.text, "mapping", site.scope, resource, method)


def _iter_cell_sites(config: Mapping[str, Any], path: str) -> Iterator[Site]:
    """Yields the templates and expressions of a cell's config, without the names of its resource and
    method."""
    for field in ("resource", "method"):
        yield from _iter_expression(
            get_at(config, field, "expression"), f"{path}.{field}.expression", "mapping", _CHOICE_SCOPE
        )
    for field in ("query", "body"):
        yield from _iter_templates(config.get(field), f"{path}.{field}", "mapping")
    for field, scope in MAPPING_SCOPES.items():
        if scope is not None and field == "request_body_mapping":
            scope |= frozenset(as_mapping(config.get("body")))
        yield from _iter_mapping_field(config.get(field), f"{path}.{field}", scope)
    for field in ("before", "after"):
        names = frozenset(STEP_SCOPES[field])
        yield from _iter_step_sites(config.get(field), f"{path}.{field}", "mapping", names)
    for key, load in as_mapping(config.get("side_load")).items():
        below = f"{path}.side_load.{key}"
        yield from _iter_mapping_field(
            as_mapping(load).get("response_mapping"), f"{below}.response_mapping", _SIDE_LOAD_SCOPE
        )
        # A key of the context, which nobody can list here, is read at the root, too.
        yield from _iter_expression(as_mapping(load).get("run_if"), f"{below}.run_if", "mapping")
        for field in ("id", "query", "body"):
            yield from _iter_templates(as_mapping(load).get(field), f"{below}.{field}", "mapping")


def _iter_mapping_field(value: Any, path: str, scope: frozenset[str] | None) -> Iterator[Site]:
    """Yields the expressions in a field of a mapping, which may be nested; a `$literal` has none."""
    if isinstance(value, Mapping) and set(value) == {"$literal"}:
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _iter_mapping_field(item, f"{path}.{key}", scope)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _iter_mapping_field(item, f"{path}.{index}", scope)
    else:
        yield from _iter_expression(value, path, "mapping", scope)


def _iter_templates(value: Any, path: str, section: str, method: Method | None = None) -> Iterator[Site]:
    """Yields a site for each text in a JSON value, as a template. `path`: of the value. `section`: the part
    of the definition."""
    for below, text in iter_texts(value, path):
        yield _build_site("template", below, text, section, None, method)


def _iter_expression(
    value: Any,
    path: str,
    section: str,
    scope: frozenset[str] | None = None,
    method: Method | None = None,
) -> Iterator[Site]:
    """Yields a site for the value as an expression, if it is a text that is not blank. `scope`: the names
    that it can read, None if unknown."""
    if isinstance(value, str) and value.strip():
        yield _build_site("expression", path, value, section, scope, method)


def _build_site(
    kind: Literal["template", "expression"],
    path: str,
    text: str,
    section: str,
    scope: frozenset[str] | None,
    method: Method | None,
) -> Site:
    """Makes the site of a template or expression, with the resource and method of `method` if there is
    one."""
    resource, name = (method.resource, method.name) if method else (None, None)
    return Site(kind, path, text, section, scope, resource, name)


def _iter_credential_sites(credentials: Any) -> Iterator[Site]:
    """Yields the templates of one credential or of a map of them: everything in `config` except the form and
    its texts."""
    single = isinstance(get_at(credentials, "format"), str)
    entries = {"": credentials} if single else as_mapping(credentials)
    for name, entry in entries.items():
        prefix = f"credentials.{name}.config" if name else "credentials.config"
        for key, value in as_mapping(get_at(entry, "config")).items():
            if key not in ("fields", "documentation_link", "permissions_text", "scope"):
                yield from _iter_templates(value, f"{prefix}.{key}", "credentials")


def _iter_authorization_sites(block: Any, path: str, method: Method | None = None) -> Iterator[Site]:
    """Yields the templates and the expression of an authorization block."""
    for key, value in as_mapping(get_at(block, "config")).items():
        below = f"{path}.config.{key}"
        if key == "expression":
            scope = frozenset({"url", "requestOptions", "context"})
            yield from _iter_expression(value, below, "authorization", scope, method)
        elif key != "header_name":
            yield from _iter_templates(value, below, "authorization", method)


def _iter_pagination_sites(block: Any, path: str, method: Method | None = None) -> Iterator[Site]:
    """Yields the expressions of a pagination block; plain paths are none."""
    for key, value in as_mapping(get_at(block, "config")).items():
        if key.endswith("_path") and not (isinstance(value, str) and is_dotted(value)):
            yield from _iter_expression(value, f"{path}.config.{key}", "pagination", None, method)
        elif key.endswith("_expression"):
            scope = (
                _PAGE_SCOPE
                if key.startswith("get_initial")
                else _PAGE_SCOPE | {"response", "body", "paginationValues"}
            )
            yield from _iter_expression(value, f"{path}.config.{key}", "pagination", scope, method)


def _iter_method_sites(
    body: Mapping[str, Any],
    path: str,
    section: str,
    names: frozenset[str] | None,
    method: Method | None = None,
) -> Iterator[Site]:
    """Yields the templates and expressions of a method. `names`: what its expressions can read, None if
    unknown."""
    for field in ("path", "base_url", "pagination_path"):
        yield from _iter_templates(body.get(field), f"{path}.{field}", section, method)
    for field in ("headers", "query", "body"):
        value = body.get(field)
        is_text = isinstance(value, str) and not value.startswith("{{")
        yield from (
            _iter_expression(value, f"{path}.{field}", section, names, method)
            if is_text
            else _iter_templates(value, f"{path}.{field}", section, method)
        )
    yield from _iter_expression(body.get("response_path"), f"{path}.response_path", section, None, method)
    yield from _iter_expression(
        body.get("error_expression"), f"{path}.error_expression", section, _RESPONSE_SCOPE, method
    )
    yield from _iter_authorization_sites(body.get("authorization"), f"{path}.authorization", method)
    yield from _iter_pagination_sites(body.get("pagination"), f"{path}.pagination", method)


def _iter_webhook_sites(webhook: Any) -> Iterator[Site]:
    """Yields the expressions of a webhook block, and the templates of its signature."""
    for field in ("handle_verification", "payload_transform"):
        yield from _iter_expression(get_at(webhook, field), f"webhook.{field}", "webhook", _WEBHOOK_SCOPE)
    for field in ("secret", "username", "password"):
        path = f"webhook.signature_verification.config.{field}"
        yield from _iter_templates(
            get_at(webhook, "signature_verification", "config", field), path, "webhook"
        )


def _iter_step_sites(steps: Any, path: str, section: str, names: frozenset[str]) -> Iterator[Site]:
    """Yields the templates and expressions of steps. `names`: what their expressions can read."""
    for index, step in enumerate(as_list(steps)):
        below = f"{path}.{index}"
        config = get_at(step, "config")
        kind = str(get_at(step, "type"))
        yield from _iter_expression(get_at(step, "run_if"), f"{below}.run_if", section, names)
        if isinstance(config, str):
            if kind != "get_context":
                yield from _iter_expression(config, f"{below}.config", section, names)
        elif kind in ("transform", "update_context"):
            yield from _iter_expression(
                get_at(config, "expression"), f"{below}.config.expression", section, names
            )
        elif kind == "request" and isinstance(config, Mapping) and "resource" not in config:
            yield from _iter_method_sites(config, f"{below}.config", section, None)
        elif kind == "form":
            for number, field in enumerate(as_list(config)):
                for key in ("value_path", "label_path"):
                    yield from _iter_expression(get_at(field, key), f"{below}.config.{number}.{key}", section)
                yield from _iter_templates(get_at(field, "query"), f"{below}.config.{number}.query", section)
        else:
            yield from _iter_templates(config, f"{below}.config", section)
