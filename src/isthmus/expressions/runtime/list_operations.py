"""Grouping, sorting, filtering by functions, reducing: what is done with a list as a whole."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cmp_to_key
from typing import Any, Final

from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.library import Evaluation
from isthmus.expressions.meter import MAX_FREE_LENGTH, pace
from isthmus.expressions.runtime.operators import js_less
from isthmus.expressions.runtime.path_steps import Together, picked
from isthmus.expressions.values import UNDEFINED, Sequence, is_function

__all__ = [
    "append_to", "filter_by", "group", "group_tuples", "new_key", "not_function", "order", "reduction",
    "same_key",
]  # fmt: skip

Key = Callable[[Any], Any]


Pairs = tuple[tuple[Key, Key], ...]


RESERVED: Final = ("_jsonata_lambda", "_jsonata_function")


def same_key(key: str, position: int) -> None:
    raise ExpressionError(
        "D1009", f'Multiple key definitions evaluate to same key: "{key}"', position, value=key
    )


def checked_key(key: Any, position: int) -> None:
    if not isinstance(key, str):
        raise ExpressionError(
            "T1003", "Key in object structure must evaluate to a string", position, value=key
        )
    if key in RESERVED:
        raise ExpressionError(
            "D1013", "Object property names starting with _jsonata_ are reserved", position, value=key
        )


def new_key(taken: dict[str, bool], key: Any, position: int) -> None:
    checked_key(key, position)
    if key in taken:
        same_key(key, position)
    taken[key] = True


def append_to(evaluation: Evaluation, array: list[Any], value: Any) -> None:
    """An item of an array constructor: lists are opened, nothing adds nothing."""
    if value is UNDEFINED:
        return
    if isinstance(value, list):
        evaluation.charge(len(value))
        if len(value) + len(array) > evaluation.limits.items:
            raise evaluation.limit_error("items", "array")
        array.extend(value)
        if len(value) > MAX_FREE_LENGTH:
            evaluation.charge_memory(8 * len(value))
    else:
        array.append(value)


def group(evaluation: Evaluation, items: Collection[Any], pairs: Pairs, position: int) -> dict[str, Any]:
    """An object whose keys and values are worked out over items: items of one key go together."""
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
                checked_key(key, position)
                owners[key] = number
                held[key] = item
            elif owner != number:
                same_key(key, position)
            else:
                found = held[key]
                if type(found) is not Together:
                    found = held[key] = Together(found)
                found.add(item)
    made: dict[str, Any] = {}
    for key, number in pace(owners.items(), 4, evaluation):
        found = held[key]
        value = pairs[number][1](found.value() if type(found) is Together else found)
        if value is not UNDEFINED:
            made[key] = value
    return made


def group_tuples(
    evaluation: Evaluation, tuples: list[tuple[Any, ...]], pairs: Pairs, position: int
) -> dict[str, Any]:
    """As `group` over values with variables: each variable's values go together, too."""
    held: dict[str, list[tuple[Any, ...]]] = {}
    owners: dict[str, int] = {}
    for one in tuples:
        evaluation.charge(4)
        for number, (key_of, _) in enumerate(pairs):
            key = key_of(one)
            if key is UNDEFINED:
                continue
            checked_key(key, position)
            if owners.setdefault(key, number) != number:
                same_key(key, position)
            held.setdefault(key, []).append(one)
    made: dict[str, Any] = {}
    for key, members in held.items():
        together = [Together(one) for one in members[0]]
        for member in members[1:]:
            evaluation.charge(len(member))
            for slot, one in zip(together, member, strict=True):
                slot.add(one)
        value = pairs[owners[key]][1](tuple(slot.value() for slot in together))
        if value is not UNDEFINED:
            made[key] = value
    return made


def order(evaluation: Evaluation, value: Any, terms: tuple[tuple[Key, bool], ...], position: int) -> Any:
    """`^(…)`: a stable sort; undefined keys come last whatever the direction."""
    if value is UNDEFINED:
        return Sequence()
    if not isinstance(value, list):
        return Sequence((value,))
    if len(value) <= 1:
        return Sequence(value)
    evaluation.charge(len(value) * 8)
    if len(value) > evaluation.limits.items:
        raise evaluation.limit_error("items", "order-by")
    if len(terms) == 1:
        key_of, descending = terms[0]
        keys = [key_of(item) for item in pace(value, 4, evaluation)]
        kinds = {type(key) for key in keys}
        is_text = kinds == {str} and all(key.isascii() for key in keys)
        if is_text or (kinds <= {int, float} and all(key == key for key in keys)):
            places = sorted(range(len(keys)), key=keys.__getitem__, reverse=descending)
            return [value[place] for place in places]
    rows = [_Row(evaluation, item, terms) for item in pace(value, 4, evaluation)]
    rows.sort(key=cmp_to_key(lambda one, other: _ranked(one, other, terms, position)))
    return [row.item for row in rows]


class _Row:
    """An item whose sort keys are worked out when they are first needed."""

    __slots__ = ("_keys", "_terms", "evaluation", "item")

    def __init__(self, evaluation: Evaluation, item: Any, terms: tuple[tuple[Key, bool], ...]) -> None:
        self.evaluation = evaluation
        self.item = item
        self._terms = terms
        self._keys: list[Any] = []

    def key(self, number: int) -> Any:
        while len(self._keys) <= number:
            self._keys.append(self._terms[len(self._keys)][0](self.item))
        return self._keys[number]


def _ranked(one: _Row, other: _Row, terms: tuple[tuple[Key, bool], ...], position: int) -> int:
    one.evaluation.charge(4)
    for number, (_, descending) in enumerate(terms):
        left, right = one.key(number), other.key(number)
        if left is UNDEFINED or right is UNDEFINED:
            if left is right:
                continue
            return 1 if left is UNDEFINED else -1
        _check_keys(left, right, position)
        if left == right:
            continue
        result = -1 if js_less(left, right) else 1
        return -result if descending else result
    return 0


def _check_keys(left: Any, right: Any, position: int) -> None:
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


def filter_by(evaluation: Evaluation, items: list[Any], test: Key, out: list[Any]) -> None:
    """A filter whose test is a function."""
    size = len(items)
    for at, item in enumerate(items):
        evaluation.charge(2)
        times = picked(evaluation, test(item), at, size)
        if times:
            out.extend([item] * times)


def not_function(first: Any, position: int) -> None:
    """What `$reduce` starts with may be anything but a function."""
    if is_function(first):
        raise ExpressionError(
            "T0410",
            "Argument 3 of function reduce does not match function signature",
            position,
            token="reduce",
        )


def reduction(items: Any, first: Any) -> tuple[Any, Any, int]:
    """Where `$reduce` starts: the result so far, the items still to go, the index of the next."""
    if items is UNDEFINED:
        return UNDEFINED, (), 0
    if first is UNDEFINED and len(items) > 0:
        return items[0], items[1:], 1
    return first, items, 0
