"""Parses a request to the data plane into an `engine.calls.Call` or `engine.custom.CustomCall`.

The platform's own parameters (`limit`, `next_cursor`, `prev_cursor`, `remote_query`, `truto_*`, `isthmus_*`,
`integrated_account_id`) become fields of the call; every other parameter is passed on. A body is parsed where
a definition has to read it, and stays a stream where it is only forwarded.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import replace
from typing import Any, Final

import orjson

from isthmus.api.incoming_request import IncomingRequest, parse_json_body
from isthmus.api.multipart import parse_multipart
from isthmus.engine.calls import NO_BODY, Call, RawBody, ResponseOptions
from isthmus.engine.custom import METHOD_CONFIG, CustomCall, select_forwarded_headers
from isthmus.engine.queries import Query, parse_query, serialize_query
from isthmus.errors import BadRequest, failure
from isthmus.expressions.host import Blob

__all__ = [
    "REPEAT_UNKNOWN",
    "parse_account_id",
    "parse_call",
    "parse_node_call",
    "read_custom_call",
    "read_data_call",
    "wants_explanation",
    "wants_repetition_of_unknown",
]

REPEAT_UNKNOWN: Final = "isthmus_repeat_unknown"

_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"
_PLAIN: Final = frozenset({"text/plain", ""})

_RESPONSE_FORMATS: Final = ("unified", "normalized", "raw")
_DEFAULT_OPTIONS: Final = ResponseOptions()
_EMPTY: Final = Query()
_PLATFORM_PARAMETERS: Final = frozenset(
    {
        "integrated_account_id",
        "next_cursor",
        "prev_cursor",
        "remote_query",
        "truto_ignore_remote_data",
        "truto_exclude_fields",
        "truto_response_format",
        "truto_key_by",
        "truto_body_passthrough",
        "truto_super_query",
        "isthmus_explain",
        REPEAT_UNKNOWN,
    }
)
_PLATFORM_PARAMETERS_AND_ID: Final = _PLATFORM_PARAMETERS | {"id"}
_PLATFORM_PREFIXES: Final = ("truto_", "isthmus_")
_NOT_FOR_NODES: Final = (
    "truto_key_by",
    "truto_body_passthrough",
    "truto_response_format",
    "isthmus_explain",
    REPEAT_UNKNOWN,
)
"""Not for batch nodes: their records are an array, the response format is a field of the node, and the others
are parameters of the batch request."""
_BOOLEANS: Final = {"true": True, "1": True, "false": False, "0": False}


def parse_call(
    method: str,
    *,
    id: str | None = None,
    query: Query = _EMPTY,
    body: Any = NO_BODY,
    raw_body: bytes | AsyncIterator[bytes] | None = None,
    content_type: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Call:
    """Parses the parts of an HTTP request into a call of `method`.

    A parameter `id` that repeats the id of the path is dropped, because clients that call tools send both.
    Raises BadRequest for a malformed limit, cursor or response option, for an unknown `truto_` or `isthmus_`
    parameter, and for `truto_super_query`, which reads synced records: no account has any.
    """
    values = query.nested
    if not values:
        return Call(
            method=method,
            id=id,
            body=body,
            raw_body=raw_body,
            content_type=content_type,
            headers=headers or {},
        )
    unknown = sorted(
        name for name in values if name.startswith(_PLATFORM_PREFIXES) and name not in _PLATFORM_PARAMETERS
    )
    if unknown:
        raise BadRequest(
            f"{unknown[0]} is not a parameter of this API. Leave it out; parameters for the provider go into "
            "remote_query[name].",
            failures=[
                failure(name, "is not a parameter of this API", "unknown_parameter") for name in unknown
            ],
        )
    if _parse_text(values, "truto_super_query"):
        raise BadRequest(
            "This account has no SuperQuery: its features.super_query is null, for no records of it are kept "
            "here to be read. Leave truto_super_query out to ask the provider itself.",
            failures=[
                failure(
                    "truto_super_query",
                    "must be absent, as the account's features.super_query is null",
                    "no_super_query",
                )
            ],
        )
    has_path_id = id is not None and values.get("id") == id
    return Call(
        method=method,
        id=id,
        query=_drop_parameters(query, _PLATFORM_PARAMETERS_AND_ID if has_path_id else _PLATFORM_PARAMETERS),
        body=body,
        raw_body=raw_body,
        content_type=content_type,
        headers=headers or {},
        limit=_parse_limit(values.get("limit")),
        cursor=_parse_cursor(values),
        goes_back=bool(values.get("prev_cursor")),
        remote_query=_parse_remote_query(values.get("remote_query")),
        body_passthrough=_parse_flag(values, "truto_body_passthrough"),
        response_options=_parse_response_options(values),
    )


def parse_node_call(node: str, method: str, *, id: str | None, query: Mapping[str, Any], body: Any) -> Call:
    """Parses the call of a batch node, whose `query` may hold the same parameters as a caller's query string.

    `node`: its name, for messages. Raises what `parse_call` raises, and BadRequest for a parameter that a
    node cannot have.
    """
    for parameter in _NOT_FOR_NODES:
        if parameter in query:
            raise BadRequest(
                f"{parameter} is not for a node. Leave it out of {node}.query; response_format is a field of "
                "the node.",
                failures=[failure(f"{node}.query.{parameter}", "is not for a node", "unknown_parameter")],
            )
    return parse_call(method, id=id, query=parse_query(serialize_query(query, "indices")), body=body)


def parse_account_id(query: Query) -> str:
    """Returns the value of `integrated_account_id`. Raises BadRequest if it is missing or sent several
    times."""
    value = query.nested.get("integrated_account_id")
    if isinstance(value, str) and value:
        return value
    if value:
        raise BadRequest(
            "integrated_account_id was sent more than once. Send the id of the one account to call.",
            failures=[failure("integrated_account_id", "must be sent once", "bad_value")],
        )
    raise BadRequest(
        "integrated_account_id is missing. Add ?integrated_account_id=<id>; GET /integrated-account lists "
        "the accounts of this environment.",
        failures=[failure("integrated_account_id", "must be the id of an integrated account", "required")],
    )


def _parse_flag(values: Mapping[str, Any], name: str) -> bool:
    """Returns a parameter that is true or false, in any case; False if it is absent or empty. Raises
    BadRequest for anything else."""
    text = _parse_text(values, name)
    flag = False if text is None else _BOOLEANS.get(text.lower())
    if flag is None:
        accepted = ", ".join(_BOOLEANS)
        raise BadRequest(
            f"{name} must be one of {accepted}.",
            failures=[failure(name, f"must be one of {accepted}", "bad_value")],
        )
    return flag


async def read_data_call(request: IncomingRequest, method: str, record_id: str | None) -> Call:
    """Reads and parses the unified or proxy call of a request. `record_id`: from the path, None if there is
    none.

    With `truto_body_passthrough` the body stays a stream, so that its size costs no memory.
    """
    call = parse_call(
        method,
        id=record_id,
        query=request.query,
        content_type=request.headers.get("content-type"),
        headers=request.forwardable_headers,
    )
    if request.verb == "GET":
        return call
    if call.body_passthrough:
        body = request.get_body_to_forward()
        return replace(call, raw_body=body, raw_length=None if body is None else request.content_length)
    body = _parse_body(await request.read_body(), request)
    return call if body is NO_BODY else replace(call, body=body)


def _parse_body(raw: bytes, request: IncomingRequest) -> Any:
    """Parses a body by its content type: JSON to its value, a multipart form to an object, anything else to a
    Blob. Returns NO_BODY for an empty one."""
    kind = request.content_type
    if kind == _MULTIPART and raw:
        return parse_multipart(raw, request.headers["content-type"])
    if kind.endswith("json") or kind in _PLAIN or kind == _FORM or not raw.strip():
        return parse_json_body(raw, kind)
    return Blob(raw, request.headers["content-type"])


async def read_custom_call(request: IncomingRequest, path: str, *, is_trusted: bool) -> CustomCall:
    """Parses the custom call of a request to `path`. Only a body that may be JSON is read here, to look for a
    `methodConfig` in it; any other body is forwarded as a stream.

    `is_trusted`: whether the caller has an API token, not the token of one account.
    """
    call = CustomCall(
        verb=request.verb,
        path=path,
        parameters=Call(method="custom", query=parse_query(request.custom_query)),
        is_trusted=is_trusted,
        forwarded=select_forwarded_headers(request.forwardable_headers),
    )
    kind, sent_type = request.content_type, request.headers.get("content-type")
    if not kind.endswith("json") and kind not in _PLAIN:
        stream = request.get_body_to_forward()
        if stream is None:
            return call
        return replace(call, raw=RawBody(stream, sent_type, request.content_length))
    raw = await request.read_body()
    if not raw:
        return call
    value = _parse_json_or_none(raw)
    if not isinstance(value, dict) or METHOD_CONFIG not in value:
        # Clients send JSON as text/plain; providers accept it only as application/json.
        content_type = _JSON if kind in _PLAIN and isinstance(value, (dict, list)) else sent_type
        return replace(call, raw=RawBody(raw, content_type))
    return _add_method_config(call, request, value)


def _add_method_config(call: CustomCall, request: IncomingRequest, value: dict[str, Any]) -> CustomCall:
    """Returns the call with the `methodConfig` taken out of its body. Its paging parameters are then the
    platform's, as in any list. Raises BadRequest for a `methodConfig` that is not an object."""
    config = value[METHOD_CONFIG]
    if not isinstance(config, dict):
        raise BadRequest(
            f"{METHOD_CONFIG} must be an object: the definition of a method.",
            failures=[failure(METHOD_CONFIG, "must be an object", "type")],
        )
    remaining_body = {name: item for name, item in value.items() if name != METHOD_CONFIG}
    parameters = parse_call("custom", query=request.query, body=remaining_body or NO_BODY)
    return replace(call, parameters=parameters, method_config=config)


