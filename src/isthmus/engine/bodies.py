"""Builds the body of a request to a provider: chooses its value, adds query and page parameters, and encodes
it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from isthmus.definitions.methods import BodyFormatConfig, MethodDefinition
from isthmus.engine.calls import NO_BODY
from isthmus.engine.evaluation import drop_undefined, evaluate, render
from isthmus.engine.multipart import OCTET_STREAM, as_file, write_multipart
from isthmus.engine.pagination import PageRequest
from isthmus.engine.queries import ArrayFormat, serialize_query
from isthmus.engine.xml import write_xml
from isthmus.errors import BadRequest, failure
from isthmus.expressions import UNDEFINED
from isthmus.expressions.host import Blob
from isthmus.expressions.placeholders import Template

__all__ = [
    "MAX_DEPTH",
    "UnpagedRequest",
    "choose_body",
    "dump_json",
    "encode_body",
    "flatten_to_dotted_names",
    "ignores_body",
    "is_deeper_than",
    "make_body_not_object_error",
    "make_passthrough_paging_error",
    "moves_query_to_body",
]

MAX_DEPTH: Final = 500
"""Nested objects and lists of a JSON body: fewer than any supported Python can write."""

_VERBS_WITHOUT_BODY: Final = frozenset({"get", "delete"})
_VERBS_WITH_BODY: Final = frozenset({"post", "put", "patch"})


def ignores_body(method: MethodDefinition, *, later_page: bool) -> bool:
    """Returns True if the definition says to send no body on this page (`ignore_body`,
    `ignore_body_in_pagination`)."""
    return method.ignore_body or (later_page and method.ignore_body_in_pagination)


def choose_body(method: MethodDefinition, body: Any, scope: Mapping[str, Any], *, later_page: bool) -> Any:
    """Returns the body of one request before it is encoded: `NO_BODY` or any JSON value.

    `body`: the caller's (proxy) or the mapped one (unified). The first rule that applies counts: none where
    the definition ignores the body; none for get and delete without a `body` in their definition; null for
    `set_body_to_null`; the `body` of the definition; else `body` itself.
    """
    if ignores_body(method, later_page=later_page):
        return NO_BODY
    if method.body is None and method.method in _VERBS_WITHOUT_BODY and not method.set_body_to_null:
        return NO_BODY
    if method.set_body_to_null:
        return None
    if method.body is None:
        return body
    if not isinstance(method.body, Template):
        value = evaluate("body", method.body, drop_undefined(scope))
        return NO_BODY if value is UNDEFINED else value
    value = render(method.body, scope, "body")
    return NO_BODY if value is UNDEFINED else value


def encode_body(
    method: MethodDefinition, body: Any, array_format: ArrayFormat
) -> tuple[bytes | None, str | None]:
    """Returns `(bytes, content type)` of a body in the method's format; `(None, None)` for no body. Raises
    BadRequest for a body that the format cannot hold."""
    if body is NO_BODY:
        return None, None
    match method.body_format:
        case "json":
            return dump_json(body), "application/json"
        case "form":
            return _encode_form(body, method.body_format_config.array_format or array_format)
        case "multipart":
            options = method.body_format_config
            return write_multipart(
                {} if body is None else body, options, options.array_format or array_format
            )
        case "xml":
            return write_xml(body, method.body_format_config), "application/xml"
        case "raw":
            return _encode_raw(body, method.body_format_config)


def _encode_raw(body: Any, config: BodyFormatConfig) -> tuple[bytes, str]:
    """Returns `(bytes, content type)` of a body that is sent as it is. Raises BadRequest for anything but
    bytes, text and files."""
    file = as_file(body)
    if file is not None:
        return file.data, config.content_type or file.type or OCTET_STREAM
    if isinstance(body, str):
        return body.encode(), config.content_type or OCTET_STREAM
    if isinstance(body, (bytes, bytearray)):
        return bytes(body), config.content_type or OCTET_STREAM
    raise BadRequest(
        "The body must be text or bytes, because this method sends it raw.",
        failures=[failure("body", "must be text or bytes", "bad_body")],
    )


def _encode_form(body: Any, array_format: ArrayFormat) -> tuple[bytes, str]:
    """Returns `(bytes, content type)` of the body as form fields. Raises BadRequest for anything but an
    object."""
    if body is None:
        body = {}
    if not isinstance(body, Mapping):
        raise BadRequest(
            "The body must be an object, because this method sends it as a form.",
            failures=[failure("body", "must be an object", "bad_body")],
        )
    return serialize_query(body, array_format).encode(), "application/x-www-form-urlencoded"


def dump_json(value: Any) -> bytes:
    """Returns the value as JSON in UTF-8, with integers of any size. Raises BadRequest for a value that has
    no JSON form, or is nested too deeply."""
    try:
        return orjson.dumps(value)
    except TypeError:
        pass
    if isinstance(value, Blob):
        raise BadRequest(
            f"a body of type {value.type or OCTET_STREAM} cannot be mapped. Send application/json, or add "
            "truto_body_passthrough=true to forward the bytes as they are.",
            failures=[failure("content-type", "must be application/json", "unsupported_media_type")],
        )
    error = BadRequest(
        "The body cannot be written as JSON: it is nested too deeply, or holds what has no form there.",
        failures=[failure("body", "must be plain JSON", "bad_body")],
    )
    if is_deeper_than(MAX_DEPTH, value):
        raise error
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError) as cause:
        raise error from cause


def is_deeper_than(limit: int, value: Any) -> bool:
    """Returns True if more than `limit` objects and lists are nested in each other. An object that occurs
    several times at one depth is visited once."""
    level = [value]
    for _ in range(limit + 1):
        containers = {id(item): item for item in level if isinstance(item, Mapping | list)}.values()
        if not containers:
            return False
        level = [
            item
            for container in containers
            for item in (container.values() if isinstance(container, Mapping) else container)
        ]
    return True


@dataclass(frozen=True, slots=True)
class UnpagedRequest:
    """The query and body of a request without what its page adds. `query`: in the URL. `body`: before
    encoding. `has_query_in_body`: the call's query was moved into `body`."""

    query: Mapping[str, Any]
    body: Any
    has_query_in_body: bool

    def add_page(self, page: PageRequest, *, in_body: bool) -> tuple[Mapping[str, Any], Any]:
        """Returns `(query, body)` with the page's parameters, in the body with `in_body`. Raises BadRequest
        for a body that is no object, if parameters go into it."""
        query, body, parts = self.query, self.body, page.parts
        if in_body:
            params = page.params if parts is None else {**page.params, **parts.query}
            body = _place_page_params(body, params) if params else body
        else:
            query = {**query, **page.params}
            if parts is not None and self.has_query_in_body:
                body = _merge_into_body(body, parts.query)
            elif parts is not None:
                query.update(parts.query)
        return query, body if parts is None else _merge_into_body(body, parts.body)


