"""Grouping, sorting, filtering by functions, reducing, transforming, and leaving the evaluation."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cmp_to_key
from typing import Any, Final

from isthmus.expressions.callables import FunctionValue, is_function
from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.library import Evaluation
from isthmus.expressions.runtime.operators import js_less, normal
from isthmus.expressions.runtime.paths import grouped, picked
from isthmus.expressions.runtime.text import rounded
from isthmus.expressions.values import UNDEFINED, Sequence

__all__ = [
    "append_to", "clone", "filter_by", "finish", "group", "group_tuples", "new_key", "order", "reduction",
    "same_key", "transformer",
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
            raise evaluation.exceeded("items", "array")
        array.extend(value)
    else:
        array.append(value)


def group(evaluation: Evaluation, items: Collection[Any], pairs: Pairs, position: int) -> dict[str, Any]:
    """An object whose keys and values are worked out over items: items of one key go together."""
    held: dict[str, Any] = {}
    owners: dict[str, int] = {}
    evaluation.charge(4 * len(items) * len(pairs))
    for item in items:
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
                if type(found) is not _Group:
                    found = held[key] = _Group(found)
                found.add(item)
    made: dict[str, Any] = {}
    for key, number in owners.items():
        found = held[key]
        value = pairs[number][1](found.value() if type(found) is _Group else found)
        if value is not UNDEFINED:
            made[key] = value
    return made


class _Group:
    """What `$append` would make of the items, without copying each time."""

    __slots__ = ("first", "more")

    def __init__(self, first: Any) -> None:
        self.first = first
        self.more: list[Any] | None = None

    def add(self, item: Any) -> None:
        if self.more is None:
            together = grouped(self.first, item)
            if self.first is UNDEFINED or item is UNDEFINED or not isinstance(together, list):
                self.first = together
            else:
                self.more = together
        elif isinstance(item, list):
            self.more.extend(item)
        elif item is not UNDEFINED:
            self.more.append(item)

    def value(self) -> Any:
        return self.first if self.more is None else self.more


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
        together = members[0]
        for member in members[1:]:
            together = tuple(grouped(a, b) for a, b in zip(together, member, strict=True))
        value = pairs[owners[key]][1](together)
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
        raise evaluation.exceeded("items", "order-by")
    if len(terms) == 1:
        key_of, descending = terms[0]
        keys = [key_of(item) for item in value]
        kinds = {type(key) for key in keys}
        is_text = kinds == {str} and all(key.isascii() for key in keys)
        if is_text or (kinds <= {int, float} and all(key == key for key in keys)):
            places = sorted(range(len(keys)), key=keys.__getitem__, reverse=descending)
            return [value[place] for place in places]
    rows = [_Row(evaluation, item, terms) for item in value]
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
        times = picked(test(item), at, size)
        if times:
            out.extend([item] * times)


def reduction(items: Any, first: Any) -> tuple[Any, Any, int]:
    """Where `$reduce` starts: the result so far, the items still to go, the index of the next."""
    if items is UNDEFINED:
        return UNDEFINED, (), 0
    if first is UNDEFINED and len(items) > 0:
        return items[0], items[1:], 1
    return first, items, 0


def clone(evaluation: Evaluation, value: Any, depth: int = 0) -> Any:
    """A deep copy as if through JSON text."""
    if depth > 2 * evaluation.limits.data_depth:
        raise evaluation.exceeded("data_depth", "clone")
    if type(value) is float:
        return value if value.is_integer() else normal(rounded(value))
    if isinstance(value, list):
        evaluation.charge(len(value))
        return [None if item is UNDEFINED else clone(evaluation, item, depth + 1) for item in value]
    if isinstance(value, dict):
        evaluation.charge(len(value))
        return {k: clone(evaluation, v, depth + 1) for k, v in value.items() if v is not UNDEFINED}
    return "" if is_function(value) else value


class transformer(FunctionValue):  # noqa: N801  called like a function by generated code
    """`|pattern|update,delete|` as a function: a changed copy of its argument."""

    __slots__ = (
        "delete",
        "delete_position",
        "evaluation",
        "pattern",
        "position",
        "update",
        "update_position",
    )

    def __init__(
        self,
        evaluation: Evaluation,
        pattern: Key,
        update: Key,
        delete: Key | None,
        position: int,
        update_position: int,
        delete_position: int,
    ) -> None:
        self.evaluation = evaluation
        self.pattern = pattern
        self.update = update
        self.delete = delete
        self.position = position
        self.update_position = update_position
        self.delete_position = delete_position

    @property
    def arity(self) -> int:
        return 1

    def call(self, arguments: tuple[Any, ...], context: Any) -> Any:
        given = arguments[0] if arguments else UNDEFINED
        if given is UNDEFINED:
            return UNDEFINED
        if not isinstance(given, (dict, list)):
            raise ExpressionError(
                "T0410", "Argument 1 of function {token} does not match function signature", value=given
            )
        result = clone(self.evaluation, given)
        own = _objects_in(result)
        matches = self.pattern(result)
        if matches is not UNDEFINED:
            for match in matches if isinstance(matches, list) else [matches]:
                self.evaluation.charge(4)
                self.change(match, is_own=id(match) in own)
        return result

    def change(self, match: Any, *, is_own: bool) -> None:
        """Only what is of the copy is changed. A pattern can reach further: the input, a variable, an object
        of constants that all evaluations of this text share, in which one caller's data would stay."""
        update = self.update(match)
        if update is not UNDEFINED:
            if not isinstance(update, dict):
                raise ExpressionError(
                    "T2011",
                    "The insert/update clause of the transform expression must evaluate to an object",
                    self.update_position,
                    value=update,
                )
            if is_own:
                match.update(update)
        if self.delete is None:
            return
        names = self.delete(match)
        if names is UNDEFINED:
            return
        listed = names if isinstance(names, list) else [names]
        if not all(isinstance(name, str) for name in listed):
            raise ExpressionError(
                "T2012",
                "The delete clause of the transform expression must evaluate to a string or array of strings",
                self.delete_position,
                value=names,
            )
        if is_own:
            for name in listed:
                match.pop(name, None)


