"""Decides which nodes of a graph may run, given how the others ended.

It has no time, tasks or I/O: a batch keeps it in memory, and a durable run can make it again from what it
stored.
"""

from __future__ import annotations

from collections.abc import Mapping

from isthmus.engine.graph.structure import Graph

__all__ = ["NodeScheduler"]


class NodeScheduler:
    """Hands out each node of a graph once, when all that it waits for has succeeded. `ended`: nodes that
    ended before, and whether they succeeded. `skipped`: by name, the nodes that will not run, and their
    dependencies that did not succeed."""

    def __init__(self, graph: Graph, ended: Mapping[str, bool] | None = None) -> None:
        self._graph = graph
        self._ended: dict[str, bool] = dict(ended or {})
        self._started: set[str] = set(self._ended)
        self.skipped: dict[str, tuple[str, ...]] = {}
        self._skip_dependents()

    def start_ready(self) -> list[str]:
        """Returns the nodes that may start now, in the order of the graph. They count as started."""
        found = [
            name
            for name in self._graph.nodes
            if name not in self._started
            and name not in self.skipped
            and all(self._ended.get(each) for each in self._graph.edges[name])
        ]
        self._started.update(found)
        return found

    def finish(self, name: str, *, succeeded: bool) -> list[str]:
        """Returns records that a node ended, and starts the nodes that may run because of it."""
        self._ended[name] = succeeded
        if not succeeded:
            self._skip_dependents()
        return self.start_ready()

    @property
    def unfinished_nodes(self) -> list[str]:
        """The nodes that neither ended nor were skipped: started, or still waiting."""
        return [name for name in self._graph.nodes if name not in self._ended and name not in self.skipped]

    def has_started(self, name: str) -> bool:
        return name in self._started

    def _skip_dependents(self) -> None:
        """Marks the nodes that wait for one that failed or was skipped."""
        for name in self._graph.order:
            if name in self._started or name in self.skipped:
                continue
            failed = tuple(
                each
                for each in self._graph.edges[name]
                if each in self.skipped or self._ended.get(each) is False
            )
            if failed:
                self.skipped[name] = failed
