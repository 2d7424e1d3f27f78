"""Makes the calls of a request node: a single one, or one per item of its loop, and more where it recurses.

A frame is one of these calls before its values are rendered. Its `place` is the same in every run over the
same records, so that a durable run can store which frames it has finished.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import orjson

from isthmus.definitions.graph_nodes import RequestNode
from isthmus.definitions.json_values import merge_deep
from isthmus.engine.calls import NO_BODY, Call
from isthmus.engine.evaluation import evaluate_mapping, render, render_or_undefined, render_strict
from isthmus.engine.graph.node_scopes import RESOURCES, Bindings, NodeScope
from isthmus.engine.graph.structure import find_own_paths
from isthmus.engine.queries import format_scalar
from isthmus.errors import BadRequest, failure
from isthmus.expressions import UNDEFINED, Expression
from isthmus.expressions.placeholders import Template

__all__ = [
    "MAX_DEPTH",
    "CallFrame",
    "ParseNodeCall",
    "fingerprint_call",
    "make_call",
    "make_first_frames",
    "make_recursive_frames",
]

MAX_DEPTH: Final = 50

_LOG = logging.getLogger("isthmus.engine")


class ParseNodeCall(Protocol):
    """Makes the call of a node out of its values. `query` may hold the platform's parameters, as a caller's
    query string does; `node` is its name, for messages. Raises BadRequest for a parameter that is wrong."""

    def __call__(
        self, node: str, method: str, *, id: str | None, query: Mapping[str, Any], body: Any
    ) -> Call: ...


@dataclass(frozen=True, slots=True)
class CallFrame:
    """One call of a request node. `place`: the number of the loop's turn where there is a loop, then the
    page and the record of each recursion. `bindings`: the current items of loops. `depth`: how many
    recursions lead here."""

    place: tuple[int, ...] = ()
    bindings: Bindings = ()
    depth: int = 0

    def find_turn(self, node: RequestNode) -> int | None:
        """Returns the number of the loop's turn, from 0; None for a node without a loop."""
        return self.place[0] if node.loop_on is not None else None


def make_first_frames(node: RequestNode, scope: NodeScope) -> list[CallFrame]:
    """Returns the frames of a node before any recursion: one, or one per item of its loop."""
    if node.loop_on is None:
        return [CallFrame()]
    return [CallFrame((index,), bindings) for index, bindings in enumerate(scope.iterate_loop(node.loop_on))]


def make_recursive_frames(
    name: str, node: RequestNode, scope: NodeScope, frame: CallFrame, page: int, records: Sequence[Any]
) -> Iterable[CallFrame]:
    """Yields the frames that `recurse` adds for the records of one page. Deeper than 50 recursions there are
    none.

    `name`: of the node. Raises BadRequest for a condition that cannot be rendered.
    """
    if node.recurse is None or node.recurse.condition is None or frame.depth >= MAX_DEPTH:
        return
    for index, record in enumerate(records):
        own_bindings = tuple(((RESOURCES, *path), record) for path in find_own_paths(name, node))
        bindings = (*frame.bindings, *own_bindings)
        names = scope.make_template_names(bindings)
        condition = render_or_undefined(node.recurse.condition, names, f"{name}.recurse.if")
        if _is_truthy_in_javascript(condition):
            yield CallFrame((*frame.place, page, index), bindings, frame.depth + 1)


def _is_truthy_in_javascript(value: Any) -> bool:
    """Returns True if a JavaScript condition would be true for the value: objects and arrays are, also empty
    ones; what has no value is not."""
    return value is not UNDEFINED and (isinstance(value, (list, Mapping)) or bool(value))


async def make_call(
    name: str, node: RequestNode, scope: NodeScope, frame: CallFrame, parse_call: ParseNodeCall
) -> Call:
    """Returns the call of a frame, with its values rendered. `name`: of the node. Raises what `parse_call`
    raises, BadRequest for an id without a value and for a query that is no object, and MappingFailed for an
    expression that fails."""
    values = _FrameValues(name, scope, frame.bindings)
    id = values.render_id("id", node.id)
    query = await values.render_query("query", node.query)
    body = await values.render_body("body", node.body)
    if node.recurse is not None and frame.depth:
        recursive_id = values.render_id("recurse.config.id", node.recurse.config.id)
        id = id if recursive_id is None else recursive_id
        query = merge_deep(
            query, await values.render_query("recurse.config.query", node.recurse.config.query)
        )
    call = parse_call(
        name, node.method_name, id=None if id is None else format_scalar(id), query=query, body=body
    )
    if node.response_format is None:
        return call
    options = replace(call.response_options, response_format=node.response_format)
    return replace(call, response_options=options)


def fingerprint_call(call: Call) -> bytes:
    """Returns bytes that are equal for calls that ask for the same. A recursion ends at a call that was made
    already."""
    return orjson.dumps(
        [call.id, call.query.nested, call.remote_query, call.limit, call.cursor],
        default=repr,
        option=orjson.OPT_SORT_KEYS,
    )


@dataclass(frozen=True, slots=True)
class _FrameValues:
    """Renders the fields of a node with the names of a frame. `name`: of the node, for messages."""

    name: str
    scope: NodeScope
    bindings: Bindings

    def render_id(self, field: str, template: Template | None) -> Any:
        """Returns the id; None where the node has none. `field`: where it stands, for messages. Raises
        BadRequest for a placeholder without a value."""
        if template is None:
            return None
        names = self.scope.make_template_names(self.bindings)
        value = render_strict(template, names, f"{self.name}.{field}")
        return None if value is UNDEFINED else value

    async def render_query(self, field: str, value: Template | Expression | None) -> dict[str, Any]:
        """Returns the query parameters. One whose placeholder has no value is left out, which is logged.
        Raises BadRequest for anything but an object."""
        where = f"{self.name}.{field}"
        if value is None:
            return {}
        if isinstance(value, Expression):
            parameters = await evaluate_mapping(where, value, self.scope.make_expression_names(self.bindings))
        else:
            names = self.scope.make_template_names(self.bindings)
            parameters = render_or_undefined(value, names, where)
            missing = [
                placeholder.text for placeholder in value.placeholders if _lacks_value(placeholder, names)
            ]
            if missing:
                _LOG.warning("%s: %s had no value, and is left out", where, ", ".join(missing))
        if parameters is UNDEFINED or parameters is None:
            return {}
        if not isinstance(parameters, Mapping):
            raise BadRequest(
                f"{where} must be an object of parameters, and is none for this call.",
                failures=[failure(where, "must be an object", "type")],
            )
        return dict(parameters)

    async def render_body(self, field: str, value: Template | Expression | None) -> Any:
        """Returns the body; NO_BODY for none. `field`: where it stands, for messages."""
        where = f"{self.name}.{field}"
        if value is None:
            return NO_BODY
        if isinstance(value, Expression):
            body = await evaluate_mapping(where, value, self.scope.make_expression_names(self.bindings))
        else:
            body = render(value, self.scope.make_template_names(self.bindings), where)
        return NO_BODY if body is UNDEFINED else body


def _lacks_value(placeholder: Any, names: Mapping[str, Any]) -> bool:
    """Returns True if the placeholder has neither a value nor a default."""
    has_other = placeholder.default or placeholder.or_null or placeholder.or_undefined
    return not has_other and placeholder.find(names) is None
