"""`$firstNonEmpty`, `$mapValues`, `$removeEmpty` and `$removeEmptyItems`: empty values and lookup tables."""

from __future__ import annotations

from collections.abc import Mapping

from isthmus.expressions.errors import make_function_error
from isthmus.expressions.functions.arguments import is_strict
from isthmus.expressions.javascript import describe_kind, enter_level, is_nil, is_number, is_truthy, to_text
from isthmus.expressions.library import Evaluation
from isthmus.expressions.meter import pace
from isthmus.expressions.values import UNDEFINED

__all__ = ["first_non_empty", "map_values", "remove_empty", "remove_empty_items"]


def first_non_empty(*values: object) -> object:
    """The first argument that is neither null nor missing; `""`, `0`, `false` and `[]` count as there.

    Arguments:
        ...args: any values.
    Null and missing: nothing if all are.
    Example:
        $firstNonEmpty(null, missing, "", "a")
        => ""
    """
    return next((value for value in values if not is_nil(value)), UNDEFINED)


def map_values(
    value: object = UNDEFINED,
    mapping: object = UNDEFINED,
    lower_case: object = UNDEFINED,
    default_value: object = UNDEFINED,
) -> object:
    """A value looked up in a table, whatever its case; lists and objects value by value.

    Arguments:
        value: text or a number is looked up by its lower-cased text; what is not found stays as it is.
        mapping: the table.
        lowerCase: the table's keys are in lower case already (default `false`).
        defaultValue: the result for a value that is null or missing (default `null`); values inside lists
            and objects have no default.
    Null and missing: a null or missing value gives the default, or itself without one; so does an entry
        that is null.
    Example:
        $mapValues(["OPEN", "x"], {"open": "active"})
        => ["active", "x"]
    """
    if is_nil(value) and not is_nil(default_value):
        return default_value
    if is_nil(mapping):
        return value
    if isinstance(mapping, list):
        mapping = {str(index): item for index, item in enumerate(mapping)}
    if not isinstance(mapping, Mapping):
        mapping = {}
    if not is_truthy(lower_case):
        mapping = {str(key).lower(): item for key, item in pace(mapping.items())}
    return _look_up(value, mapping, 0)


def _look_up(value: object, table: Mapping[str, object], level: int) -> object:
    """Return the entry of a text or number, or the value where there is none; of each item of a list or
    object."""
    if isinstance(value, str) or is_number(value):
        entry = table.get(to_text(value).lower())
        return value if is_nil(entry) else entry
    if isinstance(value, list):
        inside = enter_level(level, "mapValues", len(value))
        items: list[object] = []
        for item in pace(value):
            items.append(_look_up(item, table, inside))
        return items
    if isinstance(value, Mapping):
        inside = enter_level(level, "mapValues", len(value))
        fields: dict[str, object] = {}
        for key, item in pace(value.items()):
            fields[key] = _look_up(item, table, inside)
        return fields
    return value


def remove_empty(evaluation: Evaluation, value: object = UNDEFINED) -> object:
    """Nothing in the place of something empty, so that the field is left out.

    Arguments:
        arg: a list or text of length 0 gives nothing, else it stays; an object loses the fields that are
            null, missing, `""` or `[]`, and gives nothing if none is left; a number gives nothing.
    Null and missing: an error.
    Errors: `removeEmpty: …` for null and missing.
    Example:
        {"a": $removeEmpty([]), "b": $removeEmpty({"x": null, "y": 1})}
        => {"b": {"y": 1}}
    """
    if is_nil(value):
        raise make_function_error(
            "removeEmpty", f"removeEmpty: the value is {describe_kind(value)}, expected a list or text"
        )
    if isinstance(value, (list, str)):
        return value if len(value) else UNDEFINED
    if isinstance(value, Mapping) and not is_strict(evaluation):
        kept = {key: item for key, item in pace(value.items()) if not _is_empty(item)}
        return kept or UNDEFINED
    return UNDEFINED


def _is_empty(value: object) -> bool:
    """Return whether `$removeEmpty` drops a field with this value: null, missing, `""` or `[]`."""
    return is_nil(value) or value == "" or (isinstance(value, list) and not value)


def remove_empty_items(value: object = UNDEFINED) -> object:
    """A list without the items that are null, missing, `""`, `0`, `false`, `{}` or `[]`; not deep.

    Arguments:
        arg: a list; another value stays as it is.
    Example:
        $removeEmptyItems([3, {}, "", {"k": {}}])
        => [3, {"k": {}}]
    """
    if not isinstance(value, list):
        return value
    return [
        item for item in pace(value) if is_truthy(item) and not (isinstance(item, (list, dict)) and not item)
    ]
