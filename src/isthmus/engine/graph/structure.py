"""Makes a graph of the nodes of a batch: names them, checks them, and orders them by their dependencies,
before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from isthmus.definitions.graph_nodes import Node, RequestNode, SpoolNode, TransformNode
from isthmus.errors import BadRequest, failure
from isthmus.expressions import Expression
from isthmus.expressions.placeholders import Template

__all__ = ["Graph", "Path", "find_own_paths", "find_references"]

_MAX_SHOWN: Final = 3

Path = tuple[str, ...]
"""Where records are read, below `resources`: `("ticketing", "tickets")`, or a node's name alone."""


@dataclass(frozen=True, slots=True)
class Graph:
    """The nodes of a batch and their dependencies. `nodes`: by name, in the order written. `dependencies`: by
    name, the nodes that each waits for. `order`: the names, each after those that it waits for. `read_at`: by
    name, the paths below `resources` where others read its records."""

    nodes: Mapping[str, Node]
    dependencies: Mapping[str, tuple[str, ...]]
    order: tuple[str, ...]
    read_at: Mapping[str, tuple[Path, ...]]

    def find_predecessors(self, name: str) -> tuple[str, ...]:
        """Returns all nodes that a node waits for, directly or not, each after those that it waits for
        itself."""
        predecessors: set[str] = set()
        pending = list(self.dependencies[name])
        while pending:
            predecessor = pending.pop()
            if predecessor not in predecessors:
                predecessors.add(predecessor)
                pending += self.dependencies[predecessor]
        return tuple(predecessor for predecessor in self.order if predecessor in predecessors)

    def find_own_paths(self, name: str) -> tuple[Path, ...]:
        """Returns the paths below `resources` where a node's records are read: see `find_own_paths`."""
        return find_own_paths(name, self.nodes[name])

    @classmethod
    def from_nodes(cls, nodes: Sequence[Node], *, where: str = "resources") -> Graph:
        """Returns the graph of nodes. `where`: the field that holds them, for messages. Raises BadRequest for
        nodes with the same name, for unknown dependencies, and for nodes that wait for each other."""
        named_nodes, failures = _name_nodes(nodes, where)
        dependencies: dict[str, tuple[str, ...]] = {}
        for index, (name, node) in enumerate(named_nodes):
            node_dependencies: list[str] = []
            for dependency in node.depends_on:
                matches = _find_matching_nodes(dependency, index, named_nodes)
                if not matches:
                    failures.append(
                        _make_unknown_dependency_failure(
                            f"{where}.{index}.depends_on", name, dependency, named_nodes
                        )
                    )
                node_dependencies += matches
            node_dependencies += _find_implied_dependencies(index, named_nodes, failures, where)
            dependencies[name] = tuple(dict.fromkeys(node_dependencies))
        if failures:
            raise _make_graph_error(failures)
        order = _sort_by_dependency(dependencies, where)
        by_name = dict(named_nodes)
        return cls(
            by_name,
            dependencies,
            order,
            {name: _find_read_paths(name, by_name, dependencies) for name in by_name},
        )


def find_own_paths(name: str, node: Node) -> tuple[Path, ...]:
    """Returns the paths below `resources` where a node's records are read: its name, and the resource of a
    request."""
    if not isinstance(node, RequestNode):
        return ((name,),)
    resource = tuple(node.resource.split("/"))
    return (resource,) if node.name is None else (resource, (name,))


def _name_nodes(nodes: Sequence[Node], where: str) -> tuple[list[tuple[str, Node]], list[dict[str, str]]]:
    """Returns the nodes as `(name, node)`, and failures for names used twice. A request without a name has
    that of its resource; the second of one resource is `resource#2`."""
    explicit_names = [node.name for node in nodes if node.name is not None]
    used_names: set[str] = set()
    named_nodes: list[tuple[str, Node]] = []
    failures: list[dict[str, str]] = []
    for index, node in enumerate(nodes):
        if node.name is None:
            base, count, name = node.key, 1, node.key
            while name in used_names or name in explicit_names:
                count += 1
                name = f"{base}#{count}"
        else:
            name = node.name
            if name in used_names:
                failures.append(
                    failure(f"{where}.{index}.name", f"{name!r} is the name of another node too", "duplicate")
                )
        used_names.add(name)
        named_nodes.append((name, node))
    return named_nodes, failures


def _find_matching_nodes(dependency: str, index: int, named_nodes: Sequence[tuple[str, Node]]) -> list[str]:
    """Returns the names of the nodes that an entry of `depends_on` means: the one of this name, else those of
    this resource, empty for none. For a node of the resource itself only those written before it, so that
    calls of one resource can follow each other. `index`: of the node that depends."""
    own_node = named_nodes[index][1]
    others = [named_node for position, named_node in enumerate(named_nodes) if position != index]
    by_name = [name for name, node in others if node.name == dependency]
    if by_name:
        return by_name
    is_own_resource = isinstance(own_node, RequestNode) and own_node.resource == dependency
    by_resource = [
        name
        for name, node in (named_nodes[:index] if is_own_resource else others)
        if isinstance(node, RequestNode) and node.resource == dependency
    ]
    return by_resource or [name for name, _ in others if name == dependency]


