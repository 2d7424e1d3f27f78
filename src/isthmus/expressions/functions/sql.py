"""`$convertQueryToSql` (`functions.md` §8): the condition of a WHERE from a parsed query.

Values without a type are inserted as they are: give text columns a type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from isthmus.expressions.errors import function_error
from isthmus.expressions.functions.arguments import output_text, strict
from isthmus.expressions.functions.values import map_values
from isthmus.expressions.host.datetimes.fields import ParseContext
from isthmus.expressions.host.datetimes.formatting import format_datetime
from isthmus.expressions.host.datetimes.parsing import parse_iso
from isthmus.expressions.host.datetimes.value import DateTime
from isthmus.expressions.javascript import describe_kind, enter_level, is_nil, is_truthy, to_text
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["convert_query_to_sql"]

Json = Mapping[str, object]

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
        raise function_error("convertQueryToSql", f"convertQueryToSql: the query is {describe_kind(query)}")
    writer = _Writer(
        names=_object(mapping),
        types=_object(types),
        operators={**_OPERATORS, **{key: to_text(word) for key, word in _object(operators).items()}},
        options=_object(options),
        evaluation=evaluation,
    )
    wanted = [to_text(key) for key in keys] if isinstance(keys, list) and keys else list(query)
    return output_text(evaluation, writer.joined(writer.parts(query, wanted, 0)), "convertQueryToSql")


def _object(value: object) -> Json:
    return value if isinstance(value, Mapping) else {}


@dataclass(frozen=True, slots=True)
class _Writer:
    names: Json
    types: Json
    operators: Mapping[str, str]
    options: Json
    evaluation: Evaluation

    def has(self, option: str) -> bool:
        return is_truthy(self.options.get(option))

    def parts(self, query: Json, keys: list[str], level: int) -> list[str]:
        out: list[str] = []
        for key in keys:
            value = query.get(key, UNDEFINED)
            if value is UNDEFINED:
                continue
            if key == "or" and isinstance(value, list):
                out.append(self.either(value, level))
            elif isinstance(value, list):
                out.append(self.members(key, value, "in"))
            elif isinstance(value, Mapping):
                out.extend(self.comparison(key, name, operand) for name, operand in value.items())
            elif value is None:
                raise function_error("convertQueryToSql", f"convertQueryToSql: the value of {key} is null")
            else:
                out.append(self.comparison(key, "eq", value))
        return [part for part in out if part]

    def either(self, queries: list[object], level: int) -> str:
        inside = enter_level(level, "convertQueryToSql", len(queries))
        sides = [
            self.joined(self.parts(query, list(query), inside))
            for query in queries
            if isinstance(query, Mapping)
        ]
        return f"({' OR '.join(side for side in sides if side)})"

    def joined(self, parts: list[str]) -> str:
        given = self.options.get("conjunction")
        word = f" {given if isinstance(given, str) and given else 'AND'} "
        if not self.has("groupComparisonInBrackets") or len(parts) < 2:
            return word.join(parts)
        return "(" * (len(parts) - 1) + parts[0] + "".join(f"{word}{part})" for part in parts[1:])

    def comparison(self, key: str, name: str, operand: object) -> str:
        if name not in self.operators:
            raise function_error("convertQueryToSql", f"Unknown operator: {name}")
        if is_nil(operand):
            return ""
        if name in {"in", "nin"}:
            return self.members(key, operand if isinstance(operand, list) else [operand], name)
        literal = self.literal(key, operand)
        return "" if literal is None else self.condition(key, self.operators[name], literal)

    def members(self, key: str, values: list[object], name: str) -> str:
        literals = [self.literal(key, value) for value in values]
        if not self.has("useOrForIn"):
            shown = ",".join(literal or "" for literal in literals)
            return self.condition(key, self.operators[name], f"({shown})")
        negated = name == "nin" and not strict(self.evaluation)
        sign, word = (self.operators["ne"], " AND ") if negated else (self.operators["eq"], " OR ")
        conditions = [self.condition(key, sign, literal) for literal in literals if literal is not None]
        return f"({word.join(conditions)})"

    def condition(self, key: str, sign: str, literal: str) -> str:
        column = self.names.get(key)
        space = "" if self.has("noSpaceBetweenOperator") else " "
        return f"{key if is_nil(column) else to_text(column)}{space}{sign}{space}{literal}"

    def literal(self, key: str, value: object) -> str | None:
        """The text of a value; None for a date that cannot be read and is not quoted."""
        kind = self.types.get(key)
        if isinstance(kind, Mapping):
            found = map_values(value, kind)
            return self.quoted(found, escape=False) if isinstance(found, str) else to_text(found)
        if kind == "string":
            return self.quoted(to_text(value))
        if kind == "dotnetdate":
            return f"DateTime({format_datetime(self.moment(value), 'yyyy,MM,dd')})"
        if isinstance(kind, str) and (kind == "date" or kind.startswith("date|")):
            moment = self.moment(value)
            shown = format_datetime(moment, kind[5:]) if kind != "date" else moment.to_iso()
            if self.has("noQuotesForDate") or self.has("noQuotes"):
                return shown
            return self.quoted("null" if shown is None else shown)
        return to_text(value)

    def moment(self, value: object) -> DateTime:
        return value if isinstance(value, DateTime) else parse_iso(value, ParseContext(self.evaluation.now))

    def quoted(self, value: str, *, escape: bool = True) -> str:
        if self.has("noQuotes"):
            return value
        if self.has("useDoubleQuotes"):
            return f'"{value}"'
        if escape and self.has("escapeSingleQuotes"):
            value = value.replace("'", "\\'")
        return f"'{value}'"
