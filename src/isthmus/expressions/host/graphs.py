"""`Graph`: the dependency graph that `$dependencyGraph` gives to expressions."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Final

from isthmus.expressions.errors import make_function_error
from isthmus.expressions.host_value import Host, make_host_type
from isthmus.expressions.javascript import is_truthy, to_double, to_text

__all__ = ["GRAPH", "Graph", "to_node_key"]


class Graph(Host):
    """Nodes by id with their data, in the order of insertion, and the edges node → dependency.

    Ids keep their type: 1 and "1" are two nodes. Walks are iterative; ids are kept as `(type, id)` keys.
    """

    __slots__ = ("_dependants", "_dependencies", "_nodes")

    def __init__(
        self, nodes: Iterable[tuple[object, object]], edges: Iterable[tuple[object, object]]
    ) -> None:
        self._nodes: dict[Hashable, tuple[object, object]] = {}
        for identity, data in nodes:
            self._nodes.setdefault(to_node_key(identity), (identity, data))
        self._dependencies: dict[Hashable, list[Hashable]] = {key: [] for key in self._nodes}
        self._dependants: dict[Hashable, list[Hashable]] = {key: [] for key in self._nodes}
        for source, target in dict.fromkeys((to_node_key(a), to_node_key(b)) for a, b in edges):
            self._dependencies[source].append(target)
            self._dependants[target].append(source)

    def has_node(self, identity: object) -> bool:
        """Return whether the graph has a node with this id."""
        return to_node_key(identity) in self._nodes

    def get_data(self, identity: object) -> object:
        """Return what the node was made with; raises ExpressionError for an unknown id."""
        return self._nodes[self._require_key(identity)][1]

    def list_in_order(self, leaves_only: object) -> list[object]:
        """Return all ids, dependencies before what needs them; only nodes without dependencies for
        `leaves_only`.

        Raises ExpressionError for a cycle.
        """
        keys = list(self._nodes)
        starts = [key for key in keys if not self._dependants[key]]
        seen: dict[Hashable, None] = {}
        for start in starts:
            self._walk_depth_first(start, self._dependencies, seen)
        if len(seen) < len(keys):
            for key in keys:
                self._walk_depth_first(key, self._dependencies, seen)
        only = is_truthy(leaves_only)
        return [self._nodes[key][0] for key in seen if not only or not self._dependencies[key]]

    def list_reachable(self, identity: object, leaves_only: object, *, backwards: bool) -> list[object]:
        """Return the ids of all that a node needs (`backwards`: of all that need it), directly or not.

        Raises ExpressionError for an unknown id and for a cycle.
        """
        edges = self._dependants if backwards else self._dependencies
        start = self._require_key(identity)
        seen: dict[Hashable, None] = {}
        self._walk_depth_first(start, edges, seen)
        del seen[start]
        only = is_truthy(leaves_only)
        return [self._nodes[key][0] for key in seen if not only or not edges[key]]

    def _walk_depth_first(
        self, start: Hashable, edges: Mapping[Hashable, list[Hashable]], done: dict[Hashable, None]
    ) -> None:
        """Add what `start` leads to, and itself, to `done`, dependencies first; raises for a cycle."""
        if start in done:
            return
        path: list[Hashable] = [start]
        open_nodes = {start}
        pending = [iter(edges[start])]
        while path:
            following = next(pending[-1], None)
            if following is None:
                pending.pop()
                finished = path.pop()
                open_nodes.discard(finished)
                done[finished] = None
            elif following in open_nodes:
                names = [to_text(self._nodes[key][0]) for key in [*path, following]]
                raise make_function_error("dependencyGraph", f"Dependency Cycle Found: {' -> '.join(names)}")
            elif following not in done:
                path.append(following)
                open_nodes.add(following)
                pending.append(iter(edges[following]))

    def _require_key(self, identity: object) -> Hashable:
        """Return the key of an id; raises ExpressionError for an unknown one."""
        key = to_node_key(identity)
        if key not in self._nodes:
            raise make_function_error("dependencyGraph", f"Node does not exist: {to_text(identity)}")
        return key


def to_node_key(identity: object) -> Hashable:
    """Return a key that is equal for ids which a JavaScript Map takes for the same.

    Numbers and texts are the same by value, lists and objects only as themselves.
    """
    if isinstance(identity, bool) or not isinstance(identity, (int, float, str)):
        return (type(identity), id(identity))
    return ("number", to_double(identity)) if not isinstance(identity, str) else ("text", identity)


GRAPH: Final = make_host_type(
    Graph,
    {},
    {
        "overallOrder": Graph.list_in_order,
        "dependenciesOf": lambda graph, node, leaves: graph.list_reachable(node, leaves, backwards=False),
        "dependantsOf": lambda graph, node, leaves: graph.list_reachable(node, leaves, backwards=True),
        "hasNode": Graph.has_node,
        "getNodeData": Graph.get_data,
        "clone": lambda graph: graph,
    },
)
