"""A data-plane call as the engine takes it: which method, with what query, body, page and response options.

The parameters of an HTTP request are parsed into a `Call` by `api.call_parsing`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from isthmus.engine.numbers import whole_number
from isthmus.engine.queries import Query, scalar_text
from isthmus.expressions import UNDEFINED

__all__ = ["NO_BODY", "Call", "NoBody", "ResponseOptions"]


class NoBody:
    """The type of `NO_BODY`: the caller sent none (which is not the JSON value null)."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NO_BODY"


NO_BODY: Final = NoBody()


@dataclass(frozen=True, slots=True)
class ResponseOptions:
    """How the caller wants unified records returned. `ignore_remote_data`: without `remote_data`.
    `exclude_fields`: dotted paths to leave out. `key_by`: the field by whose value a list is keyed, None for
    an array. `response_format`: `unified`, `normalized` or `raw`."""

    ignore_remote_data: bool = False
    exclude_fields: tuple[str, ...] = ()
    key_by: str | None = None
    response_format: str = "unified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One data-plane call.

    `method`: the name in the definition (`list`, `get`, `create`, `update`, `delete`, or a custom one).
    `id`: from the path, decoded; None where there is none. `query`: the caller's own parameters; platform
    parameters are taken out, except `cursor`, which is the alias of `next_cursor` only where the method
    paginates. `body`: parsed; `NO_BODY` for none. `raw_body`: the bytes as received, only with
    `body_passthrough`, with their `content_type`, and `raw_length` of a stream where it is known. `headers`:
    the caller's, lower-case names. `limit`: >= 1. `cursor`: `next_cursor` or `prev_cursor`, None on the first
    page; `goes_back`: it was `prev_cursor`. `remote_query`: parameters that go to the provider as they are.
    """

    method: str
    id: str | None = None
    query: Query = field(default_factory=Query)
    body: Any = NO_BODY
    raw_body: bytes | AsyncIterator[bytes] | None = None
    content_type: str | None = None
    raw_length: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    limit: int | None = None
    cursor: str | None = None
    goes_back: bool = False
    remote_query: Mapping[str, Any] = field(default_factory=dict)
    body_passthrough: bool = False
    response_options: ResponseOptions = field(default_factory=ResponseOptions)

    @classmethod
    def from_values(cls, method: str, *, id: Any = None, query: Any = None, body: Any = NO_BODY) -> Call:
        """A call that no HTTP request made: of a step, a side load or a check of a definition.

        `query`: nested values, anything but an object counting as none; `limit` and `next_cursor` in it mean
        what they mean for callers. UNDEFINED as `id` or `body` is none.
        """
        given = dict(query) if isinstance(query, Mapping) else {}
        cursor = given.pop("next_cursor", None)
        return cls(
            method=method,
            id=None if id is None or id is UNDEFINED else scalar_text(id),
            query=Query(nested=given),
            body=NO_BODY if body is UNDEFINED else body,
            limit=whole_number(given.get("limit")) or None,
            cursor=scalar_text(cursor) if cursor else None,
        )
