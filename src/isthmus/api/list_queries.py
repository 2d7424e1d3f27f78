"""Parses the query string of a platform list, and builds the envelope of its page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from isthmus.db.listing import Filter, ListQuery, Position
from isthmus.errors import BadRequest, Forbidden, failure
from isthmus.kit.call_warnings import CallWarning
from isthmus.kit.cursors import CursorSigner

__all__ = [
    "MAX_LIMIT",
    "build_list_envelope",
    "check_select",
    "parse_list_query",
    "require_own_environment",
    "select_fields",
    "split_query_name",
]

MAX_LIMIT: Final = 5000
_SINGLE_VALUE_OPERATORS = frozenset({"ne", "gt", "gte", "lt", "lte"})
_PAGING_PARAMETERS = frozenset({"limit", "next_cursor", "select", "sort_by"})


def build_list_envelope(
    rows: Sequence[Mapping[str, Any]],
    after: Position | None,
    query: ListQuery,
    select: str | None,
    signer: CursorSigner,
) -> dict[str, Any]:
    """Builds `{result, next_cursor, limit}`. `after`: the position of the last row, None on the last page.
    `select`: a comma list of dotted paths, None for whole rows."""
    cursor = None
    if after is not None:
        cursor = signer.encode({"k": after.key, "id": after.id, "s": query.sort_by, "d": query.descending})
    result = [dict(row) for row in rows]
    if select:
        result = [select_fields(row, select) for row in result]
    return {"result": result, "next_cursor": cursor, "limit": query.limit}


def parse_list_query(
    items: Iterable[tuple[str, str]],
    *,
    limit: str | None,
    next_cursor: str | None,
    sort_by: str | None,
    signer: CursorSigner,
) -> ListQuery:
    """Parses the parameters of a list. `items`: every parameter; those that are not for paging are filters.
    Raises BadRequest for a malformed limit, sorting or cursor."""
    field, _, direction = (sort_by or "created_at:desc").partition(":")
    descending = (direction or ("desc" if sort_by is None else "asc")) == "desc"
    if direction not in ("", "asc", "desc"):
        raise BadRequest(
            f"sort_by={sort_by} has an unknown direction. Use field:asc or field:desc.",
            failures=[failure("sort_by", "direction must be asc or desc", "bad_sort")],
        )
    after = None
    if next_cursor:
        value = signer.decode(next_cursor)
        if (value.get("s"), value.get("d")) != (field, descending):
            raise BadRequest(
                "next_cursor belongs to a list in another order. Keep sort_by while you page.",
                failures=[failure("next_cursor", "must come from the same sort_by", "bad_cursor")],
            )
        after = Position(value["k"], value["id"])
    return ListQuery(tuple(_parse_filters(items)), field, descending, _parse_limit(limit), after)


def require_own_environment(query: ListQuery, environment_id: str) -> ListQuery:
    """Returns the query without the filters for the token's own environment, which keep every row: a list has
    no others. Raises Forbidden if a filter names another environment."""
    kept = []
    for filter in query.filters:
        if filter.field != "environment_id" or filter.operator not in ("eq", "in"):
            kept.append(filter)
        else:
            foreign = [value for value in filter.values if value != environment_id]
            if foreign:
                raise Forbidden(
                    f"environment {foreign[0]} is not this token's. Leave environment_id out: a token sees "
                    "its own environment only."
                )
    return replace(query, filters=tuple(kept))


def _parse_limit(text: str | None) -> int:
    """Returns the page size; MAX_LIMIT if none was sent. Raises BadRequest for anything but a number from 1
    to MAX_LIMIT."""
    if not text:
        return MAX_LIMIT
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= MAX_LIMIT:
        raise BadRequest(
            f"limit={text[:20]} is not a page size. Send a whole number from 1 to {MAX_LIMIT}.",
            failures=[failure("limit", f"must be a whole number from 1 to {MAX_LIMIT}", "bad_limit")],
        )
    return int(text)


def _parse_filters(items: Iterable[tuple[str, str]]) -> Iterable[Filter]:
    """Yields the filters of a list: `a=1` is the filter `a[eq]=1`; `a[in]=1,2`, `a[in][]=1&a[in][]=2` and a
    repeated `a=1&a=2` are lists."""
    gathered: dict[tuple[str, str], list[str]] = {}
    for name, value in items:
        if name not in _PAGING_PARAMETERS:
            gathered.setdefault(split_query_name(name), []).append(value)
    for (field, operator), values in gathered.items():
        if operator in ("in", "nin"):
            yield Filter(field, operator, tuple(part for value in values for part in value.split(",")))
        elif operator == "eq" and len(values) > 1:
            yield Filter(field, "in", tuple(values))
        elif operator in _SINGLE_VALUE_OPERATORS:
            yield Filter(field, operator, (values[-1],))
        else:  # one value of `eq`; or no operator but a field of a relation: some clients write `a[b]=1`
            yield Filter(field, operator, tuple(values))


def split_query_name(name: str) -> tuple[str, str]:
    """Splits the name of a query parameter into (field, operator). The last name in brackets is the operator,
    those before it a relation: `a[b][in]` is (`a.b`, `in`). Without one it is `eq`; `in` for an array, `a[]`
    and `a[0]`."""
    field, _, brackets = name.partition("[")
    steps = brackets.removesuffix("]").split("][") if brackets else []
    operator = "eq"
    if steps and (steps[-1] == "" or steps[-1].isdigit()):
        steps.pop()
        operator = "in"
    if steps:
        operator = steps.pop()
    return ".".join((field, *steps)), operator


def check_select(select: str, fields: Iterable[str]) -> list[CallWarning]:
    """Returns a warning for each name in `select` that is no field of the rows: clients ask for columns that
    not every server has. Raises BadRequest if all names are unknown."""
    known = set(fields)
    names = [path.strip().partition(".")[0] for path in select.split(",")]
    unknown = [name for name in names if name and name not in known]
    if unknown and known.isdisjoint(names):
        raise BadRequest(
            f"select={unknown[0]} names no field of these rows. There are: {', '.join(sorted(known))}.",
            failures=[failure("select", f"{name} is no field", "unknown_field") for name in unknown],
        )
    return [
        CallWarning("unknown_name", f"select names {name}, which is no field of these rows", "query.select")
        for name in unknown
    ]


def select_fields(row: Mapping[str, Any], select: str) -> dict[str, Any]:
    """Returns the row with only the named fields; `a.b` keeps `{a: {b}}`. Unknown names are left out."""
    kept: dict[str, Any] = {}
    for path in select.split(","):
        source: Any = row
        target = kept
        *parents, leaf = path.strip().split(".")
        for parent in parents:
            source = source.get(parent) if isinstance(source, Mapping) else None
            if not isinstance(source, Mapping):
                break
            target = target.setdefault(parent, {})
        if isinstance(source, Mapping) and leaf in source:
            target[leaf] = source[leaf]
    return kept
