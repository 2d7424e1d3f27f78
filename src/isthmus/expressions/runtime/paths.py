"""Paths on any values: names, wildcards, flattening, filters by position, grouping contexts.

Generated code reads dicts itself and comes here with everything else. A step's values are an uncollapsed
`Stream`; a path's value is collapsed by `last`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import floor
from typing import Any

from isthmus.expressions.callables import Member, is_function
from isthmus.expressions.library import Evaluation
from isthmus.expressions.runtime.operators import is_number, truth
from isthmus.expressions.values import UNDEFINED, ConsArray, LazyRange, Sequence, Stream, collapse, keeping

__all__ = [
    "descendants", "extend", "field", "getter", "group_items", "grown", "index", "inner", "items", "last",
    "last_field", "leaf_getter", "member", "picked", "root_field", "root_getter", "wildcard",
]  # fmt: skip


def member(evaluation: Evaluation, value: Any, name: str) -> Any:
    """A registered member of a host value; undefined for anything else."""
    host = evaluation.library.host(value)
    if host is None:
        return UNDEFINED
    method = host.methods.get(name)
    if method is not None:
        return Member(evaluation, method, value)
    found = host.properties.get(name)
    return UNDEFINED if found is None else found(value)


def lookup(evaluation: Evaluation, value: Any, name: str) -> Any:
    """`name` of a value, uncollapsed: of a list, of each item, flattened."""
    if type(value) is dict:
        return value.get(name, UNDEFINED)
    if isinstance(value, list):
        if type(value) is LazyRange:
            return Sequence()
        found = Sequence()
        for item in value:
            one = item.get(name, UNDEFINED) if type(item) is dict else lookup(evaluation, item, name)
            if one is UNDEFINED:
                continue
            if isinstance(one, list):
                extend(evaluation, found, one)
            else:
                found.append(one)
        return found
    if value is None or type(value) in (str, int, float, bool) or value is UNDEFINED:
        return UNDEFINED
    if isinstance(value, dict):
        return value.get(name, UNDEFINED)
    return member(evaluation, value, name)


def named(evaluation: Evaluation, value: Any, name: str) -> Any:
    """A name as an expression of its own: `lookup`, collapsed."""
    found = lookup(evaluation, value, name)
    return collapse(found) if type(found) is Sequence else found


def items(evaluation: Evaluation, value: Any) -> Any:
    """What a step iterates over; a lazy range is counted here, since a step keeps a value for each."""
    if isinstance(value, list):
        if len(value) > 50_000 and len(value) > evaluation.limits.items:
            raise evaluation.exceeded("items", "path")
        return value
    return () if value is UNDEFINED else (value,)


def slowly(evaluation: Evaluation, values: Iterable[Any], weight: int) -> Iterator[Any]:
    """The values, each accounted for as it is taken."""
    for value in values:
        evaluation.left -= weight
        if evaluation.left < 0:
            evaluation.charge(0)
        yield value


def every(evaluation: Evaluation, value: Any, name: str) -> Any:
    """As `inner`, with an undefined item for each input that lacks the name: filters see those, too."""
    if not isinstance(value, list):
        return Stream() if value is UNDEFINED else named(evaluation, value, name)
    stream = Stream()
    evaluation.charge(len(value))
    for item in items(evaluation, value):
        one = named(evaluation, item, name)
        if isinstance(one, list) and type(one) is not ConsArray:
            extend(evaluation, stream, one)
        else:
            stream.append(one)
    return stream


def context_every(evaluation: Evaluation, value: Any, name: str) -> Any:
    """`every` for a path's first step: a context that is undefined is an input like any other."""
    return every(evaluation, value, name) if isinstance(value, list) else named(evaluation, value, name)


def root_every(evaluation: Evaluation, value: Any, name: str) -> Any:
    return named(evaluation, value, name)


def context_items(value: Any) -> list[Any]:
    """What the first step of a path iterates over: a list's items, or the one value, even undefined."""
    return value if isinstance(value, list) else [value]


def extend(evaluation: Evaluation, found: list[Any], more: Iterable[Any]) -> None:
    found.extend(more)
    if len(found) > 10_000:
        grown(evaluation, found)


def grown(evaluation: Evaluation, found: list[Any]) -> list[Any]:
    """Check the size of a list that was built."""
    if len(found) > evaluation.limits.items:
        raise evaluation.exceeded("items", "path")
    evaluation.charge(len(found) >> 4)
    return found


