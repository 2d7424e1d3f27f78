"""Traces evaluations for authors: the value of each sub-expression, and why a field of the result is
missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from isthmus.expressions.compiler.program import as_expression_error, compile_tree
from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.library import Evaluation
from isthmus.expressions.runtime.field_lookup import look_up_field
from isthmus.expressions.syntax import tree as t
from isthmus.expressions.values import UNDEFINED, Sequence, collapse
from isthmus.kit.close_names import find_closest_name

__all__ = ["Absence", "Step", "Trace", "find_absences", "trace_evaluation"]

MAX_TRACE_STEPS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Step:
    """One evaluation of one sub-expression: `text` is text[start:end] of the whole."""

    text: str
    start: int
    end: int
    input: Any
    output: Any


@dataclass(slots=True)
class Trace:
    """A traced evaluation. `result` is `UNDEFINED` where `error` is set; `is_truncated`: there were more
    events."""

    text: str
    tree: t.Node
    evaluation: Evaluation
    result: Any = UNDEFINED
    error: ExpressionError | None = None
    is_truncated: bool = False
    nodes: list[t.Node] = field(default_factory=list)
    events: list[tuple[int, Any, Any]] = field(default_factory=list)

    @property
    def steps(self) -> list[Step]:
        """The steps in the order in which they ended (a part before its whole), at most `MAX_TRACE_STEPS`
        of them."""
        steps: list[Step] = []
        for number, input_value, output in self.events:
            node = self.nodes[number]
            steps.append(Step(self.text[node.start : node.end], node.start, node.end, input_value, output))
        return steps


@dataclass(frozen=True, slots=True)
class Absence:
    """A field of the result that is missing.

    field: its path in the result ("" for the result itself). text, start: the expression of the field. times:
    how often it was missing, of `of` evaluations. reason: why, the first time.
    """

    field: str
    text: str
    start: int
    times: int
    of: int
    reason: str


def trace_evaluation(
    text: str, tree: t.Node, evaluation: Evaluation, input: Any, bindings: Mapping[str, object]
) -> Trace:
    """Evaluate the tree, and record the value of each of its nodes."""
    trace = Trace(text, tree, evaluation)
    shadowed = frozenset(name for name in bindings if name in evaluation.library.functions)
    program = compile_tree(
        tree, evaluation.library, shadowed, of_list=isinstance(input, list), traced=trace.nodes
    )

    def note(node_number: int, input_value: Any, output: Any) -> None:
        """Record the input and the output of a node, up to `MAX_TRACE_STEPS`."""
        if len(trace.events) < MAX_TRACE_STEPS:
            trace.events.append((node_number, input_value, output))
        else:
            trace.is_truncated = True

    evaluation.trace = note
    try:
        trace.result = program.main(evaluation, input, bindings)
    except ExpressionError as error:
        error.text = error.text or text
        trace.error = error
    except Exception as error:
        trace.error = as_expression_error(error, evaluation, text)
        if trace.error is None:
            raise
    return trace


def find_absences(trace: Trace) -> list[Absence]:
    """Return the fields of the result that were missing at least once."""
    absences: list[Absence] = []
    for path, node in _find_field_nodes("", trace.tree):
        at = [place for place, event in enumerate(trace.events) if trace.nodes[event[0]] is node]
        empty = [place for place in at if trace.events[place][2] is UNDEFINED]
        if empty:
            reason = _ReasonFinder(trace).explain(node, empty[0])
            text = trace.text[node.start : node.end]
            absences.append(Absence(path, text, node.start, len(empty), len(at), reason))
    return absences


def _find_field_nodes(path: str, node: t.Node) -> Iterator[tuple[str, t.Node]]:
    """Yield the expressions that make the result and its fields, with their paths in the result."""
    yield path, node
    for inner in _find_value_nodes(node):
        if isinstance(inner, t.Object):
            for key, value in inner.pairs:
                name = str(key.value) if isinstance(key, t.Literal) else "*"
                yield from _find_field_nodes(f"{path}.{name}" if path else name, value)


def _find_value_nodes(node: t.Node) -> Iterator[t.Node]:
    """Yield the nodes that an expression's value comes from."""
    match node:
        case t.Object():
            yield node
        case t.Block() if node.expressions:
            yield from _find_value_nodes(node.expressions[-1])
        case t.Condition():
            yield from _find_value_nodes(node.then)
            if node.otherwise is not None:
                yield from _find_value_nodes(node.otherwise)
        case t.Default():
            yield from _find_value_nodes(node.left)
            yield from _find_value_nodes(node.right)
        case t.Path():
            yield from _find_value_nodes(node.steps[-1])
        case t.Array():
            for item in node.items:
                yield from _find_value_nodes(item)
        case t.Call():
            for argument in node.arguments:
                if isinstance(argument, t.Lambda):
                    yield from _find_value_nodes(argument.body)