def moves_query_to_body(method: MethodDefinition, body: Any, *, later_page: bool) -> bool:
    """Returns True if the call's query is sent in the body: where `add_query_to_body` is set, the verb has a
    body, and `body` (before encoding) is an object or absent. Otherwise the query stays in the URL."""
    if not method.add_query_to_body or method.method not in _VERBS_WITH_BODY:
        return False
    has_room = body is NO_BODY and not ignores_body(method, later_page=later_page)
    return has_room or isinstance(body, dict)


def flatten_to_dotted_names(body: Any) -> dict[str, Any]:
    """Returns the values in an object by their dotted names, nulls left out; empty for anything but an
    object."""
    values_by_path: dict[str, Any] = {}
    pending = [("", body)]
    while pending:
        path, value = pending.pop()
        if isinstance(value, dict):
            pending += [(f"{path}.{key}" if path else str(key), item) for key, item in value.items()]
        elif value is not None and path:
            values_by_path[path] = value
    return values_by_path


def _merge_into_body(body: Any, high: Mapping[str, Any]) -> Any:
    """Returns the body with the entries of `high`, which win. Raises BadRequest for a body that is no
    object."""
    if not high:
        return body
    if body is NO_BODY:
        return dict(high)
    if not isinstance(body, dict):
        raise make_body_not_object_error()
    return {**body, **high}


def _place_page_params(body: Any, params: Mapping[str, Any]) -> Any:
    """Returns the body with `params`. A dotted name leads into nested objects (`variables.after`), which are
    made where there are none. Raises BadRequest for a body that is no object."""
    if body is not NO_BODY and not isinstance(body, dict):
        raise make_body_not_object_error()
    placed: dict[str, Any] = dict(body) if isinstance(body, dict) else {}
    for name, value in params.items():
        *above, last = name.split(".")
        place = placed
        for key in above:
            inner = place.get(key)
            place[key] = place = dict(inner) if isinstance(inner, dict) else {}
        place[last] = value
    return placed


def make_passthrough_paging_error() -> BadRequest:
    """Returns the error for a cursor that would go into a body whose bytes are passed through."""
    return BadRequest(
        "This list puts its cursor into the body, and bytes that are passed through cannot be paged. Send "
        "the body as JSON, without truto_body_passthrough, or send no cursor.",
        failures=[failure("next_cursor", "must be absent beside truto_body_passthrough", "bad_cursor")],
    )


def make_body_not_object_error() -> BadRequest:
    """Returns the error for a body that page parameters cannot be put into."""
    return BadRequest(
        "The body must be an object, because this list puts its page into it.",
        failures=[failure("body", "must be an object", "bad_body")],
    )
