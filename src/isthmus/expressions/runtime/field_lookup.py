"""Field look-up on values of any kind. Generated code reads plain dicts itself and comes here with all
else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from isthmus.expressions.callables import Member
from isthmus.expressions.library import Evaluation
from isthmus.expressions.meter import pace
from isthmus.expressions.runtime.path_steps import extend_list, flatten_last, list_inputs, to_plain_list
from isthmus.expressions.values import UNDEFINED, ConsArray, LazyRange, Sequence, Stream, collapse

__all__ = [
    "look_up_field",
    "make_getter",
    "make_leaf_getter",
    "make_plain_getter",
    "make_plain_leaf_getter",
    "make_plain_root_getter",
    "make_root_getter",
    "read_context_each",
    "read_each",
    "read_field",
    "read_last_field",
    "read_member",
    "read_name",
    "read_plain_field",
    "read_plain_root_field",
    "read_root_each",
    "read_root_field",
    "read_root_step",
    "read_step",
]  # fmt: skip


def read_member(evaluation: Evaluation, value: Any, name: str) -> Any:
    """Return a registered member of a host value; undefined for any other value or name."""
    host = evaluation.library.find_host_type(value)
    if host is None:
        return UNDEFINED
    method = host.methods.get(name)
    if method is not None:
        return Member(evaluation, method, value)
    member = host.properties.get(name)
    return UNDEFINED if member is None else member(value)


def look_up_field(evaluation: Evaluation, value: Any, name: str) -> Any:
    """Return the field `name` of a value, not collapsed: of a list, that of each item, flattened one
    level."""
    if type(value) is dict:
        return value.get(name, UNDEFINED)
    if isinstance(value, list):
        if type(value) is LazyRange:
            return Sequence()
        results = Sequence()
        evaluation.steps_left -= len(value)
        if evaluation.steps_left < 0:
            evaluation.check_clock()
        for item in pace(value, 1, evaluation):
            field = item.get(name, UNDEFINED) if type(item) is dict else look_up_field(evaluation, item, name)
            if field is UNDEFINED:
                continue
            if isinstance(field, list):
                extend_list(evaluation, results, field)
            else:
                results.append(field)
        return results
    if value is None or type(value) in (str, int, float, bool) or value is UNDEFINED:
        return UNDEFINED
    if isinstance(value, dict):
        return value.get(name, UNDEFINED)
    return read_member(evaluation, value, name)


def read_name(evaluation: Evaluation, value: Any, name: str) -> Any:
    """Return the field `name` of a value, collapsed: a name that is an expression of its own."""
    field = look_up_field(evaluation, value, name)
    return collapse(field) if type(field) is Sequence else field


def read_each(evaluation: Evaluation, value: Any, name: str) -> Any:
    """Work as `read_step`, with an undefined item for each input that lacks the name, since filters see
    those, too."""
    if not isinstance(value, list):
        return Stream() if value is UNDEFINED else read_name(evaluation, value, name)
    stream = Stream()
    evaluation.charge(len(value))
    for item in pace(list_inputs(evaluation, value), 1, evaluation):
        field = read_name(evaluation, item, name)
        if isinstance(field, list) and type(field) is not ConsArray:
            extend_list(evaluation, stream, field)
        else:
            stream.append(field)
    return stream


def read_context_each(evaluation: Evaluation, value: Any, name: str) -> Any:
    """Work as `read_each` for the first step of a path: an undefined context is an input like any other."""
    return (
        read_each(evaluation, value, name) if isinstance(value, list) else read_name(evaluation, value, name)
    )


def read_root_each(evaluation: Evaluation, value: Any, name: str) -> Any:
    """Work as `read_each` for the first step of a path on the root, where a list is one value."""
    return read_name(evaluation, value, name)


def read_step(evaluation: Evaluation, value: Any, name: str) -> Any:
    """Return the values of the step `name` in the middle of a path, on what the step before it gave."""
    if type(value) is dict:
        only_field = value.get(name, UNDEFINED)
        return only_field if type(only_field) is not Sequence else Stream(only_field)
    stream = Stream()
    evaluation.charge(len(value) if isinstance(value, list) else 1)
    for item in pace(list_inputs(evaluation, value), 1, evaluation):
        field = read_name(evaluation, item, name)
        if field is UNDEFINED:
            continue
        if isinstance(field, list) and type(field) is not ConsArray:
            extend_list(evaluation, stream, field)
        else:
            stream.append(field)
    return stream if stream else UNDEFINED


def read_last_field(evaluation: Evaluation, value: Any, name: str) -> Any:
    """Return the value of the step `name` at the end of a path, on what the step before it gave;
    collapsed."""
    if type(value) is dict:
        only_field = value.get(name, UNDEFINED)
        return flatten_last(evaluation, [only_field]) if type(only_field) is Sequence else only_field
    if not isinstance(value, list):
        return read_name(evaluation, value, name)
    if type(value) is LazyRange:
        return UNDEFINED
    if len(value) > 99:
        evaluation.charge(len(value))
    results: list[Any] = []
    is_flat = True
    for item in pace(value, 1, evaluation):
        field = item.get(name, UNDEFINED) if type(item) is dict else read_name(evaluation, item, name)
        kind = type(field)
        if field is not UNDEFINED:
            results.append(field)
            if kind is list or kind is Sequence or kind is ConsArray or kind is LazyRange:
                is_flat = False
    if not is_flat:
        return flatten_last(evaluation, results)
    if len(results) > 1:
        return Sequence(results)
    return results[0] if results else UNDEFINED


def read_field(evaluation: Evaluation, value: Any, name: str) -> Any:
    """Return the value of the path `name` on a context that is no plain dict; collapsed."""
    return read_last_field(evaluation, value, name)


def read_root_field(evaluation: Evaluation, value: Any, name: str) -> Any:
    """Return the value of the path `name` on the root, where a list counts as one value; collapsed."""
    field = read_name(evaluation, value, name)
    return flatten_last(evaluation, [field]) if type(field) is Sequence else field


def make_getter(evaluation: Evaluation, value: Any) -> Callable[[str, Any], Any]:
    """Return a stand-in for `dict.get` where the context is no dict."""
    return lambda name, _: read_last_field(evaluation, value, name)


def make_root_getter(evaluation: Evaluation, value: Any) -> Callable[[str, Any], Any]:
    """Return a stand-in for `dict.get` where the root is no dict."""
    return lambda name, _: read_root_field(evaluation, value, name)


def make_leaf_getter(evaluation: Evaluation, value: Any) -> Callable[[str, Any], Any]:
    """Work as `make_getter`, for what a step in the middle of a path gave."""
    if value is UNDEFINED or value is None or type(value) in (str, int, float, bool):
        return get_nothing
    return lambda name, _: read_last_field(evaluation, value, name)


def read_plain_field(evaluation: Evaluation, value: Any, name: str) -> Any:
    """Work as `read_field`, for the result of the expression: a sequence becomes a plain list."""
    return to_plain_list(read_last_field(evaluation, value, name))


def read_plain_root_field(evaluation: Evaluation, value: Any, name: str) -> Any:
    """Work as `read_root_field`, for the result of the expression: a sequence becomes a plain list."""
    return to_plain_list(read_root_field(evaluation, value, name))


def make_plain_getter(evaluation: Evaluation, value: Any) -> Callable[[str, Any], Any]:
    """Work as `make_getter`, for the result of the expression."""
    return lambda name, _: read_plain_field(evaluation, value, name)


def make_plain_root_getter(evaluation: Evaluation, value: Any) -> Callable[[str, Any], Any]:
    """Work as `make_root_getter`, for the result of the expression."""
    return lambda name, _: read_plain_root_field(evaluation, value, name)


def make_plain_leaf_getter(evaluation: Evaluation, value: Any) -> Callable[[str, Any], Any]:
    """Work as `make_leaf_getter`, for the result of the expression."""
    if value is UNDEFINED or value is None or type(value) in (str, int, float, bool):
        return get_nothing
    return lambda name, _: read_plain_field(evaluation, value, name)


def get_nothing(name: str, default: Any) -> Any:
    """Return the getter of a value that has no fields: always undefined."""
    return UNDEFINED


def read_root_step(evaluation: Evaluation, value: Any, name: str) -> Any:
    """Return the values of the first of several steps, `name`, on the root."""
    if type(value) is dict:
        return value.get(name, UNDEFINED)
    field = read_name(evaluation, value, name)
    if isinstance(field, list) and type(field) is not ConsArray:
        return Stream(field)
    return field
