"""`$jsonToCsv`: rows of objects as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from isthmus.expressions.errors import make_function_error
from isthmus.expressions.functions.arguments import check_output_text, get_options
from isthmus.expressions.functions.lodash import get_path
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
    """`path`: where the value lies in a row. `default`: the value of rows that have none there."""

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
    options = get_options(options)
    items = [row for row in pace(as_list(rows)) if is_truthy(row)]
    if not items:
        return ""
    columns = _choose_columns(items, options)
    evaluation.charge_items(len(items) * max(1, len(columns)), "jsonToCsv")
    delimiter, eol = _get_text_option(options, "delimiter", ","), _get_text_option(options, "eol", "\n")
    has_header = options.get("header", True) is not False
    mark = "\ufeff" if is_truthy(options.get("withBOM")) else ""
    lines = join_within_limit(
        "jsonToCsv", eol, _write_lines(items, columns, delimiter, has_header=has_header)
    )
    return check_output_text(evaluation, mark + lines, "jsonToCsv")


def _write_lines(
    rows: list[object], columns: list[_Column], delimiter: str, *, has_header: bool
) -> Iterator[str]:
    """Yield the lines of the file in order; rows without any value are left out."""
    if has_header:
        yield join_within_limit("jsonToCsv", delimiter, (_quote(column.label) for column in columns))
    for row in pace(rows, 8 + 8 * len(columns)):
        values = [_read_value(row, column) for column in columns]
        if not all(is_nil(value) for value in values):
            yield join_within_limit("jsonToCsv", delimiter, map(_write_cell, values))


def _get_text_option(options: Mapping[str, object], name: str, default: str) -> str:
    """Return an option that is a text; `default` for any other value."""
    value = options.get(name)
    return value if isinstance(value, str) else default


def _choose_columns(rows: list[object], options: Mapping[str, object]) -> list[_Column]:
    """Return the columns of the option `fields`, or one for each key of the rows."""
    default = options.get("defaultValue", UNDEFINED)
    fields = options.get("fields")
    if is_nil(fields):
        return [_Column(key, key, default) for key in _collect_keys(rows)]
    if not isinstance(fields, list):
        raise make_function_error("jsonToCsv", "jsonToCsv: fields must be a list")
    return [_to_column(field, default) for field in fields]


def _to_column(field: object, default: object) -> _Column:
    """Return the column of one entry of `fields`; raises ExpressionError for one that is malformed."""
    if isinstance(field, str):
        return _Column(field, field, default)
    value = field.get("value") if isinstance(field, Mapping) else None
    if not isinstance(field, Mapping) or not isinstance(value, str):
        raise make_function_error("jsonToCsv", f"Invalid field info option. {to_json_text(field)}")
    label = field.get("label")
    own_default = field.get("default", UNDEFINED)
    return _Column(
        label if isinstance(label, str) else value,
        value,
        default if own_default is UNDEFINED else own_default,
    )


def _collect_keys(rows: list[object]) -> list[str]:
    """Return all keys in the order of their first appearance; raises ExpressionError for a row without
    keys."""
    keys: dict[str, None] = {}
    for row in pace(rows, 4):
        if isinstance(row, Mapping):
            keys.update(dict.fromkeys(row))
        elif isinstance(row, list):
            keys.update(dict.fromkeys(map(str, range(len(row)))))
        else:
            raise make_function_error(
                "jsonToCsv", 'Data items should be objects or the "fields" option should be included'
            )
    return list(keys)


def _read_value(row: object, column: _Column) -> object:
    """Return the value of a column in a row; the column's default where it is missing."""
    if isinstance(row, Mapping) and column.path in row:
        value: object = row[column.path]
    else:
        value = get_path(row, column.path)
    return column.default if value is UNDEFINED else value


def _quote(value: str) -> str:
    """Return the text in double quotes, as CSV escapes them."""
    return '"' + value.replace('"', '""') + '"'


def _write_cell(value: object) -> str:
    """Return a value as a CSV cell: texts and JSON quoted, numbers and booleans bare, null and missing
    empty."""
    if is_nil(value) or callable(value):
        return ""
    if isinstance(value, Host):
        value = value.to_json()
    if isinstance(value, str):
        return _quote(to_text(value))
    if isinstance(value, bool):
        return to_text(value)
    if is_number(value):
        return format_number_text(value)
    return _quote(to_json_text(value))
