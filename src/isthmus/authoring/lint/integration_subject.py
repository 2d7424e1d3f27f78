"""Gives the rules of the lint views of an integration's config as JSON, which may be invalid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple

from isthmus.authoring.lint.expression_text import find_object_keys
from isthmus.definitions.credentials import normalise_credentials
from isthmus.definitions.findings import Finding, Severity
from isthmus.definitions.json_values import as_list, as_mapping

__all__ = [
    "STANDARD_CONTEXT_NAMES",
    "IntegrationSubject",
    "Method",
    "get_at",
    "iter_called_methods",
    "iter_texts",
]

STANDARD_CONTEXT_NAMES: Final = frozenset({"oauth", "access_token", "environment_variables"})
"""Names that a context can have besides the credential fields."""

_WRITING_STEPS: Final = frozenset({"update_context", "set_context", "form"})


class Method(NamedTuple):
    """A method of a resource: its names, its dotted path in the config, and its `definition` there."""

    resource: str
    name: str
    path: str
    definition: Mapping[str, Any]

    @property
    def verb(self) -> str:
        """The HTTP verb in lower case; `get` where the definition has none."""
        return str(self.definition.get("method", "get")).lower()

    @property
    def url_path(self) -> str:
        """The path of the method's URL, as written."""
        return str(self.definition.get("path", ""))

    def make_finding(
        self, severity: Severity, field: str, message: str, fix: str | None, *, source: str
    ) -> Finding:
        """Makes a finding on a field of the method. `source`: the family of its rule."""
        return Finding(
            severity=severity,
            section="resources",
            source=source,
            path=f"{self.path}.{field}",
            message=message,
            fix=fix,
            resource=self.resource,
            method=self.name,
        )


def get_at(value: Any, *names: str) -> Any:
    """Returns the value below nested objects at these names; None if there is none."""
    for name in names:
        value = as_mapping(value).get(name)
    return value


def iter_called_methods(steps: Any, path: str) -> Iterator[tuple[str, str, str]]:
    """Yields `(path, resource, method)` of each step that calls a method of a resource by name. `path`: of
    the list of steps."""
    for index, step in enumerate(as_list(steps)):
        resource, method = get_at(step, "config", "resource"), get_at(step, "config", "method")
        if get_at(step, "type") == "request" and isinstance(resource, str) and isinstance(method, str):
            yield f"{path}.{index}.config", resource, method


def iter_texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yields `(dotted path, text)` of every string in a JSON value. `path`: of the value."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from iter_texts(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from iter_texts(item, f"{path}.{index}")


@dataclass(frozen=True)
class IntegrationSubject:
    """The config that rules check.

    `has_label`: the file has a label outside the config. `documentation`: the file's documentation rows.
    """

    config: Mapping[str, Any]
    has_label: bool = False
    documentation: tuple[Mapping[str, Any], ...] = field(default=())

    @cached_property
    def methods(self) -> tuple[Method, ...]:
        """The methods of all resources."""
        return tuple(self._iter_methods())

    def _iter_methods(self) -> Iterator[Method]:
        """Yields the methods of all resources."""
        for resource, methods in as_mapping(self.config.get("resources")).items():
            for name, body in as_mapping(methods).items():
                if isinstance(body, Mapping):
                    yield Method(resource, name, f"resources.{resource}.{name}", body)

    @cached_property
    def credentials(self) -> Mapping[str, Any]:
        """The credentials by format, also if the config has a single one."""
        return as_mapping(normalise_credentials(self.config.get("credentials")))

    @cached_property
    def credential_field_names(self) -> frozenset[str]:
        """Names of the fields of all credential formats."""
        return frozenset(
            str(item["name"])
            for credential in self.credentials.values()
            for item in as_list(get_at(credential, "config", "fields"))
            if isinstance(item, Mapping) and "name" in item
        )

    @cached_property
    def written_context_names(self) -> frozenset[str]:
        """Names that steps of actions write into the context, and environment variables of the config."""
        return frozenset(self._iter_written_context_names())

    def _iter_written_context_names(self) -> Iterator[str]:
        """Yields the names of `written_context_names`, some perhaps twice."""
        for action in as_mapping(self.config.get("actions")).values():
            for step in as_list(get_at(action, "steps")):
                if str(get_at(step, "type")) in _WRITING_STEPS:
                    yield from _iter_written_names(get_at(step, "config"))
        for name in ("environment_variables", "secret_environment_variables"):
            yield from as_mapping(self.config.get(name))

    @property
    def known_context_names(self) -> frozenset[str]:
        """All names that the context of an account can have."""
        return self.credential_field_names | self.written_context_names | STANDARD_CONTEXT_NAMES


def _iter_written_names(config: Any) -> Iterator[str]:
    """Yields the names that a step with this config writes into the context, as far as its text shows
    them."""
    if isinstance(config, str):
        yield from find_object_keys(config)
    elif isinstance(config, list):
        yield from (str(item["name"]) for item in config if isinstance(item, Mapping) and "name" in item)
    elif isinstance(config, Mapping) and set(config) == {"expression"}:
        yield from find_object_keys(str(config["expression"]))
    elif isinstance(config, Mapping):
        yield from (str(key) for key in config)
