"""The calls of a request node: one in all, one for each element of its loop, and more where it recurses.

A frame is one of them. It is known by its `place`, which is the same in every run over the same records; so a
durable run can say which frames it has finished.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import orjson

from isthmus.definitions.nodes import RequestNode
from isthmus.engine.calls import NO_BODY, Call
from isthmus.engine.evaluation import evaluate_mapping, unresolved_placeholder_error
from isthmus.engine.graph.node_scopes import RESOURCES, Bindings, NodeScope
from isthmus.engine.graph.structure import find_own_paths
from isthmus.engine.queries import format_scalar
from isthmus.errors import BadRequest, failure
from isthmus.expressions import UNDEFINED, Expression
from isthmus.expressions.placeholders import PlaceholderError, Template

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
    """`place`: the loop's turn where there is one, then the page and the record of each recursion. `depth`:
    how many recursions lead here."""

    place: tuple[int, ...] = ()
    bindings: Bindings = ()
    depth: int = 0

    def turn(self, node: RequestNode) -> int | None:
        """The number of the loop's element, from 0; None without a loop."""
        return self.place[0] if node.loop_on is not None else None


def make_first_frames(node: RequestNode, scope: NodeScope) -> list[CallFrame]:
    if node.loop_on is None:
        return [CallFrame()]
    return [CallFrame((index,), bindings) for index, bindings in enumerate(scope.elements(node.loop_on))]


def make_recursive_frames(
    name: str, node: RequestNode, scope: NodeScope, frame: CallFrame, page: int, records: Sequence[Any]
) -> Iterable[CallFrame]:
    """The frames that `recurse` adds for the records of one page. Beyond 50 deep there are none.

    Raises BadRequest for a condition that cannot be rendered.
    """
    if node.recurse is None or node.recurse.condition is None or frame.depth >= MAX_DEPTH:
        return
    for index, record in enumerate(records):
        inside = tuple(((RESOURCES, *path), record) for path in find_own_paths(name, node))
        bindings = (*frame.bindings, *inside)
        names = scope.of_templates(bindings)
        if _is_truthy_in_javascript(
            _render_or_undefined(f"{name}.recurse.if", node.recurse.condition, names)
        ):
            yield CallFrame((*frame.place, page, index), bindings, frame.depth + 1)


def _is_truthy_in_javascript(value: Any) -> bool:
    """As a JavaScript condition has it (`syncs.md` A-33); what has no value is false."""
    return value is not UNDEFINED and (isinstance(value, (list, Mapping)) or bool(value))


async def make_call(
    name: str, node: RequestNode, scope: NodeScope, frame: CallFrame, parse_call: ParseNodeCall
) -> Call:
    """The call of a frame. Raises what `parse_call` raises, BadRequest for an id without a value and for a
    query that is no object, and MappingFailed for an expression that fails."""
    values = _FrameValues(name, scope, frame.bindings)
    id = values.strict("id", node.id)
    query = await values.query("query", node.query)
    body = await values.body("body", node.body)
    if frame.depth and node.recurse is not None:
        other = values.strict("recurse.config.id", node.recurse.config.id)
        id = id if other is None else other
        query = _merge_deep(query, await values.query("recurse.config.query", node.recurse.config.query))
    call = parse_call(
        name, node.method_name, id=None if id is None else format_scalar(id), query=query, body=body
    )
    if node.response_format is None:
        return call
    options = replace(call.response_options, response_format=node.response_format)
    return replace(call, response_options=options)


def fingerprint_call(call: Call) -> bytes:
    """Alike for calls that ask the same: a recursion that comes round to one of them ends there."""
    return orjson.dumps(
        [call.id, call.query.nested, call.remote_query, call.limit, call.cursor],
        default=repr,
        option=orjson.OPT_SORT_KEYS,
    )


@dataclass(frozen=True, slots=True)
class _FrameValues:
    """The fields of a node, with a frame's names put in."""

    name: str
    scope: NodeScope
    bindings: Bindings

    def strict(self, field: str, template: Template | None) -> Any:
        """None where the node has no such field. A placeholder in an id must have a value."""
        if template is None:
            return None
        try:
            value = template.render_strict(self.scope.of_templates(self.bindings))
        except PlaceholderError as error:
            raise unresolved_placeholder_error(f"{self.name}.{field}", error) from error
        return None if value is UNDEFINED else value

    async def query(self, field: str, value: Template | Expression | None) -> dict[str, Any]:
        """A parameter whose placeholder has no value is left out, and the log says so."""
        where = f"{self.name}.{field}"
        if value is None:
            return {}
        if isinstance(value, Expression):
            found = await evaluate_mapping(where, value, self.scope.of_expressions(self.bindings))
        else:
            names = self.scope.of_templates(self.bindings)
            found = _render_or_undefined(where, value, names)
            lost = [each.text for each in value.placeholders if _lacks_value(each, names)]
            if lost:
                _LOG.warning("%s: %s had no value, and is left out", where, ", ".join(lost))
        if found is UNDEFINED or found is None:
            return {}
        if not isinstance(found, Mapping):
            raise BadRequest(
                f"{where} must be an object of parameters, and is none for this call.",
                failures=[failure(where, "must be an object", "type")],
            )
        return dict(found)

    async def body(self, field: str, value: Template | Expression | None) -> Any:
        where = f"{self.name}.{field}"
        if value is None:
            return NO_BODY
        if isinstance(value, Expression):
            found = await evaluate_mapping(where, value, self.scope.of_expressions(self.bindings))
        else:
            try:
                found = value.render(self.scope.of_templates(self.bindings))
            except PlaceholderError as error:
                raise unresolved_placeholder_error(where, error) from error
        return NO_BODY if found is UNDEFINED else found


def _lacks_value(placeholder: Any, names: Mapping[str, Any]) -> bool:
    has_other = placeholder.default or placeholder.or_null or placeholder.or_undefined
    return not has_other and placeholder.find(names) is None


def _render_or_undefined(where: str, template: Template, names: Mapping[str, Any]) -> Any:
    try:
        return template.render_or_undefined(names)
    except PlaceholderError as error:
        raise unresolved_placeholder_error(where, error) from error


def _merge_deep(low: Mapping[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    """Objects by key at every depth; anything else as `high` has it."""
    result = dict(low)
    for key, value in high.items():
        below = result.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            value = _merge_deep(below, value)
        result[key] = value
    return result
