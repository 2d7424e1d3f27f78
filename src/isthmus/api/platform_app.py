"""The platform application: a FastAPI app with every route but those of the data plane, and its error
responses."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from isthmus import __version__
from isthmus.api.dispatcher import make_exception_response
from isthmus.api.known_names import list_body_fields, list_query_names, suggest_close_names
from isthmus.api.openapi.batch_operation import BATCH_PATH, build_batch_path, build_batch_schemas
from isthmus.api.openapi.data_plane_operations import build_data_plane_paths
from isthmus.api.openapi.error_responses import add_error_responses
from isthmus.api.openapi.tags import TAGS
from isthmus.api.outgoing_response import OutgoingResponse
from isthmus.api.resources.base_models import ErrorOut
from isthmus.errors import BadRequest, IsthmusError, MethodNotAllowed, NotFound, failure

__all__ = ["build_platform"]

_MESSAGES = {
    "missing": "is required",
    "model_attributes_type": "must be a JSON object",
    "dict_type": "must be an object",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be an array",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
}
"""Replaces messages of the validator that name types of Python, not of JSON."""

_LENGTH_MESSAGES = {  # no minimum here is above 1
    "string_too_long": "must have at most {max_length} characters",
    "too_long": "must have at most {max_length} items, and has {actual_length}",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
}

_DESCRIPTION = """\
One API with one schema over your customers' accounts at other providers.

