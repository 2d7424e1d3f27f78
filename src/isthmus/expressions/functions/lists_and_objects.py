"""Functions of lists and objects, by lodash's rules: `$groupBy`, `$orderBy`, `$pick`, `$flatten` and others.

A list argument that is no list counts as a list of one, null and missing included. `$join` replaces a
function of JSONata and is in `jsonata_overrides`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from isthmus.expressions.functions.arguments import check_output_text
from isthmus.expressions.functions.lodash import (
    get_path,
    has_path,
    remove_path,
    set_path,
    sort_key,
    split_path,
    to_iteratee,
)
from isthmus.expressions.javascript import (
    as_list,
    enter_level,
    is_nil,
    is_same_value,
    is_truthy,
    join_within_limit,
    order_integer_keys_first,
    to_integer,
    to_text,
)
from isthmus.expressions.library import Evaluation
from isthmus.expressions.meter import charge_current, pace
from isthmus.expressions.values import UNDEFINED

__all__ = [
    "chunk",
    "compact",
    "difference",
    "find",
    "flatten",
    "flatten_deep",
    "flatten_depth",
    "group_by",
    "key_by",
    "lofilter",
    "omit",
    "order_by",
    "pick",
    "values",
    "wrap",
]


def group_by(items: object = UNDEFINED, by: object = UNDEFINED) -> dict[str, object]:
    """The items of a list by the text form of a value of theirs.

    Keys that are whole numbers come first, ascending.

    Arguments:
        list: the items.
        by: a path, or a function of an item; items without a value go under `"undefined"`.
    Example:
        $groupBy([{"t": "a", "n": 1}, {"t": "b", "n": 2}, {"t": "a", "n": 3}], "t").a.n
        => [1, 3]
    """
    read = to_iteratee(by)
    groups: dict[str, list[object]] = {}
    for item in pace(as_list(items), 4):
        groups.setdefault(to_text(read(item)), []).append(item)
    return order_integer_keys_first(groups.items())


def key_by(items: object = UNDEFINED, by: object = UNDEFINED) -> dict[str, object]:
    """The items of a list as the fields of an object; of items with the same key the last counts.

    Arguments:
        list: the items.
        by: a path, or a function of an item, that gives the key.
    Null and missing: `{}` for a missing list.
    Example:
        $keyBy([{"id": "a", "n": 1}, {"id": "b", "n": 2}], "id").b.n
        => 2
    """
    read = to_iteratee(by)
    return order_integer_keys_first([(to_text(read(item)), item) for item in pace(as_list(items), 4)])


def pick(value: object = UNDEFINED, keys: object = UNDEFINED) -> dict[str, object]:
    """Some fields of an object.

    Arguments:
        obj: the object.
        keys: one path or a list of them; `a.b` gives a nested result, absent ones are left out.
    Null and missing: `{}` for an object that is null or missing.
    Example:
        $pick({"a": 1, "b": {"c": 2, "d": 3}}, ["a", "b.c"])
        => {"a": 1, "b": {"c": 2}}
    """
    result: dict[str, object] = {}
    if is_nil(value):
        return result
    for key in pace(_collect_paths(keys), 4):
        if has_path(value, key):
            set_path(result, split_path(key, value), get_path(value, key))
    return result


def omit(value: object = UNDEFINED, keys: object = UNDEFINED) -> object:
    """An object without some fields.

    Arguments:
        obj: the object.
        keys: one path or a list of them.
    Null and missing: `{}` for an object that is null or missing.
    Example:
        $omit({"a": 1, "b": {"c": 2, "d": 3}}, ["a", "b.c"])
        => {"b": {"d": 3}}
    """
    if isinstance(value, list):
        value = {str(index): item for index, item in enumerate(pace(value))}
    if not isinstance(value, Mapping):
        return {}
    result: object = dict(value)
    for key in _collect_paths(keys):
        result = remove_path(result, split_path(key, value))
    return result


def _collect_paths(keys: object) -> list[object]:
    """Return the paths that `keys` names: one, a list, or a list with lists inside."""
    paths: list[object] = []
    for key in [] if keys is UNDEFINED else as_list(keys):
        paths.extend(as_list(key))
    return paths


def compact(items: object = UNDEFINED) -> list[object]:
    """A list without its null, missing, `false`, `0` and `""` items.

    Arguments:
        list: the items.
    Example:
        $compact([0, 1, false, "", "a", null, []])
        => [1, "a", []]
    """
    return [item for item in pace(as_list(items)) if is_truthy(item)]


def order_by(items: object = UNDEFINED, by: object = UNDEFINED, order: object = UNDEFINED) -> list[object]:
    """A list sorted by one or more values; equal items keep their order.

    Arguments:
        list: the items.
        by: a path, a function of an item, or a list of those (default: the item itself).
        order: `asc` or `desc`, or a list of them for each of `by` (default `asc`).
    Null and missing: null, missing and NaN come last, first with `desc`.
    Example:
        $orderBy([{"n": 1}, {"n": 3}, {"n": 2}], "n", "desc").n
        => [3, 2, 1]
    """
    keys = by if isinstance(by, list) else [] if is_nil(by) else [by]
    readers = [to_iteratee(_normalize_sort_key(key)) for key in keys] or [to_iteratee(None)]
    orders = order if isinstance(order, list) else [] if is_nil(order) else [order]
    result = list(as_list(items))
    for position in reversed(range(len(readers))):
        read = readers[position]
        descending = position < len(orders) and orders[position] == "desc"
        ranks: list[Any] = [sort_key(read(item)) for item in pace(result, 4)]
        places = sorted(range(len(ranks)), key=ranks.__getitem__, reverse=descending)
        result = [result[place] for place in places]
    return result


def _normalize_sort_key(key: object) -> object:
    """Return `by` of `$orderBy` for `to_iteratee`: a list inside it is one path, not a pair of path and
    value."""
    if not isinstance(key, list):
        return key
    return key[0] if len(key) == 1 else lambda item: get_path(item, key)


def find(items: object = UNDEFINED, by: object = UNDEFINED) -> object:
    """The first item that fits.

    Arguments:
        list: the items.
        by: a path whose value counts as true, an object of fields to match (deep), a pair `[path, value]`,
            or a function of an item (default: the item itself counts as true).
    Null and missing: nothing where none fits.
    Example:
        $find([{"id": 1}, {"id": 2, "ok": true}], {"ok": true}).id
        => 2
    """
    read = to_iteratee(by)
    return next((item for item in pace(as_list(items), 4) if is_truthy(read(item))), UNDEFINED)


def lofilter(items: object = UNDEFINED, by: object = UNDEFINED) -> list[object]:
    """All items that fit; a single one stays in a list.

    Arguments:
        list: the items.
        by: as for `$find`.
    Example:
        $lofilter([{"id": 1, "ok": true}, {"id": 2}], "ok")
        => [{"id": 1, "ok": true}]
    """
    read = to_iteratee(by)
    return [item for item in pace(as_list(items), 4) if is_truthy(read(item))]


def values(value: object = UNDEFINED) -> list[object]:
    """The values of an object, in the order of its keys.

    Arguments:
        obj: an object; a list is copied, text gives its characters.
    Null and missing: `[]`.
    Example:
        $values({"a": 1, "b": [2]})
        => [1, [2]]
    """
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if isinstance(value, (list, str)) else []


def chunk(evaluation: Evaluation, items: object = UNDEFINED, size: object = UNDEFINED) -> list[object]:
    """A list cut into lists of a size; the last may be shorter.

    Arguments:
        list: the items.
        size: cut to a whole number (default `1`); below 1 gives `[]`.
    Example:
        $chunk([1, 2, 3], 2)
        => [[1, 2], [3]]
    """
    item_list = as_list(items)
    step = to_integer(1 if size is UNDEFINED else size)
    if step < 1:
        return []
    chunk_size = len(item_list) or 1 if math.isinf(step) else int(step)
    evaluation.charge_items(len(item_list) // chunk_size, "chunk")
    return [item_list[start : start + chunk_size] for start in pace(range(0, len(item_list), chunk_size))]


def wrap(
    evaluation: Evaluation, value: object = UNDEFINED, start: object = UNDEFINED, end: object = UNDEFINED
) -> str:
    """A text between two others.

    Arguments:
        value: by its text form; the items of a list are joined by commas.
        start: what comes before it.
        end: what comes after it (default: `start`, also for `""`).
    Null and missing: `""` in their place.
    Example:
        $wrap(5, "<", ">")
        => "<5>"
    """
    last = end if is_truthy(end) else start
    parts = ("" if is_nil(part) else to_text(part) for part in (start, value, last))
    return check_output_text(evaluation, join_within_limit("wrap", "", parts), "wrap")


def difference(items: object = UNDEFINED, others: object = UNDEFINED) -> list[object]:
    """The items of a list that are not in another one.

    Arguments:
        a: the list; anything else gives `[]`.
        b: the items to leave out. Objects and lists are the same only if they are one and the same.
    Example:
        $difference([1, 2, 3, 2], [2])
        => [1, 3]
    """
    if not isinstance(items, list):
        return []
    if not isinstance(others, list):
        return list(items)
    scalars: set[tuple[bool, object]] = {
        (type(other) is bool, other) for other in pace(others) if isinstance(other, (str, int, float))
    }
    rest = [other for other in others if not isinstance(other, (str, int, float)) or other != other]
    return [item for item in pace(items) if not _is_among(item, scalars, rest)]


def _is_among(item: object, scalars: set[tuple[bool, object]], rest: list[object]) -> bool:
    """Return whether the item is one of `scalars` (is a boolean, value), or the same value as one of
    `rest`."""
    if isinstance(item, (str, int, float)) and item == item:
        return (type(item) is bool, item) in scalars
    charge_current(len(rest))
    return any(is_same_value(item, other) for other in rest)


def flatten(evaluation: Evaluation, items: object = UNDEFINED) -> list[object]:
    """A list without its first level of inner lists.

    Arguments:
        list: the items.
    Example:
        $flatten([1, [2, [3]], []])
        => [1, 2, [3]]
    """
    return flatten_depth(evaluation, items, 1)


def flatten_deep(evaluation: Evaluation, items: object = UNDEFINED) -> list[object]:
    """A list without any inner lists.

    Arguments:
        list: the items.
    Example:
        $flattenDeep([1, [2, [3, [4]]]])
        => [1, 2, 3, 4]
    """
    return flatten_depth(evaluation, items, math.inf)


def flatten_depth(
    evaluation: Evaluation, items: object = UNDEFINED, depth: object = UNDEFINED
) -> list[object]:
    """A list without so many levels of inner lists.

    Arguments:
        list: the items.
        depth: how many levels (default `1`); 0 gives a copy.
    Example:
        $flattenDepth([1, [2, [3, [4]]]], 2)
        => [1, 2, 3, [4]]
    """
    flat: list[object] = []
    _flatten_into(flat, evaluation, as_list(items), 1 if depth is UNDEFINED else to_integer(depth), 0)
    return flat


def _flatten_into(
    flat: list[object], evaluation: Evaluation, items: list[object], depth: int | float, level: int
) -> None:
    """Append the items to `flat`, those of inner lists down to `depth` in their place.

    `level` counts the lists around `items`. Raises ExpressionError where lists are nested too deep or items
    too many.
    """
    inside = enter_level(level, "flattenDeep", len(items))
    for item in pace(items, 1):
        if depth > 0 and isinstance(item, list):
            _flatten_into(flat, evaluation, item, depth - 1, inside)
        else:
            flat.append(item)
    if len(flat) > evaluation.limits.items:
        raise evaluation.make_limit_error("items", "flatten")