def _objects_in(value: Any) -> dict[int, dict[str, Any]]:
    """Every object of a copy by its identity; held, so that no other takes its place."""
    found: dict[int, dict[str, Any]] = {}
    pending = [value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            found[id(item)] = item
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
    return found


def finish(evaluation: Evaluation, value: Any) -> Any:
    """The value as it leaves the evaluation: plain lists and dicts, host values in their leaving form."""
    return _Finisher(evaluation).finished(value, 0)


def finish_item(evaluation: Evaluation, value: Any) -> Any:
    """As `finish`, for an item of an array: a function is null there."""
    return None if is_function(value) else finish(evaluation, value)


class _Finisher:
    """Lists and dicts that hold only plain values are handed on as they are, not copied."""

    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation

    def finished(self, value: Any, depth: int) -> Any:
        kind = value.__class__
        if kind is str or kind is int or value is None or kind is bool or kind is float or value is UNDEFINED:
            return value
        if isinstance(value, dict):
            return self.of_dict(value, depth + 1)
        if isinstance(value, list):
            return self.of_list(value, depth + 1)
        if is_function(value):
            return UNDEFINED
        host = self.evaluation.library.host(value)
        return value if host is None or host.leave is None else host.leave(value)

    def of_dict(self, value: dict[str, Any], depth: int) -> Any:
        self.check(len(value), depth)
        changed: dict[str, Any] | None = None if type(value) is dict else dict(value)
        for key, item in value.items():
            if item.__class__ in _SCALARS:
                continue
            made = self.finished(item, depth)
            if made is not item or item is UNDEFINED:
                changed = changed if changed is not None else dict(value)
                changed[key] = made
        if changed is None:
            return value
        return {key: item for key, item in changed.items() if item is not UNDEFINED}

    def of_list(self, value: list[Any], depth: int) -> Any:
        size = len(value)
        self.check(size, depth)
        if size > self.evaluation.limits.items:
            raise self.evaluation.exceeded("items", "result")
        changed: list[Any] | None = None if type(value) is list else list(value)
        for at, item in enumerate(value):
            if item.__class__ in _SCALARS:
                continue
            made = self.finished(item, depth)
            if made is not item or item is UNDEFINED:
                if changed is None:
                    changed = list(value)
                changed[at] = None if made is UNDEFINED else made
        return value if changed is None else changed

    def check(self, size: int, depth: int) -> None:
        self.evaluation.charge(size)
        if depth > 2 * self.evaluation.limits.data_depth:
            raise self.evaluation.exceeded("data_depth", "result")


_SCALARS: Final = frozenset({str, int, float, bool, type(None)})
