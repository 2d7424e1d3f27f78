"""`$convertQueryToSql` (filters as the condition of a WHERE) and `$zipSqlResponse` (rows as objects)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from isthmus.expressions.errors import make_function_error
from isthmus.expressions.functions.arguments import (
    check_output_text,
    get_options,
    is_strict,
)
from isthmus.expressions.functions.empty_and_mapped_values import map_values
from isthmus.expressions.host.datetimes.fields import ParseContext
from isthmus.expressions.host.datetimes.formatting import format_datetime
from isthmus.expressions.host.datetimes.parsing import parse_iso
from isthmus.expressions.host.datetimes.value import DateTime
from isthmus.expressions.javascript import as_list, describe_kind, enter_level, is_nil, is_truthy, to_text
from isthmus.expressions.library import Evaluation
from isthmus.expressions.meter import pace
from isthmus.expressions.values import UNDEFINED

__all__ = ["convert_query_to_sql", "zip_sql_response"]

JsonObject = Mapping[str, object]

_OPERATORS: Final = {
    "eq": "=",
    "ne": "<>",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "in": "in",
    "nin": "not in",
    "like": "like",
}


def convert_query_to_sql(
    evaluation: Evaluation,
    query: object = UNDEFINED,
    keys: object = UNDEFINED,
    mapping: object = UNDEFINED,
    types: object = UNDEFINED,
    operators: object = UNDEFINED,
    options: object = UNDEFINED,
) -> str:
    """The condition of a SQL query from an object of filters. Values without a type are inserted raw.

    Arguments:
        query: key to value (`=`), list (`in`), or object of operators (`eq ne gt gte lt lte in nin like`);
            the key `or` holds a list of such objects.
        keys: the keys to use, in this order (default: all).
        mapping: key to column name.
        types: key to `string`, `number`, `boolean`, `date`, `date|<pattern>`, `dotnetdate`, or to a table
            that the value is looked up in.
        operators: operators to add or replace.
        options: `conjunction` (`AND`), `useOrForIn`, `noSpaceBetweenOperator`, `groupComparisonInBrackets`,
            `useDoubleQuotes`, `noQuotes`, `noQuotesForDate`, `escapeSingleQuotes`.
    Null and missing: an operator with null is left out; without conditions `""`; a null value is an error.
    Errors: `Unknown operator: …`.
    Example:
        $convertQueryToSql({"name": "Ada", "age": {"gte": 18}}, [], {}, {"name": "string"})
        => "name = 'Ada' AND age >= 18"
    """
    if not isinstance(query, Mapping):
        raise make_function_error(
            "convertQueryToSql", f"convertQueryToSql: the query is {describe_kind(query)}"
        )
    writer = _ConditionWriter(
        names=get_options(mapping),
        types=get_options(types),
        operators={**_OPERATORS, **{key: to_text(word) for key, word in get_options(operators).items()}},
        options=get_options(options),
        evaluation=evaluation,
    )
    used_keys = [to_text(key) for key in keys] if isinstance(keys, list) and keys else list(query)
    return check_output_text(
        evaluation, writer.join_conditions(writer.write_conditions(query, used_keys, 0)), "convertQueryToSql"
    )


@dataclass(frozen=True, slots=True)
class _ConditionWriter:
    """Writes SQL conditions. `names`: key to column. `types`: key to a type, or to a table of values."""

    names: JsonObject
    types: JsonObject
    operators: Mapping[str, str]
    options: JsonObject
    evaluation: Evaluation

    def has_option(self, option: str) -> bool:
        """Return whether the option is set to something that counts as true."""
        return is_truthy(self.options.get(option))

    def write_conditions(self, query: JsonObject, keys: list[str], level: int) -> list[str]:
        """Return one condition for each value and operator of the query, those that are empty left out.

        Raises ExpressionError for an unknown operator and for null as a value. `level`: how deep `or` is
        nested.
        """
        conditions: list[str] = []
        for key in keys:
            value = query.get(key, UNDEFINED)
            if value is UNDEFINED:
                continue
            if key == "or" and isinstance(value, list):
                conditions.append(self.write_alternatives(value, level))
            elif isinstance(value, list):
                conditions.append(self.write_membership(key, value, "in"))
            elif isinstance(value, Mapping):
                conditions.extend(
                    self.write_comparison(key, name, operand) for name, operand in value.items()
                )
            elif value is None:
                raise make_function_error(
                    "convertQueryToSql", f"convertQueryToSql: the value of {key} is null"
                )
            else:
                conditions.append(self.write_comparison(key, "eq", value))
        return [condition for condition in conditions if condition]

    def write_alternatives(self, queries: list[object], level: int) -> str:
        """Return the conditions of several queries joined by OR, in brackets."""
        inside = enter_level(level, "convertQueryToSql", len(queries))
        sides = [
            self.join_conditions(self.write_conditions(query, list(query), inside))
            for query in queries
            if isinstance(query, Mapping)
        ]
        return f"({' OR '.join(side for side in sides if side)})"

    def join_conditions(self, parts: list[str]) -> str:
        """Return the conditions with the conjunction between them, nested in brackets if the options ask
        for it."""
        conjunction = self.options.get("conjunction")
        word = f" {conjunction if isinstance(conjunction, str) and conjunction else 'AND'} "
        if not self.has_option("groupComparisonInBrackets") or len(parts) < 2:
            return word.join(parts)
        return "(" * (len(parts) - 1) + parts[0] + "".join(f"{word}{part})" for part in parts[1:])

    def write_comparison(self, key: str, name: str, operand: object) -> str:
        """Return a key compared with a value by the operator of that name; `""` for null."""
        if name not in self.operators:
            raise make_function_error("convertQueryToSql", f"Unknown operator: {name}")
        if is_nil(operand):
            return ""
        if name in {"in", "nin"}:
            return self.write_membership(key, as_list(operand), name)
        literal = self.write_literal(key, operand)
        return "" if literal is None else self.write_condition(key, self.operators[name], literal)

    def write_membership(self, key: str, values: list[object], name: str) -> str:
        """Return the condition for `in` or `not in` a list; with `useOrForIn` comparisons that are joined
        by OR (by AND for `nin`)."""
        literals = [self.write_literal(key, value) for value in values]
        if not self.has_option("useOrForIn"):
            listed = ",".join(literal or "" for literal in literals)
            return self.write_condition(key, self.operators[name], f"({listed})")
        negated = name == "nin" and not is_strict(self.evaluation)
        sign, word = (self.operators["ne"], " AND ") if negated else (self.operators["eq"], " OR ")
        conditions = [self.write_condition(key, sign, literal) for literal in literals if literal is not None]
        return f"({word.join(conditions)})"

    def write_condition(self, key: str, sign: str, literal: str) -> str:
        """Column, sign and literal, with spaces between them unless the options leave them out."""
        column = self.names.get(key)
        space = "" if self.has_option("noSpaceBetweenOperator") else " "
        return f"{key if is_nil(column) else to_text(column)}{space}{sign}{space}{literal}"

    def write_literal(self, key: str, value: object) -> str | None:
        """Return a value by the type of its key; None for a date that cannot be read and is not quoted."""
        kind = self.types.get(key)
        if isinstance(kind, Mapping):
            mapped = map_values(value, kind)
            return self.quote(mapped, escape=False) if isinstance(mapped, str) else to_text(mapped)
        if kind == "string":
            return self.quote(to_text(value))
        if kind == "dotnetdate":
            return f"DateTime({format_datetime(self.to_datetime(value), 'yyyy,MM,dd')})"
        if isinstance(kind, str) and (kind == "date" or kind.startswith("date|")):
            moment = self.to_datetime(value)
            date = format_datetime(moment, kind[5:]) if kind != "date" else moment.to_iso()
            if self.has_option("noQuotesForDate") or self.has_option("noQuotes"):
                return date
            return self.quote("null" if date is None else date)
        return to_text(value)

    def to_datetime(self, value: object) -> DateTime:
        """Return a date-time as it is; anything else parsed as ISO 8601."""
        return value if isinstance(value, DateTime) else parse_iso(value, ParseContext(self.evaluation.now))

    def quote(self, value: str, *, escape: bool = True) -> str:
        """Return the text in the quotes that the options ask for."""
        if self.has_option("noQuotes"):
            return value
        if self.has_option("useDoubleQuotes"):
            return f'"{value}"'
        if escape and self.has_option("escapeSingleQuotes"):
            value = value.replace("'", "\\'")
        return f"'{value}'"


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
    names = [_read_column_name(column, key) for column in _require_list(columns, "columns")]
    table = _require_list(rows, "rows")
    if table and not any(isinstance(row, list) for row in table):
        table = [table]
    evaluation.charge_items(len(table) * max(len(names), 1), "zipSqlResponse")
    return [_convert_row_to_object(names, row) for row in pace(table, 2 + len(names))]


def _require_list(value: object, argument_name: str) -> list[object]:
    """Return a list as it is, another value as a list of one; raises ExpressionError for null and missing."""
    if is_nil(value):
        raise make_function_error(
            "zipSqlResponse", f"zipSqlResponse: {argument_name} must be a list, not {describe_kind(value)}"
        )
    return as_list(value)


def _read_column_name(column: object, key: object) -> str:
    """Return the name of a column: its field `key` as text."""
    return to_text(column.get(to_text(key), UNDEFINED)) if isinstance(column, Mapping) else "undefined"


def _convert_row_to_object(names: list[str], row: object) -> dict[str, object]:
    """Return the cells of a row by the names of the columns; missing ones are UNDEFINED."""
    cells = row if isinstance(row, list) else []
    return {name: cells[index] if index < len(cells) else UNDEFINED for index, name in enumerate(names)}
