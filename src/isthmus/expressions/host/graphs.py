"""Dependency graphs (`functions.md` §6.5): dependencies come before what depends on them."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Final

from isthmus.expressions.errors import function_error
from isthmus.expressions.host_value import Host, host_type
from isthmus.expressions.javascript import is_truthy, to_double, to_text

__all__ = ["GRAPH", "Graph", "node_key"]


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
            self._nodes.setdefault(node_key(identity), (identity, data))
        self._dependencies: dict[Hashable, list[Hashable]] = {key: [] for key in self._nodes}
        self._dependants: dict[Hashable, list[Hashable]] = {key: [] for key in self._nodes}
        for source, target in dict.fromkeys((node_key(a), node_key(b)) for a, b in edges):
            self._dependencies[source].append(target)
            self._dependants[target].append(source)

    def has(self, identity: object) -> bool:
        return node_key(identity) in self._nodes

    def data(self, identity: object) -> object:
        return self._nodes[self._known(identity)][1]

    def order(self, leaves_only: object) -> list[object]:
        """All ids, dependencies first; only those without dependencies for `leaves_only`."""
        keys = list(self._nodes)
        starts = [key for key in keys if not self._dependants[key]]
        seen: dict[Hashable, None] = {}
        for start in starts:
            self._walk(start, self._dependencies, seen)
        if len(seen) < len(keys):
            for key in keys:
                self._walk(key, self._dependencies, seen)
        only = is_truthy(leaves_only)
        return [self._nodes[key][0] for key in seen if not only or not self._dependencies[key]]

    def reach(self, identity: object, leaves_only: object, *, backwards: bool) -> list[object]:
        """What a node needs (or, `backwards`, what needs it), directly or not, without itself."""
        edges = self._dependants if backwards else self._dependencies
        start = self._known(identity)
        seen: dict[Hashable, None] = {}
        self._walk(start, edges, seen)
        del seen[start]
        only = is_truthy(leaves_only)
        return [self._nodes[key][0] for key in seen if not only or not edges[key]]

    def _walk(
        self, start: Hashable, edges: Mapping[Hashable, list[Hashable]], done: dict[Hashable, None]
    ) -> None:
        """Depth-first, children before their node, into `done`; raises for a cycle."""
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
                raise function_error("dependencyGraph", f"Dependency Cycle Found: {' -> '.join(names)}")
            elif following not in done:
                path.append(following)
                open_nodes.add(following)
                pending.append(iter(edges[following]))

    def _known(self, identity: object) -> Hashable:
        key = node_key(identity)
        if key not in self._nodes:
            raise function_error("dependencyGraph", f"Node does not exist: {to_text(identity)}")
        return key


def node_key(identity: object) -> Hashable:
    """Ids are the same by JavaScript's map equality: numbers by value, lists and objects by identity."""
    if isinstance(identity, bool) or not isinstance(identity, (int, float, str)):
        return (type(identity), id(identity))
    return ("number", to_double(identity)) if not isinstance(identity, str) else ("text", identity)


GRAPH: Final = host_type(
    Graph,
    {},
    {
        "overallOrder": Graph.order,
        "dependenciesOf": lambda graph, node, leaves: graph.reach(node, leaves, backwards=False),
        "dependantsOf": lambda graph, node, leaves: graph.reach(node, leaves, backwards=True),
        "hasNode": Graph.has,
        "getNodeData": Graph.data,
        "clone": lambda graph: graph,
    },
)
