"""Compiles the tree of an expression to a Python function, and evaluates `$eval`, which compiles a text
while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final

from isthmus.expressions.compiler.code_writer import make_nesting_error
from isthmus.expressions.compiler.generator import Generator
from isthmus.expressions.compiler.namespace import RUNTIME
from isthmus.expressions.compiler.scopes import survey_tree
from isthmus.expressions.errors import FUNCTION_ERROR, LIMIT, ExpressionError
from isthmus.expressions.library import Evaluation, Function, Library
from isthmus.expressions.meter import Meter
from isthmus.expressions.sized_cache import SizedCache
from isthmus.expressions.syntax import parse
from isthmus.expressions.syntax import tree as t
from isthmus.expressions.values import UNDEFINED

__all__ = ["EVAL", "Program", "as_expression_error", "compile_tree"]


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Program:
    """A compiled expression. `main(evaluation, input, bindings)` returns its value, ready to leave.

    free: names of the variables and functions that it takes from outside. source: the generated Python. size:
    its size in characters of Python, each of which takes some 10 bytes.
    """

    main: Callable[[Any, Any, Any], Any]
    free: frozenset[str]
    source: str
    size: int


def compile_tree(
    tree: t.Node,
    library: Library,
    shadowed: frozenset[str] = frozenset(),
    *,
    final: bool = True,
    of_list: bool = False,
    traced: list[t.Node] | None = None,
) -> Program:
    """Compile a tree to a program. Raises `ExpressionError` if it would be too large or too deep.

    `shadowed`: library functions that bindings replace. Without `final` the value stays inside an evaluation.
    A program is for inputs that are no lists, or `of_list` for those that are: a list at the root follows
    rules of its own, which others need not pay for. With `traced`, the program reports every value to
    `evaluation.trace` by its node's index in that list, which is filled.
    """
    try:
        survey = survey_tree(tree, library, shadowed)
        generator = Generator(library, survey, shadowed)
        generator.traced = traced
        source = generator.write_program(tree, final=final, of_list=of_list)
        namespace: dict[str, Any] = {**RUNTIME, "evaluate_text": evaluate_text, **generator.constants.values}
        exec(compile(source, "<expression>", "exec"), namespace)  # noqa: S102  our own text, checked literals only
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise make_nesting_error() from error
    return Program(namespace["main"], frozenset(survey.free), source, max(generator.code_size, len(source)))


def as_expression_error(error: Exception, evaluation: Meter, text: str) -> ExpressionError | None:
    """Convert a Python error that bad input led to into an error of the expression `text`; None for any
    other error.

    Only errors that code of `isthmus.expressions` raised count: those of a caller's functions are the
    caller's.
    """
    converted: ExpressionError
    if isinstance(error, RecursionError):
        converted = evaluation.make_depth_limit_error()
    elif isinstance(error, MemoryError):
        converted = evaluation.make_limit_error("memory", "evaluation")
    elif not isinstance(error, (ArithmeticError, ValueError)) or not _is_raised_here(error.__traceback__):
        return None
    elif isinstance(error, OverflowError):
        converted = ExpressionError("D1001", "Number out of range")
    else:
        converted = ExpressionError(
            FUNCTION_ERROR, "A value is not of the kind or size that its use asks for"
        )
    converted.text = text
    return converted


def _is_raised_here(trace: TracebackType | None) -> bool:
    """Return whether the innermost frame of the traceback is code of `isthmus.expressions`, or generated
    code."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    name = "" if trace is None else trace.tb_frame.f_globals.get("__name__", "")
    if name == "isthmus.expressions.suspension":  # it hands on what an awaited function raised
        return False
    return name == "" or name.startswith("isthmus.expressions.")


# `$eval`: an expression in a text, evaluated where the call stands.

_ProgramKey = tuple[str, Library, frozenset[str], bool]
_EVAL_PROGRAMS: Final[SizedCache[_ProgramKey, Program]] = SizedCache(entries=256, size=2_000_000)
_COMPILE_STEPS_PER_CHARACTER: Final = 20
"""What compiling costs for each character of the text and of the code that it becomes."""


def _compile_eval_text(evaluation: Evaluation, text: str, shadowed: frozenset[str], of_list: bool) -> Program:
    """Return the program of a text for `$eval`, from a cache of those used last; compiling is charged."""

    def compile_text() -> Program:
        """Compile the text, and charge the evaluation for it."""
        evaluation.charge(len(text) * _COMPILE_STEPS_PER_CHARACTER)
        program = compile_tree(parse(text), library, shadowed, final=False, of_list=of_list)
        evaluation.charge(program.size * _COMPILE_STEPS_PER_CHARACTER)
        return program

    library = evaluation.library
    return _EVAL_PROGRAMS.get_or_make(
        (text, library, shadowed, of_list), compile_text, lambda program: len(text) + program.size
    )


def evaluate_text(
    evaluation: Evaluation,
    arguments: tuple[Any, ...],
    context: Any,
    variables: Mapping[str, Any],
    position: int,
) -> Any:
    """`$eval(text, context?)`; `variables` are those that the text sees.

    Raises D3120 for a text that does not compile, D3121 for an evaluation that fails.
    """
    text = arguments[0] if arguments else UNDEFINED
    if text is UNDEFINED:
        return UNDEFINED
    if type(text) is not str:
        raise ExpressionError("T0410", "Argument 1 of $eval must be a string", position, token="eval")
    focus = arguments[1] if len(arguments) > 1 and arguments[1] is not UNDEFINED else context
    library = evaluation.library
    try:
        shadowed = frozenset(name for name in variables if name in library.functions)
        program = _compile_eval_text(evaluation, text, shadowed, isinstance(focus, list))
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
        if error.code in (LIMIT, library.limit_code):
            raise
        raise ExpressionError(
            "D3121",
            f"Dynamic error evaluating the expression passed to function eval: {error.message}",
            position,
            token="eval",
        ) from error


def _evaluate(evaluation: Evaluation, text: Any, context: Any) -> Any:
    """`$eval` where it is called as a value: it does not see the variables around it."""
    return evaluate_text(evaluation, (text, context), evaluation.context, evaluation.bindings, 0)


EVAL: Final = Function("eval", _evaluate, "<sx?:x>", wants_evaluation=True)
"""`$eval` as a function of a library."""