Send `Authorization: Bearer <token>`. Lists answer `{result, next_cursor, limit}`; send `next_cursor` back for
the page after. Errors answer `{statusCode, error, message, details?, isthmus_request_id}`.
"""


def build_platform(routers: Sequence[APIRouter]) -> FastAPI:
    """Builds the application with all routers. It holds no state of a server: what a request needs is on
    `request.state`, where the dispatcher puts it."""
    app = FastAPI(
        title="Isthmus",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    for router in routers:
        app.include_router(router)
    app.state.query_names = list_query_names(routers)
    app.openapi = lambda: _build_openapi_document(app)  # type: ignore[method-assign]  # FastAPI's own way to extend it
    app.add_exception_handler(IsthmusError, _handle_error)
    app.add_exception_handler(RequestValidationError, _handle_invalid_request)
    app.add_exception_handler(HTTPException, _handle_http_exception)
    app.add_exception_handler(Exception, _handle_error)
    return app


def _build_openapi_document(app: FastAPI) -> dict[str, Any]:
    """Builds the OpenAPI 3.1 document of all routes, those of the data plane included; once per
    application."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            openapi_version="3.1.0",
            description=app.description,
            routes=app.routes,
            tags=TAGS,
        )
        for path in document["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)  # invalid requests are answered 400
        document["paths"] = build_data_plane_paths() | {BATCH_PATH: build_batch_path()} | document["paths"]
        schemas = document["components"]["schemas"]
        schemas |= build_batch_schemas()
        error_schema = ErrorOut.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= error_schema.pop("$defs", {})
        schemas[ErrorOut.__name__] = error_schema
        add_error_responses(document["paths"])
        app.openapi_schema = document
    return app.openapi_schema


def _respond_with_error(request: Request, error: BaseException) -> Response:
    """Returns the error response of an exception, as a Starlette response for FastAPI's handlers."""
    response: OutgoingResponse = make_exception_response(
        error, request.scope.get("isthmus.request_id", ""), request.state.outages
    )
    return Response(response.body, response.status, dict(response.headers), response.content_type)


async def _handle_error(request: Request, error: Exception) -> Response:
    """Answers any exception that has no handler of its own."""
    return _respond_with_error(request, error)


async def _handle_invalid_request(request: Request, error: Exception) -> Response:
    """Answers a request that the route's model refuses, with 400."""
    assert isinstance(error, RequestValidationError)  # registered for it
    unread = _find_unreadable_body_error(request, error)
    if unread is not None:
        return _respond_with_error(request, unread)
    failures = _to_failures(error.errors(), list_body_fields(request.scope["route"]))
    return _respond_with_error(request, BadRequest(_summarize(failures), failures=failures))


def _find_unreadable_body_error(request: Request, error: RequestValidationError) -> BadRequest | None:
    """Returns the error for a body that is not JSON or has another content type; None if the body was
    read."""
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        before = str(error.body)[: first["loc"][1]]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        reason = first["ctx"]["error"]
        return BadRequest(
            f"the body is not JSON: {reason} at line {line}, column {column}.",
            failures=[failure("body", reason, "malformed_json")],
        )
    content_type = request.headers.get("content-type", "")
    if isinstance(error.body, bytes) and error.body:
        return BadRequest(
            f"a body of type {content_type} cannot be read. Send JSON with Content-Type: application/json.",
            failures=[failure("content-type", "must be application/json", "unsupported_media_type")],
        )
    return None


async def _handle_http_exception(request: Request, error: Exception) -> Response:
    """Answers what the router and body parsing raise: 404 and 405 with a hint, anything else with 400."""
    assert isinstance(error, HTTPException)  # registered for it
    route = f"{request.method} {request.url.path}"
    if error.status_code == 404:
        return _respond_with_error(
            request, NotFound(f"no route {route}. GET /openapi.json lists all routes.")
        )
    if error.status_code == 405:
        # The document takes a second of computing, for which other calls must not wait.
        listed = await asyncio.to_thread(_list_allowed_methods, request)
        allowed = listed or (error.headers or {}).get("Allow", "")
        return _respond_with_error(
            request,
            MethodNotAllowed(f"{route} is not served. Allowed: {allowed}.", headers={"allow": allowed}),
        )
    return _respond_with_error(
        request,
        BadRequest(
            "the body cannot be read as JSON: it is nested too deeply, or is not text.",
            failures=[failure("body", "must be JSON", "malformed_json")],
        ),
    )


def _list_allowed_methods(request: Request) -> str:
    """Lists the methods that a path has, as an `Allow` header. Each method is a route of its own, and the
    router's own header names those of the first route only."""
    segments = request.scope["path"].split("/")
    methods = {
        method.upper()
        for path, operations in _build_openapi_document(request.app)["paths"].items()
        if len(parts := path.split("/")) == len(segments)
        and all(part == name or part.startswith("{") for part, name in zip(parts, segments, strict=True))
        for method in operations
    }
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


def _to_failures(errors: Sequence[Any], body_fields: frozenset[str]) -> list[dict[str, str]]:
    """Converts the validator's errors to failures with path, message and code. `body_fields`: those of the
    route's body, of which unknown ones may be misspellings."""
    return [
        _make_unknown_field_failure(error, body_fields)
        if error["type"] == "extra_forbidden"
        else failure(_format_path(error["loc"]), _get_message(error), error["type"])
        for error in errors
    ]


def _make_unknown_field_failure(error: Any, body_fields: frozenset[str]) -> dict[str, str]:
    """Returns the failure for a field that the body does not have, with those that are close to it."""
    name = _format_path(error["loc"])
    return failure(
        name, f"is not a field of this request{suggest_close_names(name, body_fields)}", "unknown_name"
    )


def _get_message(error: Any) -> str:
    """Returns the message of a validator's error, in words of JSON."""
    if error["type"] == "literal_error":
        return f"must be {error['ctx']['expected']}"
    if error["type"] in _LENGTH_MESSAGES:
        return _LENGTH_MESSAGES[error["type"]].format(**error["ctx"])
    text: str = _MESSAGES.get(error["type"], error["msg"])
    return text.removeprefix("Value error, ")


def _summarize(failures: Sequence[Mapping[str, str]]) -> str:
    """Returns one line with the first failure, and how many more there are."""
    first = failures[0]
    more = f" (and {len(failures) - 1} more, see details.failures)" if len(failures) > 1 else ""
    return f"{first['path']}: {first['message']}{more}"


def _format_path(location: Sequence[str | int]) -> str:
    """Formats a place in the request: `("body", "config", "label")` -> `config.label`; a whole missing body
    stays `body`."""
    names = (
        [str(part) for part in location[1:]]
        if location[0] in ("body", "query", "path")
        else list(map(str, location))
    )
    return ".".join(names) or str(location[0])
