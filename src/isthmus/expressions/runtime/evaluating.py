"""`$eval`: an expression in a text, evaluated where the call stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from isthmus.expressions.errors import LIMIT, ExpressionError
from isthmus.expressions.library import Evaluation, Library
from isthmus.expressions.sized_cache import SizedCache
from isthmus.expressions.values import UNDEFINED

if TYPE_CHECKING:
    from isthmus.expressions.compiler.program import Program

__all__ = ["evaluate_text"]


_Key = tuple[str, Library, frozenset[str], bool]
_PROGRAMS: Final[SizedCache[_Key, Program]] = SizedCache(entries=256, size=2_000_000)
_STEPS: Final = 20
"""What compiling costs for each character of the text and of the code that it becomes."""


def _program(evaluation: Evaluation, text: str, shadowed: frozenset[str], of_list: bool) -> Program:
    from isthmus.expressions.compiler.program import generate
    from isthmus.expressions.syntax import parse

    def made() -> Program:
        evaluation.charge(len(text) * _STEPS)
        program = generate(parse(text), library, shadowed, final=False, of_list=of_list)
        evaluation.charge(program.size * _STEPS)
        return program

    library = evaluation.library
    return _PROGRAMS.get((text, library, shadowed, of_list), made, lambda program: len(text) + program.size)


def evaluate_text(
    evaluation: Evaluation,
    arguments: tuple[Any, ...],
    context: Any,
    variables: Mapping[str, Any],
    position: int,
) -> Any:
    """`$eval(text, context?)`; `variables` are those that the text sees."""
    text = arguments[0] if arguments else UNDEFINED
    if text is UNDEFINED:
        return UNDEFINED
    if type(text) is not str:
        raise ExpressionError(
            "T0410", "Argument 1 of function eval does not match function signature", position, token="eval"
        )
    focus = arguments[1] if len(arguments) > 1 and arguments[1] is not UNDEFINED else context
    library = evaluation.library
    try:
        shadowed = frozenset(name for name in variables if name in library.functions)
        program = _program(evaluation, text, shadowed, isinstance(focus, list))
    except ExpressionError as error:
        if error.code == LIMIT:
            raise
        raise ExpressionError(
            "D3120",
            f"Syntax error in expression passed to function eval: {error.message}",
            position,
            token="eval",
        ) from error
    try:
        evaluation.charge(100)
        return program.main(evaluation, focus, variables)
    except ExpressionError as error:
        if error.code in (LIMIT, library.bound_code):
            raise
        raise ExpressionError(
            "D3121",
            f"Dynamic error evaluating the expression passed to function eval: {error.message}",
            position,
            token="eval",
        ) from error
