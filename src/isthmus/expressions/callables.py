"""Functions as values: what a variable `$f` may hold, and how each kind is called.

All are `FunctionValue`s. `arity` is the number of declared parameters; callers that pass values by position
(`$map`, `$each`) look at it to know how many to pass.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.library import Evaluation, Function
from isthmus.expressions.meter import MAX_FREE_LENGTH, MAX_FREE_RESULT, current_evaluation
from isthmus.expressions.signatures import Signature
from isthmus.expressions.suspension import await_result
from isthmus.expressions.values import (
    PYTHON_CALLABLES,
    UNDEFINED,
    ConsArray,
    FunctionValue,
    LazyRange,
    Sequence,
)

__all__ = [
    "Composed",
    "Lambda",
    "Matcher",
    "Member",
    "Native",
    "Partial",
    "TailCall",
    "as_function_value",
    "bind_loop_arguments",
    "call_library_function",
    "run_tail_calls",
]

_SIZED_TYPES: Final[frozenset[type]] = frozenset({str, list, dict, Sequence, ConsArray, LazyRange})
_BYTES_PER_ITEM: Final[dict[type, int]] = {dict: 100, LazyRange: 0}


class TailCall:
    """A call in tail position, returned to the caller instead of made, so that the stack does not grow."""

    __slots__ = ("arguments", "context", "function", "position", "token")

    def __init__(
        self, function: Any, arguments: tuple[Any, ...], context: Any, position: int, token: str | None
    ) -> None:
        self.function = function
        self.arguments = arguments
        self.context = context
        self.position = position
        self.token = token


class Lambda(FunctionValue):
    """`function($a, $b) { … }` with the variables around it (a Python closure of exactly `arity`
    parameters)."""

    __slots__ = ("_arity", "code", "evaluation", "signature")

    def __init__(
        self, evaluation: Evaluation, code: Callable[..., Any], arity: int, signature: Signature | None
    ) -> None:
        self.evaluation = evaluation
        self.code = code
        self._arity = arity
        self.signature = signature

    @property
    def arity(self) -> int:
        """The number of parameters that it declares."""
        return self._arity

    def call_once(self, arguments: tuple[Any, ...], context: Any) -> Any:
        """Run the body once, and return its value or the `TailCall` that it ended with."""
        if self.signature is not None:
            arguments = self.signature.bind_arguments(arguments, context)
        arity = self._arity
        argument_count = len(arguments)
        if argument_count == arity:
            return self.code(*arguments)
        if argument_count > arity:
            return self.code(*arguments[:arity])
        return self.code(*arguments, *(UNDEFINED,) * (arity - argument_count))

    def call(self, arguments: tuple[Any, ...], context: Any) -> Any:
        """Call the function, run the tail calls it ends with, and return the value."""
        evaluation = self.evaluation
        evaluation.depth_left -= 1
        if evaluation.depth_left < 0:
            raise evaluation.make_depth_limit_error()
        evaluation.charge(4)
        result = self.call_once(arguments, context)
        if type(result) is TailCall:
            result = run_tail_calls(result, evaluation)
        evaluation.depth_left += 1
        return result


def bind_loop_arguments(function: Any, passed: int) -> Callable[..., Any]:
    """Prepare `function` for a loop that offers it value, key and whole, of which it receives the first
    `passed`.

    A call is charged as that of `function`, with less work on the way there.
    """
    if type(function) is not Lambda or function.signature is not None or passed < function._arity:
        return lambda *offered: function(*offered[:passed])
    evaluation, code, arity = function.evaluation, function.code, function._arity

    def call(*offered: Any) -> Any:
        evaluation.depth_left -= 1
        if evaluation.depth_left < 0:
            raise evaluation.make_depth_limit_error()
        evaluation.steps_left -= 4
        if evaluation.steps_left < 0:
            evaluation.check_clock()
        result = code(*offered[:arity])
        if type(result) is TailCall:
            result = run_tail_calls(result, evaluation)
        evaluation.depth_left += 1
        return result

    return call


def run_tail_calls(pending: Any, evaluation: Evaluation) -> Any:
    """Make pending tail calls until one returns a value."""
    while type(pending) is TailCall:
        evaluation.charge(4)
        function = pending.function
        try:
            if type(function) is Lambda:
                pending = function.call_once(pending.arguments, pending.context)
            elif isinstance(function, FunctionValue):
                return function.call(pending.arguments, pending.context)
            else:
                return as_function_value(function, evaluation).call(pending.arguments, pending.context)
        except ExpressionError as error:
            add_position(error, pending.position, pending.token)
            raise
    return pending


def add_position(error: ExpressionError, position: int, token: str | None) -> None:
    """Add the position and the function's name to an error that has none yet."""
    if error.position is None:
        error.position = position
    if error.token is None and token is not None:
        error.token = token
        if "{token}" in error.message:
            error.message = error.message.replace("{token}", f"${token}")
            error.args = (error.message,)


