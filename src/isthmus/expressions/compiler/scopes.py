"""Surveys the whole tree before code is written: variables, closures, and what is read from outside.

JSONata's variables live in frames (the program, a block, a function); in generated code each is one Python
local. This pass finds which frame binds which names, whether a variable has its value before anything can
read it, which functions can be written in place, and what the expression reads from outside.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from isthmus.expressions.library import Library
from isthmus.expressions.syntax.tree import (
    Apply,
    Bind,
    Block,
    Call,
    Lambda,
    Node,
    Path,
    Transform,
    Variable,
    is_bare,
    iterate_children,
)

__all__ = ["INLINED_FUNCTIONS", "Survey", "survey_tree"]

INLINED_FUNCTIONS: Final = frozenset({"map", "filter", "reduce"})
"""Functions of the standard library whose literal function argument is written in place."""


@dataclass(slots=True)
class Survey:
    """What is known of the whole tree. Nodes are keyed by `id`.

    bound: names that a frame node binds with `:=`.
    late: names of a block that may be read before they have a value.
    inlined: functions that become part of the code around them.
    closures: nodes that hold a function which may outlive the pass of a loop it is made in.
    weights: how many nodes lie below.
    free: variables that no frame binds (bindings or functions of the library).
    uses_eval: whether `$eval` is among them.
    """

    bound: dict[int, dict[str, int]] = field(default_factory=dict)
    late: dict[int, set[str]] = field(default_factory=dict)
    inlined: set[int] = field(default_factory=set)
    closures: set[int] = field(default_factory=set)
    weights: dict[int, int] = field(default_factory=dict)
    free: set[str] = field(default_factory=set)
    uses_eval: bool = False


def survey_tree(tree: Node, library: Library, shadowed: frozenset[str]) -> Survey:
    """Return the survey of a tree. `shadowed`: names of functions that the bindings of this evaluation
    replace."""
    walker = _Surveyor(library)
    walker.frames.append(dict.fromkeys(shadowed, 1))
    walker.walk_frame(tree, [tree], [])
    walker.survey.free |= shadowed
    return walker.survey


class _Surveyor:
    """Fills a `Survey` while it walks the tree."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.survey = Survey()
        self.frames: list[dict[str, int]] = []

    def walk_frame(self, owner: Node, parts: list[Node], parameters: list[str]) -> int:
        """Walk what runs in the frame of `owner`; returns the number of nodes."""
        bound: dict[str, int] = {}
        for part in parts:
            for binding in _find_bindings(part):
                bound[binding.name] = bound.get(binding.name, 0) + 1
        self.survey.bound[id(owner)] = bound
        self.frames.append({**dict.fromkeys(parameters, 1), **bound})
        weight = sum(self.walk_node(part) for part in parts)
        self.frames.pop()
        if bound and isinstance(owner, Block):
            self.survey.late[id(owner)] = _find_late_names(owner, bound)
        elif bound:
            self.survey.late[id(owner)] = set(bound)
        if any(id(part) in self.survey.closures for part in parts):
            self.survey.closures.add(id(owner))
        return weight

    def walk_node(self, node: Node) -> int:
        """Walk a node and all below it; returns the number of nodes."""
        survey = self.survey
        weight = 1
        if isinstance(node, Block):
            weight += self.walk_frame(node, node.expressions, [])
            weight += self.walk_suffixes(node)
        elif isinstance(node, Lambda):
            weight += self.walk_frame(node, [node.body], node.parameters)
            if id(node) not in survey.inlined:
                survey.closures.add(id(node))
            weight += self.walk_suffixes(node)
        else:
            if isinstance(node, Variable):
                self.note_variable(node)
            elif isinstance(node, Call):
                self.note_call(node)
            elif isinstance(node, Apply) and isinstance(node.right, Call) and is_bare(node.right):
                self.note_call(node.right, piped_count=1)
            focused = self.open_tuple_frame(node)
            for child in iterate_children(node):
                weight += self.walk_node(child)
                if id(child) in survey.closures:
                    survey.closures.add(id(node))
            if focused:
                self.frames.pop()
            if isinstance(node, Transform):
                survey.closures.add(id(node))
        survey.weights[id(node)] = weight
        return weight

    def walk_suffixes(self, node: Node) -> int:
        """Walk the filters and the grouping behind a block or function; returns the number of nodes."""
        weight = 0
        inside = set(map(id, node.expressions if isinstance(node, Block) else [node.body]))  # type: ignore[attr-defined]  # a Lambda
        for child in iterate_children(node):
            if id(child) not in inside:
                weight += self.walk_node(child)
        return weight

    def open_tuple_frame(self, node: Node) -> bool:
        """Open a frame for the variables that the steps of a path bind; returns whether there are any."""
        if not isinstance(node, Path):
            return False
        names = [step.focus for step in node.steps if step.focus]
        names += [step.index for step in node.steps if step.index]
        for step in node.steps:
            names += [stage.name for stage in step.stages or () if hasattr(stage, "name")]
        if names:
            self.frames.append(dict.fromkeys(names, 1))
        return bool(names)

    def note_variable(self, node: Variable) -> None:
        """Note a variable that no frame binds."""
        if node.name not in ("", "$") and not any(node.name in frame for frame in self.frames):
            self.survey.free.add(node.name)
            if node.name == "eval":
                self.survey.uses_eval = True

    def note_call(self, node: Call, piped_count: int = 0) -> None:
        """Note partial applications, and literal functions that can be written in place."""
        procedure = node.procedure
        if node.is_partial:
            self.survey.closures.add(id(node))
            return
        if not isinstance(procedure, Variable) or any(procedure.name in frame for frame in self.frames):
            return
        total = len(node.arguments) + piped_count
        if total != 2 and not (procedure.name == "reduce" and total == 3):
            return
        function = node.arguments[1 - piped_count] if procedure.name in INLINED_FUNCTIONS else None
        if not isinstance(function, Lambda) or function.signature is not None or not is_bare(function):
            return
        if procedure.name != "reduce" or len(function.parameters) >= 2:
            self.survey.inlined.add(id(function))


def _find_bindings(node: Node) -> Iterator[Bind]:
    """Yield the bindings that take effect in the frame around `node`."""
    if isinstance(node, Bind):
        yield node
    if isinstance(node, (Block, Lambda)):
        return
    for child in iterate_children(node):
        yield from _find_bindings(child)


def _find_late_names(block: Block, bound: dict[str, int]) -> set[str]:
    """Return the names of the block that something may read before their statement has run."""
    safe: set[str] = set()
    mentioned: set[str] = set()
    for statement in block.expressions:
        if isinstance(statement, Bind) and statement.predicates is None:
            if isinstance(statement.value, Lambda):
                if statement.name not in mentioned:
                    safe.add(statement.name)
                mentioned |= _find_variable_names(statement.value)
            else:
                mentioned |= _find_variable_names(statement.value)
                if statement.name not in mentioned:
                    safe.add(statement.name)
        else:
            mentioned |= _find_variable_names(statement)
    return set(bound) - safe


def _find_variable_names(tree: Node) -> set[str]:
    """Return the names of all variables at or below a node."""
    names: set[str] = set()
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, Variable):
            names.add(node.name)
        pending.extend(iterate_children(node))
    return names
