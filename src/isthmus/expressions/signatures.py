"""JSONata's function signatures (`<s-n?:s>`): check arguments, and take missing ones from the context.

The types of a call's arguments become a word of letters, one each, which the signature's parameters match
like a regular expression. What to do for a word is worked out once and kept, so a check costs one look-up.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.values import UNDEFINED, LazyRange, is_function

__all__ = ["Signature", "get_type_letter"]

_KINDS: Final = {
    "a": "an array", "b": "a boolean", "f": "a function", "j": "a JSON value", "l": "null", "n": "a number",
    "o": "an object", "s": "a string", "x": "a value",
}  # fmt: skip
_KIND_NAMES: Final = {
    "a": "arrays", "b": "booleans", "f": "functions", "n": "numbers", "o": "objects", "s": "strings",
}  # fmt: skip
_TYPE_LETTERS: Final[dict[type, str]] = {
    str: "s", int: "n", float: "n", bool: "b", type(None): "l", list: "a", dict: "o", type(UNDEFINED): "m",
}  # fmt: skip


def get_type_letter(value: object) -> str:
    """Return the letter of a value's type: s n b l (null) a o f, or m for missing."""
    letter = _TYPE_LETTERS.get(type(value))
    if letter is None:
        if isinstance(value, list):
            return "a"
        return "f" if is_function(value) else "o"
    return letter


@dataclass(slots=True)
class _Parameter:
    """A parameter of a signature. `pattern`: what matches the letters of its arguments. `subtype`: that of
    an array's items."""

    pattern: str
    kind: str
    takes_context: bool = False
    context_pattern: str = ""
    subtype: str | None = None


_KIND_PATTERNS: Final = {
    **{char: f"[{char}m]" for char in "snblo"},
    "a": "[asnblfom]", "f": "f", "j": "[asnblom]", "x": "[asnblfom]",
}  # fmt: skip
_TAKE, _WRAP, _CONTEXT, _MISSING = range(4)


