"""What the rules look at: the JSON of a definition, whether or not it is valid as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple

from isthmus.authoring.lint.scan import object_keys
from isthmus.definitions.credentials import normalise_credentials
from isthmus.definitions.json_values import as_list, as_mapping

__all__ = [
    "CONTEXT_ALWAYS",
    "IntegrationSubject",
    "Method",
    "at",
    "called",
    "text_leaves",
]

CONTEXT_ALWAYS: Final = frozenset({"oauth", "access_token", "environment_variables"})
"""Names that a context can have whatever the credential fields are (§1.3.7)."""

_WRITING_STEPS: Final = frozenset({"update_context", "set_context", "form"})


class Method(NamedTuple):
    """A method object with its names and its dotted path."""

    resource: str
    name: str
    path: str
    body: Mapping[str, Any]

    @property
    def verb(self) -> str:
        return str(self.body.get("method", "get")).lower()

    @property
    def url_path(self) -> str:
        return str(self.body.get("path", ""))


def at(value: Any, *names: str) -> Any:
    """What is at the path; None where there is nothing."""
    for name in names:
        value = as_mapping(value).get(name)
    return value


def called(steps: Any, path: str) -> Iterator[tuple[str, str, str]]:
    """Path, resource and method of each call of a defined method that steps make by name."""
    for index, step in enumerate(as_list(steps)):
        resource, method = at(step, "config", "resource"), at(step, "config", "method")
        if at(step, "type") == "request" and isinstance(resource, str) and isinstance(method, str):
            yield f"{path}.{index}.config", resource, method


def text_leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every string of a JSON value with its dotted path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from text_leaves(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from text_leaves(item, f"{path}.{index}")


@dataclass(frozen=True)
class IntegrationSubject:
    """`has_label`: the file names the integration outside its config. `documentation`: its rows."""

    config: Mapping[str, Any]
    has_label: bool = False
    documentation: tuple[Mapping[str, Any], ...] = field(default=())

    @cached_property
    def methods(self) -> tuple[Method, ...]:
        return tuple(self._methods())

    def _methods(self) -> Iterator[Method]:
        for resource, methods in as_mapping(self.config.get("resources")).items():
            for name, body in as_mapping(methods).items():
                if isinstance(body, Mapping):
                    yield Method(resource, name, f"resources.{resource}.{name}", body)

    @cached_property
    def credentials(self) -> Mapping[str, Any]:
        """In the map form."""
        return as_mapping(normalise_credentials(self.config.get("credentials")))

    @cached_property
    def fields(self) -> frozenset[str]:
        """Names of the credential fields of every format."""
        return frozenset(
            str(item["name"])
            for credential in self.credentials.values()
            for item in as_list(at(credential, "config", "fields"))
            if isinstance(item, Mapping) and "name" in item
        )

    @cached_property
    def written(self) -> frozenset[str]:
        """Names that actions can write into the context, as far as their steps show it."""
        return frozenset(self._written())

    def _written(self) -> Iterator[str]:
        for action in as_mapping(self.config.get("actions")).values():
            for step in as_list(at(action, "steps")):
                if str(at(step, "type")) in _WRITING_STEPS:
                    yield from _names_written(at(step, "config"))
        for name in ("environment_variables", "secret_environment_variables"):
            yield from as_mapping(self.config.get(name))

    @property
    def known_context(self) -> frozenset[str]:
        return self.fields | self.written | CONTEXT_ALWAYS


def _names_written(config: Any) -> Iterator[str]:
    if isinstance(config, str):
        yield from object_keys(config)
    elif isinstance(config, list):
        yield from (str(item["name"]) for item in config if isinstance(item, Mapping) and "name" in item)
    elif isinstance(config, Mapping) and set(config) == {"expression"}:
        yield from object_keys(str(config["expression"]))
    elif isinstance(config, Mapping):
        yield from (str(key) for key in config)
