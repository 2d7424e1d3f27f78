"""Reading and writing small formats (`functions.md` §3.3)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, NoReturn

from isthmus.expressions.errors import function_error, limit_error
from isthmus.expressions.functions.arguments import input_text, output_text
from isthmus.expressions.functions.query_strings import QueryStyle, query_text
from isthmus.expressions.host.urls import Url
from isthmus.expressions.javascript import MAX_DATA_DEPTH, clamp_to_integer, to_text
from isthmus.expressions.javascript import to_number as number_of
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

if TYPE_CHECKING:
    import qs_codec

__all__ = ["json_parse", "parse_query", "parse_url", "stringify_query", "to_number"]

_MAX_DEPTH: Final = 20
_PARAMETERS: Final = 1_000


def json_parse(evaluation: Evaluation, value: object = UNDEFINED) -> object:
    """The value that a JSON text stands for.

    Arguments:
        str: JSON; other values by their text form (`5` gives `5`).
    Null and missing: null for anything that is no JSON, also for `""`, null, missing and objects.
    Example:
        $jsonParse('{"a": [1, null]}')
        => {"a": [1, null]}
    """
    given = input_text(evaluation, to_text(value), "jsonParse")
    try:
        return json.loads(given, parse_constant=_no_constant)
    except RecursionError:
        raise limit_error("jsonParse", "data_depth", MAX_DATA_DEPTH) from None
    except ValueError:
        return None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def to_number(value: object = UNDEFINED) -> int | float:
    """A number from anything, by lodash's rules; unlike `$number` it never fails.

    Arguments:
        value: text is trimmed; `""`, null, `[]` and `false` are 0, `true` is 1; `0x1f`, `0b101` and `0o17`
            are understood.
    Null and missing: missing gives NaN, as does text that is no number; NaN becomes null in the output.
    Example:
        [$toNumber(" 12 "), $toNumber("0x1f"), $toNumber(""), $toNumber("12px")]
        => [12, 31, 0, null]
    """
    return number_of(value)


def parse_url(url: object = UNDEFINED) -> Url:
    """A URL in its parts, as a browser reads it (WHATWG).

    Arguments:
        url: an absolute URL.
    Errors: `Invalid URL`, also for a missing one.
    Members: `href origin protocol username password host hostname port pathname hash search`, and
        `searchParams` with `get has getAll keys values entries size toString`.
    Example:
        $parseUrl("https://Example.com:443/a/../b?x=1#y").[hostname, port, pathname, searchParams.get("x")]
        => ["example.com", "", "/b", "1"]
    """
    return Url(to_text(url))


def parse_query(evaluation: Evaluation, query: object = UNDEFINED, options: object = UNDEFINED) -> object:
    """A query string as an object: repeated names give lists, `a[b]=c` and `a[]=1` nest.

    Arguments:
        query: the text without `?`, or with it and the option `ignoreQueryPrefix`.
        options: `ignoreQueryPrefix`, `depth` (default 5), `arrayLimit` (20), `parameterLimit` (1000),
            `delimiter`, `allowDots`, `comma`, `strictNullHandling`, `parseArrays`, `strictDepth`,
            `throwOnLimitExceeded`.
    Null and missing: `{}` for `""`, null, missing and values that are neither text nor an object.
    Errors: none by default; with `strictDepth` or `throwOnLimitExceeded` going over a limit.
    Example:
        $parseQuery("a=1&b[c]=x&d[]=1&d[]=2&e")
        => {"a": "1", "b": {"c": "x"}, "d": ["1", "2"], "e": ""}
    """
    if isinstance(query, Mapping):
        return dict(query)
    if not isinstance(query, str) or not query:
        return {}
    import qs_codec  # few need it, and it is slow to import

    given = input_text(evaluation, query, "parseQuery")
    try:
        decoded: object = qs_codec.decode(given, _decode_options(options))
    except (ValueError, IndexError) as error:
        raise function_error("parseQuery", str(error)) from None
    return _without_gaps(decoded)


def _decode_options(options: object) -> qs_codec.DecodeOptions:
    import qs_codec

    given = options if isinstance(options, Mapping) else {}
    depth, array_limit = given.get("depth"), given.get("arrayLimit")
    parameters = given.get("parameterLimit")
    delimiter = given.get("delimiter")
    return qs_codec.DecodeOptions(
        allow_dots=given.get("allowDots") is True,
        comma=given.get("comma") is True,
        ignore_query_prefix=given.get("ignoreQueryPrefix") is True,
        strict_null_handling=given.get("strictNullHandling") is True,
        parse_lists=given.get("parseArrays") is not False,
        strict_depth=given.get("strictDepth") is True,
        raise_on_limit_exceeded=given.get("throwOnLimitExceeded") is True,
        depth=clamp_to_integer(depth, 5, 0, _MAX_DEPTH),
        list_limit=clamp_to_integer(array_limit, 20, 0, _PARAMETERS),
        parameter_limit=clamp_to_integer(parameters, _PARAMETERS, 1, _PARAMETERS),
        delimiter=delimiter if isinstance(delimiter, str) and delimiter else "&",
    )


def _without_gaps(value: object) -> object:
    """Lists without the places that no parameter filled."""
    if isinstance(value, Mapping):
        return {str(key): _without_gaps(item) for key, item in value.items()}
    if isinstance(value, list):
        from qs_codec.models.undefined import Undefined as Gap

        return [_without_gaps(item) for item in value if not isinstance(item, Gap)]
    return value


def stringify_query(evaluation: Evaluation, value: object = UNDEFINED, options: object = UNDEFINED) -> str:
    """An object as a query string, nested values with brackets.

    Arguments:
        obj: an object or list.
        options: `arrayFormat` (`indices`, the default, `brackets`, `repeat` or `comma`), `encode`,
            `encodeValuesOnly`, `addQueryPrefix`, `skipNulls`, `strictNullHandling`, `allowDots`,
            `delimiter`, `format` (`RFC3986` or `RFC1738`).
    Null and missing: `""` for anything that is no object; null values give `a=`, missing ones are left out.
    Example:
        $stringifyQuery({"a": {"b": 2}, "c": [1, 2], "d": "x y"})
        => "a%5Bb%5D=2&c%5B0%5D=1&c%5B1%5D=2&d=x%20y"
    """
    if not isinstance(value, (Mapping, list)):
        return ""
    return output_text(evaluation, query_text(value, QueryStyle.of(options)), "stringifyQuery")
