"""The data plane's part of the OpenAPI document, made from the tables by which its calls are routed."""

from __future__ import annotations

from typing import Any, Final

from isthmus.api.data_plane import COLLECTION_METHODS, CUSTOM_VERBS, ITEM_METHODS
from isthmus.api.openapi.error_responses import PROVIDER
from isthmus.engine.custom import METHOD_CONFIG

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
_EXPLAIN: Final = {
    "isthmus_explain": (
        "boolean",
        "Answer `{explain}`: the request that would be sent, and the definition and mapping behind it. "
        "Nothing is sent.",
    )
}
_ACCOUNT_ABOUT: Final = "The integrated account to call."
_DOCUMENTED_VERBS: Final = frozenset({"get", "put", "post", "delete", "options", "head", "patch"})
"""Verbs that OpenAPI knows."""
_IDEMPOTENCY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "maxLength": 255},
    "description": "Repeating the call with the same key within 24 hours gives its first answer again, with "
    "`Idempotency-Replayed: true`.",
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
    paths["/proxy/_/{action}"] = {"post": _action()}
    paths["/custom/{path}"] = {
        verb.lower(): _custom(verb) for verb in CUSTOM_VERBS if verb.lower() in _DOCUMENTED_VERBS
    }
    return paths


def _action() -> dict[str, Any]:
    name = {"type": "string", "description": "Name of an action of the integration; not of its lifecycle."}
    return {
        "tags": ["proxy API"],
        "operationId": "proxy_run_action",
        "summary": "Run the steps of an action that the integration defines.",
        "parameters": [
            _path_parameter("action", name),
            _account_parameter(),
            _explain_parameter(),
            _IDEMPOTENCY,
        ],
        "requestBody": {"content": {JSON: {"schema": {"description": "In scope of the steps as `body`."}}}},
        "security": [{"HTTPBearer": []}],
        "responses": _responses(
            {
                "type": "object",
                "properties": {"result": {"description": "What the last step gave."}},
                "required": ["result"],
            }
        ),
    }


def _custom(verb: str) -> dict[str, Any]:
    """What is forwarded is the product's own, so nothing is said of it but how it is wrapped."""
    path = {
        "type": "string",
        "description": "Path below the product's base URL, as the product has it; slashes are kept.",
    }
    cursor = {"type": ["string", "null"]}
    operation: dict[str, Any] = {
        "tags": ["custom API"],
        "operationId": f"custom_{verb.lower()}",
        "summary": f"Call a path of the product itself by {verb}, with the account's credentials.",
        "description": "Query, body and headers are forwarded, but for `integrated_account_id`, `truto_*` "
        "and headers of the connection. JSON comes back as `result`; anything else unchanged.",
        "parameters": [_path_parameter("path", path), _account_parameter(), _explain_parameter()],
        "security": [{"HTTPBearer": []}],
        "responses": _responses(
            {
                "type": "object",
                "properties": {"result": {}, "next_cursor": cursor, "prev_cursor": cursor},
                "required": ["result", "next_cursor", "prev_cursor"],
            }
        ),
    }
    if verb in ("POST", "PUT", "PATCH", "DELETE"):
        operation["parameters"].append(_IDEMPOTENCY)
        about = (
            f"Any body. An object under `{METHOD_CONFIG}` in a JSON object is taken out of it, and is read "
            "as the definition of a method for this call."
        )
        operation["requestBody"] = {"content": {"*/*": {"schema": {"description": about}}}}
    if verb in ("HEAD", "OPTIONS"):
        operation["responses"]["200"] = {"description": "The product's answer."}
    return operation


def _responses(answer: dict[str, Any]) -> dict[int | str, Any]:
    return {
        "200": {"description": "Done.", "content": {JSON: {"schema": answer}}},
        **PROVIDER,
    }


def _path_parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} | {
        "description": schema["description"]
    }


def _account_parameter() -> dict[str, Any]:
    return {
        "name": "integrated_account_id",
        "in": "query",
        "required": True,
        "schema": {"type": "string"},
        "description": _ACCOUNT_ABOUT,
    }


def _explain_parameter() -> dict[str, Any]:
    ((name, (kind, about)),) = _EXPLAIN.items()
    return {
        "name": name,
        "in": "query",
        "required": False,
        "schema": {"type": kind},
        "description": about,
    }


def _operation(plane: str, name: str, prefix: str, shape: str, *, has_id: bool) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "tags": [f"{plane} API"],
        "operationId": f"{plane}_{name}"
        if has_id or name not in ITEM_METHODS.values()
        else f"{plane}_{name}_by_body",
        "summary": _ABOUT[name],
        "parameters": _parameters(plane, name, prefix, has_id),
        "security": [{"HTTPBearer": []}],
        "responses": _responses(_answer(plane, name, shape)),
    }
    if name not in ("list", "get"):
        operation["parameters"].append(_IDEMPOTENCY)
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
    account = ("string", _ACCOUNT_ABOUT)
    query = {"integrated_account_id": account} | (_PAGE if name == "list" else {})
    if plane == "unified":
        query |= _UNIFIED
    if name in ("create", "update", "custom"):
        query |= _PASSTHROUGH
    query |= _EXPLAIN
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
