"""Which nodes of a graph may run, given what became of the others.

A plain value without time, tasks or I/O: a batch keeps it in memory, a durable run makes it again from what
it has stored.
"""

from __future__ import annotations

from collections.abc import Mapping

from isthmus.engine.graph.structure import Graph

__all__ = ["Frontier"]


class Frontier:
    """`settled`: nodes that ended before, and whether well. Each node is handed out once."""

    def __init__(self, graph: Graph, settled: Mapping[str, bool] | None = None) -> None:
        self._graph = graph
        self._ended: dict[str, bool] = dict(settled or {})
        self._started: set[str] = set(self._ended)
        self.skipped: dict[str, tuple[str, ...]] = {}
        """Nodes that will not run, and the dependencies that did not end well."""
        self._skip()

    def ready(self) -> list[str]:
        """The nodes that may begin now, in the order of the graph; they count as begun."""
        found = [
            name
            for name in self._graph.nodes
            if name not in self._started
            and name not in self.skipped
            and all(self._ended.get(each) for each in self._graph.edges[name])
        ]
        self._started.update(found)
        return found

    def settle(self, name: str, *, well: bool) -> list[str]:
        """A node ended. What may begin because of it."""
        self._ended[name] = well
        if not well:
            self._skip()
        return self.ready()

    @property
    def unsettled(self) -> list[str]:
        """Nodes that did not end and were not skipped: begun, or still waiting."""
        return [name for name in self._graph.nodes if name not in self._ended and name not in self.skipped]

    def has_begun(self, name: str) -> bool:
        return name in self._started

    def _skip(self) -> None:
        for name in self._graph.order:
            if name in self._started or name in self.skipped:
                continue
            lost = tuple(
                each
                for each in self._graph.edges[name]
                if each in self.skipped or self._ended.get(each) is False
            )
            if lost:
                self.skipped[name] = lost
