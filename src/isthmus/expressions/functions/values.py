"""Values, currency amounts and SQL rows (`functions.md` §3.4)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import ROUND_FLOOR, ROUND_HALF_UP, Decimal

from isthmus.expressions.errors import function_error
from isthmus.expressions.functions.arguments import output_items, setting, strict
from isthmus.expressions.functions.currency import DIGITS
from isthmus.expressions.javascript import (
    describe_kind,
    enter_level,
    format_number_text,
    integral_to_int,
    is_nil,
    is_number,
    is_truthy,
    parse_float,
    to_text,
)
from isthmus.expressions.library import Evaluation
from isthmus.expressions.meter import pace
from isthmus.expressions.values import UNDEFINED

__all__ = [
    "convert_currency_from_subunit",
    "convert_currency_to_subunit",
    "first_non_empty",
    "map_values",
    "remove_empty",
    "remove_empty_items",
    "zip_sql_response",
]


def convert_currency_to_subunit(
    evaluation: Evaluation, amount: object = UNDEFINED, code: object = UNDEFINED
) -> object:
    """An amount of a currency in its subunit (cents), rounded down.

    The product is computed in doubles, so `19.99` USD is 1998; the setting `currency_exact` computes it in
    decimal.

    Arguments:
        amount: a number, or text that starts with one.
        code: an ISO 4217 code in upper case; for another one the amount stays as it is.
    Null and missing: a null or missing amount stays so; text without a number gives NaN.
    Example:
        [$convertCurrencyToSubunit(10.5, "USD"), $convertCurrencyToSubunit(500, "JPY")]
        => [1050, 500]
    """
    digits = DIGITS.get(code) if isinstance(code, str) else None
    if is_nil(amount) or digits is None:
        return amount
    number = parse_float(amount)
    if not math.isfinite(number):
        return number
    if setting(evaluation, "currency_exact") is True:
        exact = Decimal(format_number_text(number)).scaleb(digits)
        return int(exact.to_integral_value(rounding=ROUND_FLOOR))
    scaled: float = number * 10**digits
    return integral_to_int(float(math.floor(scaled))) if math.isfinite(scaled) else scaled


def convert_currency_from_subunit(amount: object = UNDEFINED, code: object = UNDEFINED) -> object:
    """An amount in the subunit of a currency (cents) as text in the currency itself, all digits shown.

    Arguments:
        amount: a number, or text that starts with one.
        code: an ISO 4217 code in upper case; for another one the amount stays as it is.
    Null and missing: a null or missing amount stays so; text without a number gives `"NaN"`.
    Example:
        [$convertCurrencyFromSubunit(1050, "USD"), $convertCurrencyFromSubunit(2500, "KWD")]
        => ["10.50", "2.500"]
    """
    digits = DIGITS.get(code) if isinstance(code, str) else None
    if is_nil(amount) or digits is None:
        return amount
    number = parse_float(amount) / 10**digits
    return fixed_point(number, digits)


def fixed_point(number: float, digits: int) -> str:
    """The exact double with so many digits, ties away from zero; as JavaScript from 1e21 up."""
    if not math.isfinite(number) or abs(number) >= 1e21:
        return format_number_text(number)
    rounded = Decimal(number).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    out = f"{rounded:f}"
    return out[1:] if number == 0 and out.startswith("-") else out


def first_non_empty(*values: object) -> object:
    """The first argument that is neither null nor missing; `""`, `0`, `false` and `[]` count as there.

    Arguments:
        ...args: any values.
    Null and missing: nothing if all are.
    Example:
        $firstNonEmpty(null, missing, "", "a")
        => ""
    """
    return next((value for value in values if not is_nil(value)), UNDEFINED)


def map_values(
    value: object = UNDEFINED,
    mapping: object = UNDEFINED,
    lower_case: object = UNDEFINED,
    default_value: object = UNDEFINED,
) -> object:
    """A value looked up in a table, whatever its case; lists and objects value by value.

    Arguments:
        value: text or a number is looked up by its lower-cased text; what is not found stays as it is.
        mapping: the table.
        lowerCase: the table's keys are in lower case already (default `false`).
        defaultValue: the result for a value that is null or missing (default `null`); values inside lists
            and objects have no default.
    Null and missing: a null or missing value gives the default, or itself without one; so does an entry
        that is null.
    Example:
        $mapValues(["OPEN", "x"], {"open": "active"})
        => ["active", "x"]
    """
    if is_nil(value) and not is_nil(default_value):
        return default_value
    if is_nil(mapping):
        return value
    if isinstance(mapping, list):
        mapping = {str(index): item for index, item in enumerate(mapping)}
    if not isinstance(mapping, Mapping):
        mapping = {}
    if not is_truthy(lower_case):
        mapping = {str(key).lower(): item for key, item in pace(mapping.items())}
    return _mapped(value, mapping, 0)


def _mapped(value: object, table: Mapping[str, object], level: int) -> object:
    if isinstance(value, str) or is_number(value):
        found = table.get(to_text(value).lower())
        return value if is_nil(found) else found
    if isinstance(value, list):
        inside = enter_level(level, "mapValues", len(value))
        items: list[object] = []
        for item in pace(value):
            items.append(_mapped(item, table, inside))
        return items
    if isinstance(value, Mapping):
        inside = enter_level(level, "mapValues", len(value))
        fields: dict[str, object] = {}
        for key, item in pace(value.items()):
            fields[key] = _mapped(item, table, inside)
        return fields
    return value


def remove_empty(evaluation: Evaluation, value: object = UNDEFINED) -> object:
    """Nothing in the place of something empty, so that the field is left out.

    Arguments:
        arg: a list or text of length 0 gives nothing, else it stays; an object loses the fields that are
            null, missing, `""` or `[]`, and gives nothing if none is left; a number gives nothing.
    Null and missing: an error.
    Errors: `removeEmpty: …` for null and missing.
    Example:
        {"a": $removeEmpty([]), "b": $removeEmpty({"x": null, "y": 1})}
        => {"b": {"y": 1}}
    """
    if is_nil(value):
        raise function_error(
            "removeEmpty", f"removeEmpty: the value is {describe_kind(value)}, expected a list or text"
        )
    if isinstance(value, (list, str)):
        return value if len(value) else UNDEFINED
    if isinstance(value, Mapping) and not strict(evaluation):
        kept = {key: item for key, item in pace(value.items()) if not _is_empty(item)}
        return kept or UNDEFINED
    return UNDEFINED


def _is_empty(value: object) -> bool:
    return is_nil(value) or value == "" or (isinstance(value, list) and not value)


def remove_empty_items(value: object = UNDEFINED) -> object:
    """A list without the items that are null, missing, `""`, `0`, `false`, `{}` or `[]`; not deep.

    Arguments:
        arg: a list; another value stays as it is.
    Example:
        $removeEmptyItems([3, {}, "", {"k": {}}])
        => [3, {"k": {}}]
    """
    if not isinstance(value, list):
        return value
    return [
        item for item in pace(value) if is_truthy(item) and not (isinstance(item, (list, dict)) and not item)
    ]


def zip_sql_response(
    evaluation: Evaluation,
    columns: object = UNDEFINED,
    rows: object = UNDEFINED,
    key: object = UNDEFINED,
) -> list[object]:
    """Rows of cells as objects, named by the columns.

    Arguments:
        columns: a list of objects.
        rows: a list of lists; a short row has no value for the last columns, cells beyond them are dropped.
        key: the field of a column that holds its name.
    Errors: `zipSqlResponse: …` where columns or rows are null or missing.
    Example:
        $zipSqlResponse([{"name": "id"}, {"name": "v"}], [[1, "a"], [2, "b"]], "name")
        => [{"id": 1, "v": "a"}, {"id": 2, "v": "b"}]
    """
    names = [_column_name(column, key) for column in _listed(columns, "columns")]
    table = _listed(rows, "rows")
    if table and not any(isinstance(row, list) for row in table):
        table = [table]
    output_items(evaluation, len(table) * max(len(names), 1), "zipSqlResponse")
    return [_row(names, row) for row in pace(table, 2 + len(names))]


def _listed(value: object, what: str) -> list[object]:
    if is_nil(value):
        raise function_error(
            "zipSqlResponse", f"zipSqlResponse: {what} must be a list, not {describe_kind(value)}"
        )
    return value if isinstance(value, list) else [value]


def _column_name(column: object, key: object) -> str:
    return to_text(column.get(to_text(key), UNDEFINED)) if isinstance(column, Mapping) else "undefined"


def _row(names: list[str], row: object) -> dict[str, object]:
    cells = row if isinstance(row, list) else []
    return {name: cells[index] if index < len(cells) else UNDEFINED for index, name in enumerate(names)}
