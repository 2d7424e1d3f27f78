"""Pages of rows: filters, order and keyset cursors, the same for every platform list (`api.md` §1.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, literal, not_, or_
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.errors import BadRequest, failure

__all__ = ["Filter", "ListQuery", "Page", "Position", "fetch_page"]

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
_ORDERING = frozenset({"gt", "gte", "lt", "lte"})
_EQUALITY = frozenset({"eq", "ne", "in", "nin"})
_LARGEST = 2**63
_FRACTION = re.compile(r":\d\d[.,](\d+)")
_MILLISECONDS = 3


@dataclass(frozen=True, slots=True)
class Filter:
    """`values` as sent; only `in` and `nin` take more than one."""

    field: str
    operator: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended: the sort value of its last row (times as ISO text) and that row's id."""

    key: str | int | float | bool | None
    id: str


@dataclass(frozen=True, slots=True)
class ListQuery:
    filters: tuple[Filter, ...] = ()
    sort_by: str = "created_at"
    descending: bool = True
    limit: int = 5000
    after: Position | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """`after` is None on the last page."""

    rows: Sequence[Mapping[str, Any]]
    after: Position | None


async def fetch_page(
    conn: AsyncConnection,
    statement: Select[Any],
    fields: Mapping[str, ColumnElement[Any]],
    query: ListQuery,
) -> Page:
    """Runs `statement`, narrowed, ordered and cut as `query` says.

    `fields` maps the wire's field names (dotted ones reach a relation) to columns; it must hold `id` and the
    default sort field. A filter on any other name is ignored; an unknown operator, an unknown sort field or a
    value of the wrong type is a BadRequest.
    """
    sort = fields.get(query.sort_by)
    if sort is None:
        raise BadRequest(
            f"cannot sort by {query.sort_by}. Sort by one of: {', '.join(sorted(fields))}.",
            failures=[failure("sort_by", "must name a field of this list", "unknown_sort_field")],
        )
    identity = fields["id"]
    narrowed = [_spelled_out(each, fields) for each in query.filters]
    conditions = [_condition(fields[each.field], each) for each in narrowed if each.field in fields]
    if query.after is not None:
        conditions.append(_beyond(sort, identity, query))
    order = [sort.desc(), identity.desc()] if query.descending else [sort.asc(), identity.asc()]
    if _may_be_null(sort):
        # The databases disagree on where null stands; here it is last, whatever the direction.
        order.insert(0, sort.is_(None).asc())
    rows = (
        (await conn.execute(statement.where(*conditions).order_by(*order).limit(query.limit + 1)))
        .mappings()
        .all()
    )
    page = [dict(row) for row in rows[: query.limit]]
    if len(rows) <= query.limit or not page:
        return Page(page, None)
    return Page(page, _position(page[-1], query.sort_by, str(identity.key)))


def _position(row: Mapping[str, Any], sort_by: str, identity: str) -> Position:
    value = row[sort_by.replace(".", "_")] if sort_by not in row else row[sort_by]
    return Position(value.isoformat() if isinstance(value, datetime) else value, str(row[identity]))


def _beyond(sort: ColumnElement[Any], identity: ColumnElement[Any], query: ListQuery) -> ColumnElement[bool]:
    after = query.after
    assert after is not None  # the caller checked
    key = datetime.fromisoformat(after.key) if _is_time(sort) and isinstance(after.key, str) else after.key
    same = identity < after.id if query.descending else identity > after.id
    if key is None:
        return and_(sort.is_(None), same)
    value = literal(key, sort.type)
    later = sort < value if query.descending else sort > value
    beyond = or_(later, and_(sort == value, same))
    return or_(beyond, sort.is_(None)) if _may_be_null(sort) else beyond


def _may_be_null(column: ColumnElement[Any]) -> bool:
    return bool(getattr(column, "nullable", True))


def _spelled_out(each: Filter, fields: Mapping[str, Any]) -> Filter:
    """`relation[field]=`, as clients that nest their parameters write it, is `relation.field=`."""
    dotted = f"{each.field}.{each.operator}"
    if each.field in fields or dotted not in fields:
        return each
    return Filter(dotted, "eq" if len(each.values) == 1 else "in", each.values)


def _condition(column: ColumnElement[Any], each: Filter) -> ColumnElement[bool]:
    operator = OPERATORS.get(each.operator)
    if operator is None:
        raise BadRequest(
            f"unknown operator [{each.operator}] on {each.field}. Use one of: {', '.join(OPERATORS)}.",
            failures=[
                failure(each.field, f"operator must be one of {', '.join(OPERATORS)}", "unknown_operator")
            ],
        )
    if each.operator in _ORDERING and _python_type(column) is bool:
        raise BadRequest(
            f"{each.field} is true or false and has no order. Use eq or ne.",
            failures=[failure(each.field, "operator must be one of eq, ne, in, nin", "unknown_operator")],
        )
    values = [_coerce(column, value, each.field) for value in each.values]
    if _is_time(column) and each.operator in _EQUALITY:
        same = or_(*(_shown_as(column, *pair) for pair in zip(values, each.values, strict=True)))
        return not_(same) if each.operator in ("ne", "nin") else same
    return operator(column, values)


def _shown_as(column: ColumnElement[Any], moment: datetime, text: str) -> ColumnElement[bool]:
    """Times are kept finer than they are shown, to the second or the millisecond: a time as it is shown is
    every one that is shown so."""
    fraction = _FRACTION.search(text)
    digits = len(fraction[1]) if fraction else 0
    if digits > _MILLISECONDS:
        return column == moment
    try:
        end = moment + (timedelta(milliseconds=1) if digits else timedelta(seconds=1))
    except OverflowError:
        return column >= moment
    return and_(column >= moment, column < end)


def _is_time(column: ColumnElement[Any]) -> bool:
    return _python_type(column) is datetime


def _python_type(column: ColumnElement[Any]) -> type:
    try:
        return column.type.python_type
    except NotImplementedError:
        return str


def _coerce(column: ColumnElement[Any], text: str, field: str) -> Any:
    kind = _python_type(column)
    try:
        if kind is bool:
            return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
        if kind is int:
            number = int(text)
            if abs(number) >= _LARGEST:
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
