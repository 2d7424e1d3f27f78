"""Operations on a list as a whole: grouping, sorting, filtering by a function, reducing, array
construction."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cmp_to_key
from typing import Any, Final

from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.library import Evaluation
from isthmus.expressions.meter import MAX_FREE_LENGTH, pace
from isthmus.expressions.runtime.operators import is_less
from isthmus.expressions.runtime.path_steps import GroupAccumulator, count_selections
from isthmus.expressions.values import UNDEFINED, Sequence, is_function

__all__ = [
    "add_key",
    "append_items",
    "build_groups",
    "build_tuple_groups",
    "check_not_function",
    "filter_items",
    "raise_duplicate_key",
    "sort_by_terms",
    "start_reduction",
]  # fmt: skip

ItemFunction = Callable[[Any], Any]


KeyValueFunctions = tuple[tuple[ItemFunction, ItemFunction], ...]


RESERVED_KEYS: Final = ("_jsonata_lambda", "_jsonata_function")


def raise_duplicate_key(key: str, position: int) -> None:
    """Raise D1009: two keys of an object constructor are the same."""
    raise ExpressionError(
        "D1009", f'Multiple key definitions evaluate to same key: "{key}"', position, value=key
    )


def check_key(key: Any, position: int) -> None:
    """Raise T1003 for a key that is no string, D1013 for a reserved one."""
    if not isinstance(key, str):
        raise ExpressionError(
            "T1003", "Key in object structure must evaluate to a string", position, value=key
        )
    if key in RESERVED_KEYS:
        raise ExpressionError(
            "D1013", "Object property names starting with _jsonata_ are reserved", position, value=key
        )


def add_key(taken: dict[str, bool], key: Any, position: int) -> None:
    """Check a computed key of an object constructor and add it to `taken`; raises D1009 if it is there
    already."""
    check_key(key, position)
    if key in taken:
        raise_duplicate_key(key, position)
    taken[key] = True


def append_items(evaluation: Evaluation, array: list[Any], value: Any) -> None:
    """Append `value` to an array constructor's list: a list item by item, undefined not at all."""
    if value is UNDEFINED:
        return
    if isinstance(value, list):
        evaluation.charge(len(value))
        if len(value) + len(array) > evaluation.limits.items:
            raise evaluation.make_limit_error("items", "array")
        array.extend(value)
        if len(value) > MAX_FREE_LENGTH:
            evaluation.charge_memory(8 * len(value))
    else:
        array.append(value)


def build_groups(
    evaluation: Evaluation, items: Collection[Any], pairs: KeyValueFunctions, position: int
) -> dict[str, Any]:
    """Return the object that a grouping or an object constructor makes of `items`.

    Each pair of functions gives a key and a value. Items with the same key go together; the value function is
    called once a key, with all of them.
    """
    held: dict[str, Any] = {}
    owners: dict[str, int] = {}
    evaluation.charge(4 * len(items) * len(pairs))
    for item in pace(items, 4, evaluation):
        for number, (key_of, _) in enumerate(pairs):
            key = key_of(item)
            if key is UNDEFINED:
                continue
            owner = owners.get(key) if type(key) is str else None
            if owner is None:
                check_key(key, position)
                owners[key] = number
                held[key] = item
            elif owner != number:
                raise_duplicate_key(key, position)
            else:
                group = held[key]
                if type(group) is not GroupAccumulator:
                    group = held[key] = GroupAccumulator(group)
                group.add(item)
    result: dict[str, Any] = {}
    for key, number in pace(owners.items(), 4, evaluation):
        group = held[key]
        value = pairs[number][1](group.get_value() if type(group) is GroupAccumulator else group)
        if value is not UNDEFINED:
            result[key] = value
    return result


def build_tuple_groups(
    evaluation: Evaluation, tuples: list[tuple[Any, ...]], pairs: KeyValueFunctions, position: int
) -> dict[str, Any]:
    """Work as `build_groups`, over tuples of a value and its variables: the values of each variable go
    together, too."""
    held: dict[str, list[tuple[Any, ...]]] = {}
    owners: dict[str, int] = {}
    for one in tuples:
        evaluation.charge(4)
        for number, (key_of, _) in enumerate(pairs):
            key = key_of(one)
            if key is UNDEFINED:
                continue
            check_key(key, position)
            if owners.setdefault(key, number) != number:
                raise_duplicate_key(key, position)
            held.setdefault(key, []).append(one)
    result: dict[str, Any] = {}
    for key, members in held.items():
        together = [GroupAccumulator(one) for one in members[0]]
        for member in members[1:]:
            evaluation.charge(len(member))
            for slot, one in zip(together, member, strict=True):
                slot.add(one)
        value = pairs[owners[key]][1](tuple(slot.get_value() for slot in together))
        if value is not UNDEFINED:
            result[key] = value
    return result


