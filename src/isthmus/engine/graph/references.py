"""What a node reads of other nodes, found in its templates, expressions and loop without running them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from isthmus.definitions.nodes import Node, RequestNode, SpoolNode, TransformNode
from isthmus.expressions import Expression
from isthmus.expressions.placeholders import Template

__all__ = ["Path", "references_of"]

Path = tuple[str, ...]
"""Below `resources`: `("ticketing", "tickets")`, or a node's name alone."""


def references_of(node: Node, paths: Iterable[Path]) -> Iterator[Path]:
    """Those of `paths` that the node reads, or reads below; a computed name is not seen."""
    read = list(_read(node))
    expressions = [item for item in read if isinstance(item, Expression)]
    placed = [
        alternative.path[1:]
        for item in read
        if isinstance(item, Template)
        for placeholder in item.placeholders
        for alternative in placeholder.alternatives
        if alternative.path[0] == "resources"
    ]
    if isinstance(node, RequestNode) and node.loop_on is not None:
        loop = tuple(node.loop_on.split("."))
        if loop[0] == "resources":
            placed.append(loop[1:])
    for path in dict.fromkeys(paths):
        if any(each[: len(path)] == path for each in placed) or any(
            each.reads_path("resources", *path) for each in expressions
        ):
            yield path


def _read(node: Node) -> Iterator[Template | Expression | None]:
    match node:
        case TransformNode():
            yield node.config.expression
        case SpoolNode():
            return
        case RequestNode():
            yield from (node.id, node.query, node.body)
            if node.recurse is not None:
                yield from (node.recurse.condition, node.recurse.config.id, node.recurse.config.query)
