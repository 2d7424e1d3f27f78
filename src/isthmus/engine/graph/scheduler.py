"""Decides which nodes of a graph can run, given how the others ended.

It has no time, tasks or I/O: a batch keeps it in memory, and a durable run can make it again from what it
stored.
"""

from __future__ import annotations

from collections.abc import Mapping

from isthmus.engine.graph.structure import Graph

__all__ = ["NodeScheduler"]


class NodeScheduler:
    """Hands out each node of a graph once, when all that it waits for has succeeded. `results`: nodes that
    ended before, and whether each succeeded. `skipped`: by name, the nodes that will not run, and their
    dependencies that did not succeed."""

    def __init__(self, graph: Graph, results: Mapping[str, bool] | None = None) -> None:
        self._graph = graph
        self._results: dict[str, bool] = dict(results or {})
        self._started: set[str] = set(self._results)
        self.skipped: dict[str, tuple[str, ...]] = {}
        self._skip_dependents()

    def start_ready(self) -> list[str]:
        """Returns the names of the nodes that can start now, in the order of the graph, and counts them as
        started: each is returned once."""
        ready = [
            name
            for name in self._graph.nodes
            if name not in self._started
            and name not in self.skipped
            and all(self._results.get(dependency) for dependency in self._graph.dependencies[name])
        ]
        self._started.update(ready)
        return ready

    def finish_and_start_next(self, name: str, *, succeeded: bool) -> list[str]:
        """Records that a node ended, then starts the next nodes: returns the names that `start_ready`
        returns."""
        self._results[name] = succeeded
        if not succeeded:
            self._skip_dependents()
        return self.start_ready()

    @property
    def unfinished_nodes(self) -> list[str]:
        """The nodes that neither ended nor were skipped: started, or still waiting."""
        return [name for name in self._graph.nodes if name not in self._results and name not in self.skipped]

    def has_started(self, name: str) -> bool:
        """Returns True if the node was handed out, or ended before."""
        return name in self._started

    def _skip_dependents(self) -> None:
        """Marks the nodes that wait for one that failed or was skipped."""
        for name in self._graph.order:
            if name in self._started or name in self.skipped:
                continue
            failed = tuple(
                dependency
                for dependency in self._graph.dependencies[name]
                if dependency in self.skipped or self._results.get(dependency) is False
            )
            if failed:
                self.skipped[name] = failed
