"""Reads one page of a platform list: filters, order and keyset pagination, the same for every list of
rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Select, and_, literal, not_, or_
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.errors import BadRequest, failure

__all__ = ["Filter", "FilterColumns", "ListQuery", "Page", "Position", "fetch_page", "get_value_type"]

FilterColumns: TypeAlias = Mapping[str, ColumnElement[Any]]
"""The columns by which a list is filtered and sorted, by their names in the API: dotted for a relation."""

OPERATORS: dict[str, Callable[[ColumnElement[Any], list[Any]], ColumnElement[bool]]] = {
    "eq": lambda column, values: column == values[0],
    "ne": lambda column, values: column != values[0],
    "in": lambda column, values: column.in_(values),
    "nin": lambda column, values: column.not_in(values),
    "gt": lambda column, values: column > values[0],
    "gte": lambda column, values: column >= values[0],
    "lt": lambda column, values: column < values[0],
    "lte": lambda column, values: column <= values[0],
}
_EQUALITY_OPERATORS = frozenset({"eq", "ne", "in", "nin"})
_INTEGER_LIMIT = 2**63
_FRACTION = re.compile(r":\d\d[.,](\d+)")
_MILLISECOND_DIGITS = 3


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter of a list. `values`: the texts that the client sent; only `in` and `nin` take several."""

    field: str
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Position:
    """The end of a page: the sort value of its last row (a time as ISO 8601 text) and that row's id."""

    key: str | int | float | bool | None
    id: str


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a client asks of a list. `after`: the end of the page before; None for the first page."""

    filters: tuple[Filter, ...] = ()
    sort_by: str = "created_at"
    descending: bool = True
    limit: int = 5000
    after: Position | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one page. `after`: where the page ended; None on the last page."""

    rows: Sequence[Mapping[str, Any]]
    after: Position | None


async def fetch_page(
    conn: AsyncConnection,
    statement: Select[Any],
    fields: FilterColumns,
    query: ListQuery,
) -> Page:
    """Executes `statement` with the filters, order and limit of `query`, and returns the page.

    `fields`: the columns by the field names of the API (dotted for a relation); `id` and the default sort
    field must be among them. Every filter must name one of them: the routes refuse other names. Raises
    BadRequest for an unknown operator, an unknown sort field and a value of the wrong type.
    """
    sort = fields.get(query.sort_by)
    if sort is None:
        raise BadRequest(
            f"cannot sort by {query.sort_by}. Sort by one of: {', '.join(sorted(fields))}.",
            failures=[failure("sort_by", "must name a field of this list", "unknown_sort_field")],
        )
    identity = fields["id"]
    filters = [_normalize_filter(query_filter, fields) for query_filter in query.filters]
    conditions = [_build_condition(fields[query_filter.field], query_filter) for query_filter in filters]
    if query.after is not None:
        conditions.append(_build_after_condition(sort, identity, query))
    order = [sort.desc(), identity.desc()] if query.descending else [sort.asc(), identity.asc()]
    if _is_nullable(sort):
        # The databases sort null differently; here it comes last in both directions.
        order.insert(0, sort.is_(None).asc())
    rows = (
        (await conn.execute(statement.where(*conditions).order_by(*order).limit(query.limit + 1)))
        .mappings()
        .all()
    )
    page = [dict(row) for row in rows[: query.limit]]
    if len(rows) <= query.limit or not page:
        return Page(page, None)
    return Page(page, _make_position(page[-1], query.sort_by, str(identity.key)))


def get_value_type(column: ColumnElement[Any]) -> type:
    """Returns the type of the column's values; str where SQLAlchemy does not know it."""
    try:
        return column.type.python_type
    except NotImplementedError:
        return str


def _make_position(row: Mapping[str, Any], sort_by: str, identity: str) -> Position:
    """Returns the position where a page with this last row ends."""
    value = row[sort_by.replace(".", "_")] if sort_by not in row else row[sort_by]
    return Position(value.isoformat() if isinstance(value, datetime) else value, str(row[identity]))


