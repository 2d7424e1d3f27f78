"""Reads the body of a provider's answer: chooses the parser, applies `response_path`, finds the records."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

import orjson

from isthmus.definitions.methods import MethodDefinition, ResponseFormat
from isthmus.engine.evaluation import evaluate
from isthmus.engine.xml import XmlUnreadable, parse_xml
from isthmus.errors import UpstreamInvalid
from isthmus.expressions import UNDEFINED, Expression
from isthmus.http.messages import HttpResponse

__all__ = [
    "DataPath",
    "ParsedBody",
    "as_records",
    "decode_text",
    "find_raw_records",
    "is_parsed_as_xml",
    "is_xml_answer",
    "parse_body",
    "parse_error_body",
    "read_media_type",
    "should_stream",
]

_TEXT_MEDIA_TYPES: Final = frozenset({"application/x-www-form-urlencoded", "application/javascript"})
_XHTML: Final = "application/xhtml+xml"
_MAX_CELLS: Final = 1_000_000
_ACCEPTED_CODECS: Final = re.compile(
    r"utf-(?:8|8-sig|16|16-le|16-be|32|32-le|32-be)|ascii|iso8859-\d+|cp\d+|koi8-[ru]|"
    r"shift_jis|euc_jp|iso2022_jp|euc_kr|gb2312|gbk|gb18030|big5|mac-roman"
)
_CHARSET: Final = re.compile(r"charset\s*=\s*\"?([\w.:-]+)", re.IGNORECASE)


csv.field_size_limit(2**31 - 1)  # the size of the whole answer is bounded where it is read


@dataclass(frozen=True, slots=True)
class ParsedBody:
    """`body`: JSON value, text, or None. `is_unparsed`: it could not be parsed, and `body` is
    `{"raw", "parse_error"}`, to which no `response_path` applies."""

    body: Any
    is_unparsed: bool = False


def should_stream(response_format: ResponseFormat | None, status: int, headers: Mapping[str, str]) -> bool:
    """Returns True if an answer is passed to the caller as it arrives: a success that is no JSON, XML or
    text.

    `response_format`: the one that the definition forces, None for none. `status`, `headers`: of the answer.
    """
    if status >= 400 or status == 204 or headers.get("content-length") == "0":
        return False
    if response_format is not None:
        return response_format == "binary"
    media_type = read_media_type(headers)
    if not media_type or media_type.startswith("text/") or media_type in _TEXT_MEDIA_TYPES:
        return False
    return not media_type.endswith(("json", "xml"))


def read_media_type(headers: Mapping[str, str]) -> str:
    """Returns the media type without its parameters, in lower case; "" where there is none."""
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def parse_body(method: MethodDefinition, response: HttpResponse) -> ParsedBody:
    """Parses the body of a success. Without a content type it is JSON where it parses, else text.

    Raises UpstreamInvalid for JSON, XML or CSV that does not parse, unless `throw_error_on_parse_error` is
    false.
    """
    if response.status in {204, 205} or not response.body:
        return ParsedBody(None)
    match _choose_format(method, response):
        case "json":
            return _parse_json(method, response)
        case "xml":
            return _parse_or_report(method, response, "XML", lambda: _parse_xml(method, response))
        case "csv":
            return _parse_or_report(method, response, "CSV", lambda: _parse_csv(decode_text(response)))
        case "":
            value = _parse_json_or_undefined(response.body)
            return ParsedBody(decode_text(response) if value is UNDEFINED else value)
    return ParsedBody(decode_text(response))


def _choose_format(method: MethodDefinition, response: HttpResponse) -> str:
    """Returns the format to parse an answer as: that of the definition, else by its media type."""
    return method.api_response_format or _choose_format_by_media_type(read_media_type(response.headers))


def _choose_format_by_media_type(media_type: str) -> str:
    """Returns the format to parse a media type as: "json", "xml" or "text"; "" where there is no media
    type."""
    if media_type.endswith("json"):
        return "json"
    return "xml" if media_type.endswith("xml") and media_type != _XHTML else media_type and "text"


def is_xml_answer(response: HttpResponse) -> bool:
    """Returns True if the content type of an answer is XML."""
    return _choose_format_by_media_type(read_media_type(response.headers)) == "xml"


def is_parsed_as_xml(method: MethodDefinition, response: HttpResponse) -> bool:
    """Returns True if an answer is XML, or the definition has it parsed as XML."""
    return _choose_format(method, response) == "xml"


def parse_error_body(method: MethodDefinition, response: HttpResponse) -> Any:
    """Parses the body of an error: as XML where its type says so, else as JSON where it parses, else text;
    None for an empty body."""
    if not response.body:
        return None
    if is_xml_answer(response):
        try:
            return _parse_xml(method, response)
        except XmlUnreadable:
            return decode_text(response)
    value = _parse_json_or_undefined(response.body)
    return decode_text(response) if value is UNDEFINED else value


def _parse_or_report(
    method: MethodDefinition, response: HttpResponse, format_name: str, parse: Callable[[], Any]
) -> ParsedBody:
    """Returns what `parse` returns as the body, or the unparsed body where it raises XmlUnreadable or
    csv.Error. `format_name`: for messages. Raises UpstreamInvalid as `_make_unparsed_body` does."""
    try:
        return ParsedBody(parse())
    except (XmlUnreadable, csv.Error) as error:
        return _make_unparsed_body(method, response, format_name, str(error))


def _make_unparsed_body(
    method: MethodDefinition, response: HttpResponse, format_name: str, reason: str
) -> ParsedBody:
    """Returns the body of an answer that cannot be parsed. Raises UpstreamInvalid unless the definition takes
    such an answer as data: it may be the first part of a longer one."""
    if method.throw_error_on_parse_error is not False:
        raise UpstreamInvalid(
            f"The provider answered {response.status} with a body that is not valid {format_name}: {reason}. "
            "If it is something else, set api_response_format; throw_error_on_parse_error: false returns it "
            "as text."
        )
    return ParsedBody({"raw": decode_text(response), "parse_error": reason}, is_unparsed=True)


def _parse_xml(method: MethodDefinition, response: HttpResponse) -> Any:
    """Parses the body of an answer as XML, in the charset of its content type. Raises XmlUnreadable."""
    charset = _CHARSET.search(response.headers.get("content-type", ""))
    return parse_xml(decode_text(response) if charset else response.body, method.body_format_config)


def _parse_csv(text: str) -> list[dict[str, str]]:
    """Returns one object per row, keyed by the names in the first row. A missing cell is "", a cell too many
    has the key `column_<n>`. Raises csv.Error for too many cells."""
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    names = next(rows, [])
    records = []
    cells = 0
    for row in rows:
        if row:
            # Short rows are filled up: a wide first row would make much of little text.
            cells += max(len(names), len(row))
            if cells > _MAX_CELLS:
                raise csv.Error(f"more than {_MAX_CELLS} cells")
            extra = [f"column_{index + 1}" for index in range(len(names), len(row))]
            records.append(dict(zip_longest([*names, *extra], row, fillvalue="")))
    return records


def _parse_json(method: MethodDefinition, response: HttpResponse) -> ParsedBody:
    """Returns the body as JSON, in the charset of its content type."""
    body = response.body
    charset = _CHARSET.search(response.headers.get("content-type", ""))
    if charset and charset[1].lower() not in {"utf-8", "utf8", "us-ascii"}:
        body = decode_text(response).encode()
    try:
        return ParsedBody(orjson.loads(body.removeprefix(b"\xef\xbb\xbf")))
    except orjson.JSONDecodeError as error:
        return _make_unparsed_body(
            method, response, "JSON", f"{error.msg} (line {error.lineno}, column {error.colno})"
        )


def _parse_json_or_undefined(body: bytes) -> Any:
    """Returns the JSON value of a body; UNDEFINED where it is not JSON."""
    try:
        return orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        return UNDEFINED


def decode_text(response: HttpResponse) -> str:
    """Returns the body as text, in the charset that its content type names, else UTF-8."""
    charset = _CHARSET.search(response.headers.get("content-type", ""))
    return response.body.decode(_find_codec(charset[1]) if charset else "utf-8", "replace")


def _find_codec(charset: str) -> str:
    """Returns the name of Python's codec for a charset; UTF-8 for an unknown one, and for codecs that are no
    charset. Some of those take a minute for a megabyte, or return text that is no Unicode."""
    try:
        name = codecs.lookup(charset).name
    except LookupError:
        return "utf-8"
    return name if _ACCEPTED_CODECS.fullmatch(name) else "utf-8"


class DataPath:
    """A `response_path`, ready to be applied. A path of nothing but names is walked; any other expression is
    evaluated."""

    __slots__ = ("_expression", "_names")

    def __init__(self, expression: Expression) -> None:
        self._names: Final = expression.get_plain_path()
        self._expression: Final = expression

    def read(self, body: Any) -> Any:
        """Returns the value at the path; UNDEFINED where there is none. An array of one gives its item."""
        value = self._walk(body)
        if value is None or isinstance(value, list):
            return evaluate("response_path", self._expression, body)
        return value

    def read_list(self, body: Any) -> tuple[Any, bool]:
        """Returns `(value, is_record)`: the value at the path, and whether an object in its place is one
        record rather than an envelope around records. An array of one record stays an array.

        An expression returns a list of one record as the record itself. An object is such a record where
        names led to it through an array, and where it holds no array that might be the records.
        """
        value = self._walk(body)
        if value is not None:
            return value, False
        value = evaluate("response_path", self._expression, body)
        return value, isinstance(value, dict) and (
            self._names is not None or find_raw_records(value) == [value]
        )

    def _walk(self, body: Any) -> Any:
        """Returns the value that the names of the path lead to; None where the expression has to be
        evaluated."""
        if self._names is None:
            return None
        value = body
        for name in self._names:
            if not isinstance(value, dict):
                return None
            value = value.get(name, UNDEFINED)
        return value


def as_records(data: Any) -> list[Any]:
    """Returns the data of a list as an array: an array as it is, [] for None, else an array of the one
    value."""
    if isinstance(data, list):
        return data
    return [] if data is None else [data]


def find_raw_records(data: Any) -> list[Any]:
    """Returns the provider's records in the data of a list: of an object the one array of objects in it,
    where there is exactly one; of anything else the data itself."""
    if isinstance(data, dict):
        arrays = [value for value in data.values() if isinstance(value, list)]
        filled = [value for value in arrays if value and all(isinstance(item, dict) for item in value)]
        if len(filled) == 1:
            return filled[0]
        if len(arrays) == 1 and not arrays[0]:
            return []
    return as_records(data)
