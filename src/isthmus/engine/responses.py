"""Reading an answer: its parser, `response_path`, records (`definitions.md` §1.9, §1.10)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from isthmus.definitions.methods import MethodDefinition, ResponseFormat
from isthmus.engine.scopes import evaluate
from isthmus.errors import NotExecutable, UpstreamInvalid
from isthmus.expressions import UNDEFINED, Expression
from isthmus.http.messages import HttpResponse

__all__ = [
    "DataPath",
    "Parsed",
    "error_body",
    "parse",
    "raw_records",
    "record_count",
    "records_of",
    "streams",
]

_READ_WHOLE: Final = frozenset({"application/x-www-form-urlencoded", "application/javascript"})
_SIMPLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*\Z")
_WORDS: Final = frozenset({"and", "or", "in", "true", "false", "null", "function"})
_CHARSET: Final = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Parsed:
    """`body`: JSON value, text, or None. `is_garbage`: it could not be parsed, and `body` is
    `{"raw", "parse_error"}`, to which no `response_path` applies."""

    body: Any
    is_garbage: bool = False


def streams(form: ResponseFormat | None, status: int, headers: Mapping[str, str]) -> bool:
    """Whether an answer goes to the caller as it arrives: a success that is no JSON, XML or text."""
    if status >= 400 or status == 204 or headers.get("content-length") == "0":
        return False
    if form is not None:
        return form == "binary"
    kind = media_type(headers)
    if not kind or kind.startswith("text/") or kind in _READ_WHOLE:
        return False
    return not kind.endswith(("json", "xml"))


def media_type(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def parse(method: MethodDefinition, response: HttpResponse) -> Parsed:
    """The body of a success. An answer without a content type is JSON where it parses, else text.

    Raises UpstreamInvalid for JSON that does not parse where `throw_error_on_parse_error` is set.
    """
    if response.status in {204, 205} or not response.body:
        return Parsed(None)
    form = method.api_response_format
    if form in {"xml", "csv"}:
        raise NotExecutable(f"api_response_format {form!r} is not executed yet. Use json, text or binary.")
    kind = media_type(response.headers)
    if form == "json" or (form is None and kind.endswith("json")):
        return _json(method, response)
    if form is None and not kind:
        value = _loads(response.body)
        return Parsed(_text(response) if value is UNDEFINED else value)
    return Parsed(_text(response))


def error_body(response: HttpResponse) -> Any:
    """The body of an error, whatever its content type: JSON where it parses, else text, None if empty."""
    if not response.body:
        return None
    value = _loads(response.body)
    return _text(response) if value is UNDEFINED else value


def _json(method: MethodDefinition, response: HttpResponse) -> Parsed:
    body = response.body
    charset = _CHARSET.search(response.headers.get("content-type", ""))
    if charset and charset[1].lower() not in {"utf-8", "utf8", "us-ascii"}:
        body = _text(response).encode()
    try:
        return Parsed(orjson.loads(body.removeprefix(b"\xef\xbb\xbf")))
    except orjson.JSONDecodeError as error:
        reason = f"{error.msg} (line {error.lineno}, column {error.colno})"
        if method.throw_error_on_parse_error:
            raise UpstreamInvalid(f"The provider's answer is not valid JSON: {reason}.") from error
        return Parsed({"raw": _text(response), "parse_error": reason}, is_garbage=True)


def _loads(body: bytes) -> Any:
    try:
        return orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        return UNDEFINED


def _text(response: HttpResponse) -> str:
    charset = _CHARSET.search(response.headers.get("content-type", ""))
    try:
        return response.body.decode(charset[1] if charset else "utf-8", "replace")
    except LookupError:
        return response.body.decode("utf-8", "replace")


class DataPath:
    """`response_path`, ready to be applied. A path of plain names is walked; the rest is evaluated."""

    __slots__ = ("_expression", "_names")

    def __init__(self, expression: Expression) -> None:
        text = expression.text.strip()
        names = tuple(text.split(".")) if _SIMPLE.match(text) else ()
        self._names: Final = () if _WORDS.intersection(names) else names
        self._expression: Final = expression

    def read(self, body: Any, *, keep_arrays: bool) -> Any:
        """UNDEFINED where nothing is there. With `keep_arrays`, an array of one stays an array (lists)."""
        value = body
        for name in self._names:
            if not isinstance(value, dict):
                break
            value = value.get(name, UNDEFINED)
        else:
            if self._names and (keep_arrays or not isinstance(value, list)):
                return value
        return evaluate("response_path", self._expression, body)


def records_of(data: Any) -> list[Any]:
    """The data of a list as an array (`definitions.md` §1.10)."""
    if isinstance(data, list):
        return data
    return [] if data is None else [data]


def raw_records(data: Any) -> list[Any]:
    """The provider's records in the data of a list: itself, or the one array of objects in it (§4.2)."""
    if isinstance(data, dict):
        arrays = [value for value in data.values() if isinstance(value, list)]
        filled = [value for value in arrays if value and all(isinstance(item, dict) for item in value)]
        if len(filled) == 1:
            return filled[0]
        if len(arrays) == 1 and not arrays[0]:
            return []
    return records_of(data)


def record_count(data: Any) -> int:
    """How many records a page holds, for the paginations that count."""
    return len(raw_records(data))
