"""The outbound body: which one it is, and its bytes (`definitions.md` §1.8, §1.9)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

import orjson

from isthmus.definitions.methods import MethodDefinition
from isthmus.engine.calls import NO_BODY
from isthmus.engine.queries import ArrayFormat, serialize
from isthmus.engine.scopes import evaluate, unresolved, without_undefined
from isthmus.errors import BadRequest, NotExecutable, failure
from isthmus.expressions import UNDEFINED
from isthmus.expressions.placeholders import PlaceholderError, Template

__all__ = ["chosen_body", "dump_json", "encode_body"]

_BODILESS: Final = frozenset({"get", "delete"})


def chosen_body(method: MethodDefinition, body: Any, scope: Mapping[str, Any], *, later_page: bool) -> Any:
    """The body of one request before it is encoded: `NO_BODY` or any JSON value.

    `body`: the caller's (proxy) or the mapped one (unified). In order: `ignore_body`, or get/delete without
    a `body` of their own, send none; `set_body_to_null` sends null; the `body` of the method is the whole
    body; else `body` itself.
    """
    if method.ignore_body or (later_page and method.ignore_body_in_pagination):
        return NO_BODY
    if method.body is None and method.method in _BODILESS and not method.set_body_to_null:
        return NO_BODY
    if method.set_body_to_null:
        return None
    if method.body is None:
        return body
    if not isinstance(method.body, Template):
        value = evaluate("body", method.body, without_undefined(scope))
        return NO_BODY if value is UNDEFINED else value
    try:
        value = method.body.render(scope)
    except PlaceholderError as error:
        raise unresolved("body", error) from error
    return NO_BODY if value is UNDEFINED else value


def encode_body(
    method: MethodDefinition, body: Any, array_format: ArrayFormat
) -> tuple[bytes | None, str | None]:
    """Bytes and the content type they imply; None and None for no body.

    Raises BadRequest where a form is wanted and the body is no object.
    """
    if body is NO_BODY:
        return None, None
    if method.body_format == "json":
        return dump_json(body), "application/json"
    if method.body_format == "form":
        return _form(body, method.body_format_config.array_format or array_format)
    raise NotExecutable(
        f"body_format {method.body_format!r} is not executed yet. Use json or form, or send bytes "
        "yourself with truto_body_passthrough=true."
    )


def _form(body: Any, array_format: ArrayFormat) -> tuple[bytes, str]:
    if body is None:
        body = {}
    if not isinstance(body, Mapping):
        raise BadRequest(
            "The body must be an object, because this method sends it as a form.",
            failures=[failure("body", "must be an object", "bad_body")],
        )
    return serialize(body, array_format).encode(), "application/x-www-form-urlencoded"


def dump_json(value: Any) -> bytes:
    """UTF-8 JSON; integers of any size. Raises BadRequest for what has no JSON form."""
    try:
        return orjson.dumps(value)
    except TypeError:
        pass
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadRequest(
            "The body cannot be written as JSON: it is nested too deeply, or holds what has no form there.",
            failures=[failure("body", "must be plain JSON", "bad_body")],
        ) from error
