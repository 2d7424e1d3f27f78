"""Adds operations and schemas for each unified resource of an environment to the OpenAPI document.

They are copies of the generic operations of the data plane, with the record's schema in place.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from isthmus.api.data_plane import COLLECTION_METHODS, ITEM_METHODS
from isthmus.api.openapi.tags import build_model_tag
from isthmus.definitions.aliases import describe_aliases, list_aliases, select_aliases
from isthmus.definitions.authored_schemas import as_json_schema
from isthmus.definitions.schema_examples import make_example
from isthmus.integrations.effective.environment_models import EnvironmentModel

__all__ = ["add_unified_models"]

Json = dict[str, Any]

_COLLECTION_PATH: Final = "/unified/{model}/{resource}"
_ITEM_PATH: Final = f"{_COLLECTION_PATH}/{{id}}"
_NAME_PARAMETERS: Final = frozenset({"model", "resource"})
_JSON: Final = "application/json"


def add_unified_models(document: Mapping[str, Any], models: Iterable[EnvironmentModel]) -> Json:
    """Returns the document with the paths, schemas and tags of `models` added; `document` itself is not
    changed."""
    paths, schemas = dict(document["paths"]), dict(document["components"]["schemas"])
    tags = list(document["tags"])
    for model in models:
        tags.append(build_model_tag(model.name))
        for resource, definition in sorted(model.resources.items()):
            written = _Resource(document["paths"], model.name, resource, definition)
            schemas |= written.build_schemas()
            paths |= written.build_paths()
    components = {**document["components"], "schemas": schemas}
    return {**document, "tags": tags, "paths": paths, "components": components}


class _Resource:
    """Builds the operations and schemas of one unified resource. `generic`: the paths of the data plane, to
    copy operations from."""

    def __init__(
        self, generic: Mapping[str, Any], model: str, resource: str, definition: Mapping[str, Any]
    ) -> None:
        self._generic = generic
        self._model = model
        self._resource = resource
        self._definition = definition
        self._name = f"{model}.{resource}"

    def build_schemas(self) -> Json:
        """Builds, by name, the schema of the record, and of what a caller sends if the model has no schema
        for it. Each has its name as title: generators name types by titles, and those of models are not
        unique."""
        record = _fill_items(_relocate_references(self._definition.get("schema") or {}, self._name))
        record.pop("$schema", None)
        sent = {key: part for key, part in record.items() if key != "required"}
        if isinstance(sent.get("properties"), Mapping):
            fields = {name: part for name, part in sent["properties"].items() if name != "remote_data"}
            sent["properties"] = {**fields, **self._describe_aliases(fields)}
        return {
            self._name: {**record, "title": self._name, "examples": [make_example(record)]},
            f"{self._name}.sent": {**sent, "title": f"{self._name}.sent"},
        }

    def _describe_aliases(self, properties: Mapping[str, Any]) -> Json:
        """Returns the schemas of the aliases that a body or a query with these properties takes, by name."""
        held = list_aliases(self._definition.get("aliases"), self._definition.get("schema"))
        return describe_aliases(select_aliases(held, properties), properties)

    def build_paths(self) -> Json:
        """Builds the operations by path and verb."""
        address = f"/unified/{self._model}/{self._resource}"
        paths: dict[str, Json] = {}
        for method in self._list_methods():
            for path, verb, operation in self._build_operations(address, method):
                paths.setdefault(path, {})[verb] = operation
        return paths

    def _list_methods(self) -> list[str]:
        """Lists the methods that the model declares; if none, those of any collection."""
        declared_methods = self._definition.get("methods")
        return list(declared_methods) if declared_methods else list(COLLECTION_METHODS.values())

    def _build_operations(self, address: str, method: str) -> Iterator[tuple[str, str, Json]]:
        """Yields path, verb and operation of each way to call a method."""
        is_standard_method = False
        for path, place, table in (
            (address, _COLLECTION_PATH, COLLECTION_METHODS),
            (f"{address}/{{id}}", _ITEM_PATH, ITEM_METHODS),
        ):
            for verb, name in table.items():
                if name == method:
                    is_standard_method = True
                    yield (
                        path,
                        verb.lower(),
                        self._build_operation(self._generic[place][verb.lower()], method),
                    )
        if not is_standard_method:
            operation = self._build_operation(
                self._generic[_ITEM_PATH]["post"], method, dropped=_NAME_PARAMETERS | {"id"}
            )
            yield f"{address}/{method}", "post", operation

    def _build_operation(
        self, generic: Mapping[str, Any], method: str, dropped: frozenset[str] = _NAME_PARAMETERS
    ) -> Json:
        """Builds the operation of a method from the generic one. `dropped`: parameters that are not in its
        path."""
        operation = copy.deepcopy(dict(generic))
        suffix = "_by_body" if operation["operationId"].endswith("_by_body") else ""
        operation["operationId"] = f"unified_{self._model}_{self._resource}_{method}{suffix}"
        operation["tags"] = [build_model_tag(self._model)["name"]]
        about = self._definition.get("description")
        operation["summary"] = f"{self._resource}: {method}"
        if about:
            operation["description"] = about
        kept = [parameter for parameter in operation["parameters"] if parameter["name"] not in dropped]
        kept_names = {parameter["name"] for parameter in kept}
        operation["parameters"] = kept + [
            parameter
            for parameter in self._build_filter_parameters(method)
            if parameter["name"] not in kept_names
        ]
        if "requestBody" in operation:
            operation["requestBody"]["content"][_JSON]["schema"] = self._build_body_schema(method)
        answer = operation["responses"]["200"]["content"][_JSON]
        answer["schema"] = self._build_response_schema(method, answer["schema"])
        return operation

    def _build_filter_parameters(self, method: str) -> Iterator[Json]:
        """Yields the query parameters that the model declares for a method."""
        schema = self._find_schema("query_schema", method) or {}
        required = schema.get("required") or ()
        properties = schema.get("properties") or {}
        for name, part in {**properties, **self._describe_aliases(properties)}.items():
            parameter: Json = {"name": name, "in": "query", "required": name in required, "schema": part}
            if isinstance(part, Mapping):
                if part.get("description"):
                    parameter["description"] = part["description"]
                kinds = part.get("type")
                if "object" in (kinds if isinstance(kinds, list) else [kinds]):
                    parameter |= {"style": "deepObject", "explode": True}
            yield parameter

    def _build_body_schema(self, method: str) -> Json:
        """Returns the model's schema of a body; for create and update otherwise a reference to the record's,
        without required fields; {} for other methods."""
        schema = self._find_schema("request_body_schema", method)
        if schema is not None:
            return schema
        return self._make_ref(".sent") if method in ("create", "update") else {}

    def _build_response_schema(self, method: str, generic: Json) -> Json:
        """Builds the schema of a response; returns the generic one for methods whose response the model does
        not describe."""
        if method == "list":
            generic["properties"]["result"]["items"] = self._make_ref()
            return generic
        return self._make_ref() if method in ("get", "create", "update") else generic

    def _find_schema(self, kind: str, method: str) -> Json | None:
        """Returns the model's schema of a kind for a method, as JSON Schema; None if there is none."""
        schemas = self._definition.get(kind)
        return _fill_items(as_json_schema(schemas.get(method))) if isinstance(schemas, Mapping) else None

    def _make_ref(self, suffix: str = "") -> Json:
        """Returns a reference to the record's schema, or to the one with this suffix."""
        return {"$ref": f"#/components/schemas/{self._name}{suffix}"}


def _relocate_references(schema: Any, name: str) -> Any:
    """Returns the schema with its references to itself changed to its place in the document."""
    if isinstance(schema, Mapping):
        return {
            key: f"#/components/schemas/{name}{value[1:]}"
            if key == "$ref" and isinstance(value, str) and value.startswith("#")
            else _relocate_references(value, name)
            for key, value in schema.items()
        }
    return [_relocate_references(item, name) for item in schema] if isinstance(schema, list) else schema


def _fill_items(schema: Any) -> Any:  # any part of a JSON Schema
    """Returns the schema with `items` in each array that has none: some generators refuse one without."""
    if isinstance(schema, list):
        return [_fill_items(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    kinds = schema.get("type")
    is_array = kinds == "array" or (isinstance(kinds, list) and "array" in kinds)
    missing: Json = {"items": {}} if is_array and not schema.keys() & {"items", "prefixItems"} else {}
    return {**{key: _fill_items(value) for key, value in schema.items()}, **missing}
