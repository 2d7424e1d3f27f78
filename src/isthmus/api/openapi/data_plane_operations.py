"""Builds the OpenAPI operations of the data plane from the tables by which its calls are routed."""

from __future__ import annotations

from typing import Any, Final

from isthmus.api.data_plane import COLLECTION_METHODS, CUSTOM_VERBS, ITEM_METHODS
from isthmus.api.openapi.idempotency_parameters import IDEMPOTENCY_PARAMETERS
from isthmus.api.resources.base_models import PROVIDER_ERRORS
from isthmus.engine.custom import METHOD_CONFIG
from isthmus.kit.call_warnings import WARNING_HEADER

__all__ = ["build_data_plane_paths"]

JSON: Final = "application/json"
_SUMMARIES: Final = {
    "list": "One page of records.",
    "get": "One record.",
    "create": "Create a record.",
    "update": "Change a record. Some providers take the id in the body: then leave it out of the path.",
    "delete": "Delete a record. Some providers take the id in the body: then leave it out of the path.",
    "custom": "Call a custom method; `id` is its name.",
}
_PLANES: Final = {
    "unified": ("/unified/{model}/{resource}", "in the unified model's schema"),
    "proxy": ("/proxy/{resource}", "as the provider itself has it"),
}
_PATH_DESCRIPTIONS: Final = {
    "model": "Name of an installed unified model.",
    "resource": "Name of a resource.",
    "id": "The record's id, percent-encoded; on POST the custom method's name.",
}
_PAGE_PARAMETERS: Final = {
    "limit": ("integer", "Page size."),
    "next_cursor": ("string", "`next_cursor` of the page before; empty: the first page."),
    "prev_cursor": ("string", "`prev_cursor` of a page, where the provider can go back."),
}
_UNIFIED_PARAMETERS: Final = {
    "truto_ignore_remote_data": ("boolean", "Leave `remote_data` out."),
    "truto_exclude_fields": ("string", "Comma list of fields to leave out; dotted names reach into objects."),
    "truto_response_format": ("string", "`unified` or `normalized`."),
    "truto_key_by": ("string", "Make `result` an object keyed by this field."),
    "remote_query": ("object", "Parameters for the provider itself: `remote_query[name]=value`."),
}
_PASSTHROUGH_PARAMETER: Final = {
    "truto_body_passthrough": ("boolean", "Forward the body's bytes and content type as they are.")
}
_EXPLAIN_PARAMETER: Final = {
    "isthmus_explain": (
        "boolean",
        "Respond with `{explain}`: the request that would be sent, and the definition and mapping behind it. "
        "Nothing is sent.",
    )
}
_WARNING_HEADERS: Final = {
    WARNING_HEADER.title(): {
        "description": "What the call was asked for and did not do: a list of texts, each with a `code` and, "
        "where one name caused it, a `field`. Absent where nothing was left out.",
        "schema": {"type": "string"},
    }
}
_ACCOUNT_DESCRIPTION: Final = "The integrated account to call."


def build_data_plane_paths() -> dict[str, Any]:
    """Builds the `paths` object (OpenAPI 3.1) of unified, proxy (with actions) and custom calls."""
    paths: dict[str, Any] = {}
    for plane, (prefix, record_wording) in _PLANES.items():
        paths[prefix] = {
            verb.lower(): _build_operation(plane, name, prefix, record_wording, has_id=False)
            for verb, name in COLLECTION_METHODS.items()
        }
        paths[f"{prefix}/{{id}}"] = {
            verb.lower(): _build_operation(plane, name, prefix, record_wording, has_id=True)
            for verb, name in (ITEM_METHODS | {"POST": "custom"}).items()
        }
    paths["/proxy/_/{action}"] = {"post": _build_action_operation()}
    paths["/custom/{path}"] = {verb.lower(): _build_custom_operation(verb) for verb in CUSTOM_VERBS}
    return paths


def _build_action_operation() -> dict[str, Any]:
    """Builds the operation that runs an action."""
    name = {
        "type": "string",
        "description": "Name of an action of the integration, except those of its lifecycle.",
    }
    return {
        "tags": ["proxy API"],
        "operationId": "proxy_run_action",
        "summary": "Run the steps of an action that the integration defines.",
        "parameters": [
            _build_path_parameter("action", name),
            _build_account_parameter(),
            _build_explain_parameter(),
            *IDEMPOTENCY_PARAMETERS,
        ],
        "requestBody": {"content": {JSON: {"schema": {"description": "Available to the steps as `body`."}}}},
        "security": [{"HTTPBearer": []}],
        "responses": _build_responses(
            {
                "type": "object",
                "properties": {"result": {"description": "The result of the last step."}},
                "required": ["result"],
            }
        ),
    }


