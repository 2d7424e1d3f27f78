"""`Expression`: a text that is parsed at once and evaluated as often as needed, also asynchronously."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import islice
from math import inf
from typing import Any, Final
from weakref import ref

from isthmus.expressions.compiler.code_writer import make_nesting_error
from isthmus.expressions.compiler.program import Program, as_expression_error, compile_tree
from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.field_reads import FieldReads, find_field_reads
from isthmus.expressions.library import Evaluation, Library, Services
from isthmus.expressions.limits import Limits
from isthmus.expressions.meter import Meter
from isthmus.expressions.runtime.results import check_result_size
from isthmus.expressions.sized_cache import SizedCache
from isthmus.expressions.static_analysis import (
    can_give_key,
    find_record_fields,
    find_root_names,
    get_plain_path,
    reads_field,
    reads_path,
    walk_nodes,
)
from isthmus.expressions.suspension import TooLong, let_others_run, pause_policy, raise_too_long, run_async
from isthmus.expressions.syntax import parse
from isthmus.expressions.syntax import tree as t
from isthmus.expressions.trace import Absence, Trace, find_absences, trace_evaluation
from isthmus.expressions.values import PYTHON_CALLABLES, UNDEFINED

__all__ = ["Expression"]

_MAX_UNMEASURED_READS: Final = 200
_UNMEASURED_STEPS_LEFT: Final = Evaluation.steps_left - 100
"""A result is measured if the expression reads more often, or if it worked for more than a hundred steps: its
first slice is longer by that than all others."""

_PROGRAM_VARIANTS: Final[SizedCache[tuple[str, Library, frozenset[str], bool], Program]] = SizedCache(
    entries=512, size=2_000_000
)
"""Programs for lists and for bindings that replace functions, made when they are first needed."""

_LIMITS = Limits()
_SERVICES = Services()
_NO_BINDINGS: Mapping[str, object] = {}
_NO_NAMES: Final[frozenset[str]] = frozenset()


class Expression:
    """`text` in the language of `library`. Safe to share between threads and tasks.

    `names`: names of the top-level fields of the input that paths read.
    """

    def __init__(self, text: str, library: Library) -> None:
        self.text = text
        self.library = library
        try:
            self.tree = parse(text)
            self._program = compile_tree(self.tree, library)
        except ExpressionError as error:
            error.text = text
            raise
        except RecursionError:
            raise make_nesting_error() from None
        self._names: frozenset[str] | None = None
        self._list_program: Callable[[], Program | None] = _get_no_program
        self._library_names = self._program.free.intersection(library.functions)
        self._may_await = (
            any(library.functions[name].is_async for name in self._library_names)
            or "eval" in self._library_names
            or _calls_methods(self.tree)
        )
        self._may_pause = (
            self._may_await
            or not all(library.functions[name].is_repeatable for name in self._library_names)
            or _can_loop(self.tree)
        )
        reads = islice(_find_reads(self.tree), _MAX_UNMEASURED_READS, None)
        has_many_reads = next(reads, None) is not None
        self._unmeasured_steps_left = inf if has_many_reads else _UNMEASURED_STEPS_LEFT

    @property
    def names(self) -> frozenset[str]:
        """Names of the top-level fields of the input that paths read."""
        if self._names is None:
            self._names = find_root_names(self.tree)
        return self._names

    def get_plain_path(self) -> tuple[str, ...] | None:
        """Return the names of the fields that lead to the result, if the expression is nothing but such a
        path; else None."""
        return get_plain_path(self.tree)

    def reads_path(self, *names: str) -> bool:
        """Return whether the expression contains a path that starts with these names."""
        return reads_path(self.tree, names)

    def reads_field(self, *names: str) -> bool:
        """Return whether the expression reads a field of one of these names, of whatever object.

        `cursor`, `query.cursor` and `$lookup(query, "cursor")` read `cursor`; a comment, `cursor_color`, text
        that is data, and a name that is computed while it runs do not: see `static_analysis.reads_field`.
        """
        return reads_field(self.tree, names)

    def find_field_reads(self) -> FieldReads:
        """Return what the expression reads of its input, at every depth."""
        return find_field_reads(self.tree)

    def can_give_key(self, name: str) -> bool:
        """Return whether the result may be an object (or a list of objects) with this key, by what the
        expression writes itself: see `static_analysis.can_give_key`."""
        return can_give_key(self.tree, name)

    def find_record_fields(self) -> frozenset[str] | None:
        """Return the names of the fields of the mapped record, or of each record of a list or of
        `{result}`; None where the tree does not tell them."""
        return find_record_fields(self.tree)

    def evaluate(
        self,
        input: object = UNDEFINED,
        bindings: Mapping[str, object] | None = None,
        *,
        limits: Limits | None = None,
        services: Services | None = None,
        _pause: Callable[[Meter], None] | None = None,
    ) -> object:
        """Return the value for this input, as plain JSON values; `UNDEFINED` when there is none.

        The input is JSON: its parts are handed on as they are, without a look at what is in them. What is no
        JSON may come in a binding, where a `datetime` becomes ISO text as it leaves.

        Inside `run_in_turns`, others have their turn, and asynchronous functions are awaited.

        Raises `ExpressionError`; errors of Python functions that were registered or bound pass through.
        """
        program = self._program
        if bindings is None:
            bindings = _NO_BINDINGS
        if isinstance(input, list) or (bindings and self._library_names):
            program = self._choose_variant(bindings, of_list=isinstance(input, list))
        evaluation = Evaluation(self.library, limits or _LIMITS, services or _SERVICES, bindings)
        evaluation.pause = _pause or pause_policy.pause
        try:
            result = program.main(evaluation, input, bindings)
            if evaluation.steps_left < self._unmeasured_steps_left:
                check_result_size(evaluation, result)
            return result
        except ExpressionError as error:
            if error.text is None:
                error.text = self.text
            raise
        except Exception as error:
            clear = as_expression_error(error, evaluation, self.text)
            if clear is None:
                raise
            raise clear from None

    async def evaluate_async(
        self,
        input: object = UNDEFINED,
        bindings: Mapping[str, object] | None = None,
        *,
        limits: Limits | None = None,
        services: Services | None = None,
    ) -> object:
        """Work as `evaluate`, awaiting asynchronous functions, and letting other tasks run during long work.

        Costs the same where the expression can reach no function that is asynchronous or not repeatable, and
        makes no loops of its own: it is started as `evaluate` does it, and started again if it turns out to
        be long.
        """
        if not self._may_pause and not (bindings and any(map(_is_python_function, bindings.values()))):
            with suppress(TooLong):
                return self.evaluate(input, bindings, limits=limits, services=services, _pause=raise_too_long)

        def run() -> Any:
            """Evaluate from inside `run_async`."""
            return self.evaluate(input, bindings, limits=limits, services=services, _pause=let_others_run)

        return await run_async(run)

    def _choose_variant(self, bindings: Mapping[str, object], *, of_list: bool) -> Program:
        """Return the program for a list, or for bindings that replace functions of the library."""
        shadowed = self._library_names.intersection(bindings) if bindings else _NO_NAMES
        if not shadowed and not of_list:
            return self._program
        if not shadowed:
            program = self._list_program()
            if program is not None:
                return program
        program = _PROGRAM_VARIANTS.get_or_make(
            (self.text, self.library, shadowed, of_list),
            lambda: compile_tree(parse(self.text), self.library, shadowed, of_list=of_list),
            lambda made: len(self.text) + made.size,
        )
        if not shadowed:
            self._list_program = ref(program)
        return program

    def trace(
        self,
        input: object = UNDEFINED,
        bindings: Mapping[str, object] | None = None,
        *,
        limits: Limits | None = None,
        services: Services | None = None,
    ) -> Trace:
        """Evaluate, and record the input and output of every sub-expression; an error is part of the trace.

        Slower than `evaluate`, and meant for people who look for a mistake. Asynchronous functions are not
        awaited.
        """
        given = bindings or _NO_BINDINGS
        evaluation = Evaluation(self.library, limits or _LIMITS, services or _SERVICES, given)
        return trace_evaluation(self.text, self.tree, evaluation, input, given)

    def explain(
        self,
        input: object = UNDEFINED,
        bindings: Mapping[str, object] | None = None,
        *,
        limits: Limits | None = None,
        services: Services | None = None,
    ) -> list[Absence]:
        """Why fields of the result are missing, and the result itself if it is undefined."""
        return find_absences(self.trace(input, bindings, limits=limits, services=services))

    @property
    def size(self) -> int:
        """Its size in memory, in characters of text and code."""
        return len(self.text) + self._program.size

    def get_generated_python(self) -> str:
        """Return the generated Python, for people."""
        return self._program.source


def _get_no_program() -> None:
    """Stand in for the reference to a program that does not exist yet; returns None, as an expired one."""


def _can_loop(tree: t.Node) -> bool:
    """Return whether it can work for long whatever the input: it holds functions, transforms or ranges."""
    return any(
        isinstance(node, (t.Lambda, t.Transform)) or (isinstance(node, t.Operation) and node.operator == "..")
        for node in walk_nodes(tree)
    )


def _is_python_function(value: object) -> bool:
    """Return whether the value is a function that may have to be awaited, and may not be called twice."""
    return isinstance(value, PYTHON_CALLABLES)


def _find_reads(tree: t.Node) -> Iterator[t.Node]:
    """Yield the paths and variables of the tree."""
    return (node for node in walk_nodes(tree) if isinstance(node, (t.Path, t.Variable)))


def _calls_methods(tree: t.Node) -> bool:
    """Return whether the tree calls a member of a value."""
    return any(isinstance(node, t.Call) and isinstance(node.procedure, t.Path) for node in walk_nodes(tree))