def _parse_json_or_none(raw: bytes) -> Any:
    """Returns the JSON value; None if the bytes are not JSON."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None


def wants_explanation(request: IncomingRequest) -> bool:
    """True if the caller sent `isthmus_explain=true`. Raises BadRequest where it is neither true nor
    false."""
    return b"isthmus_" in request.query_string and _parse_flag(request.query.nested, "isthmus_explain")


def wants_repetition_of_unknown(request: IncomingRequest) -> bool:
    """True if the caller sent `isthmus_repeat_unknown=true`. Raises BadRequest where it is neither true nor
    false."""
    return b"isthmus_" in request.query_string and _parse_flag(request.query.nested, REPEAT_UNKNOWN)


def _drop_parameters(query: Query, names: Collection[str]) -> Query:
    """Returns the same query without the parameters of these names, nested forms included."""
    return Query(
        tuple(pair for pair in query.pairs if pair[0].partition("[")[0] not in names),
        {key: value for key, value in query.nested.items() if key not in names},
    )


def _parse_cursor(values: Mapping[str, Any]) -> str | None:
    """Returns `next_cursor` or `prev_cursor`; None for the first page. An empty one counts as absent, because
    clients send `next_cursor=` on the first page. Raises BadRequest if both are sent."""
    forward, back = _parse_text(values, "next_cursor"), _parse_text(values, "prev_cursor")
    if forward and back:
        raise BadRequest(
            "next_cursor and prev_cursor were both sent. Send one of them.",
            failures=[failure("prev_cursor", "must be absent beside next_cursor", "conflict")],
        )
    return forward or back


def _parse_limit(value: Any) -> int | None:
    """Returns the page size; None if it is absent or empty. Raises BadRequest for anything but a whole number
    from 1 to 1000000."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and 0 < int(value[:12]) <= 1_000_000:
        return int(value)
    raise BadRequest(
        "limit must be a whole number from 1 to 1000000.",
        failures=[failure("limit", "must be a whole number from 1 to 1000000", "bad_limit")],
    )


