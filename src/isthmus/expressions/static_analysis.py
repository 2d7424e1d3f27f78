"""Tells from the parsed tree of an expression which names and fields it reads and which keys its result has.

Nothing is evaluated. Comments, and names that merely contain the
name asked for (`cursor_color` for `cursor`), never count.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.syntax import parse
from isthmus.expressions.syntax import tree as t

__all__ = [
    "ENVELOPE",
    "can_give_key",
    "find_record_fields",
    "find_result_keys",
    "find_root_names",
    "get_plain_path",
    "reads_field",
    "reads_path",
    "walk_nodes",
]

ENVELOPE: Final = frozenset({"result", "next_cursor", "prev_cursor"})
"""The keys of the object that a mapping may put around its records."""

_SAME_ITEMS: Final = frozenset({"filter", "sort", "distinct", "reverse", "shuffle"})
_UNIONS: Final = frozenset({"merge", "append"})
_MAX_DEPTH: Final = 64

Keys = frozenset[str] | None
"""Names of keys; None where the tree does not tell."""

Bindings = Mapping[str, t.Node]
"""What the variables of the blocks around a node are bound to."""


def walk_nodes(tree: t.Node) -> Iterator[t.Node]:
    """Yield the node itself and all nodes below it, in no particular order."""
    pending = [tree]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(t.iterate_children(node))


# Reads.


def find_root_names(tree: t.Node) -> frozenset[str]:
    """Return the names of the input's top-level fields that paths read: `cursor`, `$.cursor` and `$$.cursor`.

    Not those of paths that start elsewhere (`a.(cursor)`, `a[cursor = 1]`, `$x.cursor`, `(a).cursor`), nor
    what a function looks up by a computed name.
    """
    names: set[str] = set()
    _collect_root_names(tree, names, at_root=True)
    return frozenset(names)


def _collect_root_names(node: t.Node, names: set[str], *, at_root: bool) -> None:
    """Add the names that the node reads from the input. `at_root`: the context of the node is the whole
    input."""
    if isinstance(node, t.Path):
        _collect_from_steps(node.steps, names, at_root=at_root)
    else:
        for child in t.iterate_operands(node):
            _collect_root_names(child, names, at_root=at_root)
    for predicate in node.predicates or ():
        _collect_root_names(predicate.expression, names, at_root=False)
    _collect_from_group(node, names)


def _collect_from_steps(steps: list[t.Node], names: set[str], *, at_root: bool) -> None:
    """Add the names that the steps of a path read from the input."""
    first = steps[0]
    if isinstance(first, t.Name) and at_root:
        names.add(first.value)
    if isinstance(first, t.Variable) and len(steps) > 1:
        second = steps[1]
        is_root = first.name == "$" or (first.name == "" and at_root)
        if is_root and isinstance(second, t.Name):
            names.add(second.value)
    for number, step in enumerate(steps):
        for child in t.iterate_operands(step):
            _collect_root_names(child, names, at_root=at_root and number == 0)
        for stage in step.stages or ():
            if isinstance(stage, t.Filter):
                _collect_root_names(stage.expression, names, at_root=False)
        _collect_from_group(step, names)


def _collect_from_group(node: t.Node, names: set[str]) -> None:
    """Add the names that a grouping reads from the input."""
    if node.group is not None:
        for key, value in node.group.pairs:
            _collect_root_names(key, names, at_root=False)
            _collect_root_names(value, names, at_root=False)


def get_plain_path(tree: t.Node) -> tuple[str, ...] | None:
    """Return the names of the fields that lead from the input to the result, if the expression is nothing but
    such a path: ("data", "items") for `data.items` and `$.data.items`, () for `$`. None for any other
    expression."""
    steps = tree.steps if isinstance(tree, t.Path) else [tree]
    if any(not t.is_bare(step) or step.focus or step.index or step.ancestor for step in (tree, *steps)):
        return None
    names = steps[1:] if _is_context(steps[0]) else steps
    path = tuple(step.value for step in names if isinstance(step, t.Name))
    return path if len(path) == len(names) else None


def reads_path(tree: t.Node, names: tuple[str, ...]) -> bool:
    """Return whether the tree holds a path that starts with these names, behind `$` or `$$` if there is
    one."""
    return any(_starts_with(node.steps, names) for node in walk_nodes(tree) if isinstance(node, t.Path))


def _starts_with(steps: list[t.Node], names: tuple[str, ...]) -> bool:
    """Return whether the steps, behind `$` and `$$`, start with these names."""
    start = 0
    while start < len(steps) and _is_context(steps[start]):
        start += 1
    candidates = steps[start : start + len(names)]
    return len(candidates) == len(names) and all(
        isinstance(step, t.Name) and step.value == name for step, name in zip(candidates, names, strict=True)
    )


def _is_context(step: t.Node) -> bool:
    """Return whether the step is `$` or `$$`."""
    return isinstance(step, t.Variable) and step.name in ("", "$")


def reads_field(tree: t.Node, names: Collection[str]) -> bool:
    """Return whether the tree reads a field of one of these names, of whatever object.

    A read is a step of a path (`cursor`, `query.cursor`, `$q.cursor`, `$$.cursor`, `` `cursor` ``), or a
    string of exactly this text where it may choose a field: an argument of a function
    (`$lookup(query, "cursor")`), what a variable is bound to or compared with (`$key != "cursor"`), a name
    that a transform deletes, an expression for `$eval` that reads it.

    Any other string is data: a key or a value of an object, text that is compared with a field. A read by a
    name that is not in the tree does not count either: `query.*`, `$lookup(query, $name)`, a variable or a
    function that is handed the whole object.
    """
    return any(
        (isinstance(node, t.Name) and node.value in names)
        or any(isinstance(one, t.Literal) and one.value in names for one in _find_field_choices(node))
        or _reads_field_through_eval(node, names)
        for node in walk_nodes(tree)
    )


def _find_field_choices(node: t.Node) -> Iterator[t.Node]:
    """Yield the nodes whose value may choose a field, as an operand of `node`."""
    match node:
        case t.Call():
            for argument in node.arguments:
                yield from _find_possible_values(argument)
        case t.Bind():
            yield from _find_possible_values(node.value)
        case t.Transform() if node.delete is not None:
            yield from _find_possible_values(node.delete)
        case t.Operation(operator="=" | "!=" | "in"):
            for side, other in ((node.left, node.right), (node.right, node.left)):
                if isinstance(other, t.Variable) and not _is_context(other):
                    yield from _find_possible_values(side)


def _find_possible_values(node: t.Node) -> Iterator[t.Node]:
    """Yield the nodes whose value may be the node's own value, or an item of it."""
    pending = [node]
    while pending:
        current = pending.pop()
        match current:
            case t.Array():
                pending.extend(current.items)
            case t.Condition():
                pending.append(current.then)
                if current.otherwise is not None:
                    pending.append(current.otherwise)
            case t.Default():
                pending += (current.left, current.right)
            case t.Block() if current.expressions:
                pending.append(current.expressions[-1])
            case _:
                yield current


