"""`$jsonToCsv` (`functions.md` §8)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from isthmus.expressions.errors import function_error
from isthmus.expressions.functions import lodash
from isthmus.expressions.functions.arguments import output_items, output_text
from isthmus.expressions.host_value import Host
from isthmus.expressions.javascript import (
    as_list,
    format_number_text,
    is_nil,
    is_number,
    is_truthy,
    join_within_limit,
    to_json_text,
    to_text,
)
from isthmus.expressions.library import Evaluation
from isthmus.expressions.meter import pace
from isthmus.expressions.values import UNDEFINED

__all__ = ["json_to_csv"]


@dataclass(frozen=True, slots=True)
class _Column:
    label: str
    path: str
    default: object = UNDEFINED


def json_to_csv(evaluation: Evaluation, rows: object = UNDEFINED, options: object = UNDEFINED) -> str:
    """Rows of objects as CSV with a header; texts quoted, numbers and booleans bare, nested values as JSON.

    Arguments:
        rows: the rows; a single one counts as a list; rows without any value are left out.
        options: `fields` (names, or `{label, value, default}` with a path as value; default: all keys in the
            order of their first appearance), `delimiter` (`,`), `header` (`true`), `eol` (a line feed),
            `defaultValue` for missing values, `withBOM`.
    Null and missing: `""` without rows; null and missing values are empty.
    Errors: `Data items should be objects or the "fields" option should be included`; bad `fields`.
    Example:
        $jsonToCsv([{"a": 1, "b": "x"}, {"a": null, "c": true}])
        => "\\"a\\",\\"b\\",\\"c\\"\\n1,\\"x\\",\\n,,true"
    """
    given = options if isinstance(options, Mapping) else {}
    items = [row for row in pace(as_list(rows)) if is_truthy(row)]
    if not items:
        return ""
    columns = _columns(items, given)
    output_items(evaluation, len(items) * max(1, len(columns)), "jsonToCsv")
    delimiter, eol = _text_option(given, "delimiter", ","), _text_option(given, "eol", "\n")
    has_header = given.get("header", True) is not False and bool(columns)
    mark = "\ufeff" if is_truthy(given.get("withBOM")) else ""
    lines = join_within_limit("jsonToCsv", eol, _lines(items, columns, delimiter, has_header=has_header))
    return output_text(evaluation, mark + lines, "jsonToCsv")


def _lines(rows: list[object], columns: list[_Column], delimiter: str, *, has_header: bool) -> Iterator[str]:
    if has_header:
        yield join_within_limit("jsonToCsv", delimiter, (_quoted(column.label) for column in columns))
    for row in pace(rows, 8 + 8 * len(columns)):
        values = [_value(row, column) for column in columns]
        if not all(is_nil(value) for value in values):
            yield join_within_limit("jsonToCsv", delimiter, map(_cell, values))


def _text_option(options: Mapping[str, object], name: str, default: str) -> str:
    value = options.get(name)
    return value if isinstance(value, str) else default


def _columns(rows: list[object], options: Mapping[str, object]) -> list[_Column]:
    default = options.get("defaultValue", UNDEFINED)
    fields = options.get("fields")
    if is_nil(fields):
        return [_Column(key, key, default) for key in _all_keys(rows)]
    if not isinstance(fields, list):
        raise function_error("jsonToCsv", "jsonToCsv: fields must be a list")
    return [_column(field, default) for field in fields]


def _column(field: object, default: object) -> _Column:
    if isinstance(field, str):
        return _Column(field, field, default)
    value = field.get("value") if isinstance(field, Mapping) else None
    if not isinstance(field, Mapping) or not isinstance(value, str):
        raise function_error("jsonToCsv", f"Invalid field info option. {to_json_text(field)}")
    label = field.get("label")
    own = field.get("default", UNDEFINED)
    return _Column(label if isinstance(label, str) else value, value, default if own is UNDEFINED else own)


def _all_keys(rows: list[object]) -> list[str]:
    keys: dict[str, None] = {}
    for row in pace(rows, 4):
        if isinstance(row, Mapping):
            keys.update(dict.fromkeys(row))
        elif isinstance(row, list):
            keys.update(dict.fromkeys(map(str, range(len(row)))))
        else:
            raise function_error(
                "jsonToCsv", 'Data items should be objects or the "fields" option should be included'
            )
    return list(keys)


def _value(row: object, column: _Column) -> object:
    if isinstance(row, Mapping) and column.path in row:
        value: object = row[column.path]
    else:
        value = lodash.get(row, column.path)
    return column.default if value is UNDEFINED else value


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"'


def _cell(value: object) -> str:
    if is_nil(value) or callable(value):
        return ""
    if isinstance(value, Host):
        value = value.to_json()
    if isinstance(value, str):
        return _quoted(to_text(value))
    if isinstance(value, bool):
        return to_text(value)
    if is_number(value):
        return format_number_text(value)
    return _quoted(to_json_text(value))