class Native(FunctionValue):
    """A function of the library as a value."""

    __slots__ = ("evaluation", "function")

    def __init__(self, evaluation: Evaluation, function: Function) -> None:
        self.evaluation = evaluation
        self.function = function

    @property
    def arity(self) -> int:
        """The number of parameters that the library function declares."""
        return self.function.declared_arity

    def call(self, arguments: tuple[Any, ...], context: Any) -> Any:
        """Call the library function through its signature."""
        return call_library_function(self.evaluation, self.function, arguments, context)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Native) and other.function is self.function

    def __hash__(self) -> int:
        return hash(self.function.name)


def call_library_function(
    evaluation: Evaluation,
    function: Function,
    arguments: tuple[Any, ...],
    context: Any,
    *,
    is_checked: bool = True,
) -> Any:
    """Call a library function: check and complete its arguments, pass the evaluation if it wants it, await
    it.

    The function's work on long arguments, and a long result, is charged here.
    """
    evaluation.steps_left -= 4
    if evaluation.steps_left < 0:
        evaluation.check_clock()
    if function.parsed_signature is not None and is_checked:
        arguments = function.parsed_signature.bind_arguments(arguments, context)
    for argument in arguments:
        kind = argument.__class__
        if kind in _SIZED_TYPES and len(argument) > MAX_FREE_LENGTH:
            evaluation.charge(len(argument))
    arity = function.arity
    argument_count = len(arguments)
    if argument_count < arity:
        arguments = (*arguments, *(UNDEFINED,) * (arity - argument_count))
    elif argument_count > arity and not function.is_variadic:
        arguments = arguments[:arity]
    if function.wants_evaluation:
        evaluation.context = context
        arguments = (evaluation, *arguments)
    if function.intrinsic:  # a standard function: it is given the evaluation if it walks into data
        result = function.call(*arguments)
    else:
        before, used = current_evaluation.meter, evaluation.used_bytes
        current_evaluation.meter = evaluation
        evaluation.used_bytes = 0
        try:
            result = function.call(*arguments)
        finally:
            current_evaluation.meter = before
            evaluation.used_bytes = used
    if function.is_async:
        result = await_result(evaluation, result, function.name)
    kind = result.__class__
    if kind in _SIZED_TYPES and len(result) > MAX_FREE_RESULT:
        charge_result(evaluation, result, function.name)
    return result


def charge_result(evaluation: Evaluation, result: Any, name: str) -> None:
    """Charge a long text or list that a library function returned. Raises `ExpressionError` if the text is
    too long."""
    size = len(result)
    evaluation.charge(size)
    if result.__class__ is not str:
        evaluation.charge_memory(_BYTES_PER_ITEM.get(result.__class__, 8) * size)
        return
    if size > evaluation.limits.output_chars:
        raise evaluation.make_limit_error("output_chars", name)
    evaluation.charge_memory(size if result.isascii() else 4 * size)


