"""What a node sees: the records of the nodes before it, and inside a loop the one record it is at
(`api.md` §4.5, `syncs.md` §1.8).

Templates and expressions see the same names. At the level of a whole node a path holds the array of records;
inside a loop, the current one. A template that goes on from an array by a name reads its first record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from isthmus.engine.graph.structure import Graph, Path
from isthmus.expressions import UNDEFINED
from isthmus.expressions.placeholders import Records

__all__ = ["Bindings", "NodeScope", "ProducedRecord"]

RESOURCES: Final = "resources"

Bindings = tuple[tuple[Path, Any], ...]
"""Whole paths and what stands there instead of the array, outermost loop first."""


@dataclass(frozen=True, slots=True)
class ProducedRecord:
    """One record, and where the loops were when it was made: a loop over it is inside those."""

    value: Any
    bindings: Bindings = ()


class NodeScope:
    """`results`: of the nodes that ended. `roots`: the further names (`args`, ...), which hide keys of the
    account's context and are never hidden by them."""

    def __init__(
        self,
        graph: Graph,
        name: str,
        results: Mapping[str, Sequence[ProducedRecord]],
        *,
        context: Mapping[str, Any],
        roots: Mapping[str, Any],
    ) -> None:
        self._arrays = _collect_arrays(graph, name, results)
        self._names = {**context, **roots}
        self._expressions: dict[str, Any] | None = None
        self._templates: dict[str, Any] | None = None

    def of_expressions(self, bindings: Bindings = ()) -> dict[str, Any]:
        if self._expressions is None:
            self._expressions = {**self._names, RESOURCES: _nest_by_path(self._arrays, list)}
        return _bind(self._expressions, bindings)

    def of_templates(self, bindings: Bindings = ()) -> dict[str, Any]:
        if self._templates is None:
            self._templates = {**self._names, RESOURCES: _nest_by_path(self._arrays, Records)}
        return _bind(self._templates, bindings)

    def elements(self, dotted: str) -> Iterator[Bindings]:
        """The bindings of a loop's turns: of an array one for each element, of anything else that is there
        one, of nothing none. Below records, the path is read in each of them."""
        path = tuple(dotted.split("."))
        if path[0] != RESOURCES:
            for item in _collect_items(self._names, path):
                yield ((path, item),)
            return
        sources = [at for at in self._arrays if path[1 : 1 + len(at)] == at]
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
    """What is read at each path. Of nodes that share one, the nearest wins; of those that the node itself
    waits for, all, in the order written (A28)."""
    found: dict[Path, Sequence[ProducedRecord]] = {}
    for before in graph.before(name):
        for path in graph.read_at[before]:
            found[path] = results.get(before, ())
    direct: dict[Path, list[ProducedRecord]] = {}
    for before in (each for each in graph.nodes if each in graph.edges[name]):
        for path in graph.own_paths(before):
            direct.setdefault(path, []).extend(results.get(before, ()))
    return {**found, **direct}


def _nest_by_path(arrays: Mapping[Path, Sequence[ProducedRecord]], kind: type[list[Any]]) -> dict[str, Any]:
    """Nested by path; where a short path stands in the way of a longer one, the longer is left out."""
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
    for path, value in bindings:
        names = _replace_at(names, path, value)
    return names


def _replace_at(value: Any, path: Path, leaf: Any) -> Any:
    if not path:
        return leaf
    copy = dict(value) if isinstance(value, Mapping) else {}
    copy[path[0]] = _replace_at(copy.get(path[0]), path[1:], leaf)
    return copy


def _collect_items(value: Any, path: Path) -> list[Any]:
    """What a loop goes over; arrays on the way are gone through."""
    if isinstance(value, list):
        return [found for item in value for found in _collect_items(item, path)] if path else list(value)
    if not path:
        return [] if value is None or value is UNDEFINED else [value]
    return _collect_items(value.get(path[0]), path[1:]) if isinstance(value, Mapping) else []