class _ReasonFinder:
    """Finds out why a node was undefined at one place of the trace."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace

    def get_text(self, node: t.Node) -> str:
        """Return the text of a node."""
        return self.trace.text[node.start : node.end]

    def find_value(self, node: t.Node, place: int) -> tuple[Any, int] | None:
        """Return (value, place) of a node's last evaluation before `place`; None if it was not evaluated."""
        for earlier in range(place - 1, -1, -1):
            if self.trace.nodes[self.trace.events[earlier][0]] is node:
                return self.trace.events[earlier][2], earlier
        return None

    def explain_part(self, node: t.Node, place: int) -> str | None:
        """Return why a part was undefined when it was last evaluated before `place`; None if it had a
        value or was not evaluated."""
        known = self.find_value(node, place)
        if known is None or known[0] is not UNDEFINED:
            return None
        return self.explain(node, known[1])

    def explain(self, node: t.Node, place: int) -> str:
        """Return why the node was undefined at `place`, an index of the trace's events, in a sentence."""
        match node:
            case t.Path():
                return self.explain_path(node, place)
            case t.Variable():
                return f"{self.get_text(node)} has no value"
            case t.Condition():
                return self.explain_condition(node, place)
            case t.Block() if node.expressions:
                return self.explain_part(node.expressions[-1], place) or f"{self.get_text(node)} gave nothing"
            case t.Bind():
                return self.explain_part(node.value, place) or f"{self.get_text(node)} gave nothing"
        for part in t.iterate_children(node):
            reason = None if isinstance(part, t.Lambda) else self.explain_part(part, place)
            if reason is not None:
                return reason
        return f"{self.get_text(node)} gave nothing"

    def explain_condition(self, node: t.Condition, place: int) -> str:
        """Return why a condition gave nothing: a branch that did, or the missing branch."""
        for branch in (node.then, node.otherwise):
            reason = self.explain_part(branch, place) if branch is not None else None
            if reason is not None:
                return reason
        return f"{self.get_text(node.condition)} is false, and there is nothing behind ':'"

    def explain_path(self, node: t.Path, place: int) -> str:
        """Follow the names of a path to the first that is missing."""
        value = self.trace.events[place][1]
        for number, step in enumerate(node.steps):
            if isinstance(step, t.Variable) and number == 0:
                known = self.find_value(step, place)
                value = known[0] if known is not None else value
                if value is UNDEFINED:
                    return f"{self.get_text(step)} has no value"
                continue
            if not isinstance(step, t.Name):
                return self.explain_part(step, place) or f"{self.get_text(node)} gave nothing"
            field = look_up_field(self.trace.evaluation, value, step.value)
            field = collapse(field) if type(field) is Sequence else field
            if field is UNDEFINED:
                return self.explain_missing(node, number, step.value, value)
            if step.stages:
                return f"no item of {step.value} passes {self.format_filters(step)}"
            value = field
        return f"{self.get_text(node)} gave nothing"

    def format_filters(self, step: t.Node) -> str:
        """Return the filters behind a step as they are written."""
        shown = [
            f"[{self.get_text(stage.expression)}]"
            for stage in step.stages or ()
            if isinstance(stage, t.Filter)
        ]
        return "".join(shown)

    def explain_missing(self, node: t.Path, number: int, name: str, holder: Any) -> str:
        """Why a step `name` found nothing in `holder`, the value of the path before it."""
        before = node.steps[number - 1] if number else None
        where = "the input" if before is None else self.trace.text[node.start : before.end]
        if holder is None:
            return f"{where} is null, so it has no field {name}"
        if isinstance(holder, list):
            return f"no item of {where} has a field {name}"
        if not isinstance(holder, dict):
            return f"{where} is no object, so it has no field {name}"
        close = find_closest_name(name, (key for key in holder if isinstance(key, str)))
        hint = f"; did you mean {close}?" if close else ""
        return f"{where} has no field {name}{hint}"
