"""The data plane's part of the OpenAPI document, made from the tables by which its calls are routed."""

from __future__ import annotations

from typing import Any, Final

from isthmus.api.data_plane import COLLECTION_METHODS, ITEM_METHODS
from isthmus.api.resources.shapes import ErrorOut

__all__ = ["data_plane_paths"]

JSON: Final = "application/json"
_ABOUT: Final = {
    "list": "One page of records.",
    "get": "One record.",
    "create": "Create a record.",
    "update": "Change a record. Some products take the id in the body: then leave it out of the path.",
    "delete": "Delete a record. Some products take the id in the body: then leave it out of the path.",
    "custom": "Call a custom method; `id` is its name.",
}
_PLANES: Final = {
    "unified": ("/unified/{model}/{resource}", "in the unified model's schema"),
    "proxy": ("/proxy/{resource}", "as the product itself has it"),
}
_PATH_ABOUT: Final = {
    "model": "Name of an installed unified model.",
    "resource": "Name of a resource.",
    "id": "The record's id, percent-encoded; on POST the custom method's name.",
}
_PAGE: Final = {
    "limit": ("integer", "Page size."),
    "next_cursor": ("string", "`next_cursor` of the page before; empty: the first page."),
    "prev_cursor": ("string", "`prev_cursor` of a page, where the product can go back."),
}
_UNIFIED: Final = {
    "truto_ignore_remote_data": ("boolean", "Leave `remote_data` out."),
    "truto_exclude_fields": ("string", "Comma list of fields to leave out; dotted names reach into objects."),
    "truto_response_format": ("string", "`unified` or `normalized`."),
    "truto_key_by": ("string", "Make `result` an object keyed by this field."),
    "remote_query": ("object", "Parameters for the product itself: `remote_query[name]=value`."),
}
_PASSTHROUGH: Final = {
    "truto_body_passthrough": ("boolean", "Forward the body's bytes and content type as they are.")
}


def data_plane_paths() -> dict[str, Any]:
    """`paths` of OpenAPI 3.1."""
    paths: dict[str, Any] = {}
    for plane, (prefix, shape) in _PLANES.items():
        paths[prefix] = {
            verb.lower(): _operation(plane, name, prefix, shape, has_id=False)
            for verb, name in COLLECTION_METHODS.items()
        }
        paths[f"{prefix}/{{id}}"] = {
            verb.lower(): _operation(plane, name, prefix, shape, has_id=True)
            for verb, name in (ITEM_METHODS | {"POST": "custom"}).items()
        }
    return paths


def _operation(plane: str, name: str, prefix: str, shape: str, *, has_id: bool) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "tags": [f"{plane} API"],
        "operationId": f"{plane}_{name}"
        if has_id or name not in ITEM_METHODS.values()
        else f"{plane}_{name}_by_body",
        "summary": _ABOUT[name],
        "parameters": _parameters(plane, name, prefix, has_id),
        "security": [{"HTTPBearer": []}],
        "responses": {
            "200": {"description": "Done.", "content": {JSON: {"schema": _answer(plane, name, shape)}}},
            "4XX": _error("The request, or the provider refused it."),
            "5XX": _error("The provider or the way to it failed, or a definition."),
        },
    }
    if name in ("create", "update", "custom"):
        operation["requestBody"] = {
            "content": {JSON: {"schema": {"description": f"A JSON value {shape}."}}},
            "required": name == "create",
        }
    return operation


def _parameters(plane: str, name: str, prefix: str, has_id: bool) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in prefix.split("/") if part.startswith("{")] + (["id"] if has_id else [])
    parameters: list[dict[str, Any]] = [
        {
            "name": each,
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
            "description": _PATH_ABOUT[each],
        }
        for each in names
    ]
    account = ("string", "The integrated account to call.")
    query = {"integrated_account_id": account} | (_PAGE if name == "list" else {})
    if plane == "unified":
        query |= _UNIFIED
    if name in ("create", "update", "custom"):
        query |= _PASSTHROUGH
    for each, (kind, about) in query.items():
        parameter: dict[str, Any] = {
            "name": each,
            "in": "query",
            "schema": {"type": kind},
            "description": about,
        }
        parameter["required"] = each == "integrated_account_id"
        if kind == "object":
            parameter |= {"style": "deepObject", "explode": True}
        parameters.append(parameter)
    return parameters


def _answer(plane: str, name: str, shape: str) -> dict[str, Any]:
    record = {"description": f"A record {shape}."}
    if name == "list":
        cursor = {"type": ["string", "null"]}
        properties = {
            "result": {"type": "array", "items": record},
            "next_cursor": cursor,
            "prev_cursor": cursor,
            "result_count": {"type": "integer"},
            "is_partial_response": {"type": "boolean"},
        }
        return {"type": "object", "properties": properties, "required": list(properties)}
    if name == "delete" and plane == "unified":
        return {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
    if name == "custom" and plane == "unified":
        return {"type": "object", "properties": {"result": record}, "required": ["result"]}
    return record


def _error(description: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{ErrorOut.__name__}"}
    return {"description": description, "content": {JSON: {"schema": schema}}}