def _build_after_condition(
    sort: ColumnElement[Any], identity: ColumnElement[Any], query: ListQuery
) -> ColumnElement[bool]:
    """Returns a condition for the rows after `query.after` in the order of the list."""
    after = query.after
    assert after is not None  # the caller checked
    key = datetime.fromisoformat(after.key) if _is_time(sort) and isinstance(after.key, str) else after.key
    same = identity < after.id if query.descending else identity > after.id
    if key is None:
        return and_(sort.is_(None), same)
    value = literal(key, sort.type)
    later = sort < value if query.descending else sort > value
    condition = or_(later, and_(sort == value, same))
    return or_(condition, sort.is_(None)) if _is_nullable(sort) else condition


def _is_nullable(column: ColumnElement[Any]) -> bool:
    """Returns True if the column can hold null."""
    return bool(getattr(column, "nullable", True))


def _normalize_filter(query_filter: Filter, fields: Mapping[str, Any]) -> Filter:
    """Turns `relation[field]=value`, as clients with nested parameters send it, into the filter of
    `relation.field`."""
    if query_filter.field in fields:
        return query_filter
    dotted = f"{query_filter.field}.{query_filter.operator}"
    return Filter(dotted, "eq" if len(query_filter.values) == 1 else "in", query_filter.values)


def _build_condition(column: ColumnElement[Any], query_filter: Filter) -> ColumnElement[bool]:
    """Turns the filter into a condition on its column. Raises BadRequest."""
    field, operator_name = query_filter.field, query_filter.operator
    operator = OPERATORS.get(operator_name)
    if operator is None:
        raise BadRequest(
            f"unknown operator [{operator_name}] on {field}. Use one of: {', '.join(OPERATORS)}.",
            failures=[failure(field, f"operator must be one of {', '.join(OPERATORS)}", "unknown_operator")],
        )
    if operator_name not in _EQUALITY_OPERATORS and get_value_type(column) is bool:
        raise BadRequest(
            f"{field} is true or false and has no order. Use eq or ne.",
            failures=[failure(field, "operator must be one of eq, ne, in, nin", "unknown_operator")],
        )
    values = [_parse_value(column, value, field) for value in query_filter.values]
    if _is_time(column) and operator_name in _EQUALITY_OPERATORS:
        same = or_(
            *(_match_displayed_time(column, *pair) for pair in zip(values, query_filter.values, strict=True))
        )
        return not_(same) if operator_name in ("ne", "nin") else same
    return operator(column, values)


def _match_displayed_time(column: ColumnElement[Any], moment: datetime, text: str) -> ColumnElement[bool]:
    """Returns a condition for the times that are displayed as `text`. Times are stored in microseconds but
    displayed in seconds or milliseconds, so one text stands for a range."""
    fraction = _FRACTION.search(text)
    digits = len(fraction[1]) if fraction else 0
    if digits > _MILLISECOND_DIGITS:
        return column == moment
    try:
        end = moment + (timedelta(milliseconds=1) if digits else timedelta(seconds=1))
    except OverflowError:
        return column >= moment
    return and_(column >= moment, column < end)


def _is_time(column: ColumnElement[Any]) -> bool:
    """Returns True for a column of times."""
    return get_value_type(column) is datetime


def _parse_value(column: ColumnElement[Any], text: str, field: str) -> Any:
    """Parses the value of a filter in the type of the column. Raises BadRequest."""
    kind = get_value_type(column)
    try:
        if kind is bool:
            return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
        if kind is int:
            number = int(text)
            if abs(number) >= _INTEGER_LIMIT:
                raise ValueError
            return number
        if kind is datetime:
            moment = datetime.fromisoformat(text)
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        expected = {bool: "true or false", int: "a whole number", datetime: "an ISO 8601 date-time"}[kind]
        raise BadRequest(
            f"{text!r} is not a value of {field}. It must be {expected}.",
            failures=[failure(field, f"must be {expected}", "wrong_type")],
        ) from None
    return text
