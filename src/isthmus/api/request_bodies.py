"""The body of a data-plane call: parsed for definitions to work on, or handed on as it arrives."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import orjson

from isthmus.api.call_parameters import parse_call
from isthmus.api.incoming_request import Incoming, parse_json_body
from isthmus.api.multipart import read_multipart
from isthmus.engine.calls import NO_BODY, Call
from isthmus.engine.custom import METHOD_CONFIG, CustomCall, forwarded_headers
from isthmus.engine.queries import parse
from isthmus.engine.requests import RawBody
from isthmus.errors import BadRequest, failure
from isthmus.expressions.host import Blob

__all__ = ["read_custom_call", "read_data_call"]

_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"
_MULTIPART: Final = "multipart/form-data"
_PLAIN: Final = frozenset({"text/plain", ""})


async def read_data_call(incoming: Incoming, method: str, identity: str | None) -> Call:
    """A unified or proxy call. Bytes to pass through stay a stream, so that their size costs no memory."""
    call = parse_call(
        method,
        id=identity,
        query_string=incoming.query_string,
        content_type=incoming.headers.get("content-type"),
        headers=incoming.forwardable_headers,
    )
    if incoming.verb == "GET":
        return call
    if call.body_passthrough:
        body = incoming.body_to_forward()
        return replace(call, raw_body=body, raw_length=None if body is None else incoming.content_length)
    parsed = _parsed(await incoming.read_body(), incoming)
    return call if parsed is NO_BODY else replace(call, body=parsed)


def _parsed(raw: bytes, incoming: Incoming) -> Any:
    """JSON as its value, a form with files as an object, any other file as a blob."""
    kind = incoming.content_type
    if kind == _MULTIPART and raw:
        return read_multipart(raw, incoming.headers["content-type"])
    if kind.endswith("json") or kind in _PLAIN or kind == _FORM or not raw.strip():
        return parse_json_body(raw, kind)
    return Blob(raw, incoming.headers["content-type"])


async def read_custom_call(incoming: Incoming, path: str, *, is_trusted: bool) -> CustomCall:
    """A custom call. Only what may be JSON is read here, to look for a `methodConfig`."""
    call = CustomCall(
        verb=incoming.verb,
        path=path,
        asked=Call(method="custom", query=parse(incoming.custom_query)),
        is_trusted=is_trusted,
        forwarded=forwarded_headers(incoming.forwardable_headers),
    )
    kind, given = incoming.content_type, incoming.headers.get("content-type")
    if not kind.endswith("json") and kind not in _PLAIN:
        stream = incoming.body_to_forward()
        if stream is None:
            return call
        return replace(call, raw=RawBody(stream, given, incoming.content_length))
    raw = await incoming.read_body()
    if not raw:
        return call
    value = _json_or_none(raw)
    if not isinstance(value, dict) or METHOD_CONFIG not in value:
        # Clients send JSON as text (`api.md` §1.2, Q2): a product takes it only under its own name.
        relabelled = _JSON if kind in _PLAIN and isinstance(value, (dict, list)) else given
        return replace(call, raw=RawBody(raw, relabelled))
    return _with_method_config(call, incoming, value)


def _with_method_config(call: CustomCall, incoming: Incoming, value: dict[str, Any]) -> CustomCall:
    """Here the parameters of pages are ours, as in any list."""
    config = value[METHOD_CONFIG]
    if not isinstance(config, dict):
        raise BadRequest(
            f"{METHOD_CONFIG} must be an object: the definition of a method.",
            failures=[failure(METHOD_CONFIG, "must be an object", "type")],
        )
    rest = {name: item for name, item in value.items() if name != METHOD_CONFIG}
    asked = parse_call("custom", query_string=incoming.query_string, body=rest or NO_BODY)
    return replace(call, asked=asked, method_config=config)


def _json_or_none(raw: bytes) -> Any:
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
