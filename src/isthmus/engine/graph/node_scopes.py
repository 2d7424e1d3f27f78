"""Makes the names that the templates and expressions of a node see: the records of the nodes before it.

Both see the same names. For a whole node, a path holds the array of records; inside a loop, the current
record. A template that reads a name of an array reads it of the first record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from isthmus.engine.graph.structure import Graph, Path
from isthmus.expressions.placeholders import Records

__all__ = ["Bindings", "NodeScope", "ProducedRecord"]

RESOURCES: Final = "resources"

Bindings = tuple[tuple[Path, Any], ...]
"""The paths of loops and the current item of each, which stands there instead of the array; outermost
first."""


@dataclass(frozen=True, slots=True)
class ProducedRecord:
    """One record of a node. `bindings`: of the loops that it was made in; a loop over it is nested in
    those."""

    value: Any
    bindings: Bindings = ()


class NodeScope:
    """The names that one node sees. `results`: the records of the nodes that ended, by name. `extra_names`:
    further names (`args`, …), which hide keys of the account's context."""

    def __init__(
        self,
        graph: Graph,
        name: str,
        results: Mapping[str, Sequence[ProducedRecord]],
        *,
        context: Mapping[str, Any],
        extra_names: Mapping[str, Any],
    ) -> None:
        self._arrays = _collect_arrays(graph, name, results)
        self._names = {**context, **extra_names}
        self._expressions: dict[str, Any] | None = None
        self._templates: dict[str, Any] | None = None

    def make_expression_names(self, bindings: Bindings = ()) -> dict[str, Any]:
        """Returns the names that expressions see inside of the loops of `bindings`."""
        if self._expressions is None:
            self._expressions = {**self._names, RESOURCES: _nest_by_path(self._arrays, list)}
        return _bind(self._expressions, bindings)

    def make_template_names(self, bindings: Bindings = ()) -> dict[str, Any]:
        """Returns the names that templates see inside of the loops of `bindings`."""
        if self._templates is None:
            self._templates = {**self._names, RESOURCES: _nest_by_path(self._arrays, Records)}
        return _bind(self._templates, bindings)

    def iterate_loop(self, dotted: str) -> Iterator[Bindings]:
        """Yields the bindings of each turn of a loop over a dotted path: one per item of an array, one for
        any other value, none for nothing. A path that goes on below records is read in each of them."""
        path = tuple(dotted.split("."))
        if path[0] != RESOURCES:
            for item in _collect_items(self._names, path):
                yield ((path, item),)
            return
        sources = [
            source_path for source_path in self._arrays if path[1 : 1 + len(source_path)] == source_path
        ]
        if not sources:
            return
        source = max(sources, key=len)
        rest = path[1 + len(source) :]
        for record in self._arrays[source]:
            inner = (*record.bindings, ((RESOURCES, *source), record.value))
            if not rest:
                yield inner
                continue
            for item in _collect_items(record.value, rest):
                yield (*inner, (path, item))


def _collect_arrays(
    graph: Graph, name: str, results: Mapping[str, Sequence[ProducedRecord]]
) -> dict[Path, Sequence[ProducedRecord]]:
    """Returns the records that a node reads at each path. Nodes that it waits for directly, and that share a
    path, are all read there, in the order written; of other nodes that share one, the nearest."""
    arrays: dict[Path, Sequence[ProducedRecord]] = {}
    for predecessor in graph.find_predecessors(name):
        for path in graph.read_at[predecessor]:
            arrays[path] = results.get(predecessor, ())
    direct: dict[Path, list[ProducedRecord]] = {}
    for predecessor in (node_name for node_name in graph.nodes if node_name in graph.dependencies[name]):
        for path in graph.find_own_paths(predecessor):
            direct.setdefault(path, []).extend(results.get(predecessor, ()))
    return {**arrays, **direct}


def _nest_by_path(arrays: Mapping[Path, Sequence[ProducedRecord]], kind: type[list[Any]]) -> dict[str, Any]:
    """Returns the records as nested objects by the segments of their paths. Where a shorter path is in the
    way of a longer one, the longer is left out. `kind`: the type of the lists."""
    tree: dict[str, Any] = {}
    for path in sorted(arrays, key=len):
        level = tree
        for segment in path[:-1]:
            below = level.setdefault(segment, {})
            if not isinstance(below, dict):
                break
            level = below
        else:
            level[path[-1]] = kind(record.value for record in arrays[path])
    return tree


def _bind(names: dict[str, Any], bindings: Bindings) -> dict[str, Any]:
    """Returns a copy of the names with the current items of loops at their paths."""
    for path, value in bindings:
        names = _replace_at(names, path, value)
    return names


def _replace_at(value: Any, path: Path, leaf: Any) -> Any:
    """Returns a copy of `value` with `leaf` at a path."""
    if not path:
        return leaf
    copy = dict(value) if isinstance(value, Mapping) else {}
    copy[path[0]] = _replace_at(copy.get(path[0]), path[1:], leaf)
    return copy


def _collect_items(value: Any, path: Path) -> list[Any]:
    """Returns the items at a path of a value, over which a loop runs; arrays on the way are flattened. Empty
    where nothing is there."""
    if isinstance(value, list):
        return (
            [nested_item for item in value for nested_item in _collect_items(item, path)]
            if path
            else list(value)
        )
    if not path:
        return [] if value is None else [value]
    return _collect_items(value.get(path[0]), path[1:]) if isinstance(value, Mapping) else []
