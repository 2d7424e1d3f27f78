"""Defines a data-plane call (`Call`), as the engine takes it, and the results that it returns: `ListResult`,
`ValueResult`, `StreamResult`.

The parameters of an HTTP request are parsed into a `Call` by `api.call_parsing`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, get_args

from isthmus.engine.queries import Query, format_scalar, parse_whole_number
from isthmus.errors import BadRequest, failure
from isthmus.expressions import UNDEFINED
from isthmus.http.messages import HttpStream
from isthmus.kit.call_warnings import CallWarning

__all__ = [
    "NO_BODY",
    "Call",
    "CallResult",
    "ListResult",
    "NoBody",
    "OperationKind",
    "RawBody",
    "ResponseOptions",
    "StreamResult",
    "ValueResult",
    "make_deleted_record",
]

OperationKind = Literal["list", "get", "create", "update", "delete", "custom"]
_KINDS: Final[dict[str, OperationKind]] = {kind: kind for kind in get_args(OperationKind)}


class NoBody:
    """The type of `NO_BODY`: the caller sent none (which is not the JSON value null)."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NO_BODY"


NO_BODY: Final = NoBody()


@dataclass(frozen=True, slots=True)
class RawBody:
    """Bytes that are sent to the provider as they came in, with their content type. `length`: of a stream,
    where it is known; many providers reject a body of unknown length."""

    data: bytes | AsyncIterator[bytes]
    content_type: str | None
    length: int | None = None


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
        """Makes a call from values instead of an HTTP request: of a step, a side load or a check of a
        definition.

        `query`: nested values, anything but an object counting as none; `limit` and `next_cursor` in it mean
        what they mean for callers. UNDEFINED as `id` or `body` is none.
        """
        parameters = dict(query) if isinstance(query, Mapping) else {}
        cursor = parameters.pop("next_cursor", None)
        return cls(
            method=method,
            id=None if id is None or id is UNDEFINED else format_scalar(id),
            query=Query(nested=parameters),
            body=NO_BODY if body is UNDEFINED else body,
            limit=parse_whole_number(parameters.get("limit")) or None,
            cursor=format_scalar(cursor) if cursor else None,
        )

    def with_method(self, name: str) -> Call:
        """Returns the call of the method of this name: that of the definition, where the caller wrote it with
        another separator."""
        return self if name == self.method else replace(self, method=name)

    @property
    def kind(self) -> OperationKind:
        """The method, or `custom` for one that is not standard."""
        return _KINDS.get(self.method, "custom")

    @property
    def record_id(self) -> str | None:
        """The id of the path; where there is none, `id` of the query or else of the body."""
        if self.id is not None:
            return self.id
        id_value = self.query.nested.get("id")
        if id_value is None and isinstance(self.body, Mapping):
            id_value = self.body.get("id")
        return None if id_value is None or isinstance(id_value, (dict, list)) else str(id_value)

    @property
    def passed_through_body(self) -> RawBody | None:
        """The caller's bytes where it asked to have them passed through (`body_passthrough`), else None."""
        if not self.body_passthrough:
            return None
        return RawBody(b"" if self.raw_body is None else self.raw_body, self.content_type, self.raw_length)

    def select_headers(self, required: Iterable[str]) -> dict[str, str]:
        """Returns the caller's headers that go to the provider: the `required` ones, spelt as there, and
        `Accept` where bytes are passed through. Raises BadRequest naming those that are missing."""
        missing = [name for name in required if name.lower() not in self.headers]
        if missing:
            raise BadRequest(
                f"The integration needs the headers {', '.join(missing)}. Send them with the call.",
                failures=[failure(f"headers.{name}", "is required", "missing_header") for name in missing],
            )
        selected = {name: self.headers[name.lower()] for name in required}
        if self.body_passthrough and "accept" in self.headers:
            selected["Accept"] = self.headers["accept"]
        return selected


@dataclass(frozen=True, slots=True)
class ListResult:
    """One page. `records`: an array, or an object where the caller asked for one (`key_by`). Cursors: None
    where there is no such page. `headers`: to send with the answer, names lower-case. `warnings`: what the
    call left out. `body`: the envelope of a data-plane list, made of the rest."""

    records: list[Any] | dict[str, Any]
    next_cursor: str | None = None
    prev_cursor: str | None = None
    is_partial_response: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    warnings: tuple[CallWarning, ...] = ()
    body: dict[str, Any] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        envelope = {
            "result": self.records,
            "next_cursor": self.next_cursor,
            "prev_cursor": self.prev_cursor,
            "result_count": len(self.records),
            "is_partial_response": self.is_partial_response,
        }
        object.__setattr__(self, "body", envelope)


@dataclass(frozen=True, slots=True)
class ValueResult:
    """`body`: any JSON value, written as it is. `warnings`: what the call left out."""

    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    warnings: tuple[CallWarning, ...] = ()


@dataclass(frozen=True, slots=True)
class StreamResult:
    """Bytes of the provider, as they arrive, with its status, content type and disposition in `headers`.
    `warnings`: what the call left out. Whoever takes it iterates `stream` to its end or closes it."""

    status: int
    headers: Mapping[str, str]
    stream: HttpStream
    warnings: tuple[CallWarning, ...] = ()


CallResult = ListResult | ValueResult | StreamResult


def make_deleted_record(id: str | None) -> dict[str, Any]:
    """Returns the body of the answer to a delete where the provider returned none: `{"id": id}`, empty where
    the call named no id."""
    return {} if id is None else {"id": id}
