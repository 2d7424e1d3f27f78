"""Calls from generated code: of any value, of library functions, partial application and `~>`."""

from __future__ import annotations

from typing import Any

from isthmus.expressions.callables import (
    Composed,
    Lambda,
    Partial,
    TailCall,
    add_position,
    as_function_value,
    call_library_function,
    run_tail_calls,
)
from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.library import Evaluation, Function
from isthmus.expressions.values import UNDEFINED, FunctionValue, Sequence, collapse, is_function

__all__ = [
    "apply_function",
    "call_library",
    "call_library_collapsed",
    "call_value",
    "enter_call",
    "make_partial",
]


def enter_call(evaluation: Evaluation, weight: int) -> None:
    """Charge a call of a function that is known by name and take its depth; the caller gives the depth back.

    Raises `ExpressionError` when the calls are nested too deeply.
    """
    evaluation.steps_left -= 4
    if evaluation.steps_left < 0:
        evaluation.charge(0)
    evaluation.depth_left -= weight
    if evaluation.depth_left < 1:
        raise evaluation.make_depth_limit_error()


def call_value(
    evaluation: Evaluation,
    function: Any,
    arguments: tuple[Any, ...],
    context: Any,
    position: int,
    token: str | None,
    weight: int,
    hint: bool,
) -> Any:
    """Call whatever `function` is; the result is not collapsed.

    `weight`: levels of the tree between the enclosing function and this call, which count as depth. `token`:
    the name in error messages. `hint`: a library function has this name, so that only the `$` was forgotten.
    Raises T1005 or T1006 for a value that is no function.
    """
    evaluation.steps_left -= 4
    if evaluation.steps_left < 0:
        evaluation.charge(0)
    evaluation.depth_left -= weight
    if evaluation.depth_left < 1:
        raise evaluation.make_depth_limit_error()
    try:
        if type(function) is Lambda:
            if function.signature is None and len(arguments) == function._arity:
                result = function.code(*arguments)
            else:
                result = function.call_once(arguments, context)
            if type(result) is TailCall:
                result = run_tail_calls(result, evaluation)
        elif isinstance(function, FunctionValue):
            result = function.call(arguments, context)
        elif is_function(function):
            result = as_function_value(function, evaluation).call(arguments, context)
        else:
            raise _make_not_callable_error(function, token, hint)
    except ExpressionError as error:
        add_position(error, position, token)
        raise
    except RecursionError:
        raise evaluation.make_depth_limit_error() from None
    evaluation.depth_left += weight
    return result


def _make_not_callable_error(function: Any, token: str | None, hint: bool) -> ExpressionError:
    """Return the error T1005 or T1006 of a call of a value that is no function."""
    if function is UNDEFINED and hint:
        return ExpressionError(
            "T1005", f"Attempted to invoke a non-function. Did you mean ${token}?", token=token
        )
    why = "has no value" if function is UNDEFINED else "is not a function"
    about = f": {token} {why}" if token else ""
    return ExpressionError("T1006", f"Attempted to invoke a non-function{about}", token=token)


def call_library(
    evaluation: Evaluation,
    function: Function,
    arguments: tuple[Any, ...],
    context: Any,
    position: int,
    weight: int,
) -> Any:
    """Call a function of the library; the result is not collapsed."""
    evaluation.depth_left -= weight
    try:
        result = call_library_function(evaluation, function, arguments, context)
    except ExpressionError as error:
        add_position(error, position, function.name)
        raise
    except RecursionError:
        raise evaluation.make_depth_limit_error() from None
    evaluation.depth_left += weight
    return result


def call_library_collapsed(
    evaluation: Evaluation, function: Function, arguments: tuple[Any, ...], context: Any, position: int
) -> Any:
    """Work as `call_library`, with the result collapsed."""
    result = call_library(evaluation, function, arguments, context, position, 1)
    return collapse(result) if type(result) is Sequence else result


def make_partial(
    evaluation: Evaluation,
    function: Any,
    arguments: tuple[Any, ...],
    holes: tuple[int, ...],
    position: int,
    token: str | None,
    hint: bool,
) -> Any:
    """Return the partial application of `function`; `holes` are the indexes of the open arguments.

    Raises T1007 or T1008 for a value that is no function.
    """
    if is_function(function):
        return Partial(as_function_value(function, evaluation), arguments, holes)
    if function is UNDEFINED and hint:
        raise ExpressionError(
            "T1007",
            f"Attempted to partially apply a non-function. Did you mean ${token}?",
            position,
            token=token,
        )
    raise ExpressionError("T1008", "Attempted to partially apply a non-function", position, token=token)


def apply_function(
    evaluation: Evaluation, left: Any, function: Any, context: Any, position: int, weight: int
) -> Any:
    """`left ~> function`: return the result of a call, or a composition where both sides are functions.

    Raises T2006 if the right side is no function.
    """
    if not is_function(function):
        raise ExpressionError(
            "T2006",
            "The right side of the function application operator ~> must be a function",
            position,
            value=function,
        )
    if is_function(left):
        return Composed(as_function_value(left, evaluation), as_function_value(function, evaluation))
    return call_value(evaluation, function, (left,), UNDEFINED, position, None, weight, False)