def sort_by_terms(
    evaluation: Evaluation, value: Any, terms: tuple[tuple[ItemFunction, bool], ...], position: int
) -> Any:
    """`^(…)`: return the items in a stable order; items whose key is undefined come last in either direction.

    A term is a function for the key, and whether its order is descending.
    """
    if value is UNDEFINED:
        return Sequence()
    if not isinstance(value, list):
        return Sequence((value,))
    if len(value) <= 1:
        return Sequence(value)
    evaluation.charge(len(value) * 8)
    if len(value) > evaluation.limits.items:
        raise evaluation.make_limit_error("items", "order-by")
    if len(terms) == 1:
        key_of, descending = terms[0]
        keys = [key_of(item) for item in pace(value, 4, evaluation)]
        kinds = {type(key) for key in keys}
        is_text = kinds == {str} and all(key.isascii() for key in keys)
        if is_text or (kinds <= {int, float} and all(key == key for key in keys)):
            places = sorted(range(len(keys)), key=keys.__getitem__, reverse=descending)
            return [value[place] for place in places]
    rows = [_Row(evaluation, item, terms) for item in pace(value, 4, evaluation)]
    rows.sort(key=cmp_to_key(lambda one, other: _compare_rows(one, other, terms, position)))
    return [row.item for row in rows]


class _Row:
    """An item whose sort keys are computed when they are first needed."""

    __slots__ = ("_keys", "_terms", "evaluation", "item")

    def __init__(
        self, evaluation: Evaluation, item: Any, terms: tuple[tuple[ItemFunction, bool], ...]
    ) -> None:
        self.evaluation = evaluation
        self.item = item
        self._terms = terms
        self._keys: list[Any] = []

    def get_key(self, number: int) -> Any:
        """Return the item's key for the sort term of this number."""
        while len(self._keys) <= number:
            self._keys.append(self._terms[len(self._keys)][0](self.item))
        return self._keys[number]


def _compare_rows(
    row: _Row, other_row: _Row, terms: tuple[tuple[ItemFunction, bool], ...], position: int
) -> int:
    """Compare two rows: negative if `row` comes first, positive if `other_row` does, 0 if the order of the
    input decides."""
    row.evaluation.charge(4)
    for number, (_, descending) in enumerate(terms):
        left, right = row.get_key(number), other_row.get_key(number)
        if left is UNDEFINED or right is UNDEFINED:
            if left is right:
                continue
            return 1 if left is UNDEFINED else -1
        _check_sort_keys(left, right, position)
        if left == right:
            continue
        result = -1 if is_less(left, right) else 1
        return -result if descending else result
    return 0


def _check_sort_keys(left: Any, right: Any, position: int) -> None:
    """Raise T2008 for a key that is no number or string, T2007 for two keys of different types."""
    kinds = (str, int, float)
    if type(left) not in kinds or type(right) not in kinds:
        raise ExpressionError(
            "T2008",
            "The expressions within an order-by clause must evaluate to numeric or string values",
            position,
            value=right if type(left) in kinds else left,
        )
    if (type(left) is str) != (type(right) is str):
        raise ExpressionError(
            "T2007", "Type mismatch when comparing values in order-by clause", position, value=left
        )


def filter_items(evaluation: Evaluation, items: list[Any], test: ItemFunction, out: list[Any]) -> None:
    """Append to `out` the items that a filter selects, where the filter is a function."""
    size = len(items)
    for at, item in enumerate(items):
        evaluation.charge(2)
        times = count_selections(evaluation, test(item), at, size)
        if times:
            out.extend([item] * times)


def check_not_function(first: Any, position: int) -> None:
    """Raise T0410 if the value that `$reduce` starts with is a function."""
    if is_function(first):
        raise ExpressionError(
            "T0410",
            "Argument 3 of $reduce must not be a function",
            position,
            token="reduce",
        )


def start_reduction(items: Any, first: Any) -> tuple[Any, Any, int]:
    """Return where `$reduce` starts, as a tuple: the result so far, the items still to go, and the index
    of the first of them."""
    if items is UNDEFINED:
        return UNDEFINED, (), 0
    if first is UNDEFINED and len(items) > 0:
        return items[0], items[1:], 1
    return first, items, 0
