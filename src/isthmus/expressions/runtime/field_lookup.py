"""Names in paths, on any values. Generated code reads dicts itself and comes here with everything else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from isthmus.expressions.callables import Member
from isthmus.expressions.library import Evaluation
from isthmus.expressions.meter import pace
from isthmus.expressions.runtime.path_steps import extend, items, last, plain
from isthmus.expressions.values import UNDEFINED, ConsArray, LazyRange, Sequence, Stream, collapse

__all__ = [
    "context_every", "every", "field", "getter", "inner", "last_field", "leaf_getter", "lookup", "member",
    "named", "plain_field", "plain_getter", "plain_leaf_getter", "plain_root_field", "plain_root_getter",
    "root_every", "root_field", "root_getter", "root_inner",
]  # fmt: skip


def member(evaluation: Evaluation, value: Any, name: str) -> Any:
    """A registered member of a host value; undefined for anything else."""
    host = evaluation.library.find_host_type(value)
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
        evaluation.steps_left -= len(value)
        if evaluation.steps_left < 0:
            evaluation.check_clock()
        for item in pace(value, 1, evaluation):
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


def every(evaluation: Evaluation, value: Any, name: str) -> Any:
    """As `inner`, with an undefined item for each input that lacks the name: filters see those, too."""
    if not isinstance(value, list):
        return Stream() if value is UNDEFINED else named(evaluation, value, name)
    stream = Stream()
    evaluation.charge(len(value))
    for item in pace(items(evaluation, value), 1, evaluation):
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


def inner(evaluation: Evaluation, value: Any, name: str) -> Any:
    """The step `name` of a path's middle, on what the step before it gave."""
    if type(value) is dict:
        found = value.get(name, UNDEFINED)
        return found if type(found) is not Sequence else Stream(found)
    stream = Stream()
    evaluation.charge(len(value) if isinstance(value, list) else 1)
    for item in pace(items(evaluation, value), 1, evaluation):
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
    for item in pace(value, 1, evaluation):
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