class Signature:
    """A parsed signature. `result` are the letters behind the colon."""

    __slots__ = ("_plans", "_regex", "parameters", "result", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.parameters = _parse_parameters(text)
        self.result = text.rpartition(":")[2].removesuffix(">")
        self._regex = re.compile("".join(f"({one.pattern})" for one in self.parameters))
        self._plans: dict[str, tuple[tuple[int, int, _Parameter], ...] | int] = {}

    @staticmethod
    @lru_cache(maxsize=1024)
    def from_text(text: str) -> Signature:
        """Return the signature of `text`, cached. Raises S0401 or S0402 with a position relative to the
        text."""
        return Signature(text)

    def bind_arguments(self, arguments: tuple[Any, ...], context: Any) -> tuple[Any, ...]:
        """Return the arguments as the function receives them. Raises T0410, T0411 or T0412 if they do not
        fit."""
        word = "".join([get_type_letter(one) for one in arguments])
        plan = self._plans.get(word)
        if plan is None:
            plan = self._make_plan(word)
            if len(self._plans) < 256:
                self._plans[word] = plan
        if isinstance(plan, int):
            value = arguments[plan] if plan < len(arguments) else UNDEFINED
            raise ExpressionError("T0410", self._describe_mismatch(plan), value=value)
        bound: list[Any] = []
        for action, at, parameter in plan:
            if action == _TAKE:
                value = arguments[at] if at < len(arguments) else UNDEFINED
                if parameter.subtype is not None and type(value) is not str:
                    _check_items(value, parameter.subtype, at)
                bound.append(value)
            elif action == _WRAP:
                bound.append([arguments[at]])
            elif action == _CONTEXT:
                if not re.match(parameter.context_pattern, get_type_letter(context)):
                    raise ExpressionError(
                        "T0411",
                        f"The context of {{token}}, which stands for argument {at + 1}, must be "
                        f"{_describe_kind(parameter.kind)}",
                        value=context,
                    )
                bound.append(context)
            else:
                bound.append(UNDEFINED)
        return tuple(bound)

    def _make_plan(self, word: str) -> tuple[tuple[int, int, _Parameter], ...] | int:
        """Return what to do with arguments of these types; the index of the first bad one if they do not
        fit."""
        match = self._regex.fullmatch(word)
        if match is None:
            return self._find_first_bad(word)
        plan: list[tuple[int, int, _Parameter]] = []
        index = 0
        for parameter, letters in zip(self.parameters, match.groups(), strict=True):
            if not letters:
                if parameter.takes_context:
                    plan.append((_CONTEXT, index, parameter))
                else:
                    plan.append((_TAKE if index < len(word) else _MISSING, index, parameter))
                    index += 1
                continue
            for letter in letters:
                plan.append((_choose_action(parameter, letter, letters, index), index, parameter))
                index += 1
        return tuple(plan)

    def _describe_mismatch(self, index: int) -> str:
        """Return the message about an argument that does not fit, by its index."""
        argument = f"Argument {index + 1} of {{token}}"
        if index >= len(self.parameters):
            return f"{argument} is one too many"
        return f"{argument} must be {_describe_kind(self.parameters[index].kind)}"

    def _find_first_bad(self, word: str) -> int:
        """Return the index of the first argument that does not fit."""
        pattern = ""
        fitting = 0
        for parameter in self.parameters:
            pattern += parameter.pattern
            match = re.match(pattern, word)
            if match is None:
                return fitting
            fitting = match.end()
        return fitting


def _describe_kind(kind: str) -> str:
    """Return the words for a parameter's kind: a letter, or letters in brackets for a choice."""
    letters = kind.strip("()")
    return " or ".join(_KINDS.get(letter, letter) for letter in letters)


def _choose_action(parameter: _Parameter, letter: str, matched: str, index: int) -> int:
    """Return the action for an argument of type `letter`, one of those that `matched` the parameter."""
    if parameter.kind != "a" or letter == "a":
        return _TAKE
    if letter == "m":
        return _MISSING
    if parameter.subtype is not None and matched != parameter.subtype:
        raise _make_item_type_error(parameter.subtype, index, UNDEFINED)
    return _WRAP


def _check_items(value: Any, subtype: str, index: int) -> None:
    """Raise T0412 if the items of an array are not of the type that the signature names."""
    if isinstance(value, list) and value:
        first = get_type_letter(value[0])
        items = () if type(value) is LazyRange else value
        if first != subtype[0] or not _have_all_type(items, first):
            raise _make_item_type_error(subtype, index, value)


def _have_all_type(items: Collection[Any], letter: str) -> bool:
    """Return whether all items have the type with this letter. Their Python types come first: those are
    few in a long list."""
    if all(_TYPE_LETTERS.get(kind) == letter for kind in set(map(type, items))):
        return True
    return all(get_type_letter(item) == letter for item in items)


def _make_item_type_error(subtype: str, index: int, value: Any) -> ExpressionError:
    """Return the error T0412 of an array whose items have another type."""
    return ExpressionError(
        "T0412",
        f"Argument {index + 1} of {{token}} must be an array of {_KIND_NAMES.get(subtype, subtype)}",
        value=value,
    )


def _find_closing(text: str, start: int, opening: str, closing: str) -> int:
    """Return the index of the bracket that closes the one at `start`."""
    depth = 1
    at = start
    while at < len(text):
        at += 1
        char = text[at : at + 1]
        if char == closing:
            depth -= 1
            if depth == 0:
                break
        elif char == opening:
            depth += 1
    return at


def _parse_parameters(text: str) -> list[_Parameter]:
    """Return the parameters of a signature. Raises S0401 or S0402."""
    parameters: list[_Parameter] = []
    at = 1
    while at < len(text) and text[at] != ":":
        char = text[at]
        if char in _KIND_PATTERNS:
            parameters.append(_Parameter(_KIND_PATTERNS[char], char))
        elif char == "-" and parameters:
            parameters[-1].takes_context = True
            parameters[-1].context_pattern = parameters[-1].pattern
            parameters[-1].pattern += "?"
        elif char in "?+" and parameters:
            parameters[-1].pattern += char
        elif char == "(":
            end = _find_closing(text, at, "(", ")")
            choice = text[at + 1 : end]
            if "<" in choice:
                raise ExpressionError(
                    "S0402",
                    "Choice groups containing parameterized types are not supported",
                    at,
                    value=choice,
                )
            parameters.append(_Parameter(f"[{re.escape(choice)}m]", f"({choice})"))
            at = end
        elif char == "<":
            kind = parameters[-1].kind if parameters else None
            if kind not in ("a", "f"):
                raise ExpressionError(
                    "S0401", "Type parameters can only be applied to functions and arrays", at, value=kind
                )
            end = _find_closing(text, at, "<", ">")
            if kind == "a":
                parameters[-1].subtype = text[at + 1 : end]
            at = end
        at += 1
    return parameters