def inner(evaluation: Evaluation, value: Any, name: str) -> Any:
    """The step `name` of a path's middle, on what the step before it gave."""
    if type(value) is dict:
        found = value.get(name, UNDEFINED)
        return found if type(found) is not Sequence else Stream(found)
    stream = Stream()
    evaluation.charge(len(value) if isinstance(value, list) else 1)
    for item in items(evaluation, value):
        one = named(evaluation, item, name)
        if one is UNDEFINED:
            continue
        if isinstance(one, list) and type(one) is not ConsArray:
            extend(evaluation, stream, one)
        else:
            stream.append(one)
    return stream if stream else UNDEFINED


def last_field(evaluation: Evaluation, value: Any, name: str) -> Any:
    """The step `name` at a path's end, on what the step before it gave; collapsed."""
    if type(value) is dict:
        found = value.get(name, UNDEFINED)
        return last(evaluation, [found]) if type(found) is Sequence else found
    if not isinstance(value, list):
        return named(evaluation, value, name)
    if type(value) is LazyRange:
        return UNDEFINED
    if len(value) > 99:
        evaluation.charge(len(value))
    results: list[Any] = []
    is_flat = True
    for item in value:
        one = item.get(name, UNDEFINED) if type(item) is dict else named(evaluation, item, name)
        kind = type(one)
        if one is not UNDEFINED:
            results.append(one)
            if kind is list or kind is Sequence or kind is ConsArray or kind is LazyRange:
                is_flat = False
    if not is_flat:
        return last(evaluation, results)
    if len(results) > 1:
        return Sequence(results)
    return results[0] if results else UNDEFINED


def last(evaluation: Evaluation, results: list[Any], keep: bool = False) -> Any:
    """A path's value from what its last step gave for each input.

    An array that one input gave alone stays the array it is; otherwise all are flattened one level and
    the sequence collapses.
    """
    if len(results) == 1:
        only = results[0]
        if not isinstance(only, list):
            return keeping(results) if keep else only
        if type(only) is ConsArray:
            return keeping(results) if keep else only
        if type(only) is not Sequence:
            return only
    flat = keeping(()) if keep else Sequence()
    for one in results:
        if isinstance(one, list) and type(one) is not ConsArray:
            extend(evaluation, flat, one)
        else:
            flat.append(one)
    return collapse(flat)


def last_raw(evaluation: Evaluation, results: list[Any]) -> Any:
    """As `last`, before it is known what follows: uncollapsed."""
    if len(results) == 1 and type(results[0]) is not Sequence:
        return results[0]
    found = Sequence()
    for one in results:
        if isinstance(one, list) and type(one) is not ConsArray:
            extend(evaluation, found, one)
        else:
            found.append(one)
    return found


def flat(evaluation: Evaluation, results: list[Any]) -> Any:
    """The stream after a step in a path's middle, from what it gave for each input."""
    stream = Stream()
    for one in results:
        if isinstance(one, list) and type(one) is not ConsArray:
            extend(evaluation, stream, one)
        else:
            stream.append(one)
    return stream


def field(evaluation: Evaluation, value: Any, name: str) -> Any:
    """The path `name` of a context that is no plain dict."""
    return last_field(evaluation, value, name)


def root_field(evaluation: Evaluation, value: Any, name: str) -> Any:
    """The path `name` of the root: a list there counts as one value."""
    found = named(evaluation, value, name)
    return last(evaluation, [found]) if type(found) is Sequence else found


def getter(evaluation: Evaluation, value: Any) -> Callable[[str, Any], Any]:
    """What stands in for `dict.get` where the context is no dict."""
    return lambda name, _: last_field(evaluation, value, name)


def root_getter(evaluation: Evaluation, value: Any) -> Callable[[str, Any], Any]:
    return lambda name, _: root_field(evaluation, value, name)


def leaf_getter(evaluation: Evaluation, value: Any) -> Callable[[str, Any], Any]:
    """As `getter`, for what a step in the middle gave."""
    if value is UNDEFINED or value is None or type(value) in (str, int, float, bool):
        return nothing
    return lambda name, _: last_field(evaluation, value, name)


def plain(value: Any) -> Any:
    """A sequence as the list it is in a result."""
    return list(value) if type(value) is Sequence else value


def plain_field(evaluation: Evaluation, value: Any, name: str) -> Any:
    return plain(last_field(evaluation, value, name))


def plain_root_field(evaluation: Evaluation, value: Any, name: str) -> Any:
    return plain(root_field(evaluation, value, name))


def plain_getter(evaluation: Evaluation, value: Any) -> Callable[[str, Any], Any]:
    return lambda name, _: plain_field(evaluation, value, name)