def _reads_field_through_eval(node: t.Node, names: Collection[str]) -> bool:
    """Return whether the node calls `$eval` on a string that is an expression which reads one of the
    fields."""
    match node:
        case t.Call(procedure=t.Variable(name="eval"), arguments=[t.Literal(value=str() as text), *_]):
            try:
                return reads_field(parse(text), names)
            except ExpressionError:
                return False
    return False


# Results.


def can_give_key(tree: t.Node, name: str) -> bool:
    """Return whether the result may be an object (or a list of objects) with this key.

    Where the tree does not tell the keys of the result, whether any string of it is this text. A result
    that hands on its input with whatever keys that has does not count.
    """
    keys = find_result_keys(tree)
    if keys is not None:
        return name in keys
    return any(isinstance(node, t.Literal) and node.value == name for node in walk_nodes(tree))


def find_result_keys(tree: t.Node) -> Keys:
    """Return the keys of the object that the expression gives, or of the objects of the list that it gives.

    None where the tree does not tell: the input is handed on, or keys are computed.
    """
    return _KeyFinder(of_records=False).find(tree, {}, 0)


def find_record_fields(tree: t.Node) -> Keys:
    """Work as `find_result_keys`, for the records of a mapping: of `{result, next_cursor}`, the keys of
    `result`."""
    return _KeyFinder(of_records=True).find(tree, {}, 0)


