"""Makes deep copies and changed copies of values: `$clone` and `|pattern|update,delete|`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.library import Evaluation
from isthmus.expressions.meter import pace
from isthmus.expressions.runtime.operators import normalize_number
from isthmus.expressions.runtime.string_conversion import round_to_15_digits
from isthmus.expressions.values import UNDEFINED, FunctionValue, is_function

__all__ = ["Transformer", "clone_value"]

ItemFunction = Callable[[Any], Any]


def clone_value(evaluation: Evaluation, value: Any, depth: int = 0) -> Any:
    """Return a deep copy as if through JSON text."""
    if depth > 2 * evaluation.limits.data_depth:
        raise evaluation.make_limit_error("data_depth", "clone")
    if type(value) is float:
        if not math.isfinite(value):
            return None
        return value if value.is_integer() else normalize_number(round_to_15_digits(value))
    if isinstance(value, list):
        evaluation.charge(len(value))
        copied: list[Any] = []
        for item in pace(value, 1, evaluation):
            copied.append(None if item is UNDEFINED else clone_value(evaluation, item, depth + 1))
        return copied
    if isinstance(value, dict):
        evaluation.charge(len(value))
        fields: dict[str, Any] = {}
        for key, item in pace(value.items(), 1, evaluation):
            if item is not UNDEFINED:
                fields[key] = clone_value(evaluation, item, depth + 1)
        return fields
    return "" if is_function(value) else value


class Transformer(FunctionValue):
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
        pattern: ItemFunction,
        update: ItemFunction,
        delete: ItemFunction | None,
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
        """Always 1."""
        return 1

    def call(self, arguments: tuple[Any, ...], context: Any) -> Any:
        """Return a copy of the argument with the matches of the pattern changed. Raises T0410 for a
        scalar."""
        argument = arguments[0] if arguments else UNDEFINED
        if argument is UNDEFINED:
            return UNDEFINED
        if not isinstance(argument, (dict, list)):
            raise ExpressionError(
                "T0410", "The argument of a transform must be an object or an array", value=argument
            )
        result = clone_value(self.evaluation, argument)
        own_objects = _collect_objects(self.evaluation, result)
        matches = self.pattern(result)
        if matches is not UNDEFINED:
            for match in matches if isinstance(matches, list) else [matches]:
                self.evaluation.charge(4)
                self.apply_to_match(match, is_own=id(match) in own_objects)
        return result

    def apply_to_match(self, match: Any, *, is_own: bool) -> None:
        """Change one match, if it is part of the copy.

        A pattern can reach further: the input, a variable, an object of constants that all evaluations of
        this text share, in which one caller's data would stay.
        """
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


def _collect_objects(evaluation: Evaluation, copied_value: Any) -> dict[int, dict[str, Any]]:
    """Return the objects in `copied_value`, nested ones included, by their `id()`. Holding them keeps an id
    from being given to another object."""
    objects: dict[int, dict[str, Any]] = {}
    pending = [copied_value]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            evaluation.charge(len(item))
            objects[id(item)] = item
            pending.extend(item.values())
        elif isinstance(item, list):
            evaluation.charge(len(item))
            pending.extend(item)
    return objects