def _find_implied_dependencies(
    index: int, named_nodes: Sequence[tuple[str, Node]], failures: list[dict[str, str]], where: str
) -> Iterator[str]:
    """Yields the names of the nodes whose records a node reads, which it therefore waits for. A loop over no
    node is added to `failures`. `index`: of the node."""
    name, node = named_nodes[index]
    own_paths = set(find_own_paths(name, node))
    paths_read = list(
        find_references(
            node, [path for node_name, other in named_nodes for path in find_own_paths(node_name, other)]
        )
    )
    for path in paths_read:
        if path not in own_paths:
            yield from _find_nodes_at(path, index, named_nodes)
    if not isinstance(node, RequestNode) or node.loop_on is None:
        return
    path = tuple(node.loop_on.split("."))
    if path[0] != "resources":
        return
    source_paths = [read for read in paths_read if path[1 : 1 + len(read)] == read]
    sources = [source for read in source_paths for source in _find_nodes_at(read, index, named_nodes)]
    yield from sources
    if not sources:
        failures.append(
            failure(
                f"{where}.{index}.loop_on", f"{node.loop_on} is the path of no other node", "unknown_node"
            )
        )


def _find_nodes_at(path: Path, index: int, named_nodes: Sequence[tuple[str, Node]]) -> list[str]:
    """Returns the nodes whose records the node at `index` reads at a path."""
    return _find_matching_nodes("/".join(path), index, named_nodes)


def _find_read_paths(
    name: str, nodes: Mapping[str, Node], dependencies: Mapping[str, tuple[str, ...]]
) -> tuple[Path, ...]:
    """Returns the paths where the records of a node are read. A transform or spool of a single node takes the
    place of that node for those after it, so it is read at its paths too."""
    paths = find_own_paths(name, nodes[name])
    if isinstance(nodes[name], RequestNode) or len(dependencies[name]) != 1:
        return paths
    return tuple(dict.fromkeys((*paths, *_find_read_paths(dependencies[name][0], nodes, dependencies))))


def _sort_by_dependency(dependencies: Mapping[str, tuple[str, ...]], where: str) -> tuple[str, ...]:
    """Returns the names, each after those that it waits for. Raises BadRequest for a cycle."""
    try:
        return tuple(TopologicalSorter(dependencies).static_order())
    except CycleError as error:
        cycle = list(reversed(error.args[1]))
        shown = " -> ".join(cycle)
        raise BadRequest(
            f"The nodes wait for each other: {shown}. Remove one of these dependencies.",
            failures=[failure(where, f"{shown} is a circle", "cycle")],
            details={"nodes": cycle[:-1]},
        ) from None


def _make_unknown_dependency_failure(
    path: str, node_name: str, dependency: str, named_nodes: Sequence[tuple[str, Any]]
) -> dict[str, str]:
    """Returns the failure for a dependency that matches no other node, or only the node itself. The message
    lists the other nodes. `path`: of the field that names the dependency."""
    others = ", ".join(other for other, _ in named_nodes if other != node_name)
    if dependency == node_name:
        message = f"{node_name!r} cannot wait for itself"
    else:
        message = f"{node_name!r} waits for {dependency!r}, and no node has this name or resource"
    return failure(path, f"{message}; the others are {others}" if others else message, "unknown_node")


def _make_graph_error(failures: list[dict[str, str]]) -> BadRequest:
    """Returns the error for a graph that cannot run, naming the first failures."""
    shown = "; ".join(f"{item['path']}: {item['message']}" for item in failures[:_MAX_SHOWN])
    more = len(failures) - _MAX_SHOWN
    return BadRequest(
        f"The nodes are not a graph that can run. {shown}{f' (and {more} more)' if more > 0 else ''}",
        failures=failures,
    )


def find_references(node: Node, paths: Iterable[Path]) -> Iterator[Path]:
    """Yields the `paths` that the node reads, or reads something below of. Names that an expression computes
    are not found."""
    values = list(_iterate_values(node))
    expressions = [item for item in values if isinstance(item, Expression)]
    read_paths = [
        alternative.path[1:]
        for item in values
        if isinstance(item, Template)
        for placeholder in item.placeholders
        for alternative in placeholder.alternatives
        if alternative.path[0] == "resources"
    ]
    if isinstance(node, RequestNode) and node.loop_on is not None:
        loop = tuple(node.loop_on.split("."))
        if loop[0] == "resources":
            read_paths.append(loop[1:])
    for path in dict.fromkeys(paths):
        if any(read_path[: len(path)] == path for read_path in read_paths) or any(
            expression.reads_path("resources", *path) for expression in expressions
        ):
            yield path


def _iterate_values(node: Node) -> Iterator[Template | Expression | None]:
    """Yields the templates and expressions of a node; None for a field that it does not have."""
    match node:
        case TransformNode():
            yield node.config.expression
        case SpoolNode():
            return
        case RequestNode():
            yield from (node.id, node.query, node.body)
            if node.recurse is not None:
                yield from (node.recurse.condition, node.recurse.config.id, node.recurse.config.query)