class _KeyFinder:
    """Finds the keys of a node's value. `of_records`: an object with an envelope's keys stands for its
    `result`."""

    def __init__(self, *, of_records: bool) -> None:
        self._of_records = of_records

    def find(self, node: t.Node, bound: Bindings, depth: int) -> Keys:  # noqa: C901  one case a kind of node
        """Return the keys of the node's value; `bound` says what the variables around it stand for."""
        if depth > _MAX_DEPTH or node.group is not None:
            return None
        below = depth + 1
        match node:
            case t.Object():
                return self._find_in_object(node, bound, below)
            case t.Literal(value=None):
                return frozenset()
            case t.Block():
                return self._find_in_block(node, bound, below)
            case t.Bind():
                return self.find(node.value, bound, below)
            case t.Condition():
                ends = [node.then] if node.otherwise is None else [node.then, node.otherwise]
                return self._unite_keys(ends, bound, below)
            case t.Default():
                return self._unite_keys((node.left, node.right), bound, below)
            case t.Array():
                return self._unite_keys(node.items, bound, below)
            case t.Path():
                return self.find(node.steps[-1], bound, below)
            case t.Variable() if node.name in bound:
                return self.find(bound[node.name], bound, below)
            case t.Call():
                return self._find_in_call(node, bound, below)
            case t.Apply(right=t.Transform(delete=None) as transform):
                return self._unite_keys((node.left, transform.update), bound, below)
            case _:
                return None

    def _find_in_object(self, node: t.Object, bound: Bindings, depth: int) -> Keys:
        """Return the keys of an object constructor; None if one is computed."""
        values: dict[str, t.Node] = {}
        for key, value in node.pairs:
            if not isinstance(key, t.Literal) or not isinstance(key.value, str):
                return None
            values[key.value] = value
        if self._of_records and "result" in values and values.keys() <= ENVELOPE:
            return self.find(values["result"], bound, depth)
        return frozenset(values)

    def _find_in_block(self, node: t.Block, bound: Bindings, depth: int) -> Keys:
        """Return the keys of a block's last expression, with the block's own variables bound."""
        if not node.expressions:
            return frozenset()
        inside = dict(bound)
        for expression in node.expressions:
            if isinstance(expression, t.Bind):
                inside[expression.name] = expression.value
        return self.find(node.expressions[-1], inside, depth)

    def _find_in_call(self, node: t.Call, bound: Bindings, depth: int) -> Keys:
        """Return the keys of what a call gives; None for a function that is not known."""
        procedure = node.procedure
        if not isinstance(procedure, t.Variable):
            return None
        bound_function = bound.get(procedure.name)
        if bound_function is not None:
            return self._find_in_function(bound_function, bound, depth)
        if procedure.name in _UNIONS:
            return self._unite_keys(node.arguments, bound, depth)
        if procedure.name in _SAME_ITEMS and node.arguments:
            return self.find(node.arguments[0], bound, depth)
        if procedure.name == "map" and len(node.arguments) == 2:
            mapper = node.arguments[1]
            if isinstance(mapper, t.Variable):
                mapper = bound.get(mapper.name, mapper)
            return self._find_in_function(mapper, bound, depth)
        return None

    def _find_in_function(self, function: t.Node, bound: Bindings, depth: int) -> Keys:
        """Return the keys of what a call of the function gives, if it is a literal one."""
        return self.find(function.body, bound, depth) if isinstance(function, t.Lambda) else None

    def _unite_keys(self, nodes: Iterable[t.Node], bound: Bindings, depth: int) -> Keys:
        """Return the keys of all the nodes' values together; None if one is not known."""
        keys: set[str] = set()
        for node in nodes:
            node_keys = self.find(node, bound, depth)
            if node_keys is None:
                return None
            keys |= node_keys
        return frozenset(keys)
