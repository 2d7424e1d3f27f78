"""Which fields the objects have that an expression gives, as far as its text tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from isthmus.expressions.engine import Expression
from isthmus.expressions.syntax import tree as t

__all__ = ["ENVELOPE", "result_fields"]

ENVELOPE: Final = frozenset({"result", "next_cursor", "prev_cursor"})
"""The keys of what a mapping may give around its records."""

_SAME_ITEMS: Final = frozenset({"filter", "sort", "distinct", "reverse", "shuffle"})
_UNIONS: Final = frozenset({"merge", "append"})
_MOST_DEEP: Final = 64

Fields = frozenset[str] | None
Bound = Mapping[str, t.Node]


def result_fields(expression: Expression) -> Fields:
    """Names of the top-level fields of the record, or of each record of an array or of `{result}`.

    None where the text does not tell: the input is handed on, keys are computed.
    """
    return _fields(expression.tree, {}, 0)


def _fields(node: t.Node, bound: Bound, depth: int) -> Fields:  # noqa: C901  one case a kind of node
    if depth > _MOST_DEEP or node.group is not None:
        return None
    below = depth + 1
    match node:
        case t.Object():
            return _keys(node, bound, below)
        case t.Literal(value=None):
            return frozenset()
        case t.Block():
            return _block(node, bound, below)
        case t.Bind():
            return _fields(node.value, bound, below)
        case t.Condition():
            ends = [node.then] if node.otherwise is None else [node.then, node.otherwise]
            return _union(_fields(end, bound, below) for end in ends)
        case t.Default():
            return _union(_fields(side, bound, below) for side in (node.left, node.right))
        case t.Array():
            return _union(_fields(item, bound, below) for item in node.items)
        case t.Path():
            return _fields(node.steps[-1], bound, below)
        case t.Variable() if node.name in bound:
            return _fields(bound[node.name], bound, below)
        case t.Call():
            return _call(node, bound, below)
        case t.Apply(right=t.Transform(delete=None) as transform):
            return _union(_fields(each, bound, below) for each in (node.left, transform.update))
        case _:
            return None


def _keys(node: t.Object, bound: Bound, depth: int) -> Fields:
    names: dict[str, t.Node] = {}
    for key, value in node.pairs:
        if not isinstance(key, t.Literal) or not isinstance(key.value, str):
            return None
        names[key.value] = value
    if "result" in names and names.keys() <= ENVELOPE:
        return _fields(names["result"], bound, depth)
    return frozenset(names)


def _block(node: t.Block, bound: Bound, depth: int) -> Fields:
    if not node.expressions:
        return frozenset()
    inside = dict(bound)
    for each in node.expressions:
        if isinstance(each, t.Bind):
            inside[each.name] = each.value
    return _fields(node.expressions[-1], inside, depth)


def _call(node: t.Call, bound: Bound, depth: int) -> Fields:
    called = node.procedure
    if not isinstance(called, t.Variable):
        return None
    own = bound.get(called.name)
    if own is not None:
        return _fields(own.body, bound, depth) if isinstance(own, t.Lambda) else None
    if called.name in _UNIONS:
        return _union(_fields(each, bound, depth) for each in node.arguments)
    if called.name in _SAME_ITEMS and node.arguments:
        return _fields(node.arguments[0], bound, depth)
    if called.name == "map" and len(node.arguments) == 2:
        mapper = node.arguments[1]
        if isinstance(mapper, t.Variable):
            mapper = bound.get(mapper.name, mapper)
        return _fields(mapper.body, bound, depth) if isinstance(mapper, t.Lambda) else None
    return None


def _union(parts: Iterable[Fields]) -> Fields:
    names: set[str] = set()
    for part in parts:
        if part is None:
            return None
        names |= part
    return frozenset(names)
