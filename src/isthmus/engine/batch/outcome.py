"""Collects the records and errors of each node of a batch, and makes the body of the answer of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from isthmus.definitions.graph_nodes import Node, RequestNode
from isthmus.engine.graph.node_scopes import ProducedRecord
from isthmus.engine.graph.structure import Graph
from isthmus.errors import IsthmusError, UnprocessableRequest, to_error_envelope
from isthmus.kit.call_warnings import CallWarning

__all__ = ["BatchOutcome", "NodeError"]


@dataclass(frozen=True, slots=True)
class NodeError:
    """An error of a node. `turn`: the number of the loop's turn that failed, from 0; None where it was
    none."""

    error: IsthmusError
    turn: int | None = None


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What the nodes of a batch gave, their errors, and what their calls left out, by the name of the
    node."""

    graph: Graph
    records: Mapping[str, Sequence[ProducedRecord]]
    errors: Mapping[str, Sequence[NodeError]] = field(default_factory=dict)
    node_warnings: Mapping[str, Iterable[CallWarning]] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, Any]:
        """The body of the answer: `{result, errors}`, each by resource, or by the name of a node that
        requests none. Nodes with the same key follow each other in the order written. `errors` has the
        keys of all nodes, `result` those of nodes that persist."""
        result: dict[str, list[Any]] = {}
        errors: dict[str, list[Any]] = {}
        for name, node in self.graph.nodes.items():
            if _is_in_answer(node):
                node_result = result.setdefault(node.key, [])
                node_result.extend(record.value for record in self.records.get(name, ()))
            errors.setdefault(node.key, []).extend(
                _error_to_wire(name, node_error) for node_error in self.errors.get(name, ())
            )
        return {"result": result, "errors": errors}

    @property
    def warnings(self) -> list[CallWarning]:
        """What the calls left out, in the order of the nodes. The name of the node is before the field, or
        where there is none before the message."""
        return [
            _name_node(name, warning)
            for name in self.graph.nodes
            for warning in self.node_warnings.get(name, ())
        ]

    def has_error(self, kind: type[IsthmusError]) -> bool:
        """Returns True if a node has an error of this kind."""
        return any(isinstance(each.error, kind) for errors in self.errors.values() for each in errors)

    def without_unwritable(self, is_writable: Callable[[Any], bool]) -> BatchOutcome:
        """Returns a copy in which each node with a record that no answer can hold has an error instead of its
        records."""
        records, errors = dict(self.records), dict(self.errors)
        for name, node in self.graph.nodes.items():
            node_records = records.get(name, ())
            if _is_in_answer(node) and not all(is_writable(record.value) for record in node_records):
                records[name] = ()
                errors[name] = [*errors.get(name, ()), NodeError(_make_unwritable_error(name))]
        return replace(self, records=records, errors=errors)


def _make_unwritable_error(name: str) -> IsthmusError:
    """Returns the error of a node that gave a value without a JSON form."""
    return UnprocessableRequest(
        f"{name} gave a value that JSON has no form for: a file, bytes. Make it text, or leave it out of the "
        "answer with persist: false."
    )


def _is_in_answer(node: Node) -> bool:
    """Returns True if the node's records are in the answer: as `persist` says; without it, all but those of a
    proxy call."""
    if node.persist is not None:
        return node.persist
    return not isinstance(node, RequestNode) or node.is_unified


def _name_node(name: str, warning: CallWarning) -> CallWarning:
    """Returns the warning with the name of its node."""
    if warning.field is None:
        return replace(warning, message=f"{name}: {warning.message}")
    return replace(warning, field=f"{name}: {warning.field}")


def _error_to_wire(name: str, node_error: NodeError) -> dict[str, Any]:
    """Returns the error as a single call would return it, with the name of the node and the turn of its
    loop."""
    body = {**to_error_envelope(node_error.error), "node": name}
    return body if node_error.turn is None else {**body, "turn": node_error.turn}
