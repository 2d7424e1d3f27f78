"""Describes an integration's methods as tools, for agents that call them through the proxy API.

Clients build the input of a tool from `query_schema.properties` and `body_schema.properties` alone, and split
the input by these names. So `id` and the paging parameters are among the query's, and any other name is in
one of the two only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from isthmus.definitions.authored_schemas import make_empty_schema
from isthmus.expressions.placeholders import Placeholder, compile_template
from isthmus.integrations.meta.integration_description import IntegrationDescription, MethodDescription
from isthmus.integrations.meta.tool_names import assign_tool_names, to_singular

__all__ = ["ToolFilter", "build_tools", "name_tools"]

_READ_METHODS: Final = frozenset({"list", "get"})
_WRITE_METHODS: Final = frozenset({"create", "update", "delete"})
_METHODS_BY_ID: Final = frozenset({"get", "update", "delete"})
_PAGING_PROPERTIES: Final[Mapping[str, Any]] = {
    "limit": {"type": "integer", "minimum": 1, "description": "How many records to return at once."},
    "next_cursor": {
        "type": "string",
        "description": "next_cursor of the page before; leave it out for the first page.",
    },
}
_ID_PROPERTY: Final[Mapping[str, Any]] = {"type": "string", "description": "The record's id."}


@dataclass(frozen=True, slots=True)
class ToolFilter:
    """Selects tools. None accepts all.

    `methods`: names of methods, or the groups `read`, `write` and `custom`. `tags`: a tool needs one of them.
    """

    methods: Collection[str] | None = None
    tags: Collection[str] | None = None

    def accepts(self, method: str, tags: Collection[str]) -> bool:
        """Returns True if the filter selects a method with these tags."""
        return self._accepts_method(method) and (self.tags is None or bool(set(self.tags) & set(tags)))

    def _accepts_method(self, method: str) -> bool:
        """Returns True if the filter selects the method, by its name or its group."""
        if self.methods is None or method in self.methods:
            return True
        group = "read" if method in _READ_METHODS else "write" if method in _WRITE_METHODS else "custom"
        return group in self.methods


def build_tools(
    described: IntegrationDescription,
    tool_filter: ToolFilter | None = None,
    *,
    name_template: str | None = None,
) -> list[dict[str, Any]]:
    """Returns a tool for each documented method that `tool_filter` accepts, in the order of the definition.

    `name_template`: as `template` of `assign_tool_names`; None for the default names.
    """
    tool_filter = tool_filter or ToolFilter()
    names = name_tools(described, name_template)
    return [
        _build_tool(described, method, names[method.resource, method.name])
        for method in described.methods
        if method.is_documented and tool_filter.accepts(method.name, described.get_tags(method.resource))
    ]


def name_tools(
    described: IntegrationDescription, template: str | None = None
) -> Mapping[tuple[str, str], str]:
    """Returns the tool name of each (resource, method).

    Undocumented methods take part, so that no name changes when one of them is documented.
    """
    methods = ((method.resource, method.name) for method in described.methods)
    return assign_tool_names(described.name, methods, template)


def _default_description(described: IntegrationDescription, method: MethodDescription) -> str:
    """Returns the description of a tool whose method has none."""
    noun, singular = (text.replace("_", " ") for text in (method.resource, to_singular(method.resource)))
    sentences = {
        "list": f"List {noun} of {described.label}.",
        "get": f"Read one {singular} of {described.label} by its id.",
        "create": f"Create one {singular} in {described.label}.",
        "update": f"Change one {singular} of {described.label} by its id.",
        "delete": f"Delete one {singular} of {described.label} by its id.",
    }
    return sentences.get(method.name, f"Call {method.name} of {noun} in {described.label}.")


def _build_tool(described: IntegrationDescription, method: MethodDescription, name: str) -> dict[str, Any]:
    """Returns the tool as JSON: name, description, schemas of its input and its answer, and tags."""
    query, body = _build_input_schemas(method)
    required = dict.fromkeys((*query.get("required", ()), *body.get("required", ())))
    return {
        "name": name,
        "description": method.description or _default_description(described, method),
        "resource": method.resource,
        "method": method.name,
        "query_schema": query,
        "body_schema": body,
        "response_schema": method.response_schema or make_empty_schema(),
        "required": list(required),
        "tags": described.get_tags(method.resource),
    }


def _build_input_schemas(method: MethodDescription) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns (query schema, body schema) of a tool. A property that is in both schemas of the method stays
    in the body's only; `id` (get, update, delete) and the paging parameters (list) stay in the query's as
    well."""
    query = _copy_object_schema(method.query_schema or _infer_schema_from_templates(method, "query"))
    body = _copy_object_schema(method.body_schema or _infer_schema_from_templates(method, "body"))
    fixed: dict[str, Any] = {}
    if method.name in _METHODS_BY_ID:
        fixed = {"id": _ID_PROPERTY}
        query["required"] = list(dict.fromkeys(("id", *query.get("required", ()))))
    elif method.name == "list":
        fixed = dict(_PAGING_PROPERTIES)
    for name in body["properties"]:
        if name not in fixed:
            query["properties"].pop(name, None)
    query["properties"] = {**fixed, **query["properties"]}
    query_names = query["properties"].keys()
    if "required" in query:
        query["required"] = [
            name for name in query["required"] if name in query_names or name not in body["properties"]
        ]
    return query, body


def _copy_object_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Returns a copy as an object schema with a `properties` dict of its own, which can be changed."""
    return {**schema, "type": "object", "properties": dict(schema.get("properties") or {})}


def _infer_schema_from_templates(method: MethodDescription, root: str) -> dict[str, Any]:
    """Returns a schema for a method without one: the names that its templates read from the caller's query or
    body.

    `root`: `query` or `body`. Names without which no path can be built are required.
    """
    schema = make_empty_schema()
    required = dict.fromkeys(_iter_template_names(method.definition.get("path"), root, only_required=True))
    parts = [method.definition.get(part) for part in ("path", "query", "headers", "body")]
    for name in dict.fromkeys(name for part in parts for name in _iter_template_names(part, root)):
        schema["properties"][name] = {} if root == "body" else {"type": "string"}
    return {**schema, "required": list(required)} if required else schema


def _iter_template_names(template: Any, root: str, *, only_required: bool = False) -> Iterator[str]:
    """Returns the names that a template reads from `root`; with `only_required`, only those without an
    alternative."""
    for placeholder in compile_template(template).placeholders:
        if not only_required or _is_required(placeholder):
            for alternative in placeholder.alternatives:
                first, *rest = alternative.path
                if first == root and rest:
                    yield rest[0]
                elif root == "query" and alternative.path == ("id",):
                    yield "id"  # the caller of a tool without an id in its path sends it in the query


def _is_required(placeholder: Placeholder) -> bool:
    """Returns True if the placeholder has no alternative and no default."""
    return len(placeholder.alternatives) == 1 and not (
        placeholder.default or placeholder.or_null or placeholder.or_undefined
    )
