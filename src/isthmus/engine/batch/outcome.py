"""What became of each node, and how that is answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from isthmus.definitions.nodes import Node, RequestNode
from isthmus.engine.graph.scopes import Produced
from isthmus.engine.graph.structure import Graph
from isthmus.errors import IsthmusError, envelope

__all__ = ["BatchOutcome", "NodeError"]


@dataclass(frozen=True, slots=True)
class NodeError:
    """`turn`: the number of the loop's element, from 0; None where it is not the failure of one."""

    error: IsthmusError
    turn: int | None = None


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    graph: Graph
    records: Mapping[str, Sequence[Produced]]
    errors: Mapping[str, Sequence[NodeError]] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, Any]:
        """`{result, errors}`, by resource, or by the name of a node that requests none. Nodes that share a
        key follow each other in the order written (A28). `errors` has every key, `result` those of nodes that
        persist (A27)."""
        result: dict[str, list[Any]] = {}
        errors: dict[str, list[Any]] = {}
        for name, node in self.graph.nodes.items():
            if persists(node):
                kept = result.setdefault(node.key, [])
                kept.extend(record.value for record in self.records.get(name, ()))
            errors.setdefault(node.key, []).extend(_told(name, each) for each in self.errors.get(name, ()))
        return {"result": result, "errors": errors}


def persists(node: Node) -> bool:
    if node.persist is not None:
        return node.persist
    return not isinstance(node, RequestNode) or node.is_unified


def _told(name: str, failed: NodeError) -> dict[str, Any]:
    """The error as any call would have got it, with the node it belongs to."""
    told = {**envelope(failed.error), "node": name}
    return told if failed.turn is None else {**told, "turn": failed.turn}
