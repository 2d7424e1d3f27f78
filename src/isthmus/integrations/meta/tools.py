"""Tools: what an integration's methods look like to an agent that calls them by the proxy API
(`events.md` §7, `api.md` §4.7).

Clients build a tool's input from `query_schema.properties` and `body_schema.properties` alone, and split it
by membership: so `id` and the parameters of paging stand there, and a name stands in one of the two.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from isthmus.definitions.schema_forms import empty_schema
from isthmus.expressions.placeholders import Placeholder, compile_template
from isthmus.integrations.meta.integration_description import IntegrationDescription, MethodDescription
from isthmus.integrations.meta.tool_names import assign_tool_names, to_singular

__all__ = ["ToolFilter", "build_tools", "name_tools"]

_READ: Final = frozenset({"list", "get"})
_WRITE: Final = frozenset({"create", "update", "delete"})
_BY_ID: Final = frozenset({"get", "update", "delete"})
_PAGING: Final[Mapping[str, Any]] = {
    "limit": {"type": "integer", "minimum": 1, "description": "How many records to return at once."},
    "next_cursor": {
        "type": "string",
        "description": "next_cursor of the page before; leave it out for the first page.",
    },
}
_ID: Final[Mapping[str, Any]] = {"type": "string", "description": "The record's id."}


@dataclass(frozen=True, slots=True)
class ToolFilter:
    """`methods`: names, and the groups `read`, `write`, `custom`. `tags`: one in common is enough. None of
    either: all."""

    methods: Collection[str] | None = None
    tags: Collection[str] | None = None

    def accepts(self, method: str, tags: Collection[str]) -> bool:
        return self._accepts_method(method) and (self.tags is None or bool(set(self.tags) & set(tags)))

    def _accepts_method(self, method: str) -> bool:
        if self.methods is None or method in self.methods:
            return True
        group = "read" if method in _READ else "write" if method in _WRITE else "custom"
        return group in self.methods


def build_tools(
    described: IntegrationDescription, wanted: ToolFilter | None = None, *, name_template: str | None = None
) -> list[dict[str, Any]]:
    """Every documented method that the filter takes, in the order of the definition. `name_template`: as of
    `assign_tool_names`."""
    wanted = wanted or ToolFilter()
    names = name_tools(described, name_template)
    return [
        _build_tool(described, method, names[method.resource, method.name])
        for method in described.methods
        if method.is_documented and wanted.accepts(method.name, described.tags(method.resource))
    ]


def name_tools(
    described: IntegrationDescription, template: str | None = None
) -> Mapping[tuple[str, str], str]:
    """The tool name of each method, documented or not: a name must not change when another is documented."""
    methods = ((method.resource, method.name) for method in described.methods)
    return assign_tool_names(described.name, methods, template)


def _default_description(described: IntegrationDescription, method: MethodDescription) -> str:
    """A sentence that says what a method without a description does."""
    noun, one = (text.replace("_", " ") for text in (method.resource, to_singular(method.resource)))
    sentences = {
        "list": f"List {noun} of {described.label}.",
        "get": f"Read one {one} of {described.label} by its id.",
        "create": f"Create one {one} in {described.label}.",
        "update": f"Change one {one} of {described.label} by its id.",
        "delete": f"Delete one {one} of {described.label} by its id.",
    }
    return sentences.get(method.name, f"Call {method.name} of {noun} in {described.label}.")


def _build_tool(described: IntegrationDescription, method: MethodDescription, name: str) -> dict[str, Any]:
    query, body = _build_input_schemas(method)
    required = dict.fromkeys((*query.get("required", ()), *body.get("required", ())))
    return {
        "name": name,
        "description": method.description or _default_description(described, method),
        "resource": method.resource,
        "method": method.name,
        "query_schema": query,
        "body_schema": body,
        "response_schema": method.response_schema or empty_schema(),
        "required": list(required),
        "tags": described.tags(method.resource),
    }


def _build_input_schemas(method: MethodDescription) -> tuple[dict[str, Any], dict[str, Any]]:
    """What goes into the query, and what into the body."""
    query = _copy_object_schema(method.query_schema or _infer_schema_from_templates(method, "query"))
    body = _copy_object_schema(method.body_schema or _infer_schema_from_templates(method, "body"))
    fixed: dict[str, Any] = {}
    if method.name in _BY_ID:
        fixed = {"id": _ID}
        query["required"] = list(dict.fromkeys(("id", *query.get("required", ()))))
    elif method.name == "list":
        fixed = dict(_PAGING)
    for name in body["properties"]:
        if name not in fixed:
            query["properties"].pop(name, None)
    query["properties"] = {**fixed, **query["properties"]}
    known = query["properties"].keys()
    if "required" in query:
        query["required"] = [
            name for name in query["required"] if name in known or name not in body["properties"]
        ]
    return query, body


def _copy_object_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """A copy whose properties can be changed. Clients read nothing of a schema but those."""
    return {**schema, "type": "object", "properties": dict(schema.get("properties") or {})}


def _infer_schema_from_templates(method: MethodDescription, root: str) -> dict[str, Any]:
    """Where no schema says it: the names that the method's own templates read of the caller's query or body.
    Those without which no path can be made are required."""
    schema = empty_schema()
    required = dict.fromkeys(_iter_template_names(method.definition.get("path"), root, is_needed=True))
    parts = [method.definition.get(part) for part in ("path", "query", "headers", "body")]
    for name in dict.fromkeys(name for part in parts for name in _iter_template_names(part, root)):
        schema["properties"][name] = {} if root == "body" else {"type": "string"}
    return {**schema, "required": list(required)} if required else schema


def _iter_template_names(template: Any, root: str, *, is_needed: bool = False) -> Iterator[str]:
    for placeholder in compile_template(template).placeholders:
        if not is_needed or _is_required(placeholder):
            for alternative in placeholder.alternatives:
                first, *rest = alternative.path
                if first == root and rest:
                    yield rest[0]
                elif root == "query" and alternative.path == ("id",):
                    yield "id"  # of a method that is not called with one in its path


def _is_required(placeholder: Placeholder) -> bool:
    return len(placeholder.alternatives) == 1 and not (
        placeholder.default or placeholder.or_null or placeholder.or_undefined
    )
