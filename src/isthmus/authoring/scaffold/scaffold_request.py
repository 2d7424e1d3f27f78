"""Holds and checks the input of a scaffold: what an author states about a provider before there is a
definition."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from isthmus.authoring.contract.catalog_entry import Model, Models
from isthmus.definitions.credentials import CREDENTIAL_FORMATS
from isthmus.errors import BadRequest, failure
from isthmus.expressions.placeholders import compile_template

__all__ = ["AUTH_METHODS", "PAGINATIONS", "Resource", "ScaffoldRequest", "quote_yaml"]

AUTH_METHODS: Final = (
    "api_key",
    "bearer",
    "basic",
    *(each for each in CREDENTIAL_FORMATS if each != "api_key"),
)
"""Credential formats, and three ways to send the credentials of the `api_key` format: in a header of the
provider (`api_key`), as a bearer token, or as user name and password."""

PAGINATIONS: Final = ("cursor", "page", "offset", "link_header", "none")

_SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")
_RESOURCE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_NAMED_ROOTS: Final = frozenset({"credentials", "context"})


def quote_yaml(value: str) -> str:
    """Returns the text as a quoted YAML scalar."""
    return json.dumps(value, ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of the provider.

    `name`: the provider's own. `unified`: the resource of the unified model that its records are mapped to;
    None for a resource that is only available through the proxy API.
    """

    name: str
    unified: str | None = None


@dataclass(frozen=True)
class ScaffoldRequest:
    """The facts that the files are generated from.

    `schemas_url`: URL of the JSON Schemas for editors. `model`: the unified model to map to, or None.
    """

    name: str
    label: str
    base_url: str
    auth: str
    pagination: str
    resources: Sequence[Resource]
    models: Models
    model: str | None = None
    category: str | None = None
    has_webhook: bool = False
    schemas_url: str = "http://127.0.0.1:8000/schemas"

    def validate(self) -> None:
        """Raises BadRequest with all failures."""
        failures = [
            failure(path, message, "value")
            for path, message, is_right in (
                (
                    "name",
                    "must be a slug: lower-case letters, digits, - and _, at most 64",
                    bool(_SLUG.fullmatch(self.name)),
                ),
                (
                    "base_url",
                    "must begin with https://, http:// or a placeholder",
                    _is_base_url(self.base_url),
                ),
                ("auth", f"must be one of {', '.join(AUTH_METHODS)}", self.auth in AUTH_METHODS),
                (
                    "pagination",
                    f"must be one of {', '.join(PAGINATIONS)}",
                    self.pagination in PAGINATIONS,
                ),
                ("resources", "must name at least one", bool(self.resources)),
            )
            if not is_right
        ]
        failures += [
            failure(
                "resources", f"{resource.name!r} is no name of a resource: letters, digits, _ and -", "value"
            )
            for resource in self.resources
            if not _RESOURCE.fullmatch(resource.name)
        ]
        failures += self._find_mapping_failures()
        if failures:
            raise BadRequest(
                "; ".join(f"{item['path']} {item['message']}" for item in failures) + ".", failures=failures
            )

    def _find_mapping_failures(self) -> list[dict[str, str]]:
        """Returns failures of `model`, and of resources that do not fit it."""
        mapped = [item.unified for item in self.resources if item.unified is not None]
        if self.model is None:
            return [failure("model", f"must be named to map {each}", "value") for each in mapped]
        if self.model not in self.models.names:
            return [failure("model", f"must be one of {', '.join(self.models.names)}", "value")]
        model_resources = self.unified_model.file.resources
        failures = [
            failure("resources", f"{each} is none of {self.model}'s: {', '.join(model_resources)}", "value")
            for each in mapped
            if each not in model_resources
        ]
        if not mapped:
            message = (
                f"must map one to a resource of {self.model} (own:unified): {', '.join(model_resources)}"
            )
            failures.append(failure("resources", message, "value"))
        return failures

    @property
    def unified_model(self) -> Model:
        """The model named by `model`. Raises SetupError if there is none."""
        return self.models[self.model or ""]

    @property
    def mapped_resources(self) -> list[tuple[Resource, str]]:
        """The resources that are mapped, each with its unified resource."""
        return [(resource, resource.unified) for resource in self.resources if resource.unified is not None]

    def list_methods(self, unified: str) -> Sequence[str]:
        """Returns those of the standard methods (list, get, create, update, delete) that the unified model
        has for its resource `unified`, in this order."""
        methods = self.unified_model.file.resources[unified].methods
        return [name for name in ("list", "get", "create", "update", "delete") if name in methods]

    def get_properties(self, unified: str) -> Mapping[str, Any]:
        """Returns the properties of a unified record's schema."""
        properties: Mapping[str, Any] = self.unified_model.schemas[unified]["properties"]
        return properties

    def find_label(self, resource: Resource) -> str:
        """Returns the field that names a record of the provider: that of the unified record, else `name`."""
        field = self.find_label_field(resource.unified) if resource.unified is not None else None
        return field or "name"

    def find_label_field(self, unified: str) -> str | None:
        """Returns the field that names a record: `name` or `title`, else the first plain text; None if there
        is none."""
        fields = self.get_properties(unified)
        plain = [
            name
            for name, schema in fields.items()
            if name != "id"
            and "string" in _list_types(schema)
            and "format" not in schema
            and "x-enum" not in schema
        ]
        return next((name for name in ("name", "title") if name in plain), plain[0] if plain else None)

    @property
    def address_fields(self) -> list[str]:
        """Names of the placeholders in the base URL, whose values the connecting user gives."""
        names: list[str] = []
        for placeholder in compile_template(self.base_url).placeholders:
            root, *rest = placeholder.alternatives[0].path
            names.append(rest[0] if root in _NAMED_ROOTS and rest else root)
        return list(dict.fromkeys(names))

    @property
    def origin_field(self) -> str | None:
        """The name of the placeholder that the base URL begins with, whose value begins with the scheme; None
        where it begins with a text."""
        return self.address_fields[0] if self.base_url.startswith("{{") else None


def _list_types(schema: Mapping[str, Any]) -> list[str]:
    """Returns the types of a JSON Schema, as a list."""
    kinds = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _is_base_url(url: str) -> bool:
    """Returns True if a text begins as a base URL may: with http, https or a placeholder."""
    return url.startswith(("https://", "http://", "{{"))
