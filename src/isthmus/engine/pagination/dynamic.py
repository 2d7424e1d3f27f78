"""Pages whose parameters expressions compute (`definitions.md` §1.6, dynamic).

The cursor of the caller is a token of what the next page needs, so that no state is kept between calls.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from isthmus.definitions.pagination import DynamicConfig
from isthmus.engine.pagination.contract import Answer, Cursors, Draft, Parts, Start, Step
from isthmus.engine.queries import header_text, scalar_text
from isthmus.engine.scopes import evaluate
from isthmus.errors import MappingFailed
from isthmus.expressions import UNDEFINED, Expression

__all__ = ["DynamicPaginator", "visible_cursor"]

_FIELD: Final = "pagination.config"
_NOT_OURS: Final = frozenset(
    {"authorization", "connection", "content-length", "cookie", "host", "te", "transfer-encoding", "upgrade"}
)


@dataclass(frozen=True, slots=True)
class _Token:
    values: Mapping[str, Any]
    cursor: Any


@dataclass(frozen=True, slots=True)
class DynamicPaginator:
    config: DynamicConfig

    @property
    def limit_param(self) -> str | None:
        return None

    @property
    def no_way_back(self) -> str | None:
        return "dynamic pagination only goes forward"

    def start(self, start: Start) -> Step:
        """Raises MappingFailed for an expression that fails or gives no object."""
        assert start.draft is not None
        draft = start.draft()
        token = None if start.cursor is None else _decode(start.cursor)
        values = self._initial(draft) if token is None else token.values
        return Step(start.cursor, headers=_headers(values), parts=_parts(values, draft))

    def _initial(self, draft: Draft) -> Mapping[str, Any]:
        name = "get_initial_pagination_values_expression"
        expression = self.config.get_initial_pagination_values_expression
        if expression is None:
            return {}
        return _values(name, evaluate(f"{_FIELD}.{name}", expression, draft.scope)) or {}

    def read(self, step: Step, answer: Answer) -> Cursors:
        """There is a next page where each of the two expressions that exists names one."""
        config, parts = self.config, step.parts
        assert parts is not None
        scope = _answered(parts, answer)
        follow, show = config.get_pagination_values_expression, config.get_cursor_from_response_expression
        values = _values("get_pagination_values_expression", _evaluated(follow, "pagination_values", scope))
        shown = _evaluated(show, "cursor_from_response", scope)
        if (values is None and follow is not None) or (shown is None and show is not None):
            return Cursors()
        if follow is not None:
            following = _encode(values or {}, shown)
        elif show is not None:
            following = scalar_text(shown)
        else:
            return Cursors()
        # A page that leads to itself would be asked for without end.
        return Cursors(next=None if following == step.cursor else following)


def visible_cursor(cursor: str) -> str | None:
    """What expressions see as `query.cursor` for a cursor of this format: the one that was computed."""
    token = _decode(cursor)
    if token is None:
        return cursor
    return None if token.cursor is None else scalar_text(token.cursor)


def _answered(parts: Parts, answer: Answer) -> dict[str, Any]:
    response = {
        "body": answer.body,
        "headers": dict(answer.headers),
        "status": answer.status,
        "statusCode": answer.status,
    }
    return {
        **parts.draft.scope,
        "response": response,
        "body": answer.body,
        "paginationValues": dict(parts.values),
    }


def _evaluated(expression: Expression | None, name: str, scope: Mapping[str, Any]) -> Any:
    """None for nothing: no expression, null, undefined, "" and false say the same."""
    if expression is None:
        return None
    value = evaluate(f"{_FIELD}.get_{name}_expression", expression, scope)
    return None if value is UNDEFINED or value is False or value == "" else value


def _values(name: str, value: Any) -> Mapping[str, Any] | None:
    if value is None or value is UNDEFINED:
        return None
    if isinstance(value, Mapping):
        return value
    raise MappingFailed(
        f"{_FIELD}.{name} must return an object of parameters. Correct the expression.",
        field=f"{_FIELD}.{name}",
        position=None,
        code="wrong_result",
    )


def _parts(values: Mapping[str, Any], draft: Draft) -> Parts:
    """Objects under `query` and `body` are merged into those parts, text under `url` or `path` replaces the
    address; every other key is a parameter."""
    query: dict[str, Any] = {}
    body: dict[str, Any] = {}
    address = None
    for name, value in values.items():
        if name == "query" and isinstance(value, Mapping):
            query.update(value)
        elif name == "body" and isinstance(value, Mapping):
            body.update(value)
        elif name in ("url", "path") and isinstance(value, str) and value:
            address = value
        elif not (name == "headers" and isinstance(value, Mapping)):
            query[name] = value
    return Parts(values, query, body, address, draft)


def _headers(values: Mapping[str, Any]) -> dict[str, str]:
    """Less those that are not a definition's to set: the values may come back from a caller."""
    given = values.get("headers")
    if not isinstance(given, Mapping):
        return {}
    return {
        str(name): header_text(value)
        for name, value in given.items()
        if value is not None and str(name).lower() not in _NOT_OURS
    }


def _encode(values: Mapping[str, Any], cursor: Any) -> str:
    text = orjson.dumps({"v": values, "c": cursor}, default=str)
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def _decode(cursor: str) -> _Token | None:
    """The token, None for a cursor that is none of ours."""
    try:
        raw = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        value = orjson.loads(raw)
    except (binascii.Error, ValueError):
        return None
    if not isinstance(value, dict) or value.keys() != {"v", "c"} or not isinstance(value["v"], dict):
        return None
    return _Token(value["v"], value["c"])
