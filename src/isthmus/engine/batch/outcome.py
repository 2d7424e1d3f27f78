"""What became of each node, and how that is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from isthmus.definitions.nodes import Node, RequestNode
from isthmus.engine.graph.node_scopes import ProducedRecord
from isthmus.engine.graph.structure import Graph
from isthmus.errors import IsthmusError, UnprocessableRequest, to_error_envelope

__all__ = ["BatchOutcome", "NodeError"]


@dataclass(frozen=True, slots=True)
class NodeError:
    """`turn`: the number of the loop's element, from 0; None where it is not the failure of one."""

    error: IsthmusError
    turn: int | None = None


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    graph: Graph
    records: Mapping[str, Sequence[ProducedRecord]]
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
            errors.setdefault(node.key, []).extend(
                _error_to_wire(name, each) for each in self.errors.get(name, ())
            )
        return {"result": result, "errors": errors}

    def sayable(self, can_be_said: Callable[[Any], bool]) -> BatchOutcome:
        """Without the records of nodes that gave what no answer can hold; that is an error of theirs."""
        records, errors = dict(self.records), dict(self.errors)
        for name, node in self.graph.nodes.items():
            kept = records.get(name, ())
            if persists(node) and not all(can_be_said(record.value) for record in kept):
                records[name] = ()
                errors[name] = [*errors.get(name, ()), NodeError(_unwritable_error(name))]
        return replace(self, records=records, errors=errors)


def _unwritable_error(name: str) -> IsthmusError:
    return UnprocessableRequest(
        f"{name} gave a value that JSON has no form for: a file, bytes. Make it text, or leave it out of the "
        "answer with persist: false."
    )


def persists(node: Node) -> bool:
    if node.persist is not None:
        return node.persist
    return not isinstance(node, RequestNode) or node.is_unified


def _error_to_wire(name: str, failed: NodeError) -> dict[str, Any]:
    """The error as any call would have got it, with the node it belongs to."""
    told = {**to_error_envelope(failed.error), "node": name}
    return told if failed.turn is None else {**told, "turn": failed.turn}
