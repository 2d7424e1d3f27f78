"""`$dependencyGraph` and `$sortNodes`: trees that are given as flat lists of items with a parent's key."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Final

from isthmus.expressions.errors import make_function_error
from isthmus.expressions.functions.lodash import get_path, sort_key
from isthmus.expressions.host.graphs import Graph, to_node_key
from isthmus.expressions.javascript import as_list, describe_kind, is_nil, is_truthy, to_text
from isthmus.expressions.library import Evaluation
from isthmus.expressions.meter import pace
from isthmus.expressions.values import UNDEFINED

__all__ = ["dependency_graph", "sort_nodes"]

_CHILDREN_FIELD: Final = "children"


def dependency_graph(
    evaluation: Evaluation,
    items: object = UNDEFINED,
    parent_key: object = UNDEFINED,
    key: object = UNDEFINED,
) -> Graph:
    """A graph of the items of a list, in which each depends on its parent.

    Arguments:
        list: the items; a single one counts as a list.
        parentKey: path of the parent's key in an item; a parent that is not in the list is left out.
        key: path of an item's own key; of items with the same key the first counts.
    Errors: `dependencyGraph: …` for null and missing; the members raise `Node does not exist: …` and
        `Dependency Cycle Found: …`.
    Members: `overallOrder(leavesOnly)` lists parents before children, `dependenciesOf(id)`,
        `dependantsOf(id)`, `hasNode(id)`, `getNodeData(id)`, `clone()`.
    Example:
        $dependencyGraph([{"id": "b", "p": "a"}, {"id": "a"}], "p", "id").overallOrder()
        => ["a", "b"]
    """
    item_list = _require_list(items, "dependencyGraph")
    evaluation.charge(len(item_list) * 20)
    by_key: dict[Hashable, object] = {}
    for item in pace(item_list, 20):
        by_key[to_node_key(get_path(item, key))] = item
    nodes: list[tuple[object, object]] = []
    edges: list[tuple[object, object]] = []
    for item in pace(item_list, 20):
        identity, parent = get_path(item, key), get_path(item, parent_key)
        nodes.append((identity, item))
        if parent is not UNDEFINED and to_node_key(parent) in by_key:
            nodes.append((parent, by_key[to_node_key(parent)]))
            edges.append((identity, parent))
    if len(by_key) > evaluation.limits.graph_nodes:
        raise evaluation.make_limit_error("graph_nodes", "dependencyGraph")
    return Graph(nodes, edges)


def sort_nodes(
    evaluation: Evaluation,
    items: object = UNDEFINED,
    id_key: object = UNDEFINED,
    parent_id_key: object = UNDEFINED,
    sequence_key: object = UNDEFINED,
) -> list[object]:
    """A flat list in the order of its tree: parents before their children, siblings by their sequence.

    A field `children` of the input is left out; items that only a cycle reaches disappear.

    Arguments:
        list: the items; a single one counts as a list.
        idKey: path of an item's id (default `id`).
        parentIdKey: path of its parent's id (default `parent_id`); an item is a root where it is empty or
            not in the list.
        sequenceKey: path of what siblings are sorted by (default `sequence`); missing ones come last.
    Errors: `sortNodes: …` for null and missing.
    Example:
        $sortNodes([{"id": 2, "parent_id": 1}, {"id": 1}, {"id": 3}]).id
        => [1, 2, 3]
    """
    item_list = _require_list(items, "sortNodes")
    if len(item_list) > evaluation.limits.graph_nodes:
        raise evaluation.make_limit_error("graph_nodes", "sortNodes")
    evaluation.charge(len(item_list) * 20)
    id_path, parent, sequence = (
        default if value is UNDEFINED else value
        for value, default in ((id_key, "id"), (parent_id_key, "parent_id"), (sequence_key, "sequence"))
    )
    by_id = {to_text(get_path(item, id_path)): item for item in pace(item_list, 20)}
    children: dict[str, list[object]] = {}
    roots: list[object] = []
    for item in pace(item_list, 20):
        place = get_path(item, parent)
        current = by_id[to_text(get_path(item, id_path))]
        if is_truthy(place) and to_text(place) in by_id:
            children.setdefault(to_text(place), []).append(current)
        else:
            roots.append(current)
    return _flatten_tree(evaluation, roots, children, id_path, sequence)


def _flatten_tree(
    evaluation: Evaluation,
    roots: list[object],
    children: Mapping[str, list[object]],
    id_path: object,
    sequence_path: object,
) -> list[object]:
    """Return the items in depth-first order. `id_path`: path of an item's id; `sequence_path`: path of the
    sort key."""

    def sort_siblings(siblings: list[object]) -> list[object]:
        """Return the items of one level in the order of their sequence."""
        return sorted(siblings, key=lambda item: sort_key(get_path(item, sequence_path)))

    ordered: list[object] = []
    pending = [iter(sort_siblings(roots))]
    while pending:
        item = next(pending[-1], UNDEFINED)
        if item is UNDEFINED:
            pending.pop()
            continue
        if len(ordered) > evaluation.limits.graph_nodes:
            raise evaluation.make_limit_error("graph_nodes", "sortNodes")
        evaluation.charge(8)
        ordered.append(
            {name: value for name, value in item.items() if name != _CHILDREN_FIELD}
            if isinstance(item, Mapping)
            else item
        )
        below = children.get(to_text(get_path(item, id_path)))
        if below:
            pending.append(iter(sort_siblings(below)))
    return ordered


def _require_list(value: object, function: str) -> list[object]:
    """Return a list as it is, another value as a list of one; raises ExpressionError for null and missing."""
    if is_nil(value):
        raise make_function_error(function, f"{function}: expected a list, not {describe_kind(value)}")
    return as_list(value)