def _parse_text(values: Mapping[str, Any], name: str) -> str | None:
    """Returns the text of a parameter; None if it is absent or empty. Raises BadRequest for several values,
    and for brackets after the name."""
    value = values.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    raise BadRequest(
        f"{name} was sent more than once, or with brackets. Send it once, as text.",
        failures=[failure(name, "must be one text value", "bad_value")],
    )


def _parse_remote_query(value: Any) -> Mapping[str, Any]:
    """Returns the parameters for the provider; empty if there are none. Raises BadRequest for a value without
    names in brackets."""
    if value is None or value == "":
        return {}
    if isinstance(value, dict):
        return value
    raise BadRequest(
        "remote_query takes names in brackets, for example remote_query[expand]=owner.",
        failures=[failure("remote_query", "must be of the form remote_query[name]=value", "bad_value")],
    )


def _parse_response_options(values: Mapping[str, Any]) -> ResponseOptions:
    """Parses the `truto_` parameters that shape the response. Raises BadRequest."""
    if not any(name.startswith("truto_") for name in values):
        return _DEFAULT_OPTIONS
    exclude = values.get("truto_exclude_fields")
    if isinstance(exclude, Mapping):
        raise BadRequest(
            "truto_exclude_fields is a comma list, or several values. Send truto_exclude_fields=name,other.",
            failures=[failure("truto_exclude_fields", "must be a comma list of names", "bad_value")],
        )
    lists = exclude if isinstance(exclude, list) else [exclude or ""]
    fields = tuple(part.strip() for text in lists for part in str(text).split(",") if part.strip())
    response_format = _parse_text(values, "truto_response_format") or "unified"
    if response_format not in _RESPONSE_FORMATS:
        accepted = ", ".join(_RESPONSE_FORMATS)
        raise BadRequest(
            f"truto_response_format must be one of {accepted}.",
            failures=[failure("truto_response_format", f"must be one of {accepted}", "bad_value")],
        )
    return ResponseOptions(
        ignore_remote_data=_parse_flag(values, "truto_ignore_remote_data"),
        exclude_fields=fields,
        key_by=_parse_text(values, "truto_key_by"),
        response_format=response_format,
    )
