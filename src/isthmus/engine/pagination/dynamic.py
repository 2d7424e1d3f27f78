"""Pages lists by parameters that expressions of the definition compute (`dynamic` pagination).

Pagination values are an object that changes the request of a page: by its keys `query`, `body`, `headers`,
`url` or `path`; every other key is a query parameter. The caller's cursor is a token that holds those of the
next page, so that no state is kept between calls.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from isthmus.definitions.pagination import DynamicConfig
from isthmus.engine.evaluation import evaluate
from isthmus.engine.pagination.paginator import (
    ComputedParts,
    Cursors,
    PageAnswer,
    PageRequest,
    PageStart,
    Paginator,
    RequestDraft,
)
from isthmus.engine.queries import format_header, format_scalar
from isthmus.errors import MappingFailed
from isthmus.expressions import UNDEFINED, Expression

__all__ = ["DynamicPaginator"]

_CONFIG_PATH: Final = "pagination.config"
_FORBIDDEN_HEADERS: Final = frozenset(
    {"authorization", "connection", "content-length", "cookie", "host", "te", "transfer-encoding", "upgrade"}
)


@dataclass(frozen=True, slots=True)
class _Token:
    """The content of a cursor: the values for the page, and the cursor that expressions see."""

    values: Mapping[str, Any]
    cursor: Any


@dataclass(frozen=True, slots=True)
class DynamicPaginator(Paginator):
    """Expressions compute the first values, the values of each next page, and the cursor."""

    config: DynamicConfig

    @property
    def forward_only_reason(self) -> str | None:
        """Why there is no previous page."""
        return "dynamic pagination only goes forward"

    def make_request(self, start: PageStart) -> PageRequest:
        """Returns what the page carries: the initial values that an expression computes, or those in the
        cursor. Raises MappingFailed for an expression that fails or gives no object."""
        assert start.draft is not None
        draft = start.draft()
        token = None if start.cursor is None else _decode_token(start.cursor)
        values = self._compute_initial_values(draft) if token is None else token.values
        return PageRequest(
            start.cursor, headers=_select_headers(values), parts=_sort_into_parts(values, draft)
        )

    def _compute_initial_values(self, draft: RequestDraft) -> Mapping[str, Any]:
        """Returns the pagination values of the first page; {} where no expression computes any. Raises
        MappingFailed for an expression that fails or gives no object."""
        name = "get_initial_pagination_values_expression"
        expression = self.config.get_initial_pagination_values_expression
        if expression is None:
            return {}
        return _require_object(name, evaluate(f"{_CONFIG_PATH}.{name}", expression, draft.scope)) or {}

    def read_cursors(self, request: PageRequest, answer: PageAnswer) -> Cursors:
        """Returns the cursor of the next page: a token of the computed values and cursor. There is a next
        page where each of the two expressions that exists returns a value."""
        config, parts = self.config, request.parts
        assert parts is not None
        scope = _make_answer_scope(parts, answer)
        values_expression, cursor_expression = (
            config.get_pagination_values_expression,
            config.get_cursor_from_response_expression,
        )
        values = _require_object(
            "get_pagination_values_expression",
            _evaluate_or_none(values_expression, "pagination_values", scope),
        )
        cursor = _evaluate_or_none(cursor_expression, "cursor_from_response", scope)
        if (values is None and values_expression is not None) or (
            cursor is None and cursor_expression is not None
        ):
            return Cursors()
        if values_expression is not None:
            next_cursor = _encode_token(values or {}, cursor)
        elif cursor_expression is not None:
            next_cursor = format_scalar(cursor)
        else:
            return Cursors()
        # A page that leads to itself would be asked for without end.
        return Cursors(next=None if next_cursor == request.cursor else next_cursor)

    def unwrap_cursor(self, cursor: str) -> str | None:
        """Returns the cursor that the definition computed, out of the caller's token; None where it computed
        none."""
        token = _decode_token(cursor)
        if token is None:
            return cursor
        return None if token.cursor is None else format_scalar(token.cursor)


def _make_answer_scope(parts: ComputedParts, answer: PageAnswer) -> dict[str, Any]:
    """Returns the names that the expressions which read an answer see."""
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


def _evaluate_or_none(expression: Expression | None, name: str, scope: Mapping[str, Any]) -> Any:
    """Returns the expression's value; None for no expression, null, undefined, "" and false, which mean the
    same."""
    if expression is None:
        return None
    value = evaluate(f"{_CONFIG_PATH}.get_{name}_expression", expression, scope)
    return None if value is UNDEFINED or value is False or value == "" else value


def _require_object(name: str, value: Any) -> Mapping[str, Any] | None:
    """Returns `value`, None for null and undefined. Raises MappingFailed for anything but an object."""
    if value is None or value is UNDEFINED:
        return None
    if isinstance(value, Mapping):
        return value
    raise MappingFailed(
        f"{_CONFIG_PATH}.{name} must return an object of parameters. Correct the expression.",
        field=f"{_CONFIG_PATH}.{name}",
        position=None,
        code="wrong_result",
    )


def _sort_into_parts(values: Mapping[str, Any], draft: RequestDraft) -> ComputedParts:
    """Returns the computed values by the part that they change: objects under `query` and `body` are merged
    into those, text under `url` or `path` replaces the address, `headers` are left out (see
    `_select_headers`), and every other key is a query parameter."""
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
    return ComputedParts(values, query, body, address, draft)


def _select_headers(values: Mapping[str, Any]) -> dict[str, str]:
    """Returns the computed headers, less those that a definition may not set: the values may come back from a
    caller."""
    computed = values.get("headers")
    if not isinstance(computed, Mapping):
        return {}
    return {
        str(name): format_header(value)
        for name, value in computed.items()
        if value is not None and str(name).lower() not in _FORBIDDEN_HEADERS
    }


def _encode_token(values: Mapping[str, Any], cursor: Any) -> str:
    """Returns the cursor, in base64url, that holds these values and the cursor that expressions see."""
    text = orjson.dumps({"v": values, "c": cursor}, default=str)
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def _decode_token(cursor: str) -> _Token | None:
    """Returns the content of a cursor; None for a cursor that is no token of this format."""
    try:
        raw = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        value = orjson.loads(raw)
    except ValueError:
        return None
    if not isinstance(value, dict) or value.keys() != {"v", "c"} or not isinstance(value["v"], dict):
        return None
    return _Token(value["v"], value["c"])