def _build_custom_operation(verb: str) -> dict[str, Any]:
    """Builds the operation of one verb on a custom path. The request is the provider's own, so that only the
    envelope of the response is described."""
    path = {
        "type": "string",
        "description": "Path below the provider's base URL, as the provider has it; slashes are kept.",
    }
    cursor = {"type": ["string", "null"]}
    operation: dict[str, Any] = {
        "tags": ["custom API"],
        "operationId": f"custom_{verb.lower()}",
        "summary": f"Call a path of the provider itself by {verb}, with the account's credentials.",
        "description": "Query, body and headers are forwarded, except `integrated_account_id`, `truto_*` "
        "and headers of the connection. JSON comes back as `result`; anything else unchanged.",
        "parameters": [
            _build_path_parameter("path", path),
            _build_account_parameter(),
            _build_explain_parameter(),
        ],
        "security": [{"HTTPBearer": []}],
        "responses": _build_responses(
            {
                "type": "object",
                "properties": {"result": {}, "next_cursor": cursor, "prev_cursor": cursor},
                "required": ["result", "next_cursor", "prev_cursor"],
            }
        ),
    }
    if verb in ("POST", "PUT", "PATCH", "DELETE"):
        operation["parameters"].extend(IDEMPOTENCY_PARAMETERS)
        about = (
            f"Any body, of any content type. An object under `{METHOD_CONFIG}` in a JSON object is taken out "
            "of it, and is read as the definition of a method for this call."
        )
        operation["requestBody"] = {
            "description": about,
            "content": {
                JSON: {"schema": {}},
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            },
        }
    if verb in ("HEAD", "OPTIONS"):
        operation["responses"]["200"] = {
            "description": "The provider's response.",
            "headers": _WARNING_HEADERS,
        }
    return operation


def _build_responses(answer: dict[str, Any]) -> dict[int | str, Any]:
    """Builds the responses of a call, for the schema of a successful one."""
    return {
        "200": {"description": "Done.", "headers": _WARNING_HEADERS, "content": {JSON: {"schema": answer}}},
        **PROVIDER_ERRORS,
    }


def _build_path_parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Builds a parameter of the path. `schema`: only its description is used."""
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} | {
        "description": schema["description"]
    }


def _build_account_parameter() -> dict[str, Any]:
    """Builds the parameter that names the account."""
    return {
        "name": "integrated_account_id",
        "in": "query",
        "required": True,
        "schema": {"type": "string"},
        "description": _ACCOUNT_DESCRIPTION,
    }


def _build_explain_parameter() -> dict[str, Any]:
    """Builds the parameter that asks for an explanation."""
    ((name, (kind, about)),) = _EXPLAIN_PARAMETER.items()
    return {
        "name": name,
        "in": "query",
        "required": False,
        "schema": {"type": kind},
        "description": about,
    }


def _build_operation(
    plane: str, name: str, prefix: str, record_wording: str, *, has_id: bool
) -> dict[str, Any]:
    """Builds the operation of a method. `plane`: `unified` or `proxy`. `name`: of the method. `prefix`: the
    path without an id. `record_wording`: the end of descriptions of records. `has_id`: whether the path ends
    in an id."""
    operation: dict[str, Any] = {
        "tags": [f"{plane} API"],
        "operationId": f"{plane}_{name}"
        if has_id or name not in ITEM_METHODS.values()
        else f"{plane}_{name}_by_body",
        "summary": _SUMMARIES[name],
        "parameters": _build_parameters(plane, name, prefix, has_id),
        "security": [{"HTTPBearer": []}],
        "responses": _build_responses(_build_response_schema(plane, name, record_wording)),
    }
    if name not in ("list", "get"):
        operation["parameters"].extend(IDEMPOTENCY_PARAMETERS)
    if name in ("create", "update", "custom"):
        operation["requestBody"] = {
            "content": {JSON: {"schema": {"description": f"A JSON value {record_wording}."}}},
            "required": name == "create",
        }
    return operation


def _build_parameters(plane: str, name: str, prefix: str, has_id: bool) -> list[dict[str, Any]]:
    """Builds the path and query parameters of a method; arguments as of `_build_operation`."""
    names = [part[1:-1] for part in prefix.split("/") if part.startswith("{")] + (["id"] if has_id else [])
    parameters: list[dict[str, Any]] = [
        {
            "name": parameter_name,
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
            "description": _PATH_DESCRIPTIONS[parameter_name],
        }
        for parameter_name in names
    ]
    account = ("string", _ACCOUNT_DESCRIPTION)
    query = {"integrated_account_id": account} | (_PAGE_PARAMETERS if name == "list" else {})
    if plane == "unified":
        query |= _UNIFIED_PARAMETERS
    if name in ("create", "update", "custom"):
        query |= _PASSTHROUGH_PARAMETER
    query |= _EXPLAIN_PARAMETER
    for parameter_name, (kind, about) in query.items():
        parameter: dict[str, Any] = {
            "name": parameter_name,
            "in": "query",
            "schema": {"type": kind},
            "description": about,
        }
        parameter["required"] = parameter_name == "integrated_account_id"
        if kind == "object":
            parameter |= {"style": "deepObject", "explode": True}
        parameters.append(parameter)
    return parameters


def _build_response_schema(plane: str, name: str, record_wording: str) -> dict[str, Any]:
    """Builds the schema of a successful response; arguments as of `_build_operation`. The schema of a record
    accepts any value."""
    record = {"description": f"A record {record_wording}."}
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