class Member(FunctionValue):
    """A registered method of a host value."""

    __slots__ = ("evaluation", "function", "owner")

    def __init__(self, evaluation: Evaluation, function: Function, owner: object) -> None:
        self.evaluation = evaluation
        self.function = function
        self.owner = owner

    @property
    def arity(self) -> int:
        """The number of arguments beside the object that the method belongs to."""
        return max(0, self.function.arity - 1)

    def call(self, arguments: tuple[Any, ...], context: Any) -> Any:
        """Call the method with its object as the first argument."""
        return call_library_function(self.evaluation, self.function, (self.owner, *arguments), context)


class Partial(FunctionValue):
    """`$f(1, ?)`: some arguments given, `holes` (indexes) still open."""

    __slots__ = ("arguments", "function", "holes")

    def __init__(self, function: FunctionValue, arguments: tuple[Any, ...], holes: tuple[int, ...]) -> None:
        self.function = function
        self.arguments = arguments
        self.holes = holes

    @property
    def arity(self) -> int:
        """The number of arguments that are still open."""
        return len(self.holes)

    def call(self, arguments: tuple[Any, ...], context: Any) -> Any:
        """Call the function with the open arguments filled in; missing ones are undefined."""
        filled = list(self.arguments)
        for at, hole in enumerate(self.holes):
            filled[hole] = arguments[at] if at < len(arguments) else UNDEFINED
        function = self.function
        if isinstance(function, Native):
            return call_without_signature(function, tuple(filled))
        if isinstance(function, Lambda):
            return function.call(tuple(filled), UNDEFINED)
        return function.call(tuple(filled), UNDEFINED)


def call_without_signature(native: Native, arguments: tuple[Any, ...]) -> Any:
    """Call a partially applied library function, which takes its arguments as they are."""
    return call_library_function(native.evaluation, native.function, arguments, UNDEFINED, is_checked=False)


class Composed(FunctionValue):
    """`$f ~> $g` as a function: the second function of the result of the first."""

    __slots__ = ("first", "second")

    def __init__(self, first: FunctionValue, second: FunctionValue) -> None:
        self.first = first
        self.second = second

    @property
    def arity(self) -> int:
        """Always 1."""
        return 1

    def call(self, arguments: tuple[Any, ...], context: Any) -> Any:
        """Call the first function with the argument, and the second with its result."""
        given = arguments[0] if arguments else UNDEFINED
        return self.second.call((self.first.call((given,), UNDEFINED),), UNDEFINED)


class Matcher(FunctionValue):
    """A regular expression: a function of a text that gives the first match as an object."""

    __slots__ = ("evaluation", "position", "regex")

    def __init__(self, evaluation: Evaluation, regex: Any, position: int) -> None:
        self.evaluation = evaluation
        self.regex = regex
        self.position = position

    @property
    def arity(self) -> int:
        """The number of arguments, as the reference counts them for a regular expression."""
        return 2

    def call(self, arguments: tuple[Any, ...], context: Any) -> Any:
        """Return the first match in a text, or undefined."""
        text = arguments[0] if arguments else UNDEFINED
        return self.regex.match_first(self, text)


class PythonFunction(FunctionValue):
    """A Python callable that came in with the bindings; its exceptions pass through."""

    __slots__ = ("evaluation", "function")

    def __init__(self, evaluation: Evaluation, function: Callable[..., Any]) -> None:
        self.evaluation = evaluation
        self.function = function

    @property
    def arity(self) -> int:
        """Always 1: how many parameters a caller's function takes is not looked at."""
        return 1

    def call(self, arguments: tuple[Any, ...], context: Any) -> Any:
        """Call the Python function, and await its result if it is a coroutine."""
        name = getattr(self.function, "__name__", "function")
        return await_result(self.evaluation, self.function(*arguments), name)


def as_function_value(value: object, evaluation: Evaluation) -> FunctionValue:
    """Return the value as a function value. Raises T1006 if it is no function."""
    if isinstance(value, FunctionValue):
        return value
    if isinstance(value, PYTHON_CALLABLES):
        return PythonFunction(evaluation, value)
    raise ExpressionError("T1006", "Attempted to invoke a non-function")