def plain_root_getter(evaluation: Evaluation, value: Any) -> Callable[[str, Any], Any]:
    return lambda name, _: plain_root_field(evaluation, value, name)


def plain_leaf_getter(evaluation: Evaluation, value: Any) -> Callable[[str, Any], Any]:
    if value is UNDEFINED or value is None or type(value) in (str, int, float, bool):
        return nothing
    return lambda name, _: plain_field(evaluation, value, name)


def collapsed(value: Any) -> Any:
    return collapse(value) if type(value) is Sequence else value


def kept(items: Sequence) -> Any:
    """A sequence whose author wrote `[]`: one item stays a list."""
    return keeping(items) if items else UNDEFINED


def kept_path(value: Any) -> Any:
    """The value of a path with `[]`: a single value is put into a list, an array stays the one it is."""
    if value is UNDEFINED:
        return UNDEFINED
    if type(value) is Sequence:
        return kept(value)
    if isinstance(value, list) and type(value) is not ConsArray:
        return value
    return keeping((value,))


def nothing(name: str, default: Any) -> Any:
    return UNDEFINED


def root_inner(evaluation: Evaluation, value: Any, name: str) -> Any:
    """The first of several steps, on the root."""
    if type(value) is dict:
        return value.get(name, UNDEFINED)
    one = named(evaluation, value, name)
    if isinstance(one, list) and type(one) is not ConsArray:
        return Stream(one)
    return one


def wildcard(evaluation: Evaluation, value: Any) -> Any:
    """`*`: all fields, arrays among them flattened to any depth.

    As in the reference, the result is an array, not a sequence, once one field was an array.
    """
    if isinstance(value, dict):
        fields: Iterable[Any] = value.values()
    elif isinstance(value, list):
        fields = value
    else:
        return UNDEFINED
    found = Sequence()
    for one in fields:
        _put_flat(evaluation, one, found)
    if any(isinstance(one, list) for one in fields):
        return list(found)
    return collapse(found)


def _put_flat(evaluation: Evaluation, value: Any, found: list[Any]) -> None:
    if isinstance(value, list):
        evaluation.charge(len(value))
        for item in value:
            _put_flat(evaluation, item, found)
        if len(found) > 10_000:
            grown(evaluation, found)
    elif value is not UNDEFINED:
        found.append(value)


def descendants(evaluation: Evaluation, value: Any) -> Any:
    """`**`: the value and everything below it, without the arrays themselves; collapsed."""
    if value is UNDEFINED:
        return UNDEFINED
    found = Sequence()
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, list):
            evaluation.charge(len(one))
            pending.extend(reversed(one))
        else:
            found.append(one)
            if isinstance(one, dict):
                evaluation.charge(len(one) + 1)
                pending.extend(reversed(one.values()))
        if len(found) > 10_000:
            grown(evaluation, found)
    return found[0] if len(found) == 1 else found


def index(value: Any, at: int) -> Any:
    """`[n]`: uncollapsed; an array that lies there stays the array it is."""
    if not isinstance(value, list):
        return value if at in (0, -1) else UNDEFINED
    size = len(value)
    if at < 0:
        at += size
    return value[at] if 0 <= at < size else UNDEFINED


def picked(value: Any, at: int, size: int) -> int:
    """How many times a filter that gave `value` for item `at` of `size` selects it."""
    if type(value) is bool:
        return 1 if value else 0
    if type(value) is list or isinstance(value, list):
        if all(is_number(one) for one in value):
            return sum(1 for one in value if _position(one, size) == at)
        return 1 if truth(value) else 0
    if is_number(value):
        return 1 if _position(value, size) == at else 0
    return 1 if truth(value) else 0


def _position(value: float, size: int) -> int:
    at = floor(value)
    return size + at if at < 0 else at


def group_items(value: Any) -> Any:
    """What an object constructor or a grouping goes over: an empty list still gives one (empty) object."""
    if isinstance(value, list):
        return value if value else (UNDEFINED,)
    return (value,)


def grouped(one: Any, more: Any) -> Any:
    """Put together what a group holds, as `$append` does."""
    if one is UNDEFINED:
        return more
    if more is UNDEFINED:
        return one
    left = one if isinstance(one, list) else (one,)
    return [*left, *more] if isinstance(more, list) else [*left, more]


def literal_context(value: Any) -> Any:
    """The context of an object whose keys are literals: of a list, all items together."""
    if not isinstance(value, list):
        return value
    if not value:
        return UNDEFINED
    together = value[0]
    for item in value[1:]:
        together = grouped(together, item)
    return together


def is_plain_object(value: Any) -> bool:
    return isinstance(value, dict) and not is_function(value)
