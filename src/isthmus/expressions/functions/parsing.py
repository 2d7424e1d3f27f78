"""`$jsonParse`, `$toNumber` and `$parseUrl`: values from text."""

from __future__ import annotations

import json
from typing import NoReturn

from isthmus.expressions.errors import make_limit_error
from isthmus.expressions.functions.arguments import check_input_text
from isthmus.expressions.host.urls import Url
from isthmus.expressions.javascript import MAX_DATA_DEPTH, to_text
from isthmus.expressions.javascript import to_number as convert_to_number
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["json_parse", "parse_url", "to_number"]


def json_parse(evaluation: Evaluation, value: object = UNDEFINED) -> object:
    """The value that a JSON text stands for.

    Arguments:
        str: JSON; other values by their text form (`5` gives `5`).
    Null and missing: null for anything that is no JSON, also for `""`, null, missing and objects.
    Example:
        $jsonParse('{"a": [1, null]}')
        => {"a": [1, null]}
    """
    source = check_input_text(evaluation, to_text(value), "jsonParse")
    try:
        return json.loads(source, parse_constant=_reject_constant)
    except RecursionError:
        raise make_limit_error("jsonParse", "data_depth", MAX_DATA_DEPTH) from None
    except ValueError:
        return None


def _reject_constant(name: str) -> NoReturn:
    """Refuse `NaN` and `Infinity`, which Python's parser would take."""
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
    return convert_to_number(value)


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
