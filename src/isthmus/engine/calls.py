"""What a caller asked for, before any definition is looked at."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from isthmus.engine.queries import Query, parse
from isthmus.errors import BadRequest, NotExecutable, failure

__all__ = ["NO_BODY", "Call", "NoBody", "Shaping", "account_id", "flag", "read_call"]

_FORMATS: Final = ("unified", "normalized", "raw")


class NoBody:
    """The type of `NO_BODY`: the caller sent none (which is not the JSON value null)."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "NO_BODY"


NO_BODY: Final = NoBody()


@dataclass(frozen=True, slots=True)
class Shaping:
    """How a unified answer is to look (`api.md` §4.1). `exclude_fields`: dotted paths. `key_by`: field."""

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
    page; `goes_back`: it was `prev_cursor`. `remote_query`: `remote_query[...]`.
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
    shaping: Shaping = field(default_factory=Shaping)


_AS_IS: Final = Shaping()
_PLATFORM: Final = frozenset(
    {
        "integrated_account_id",
        "next_cursor",
        "prev_cursor",
        "remote_query",
        "truto_ignore_remote_data",
        "truto_exclude_fields",
        "truto_response_format",
        "truto_key_by",
        "truto_body_passthrough",
        "truto_super_query",
        "isthmus_explain",
    }
)
_PLATFORM_AND_ID: Final = _PLATFORM | {"id"}
_OURS: Final = ("truto_", "isthmus_")
_TRUE_FALSE: Final = {"true": True, "1": True, "false": False, "0": False}


def read_call(
    method: str,
    *,
    id: str | None = None,
    query_string: bytes | str = b"",
    body: Any = NO_BODY,
    raw_body: bytes | AsyncIterator[bytes] | None = None,
    content_type: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Call:
    """A `Call` from the parts of an HTTP request; splits the query (`definitions.md` §4.1 step 6). Clients of
    tools send the path's id as a parameter too, which is none of the provider's (`events.md` §7).

    Raises BadRequest for a malformed query, limit or shaping parameter, NotExecutable for a platform
    parameter that is not executed yet.
    """
    query = parse(query_string)
    values = query.nested
    if not values:
        return Call(
            method=method,
            id=id,
            body=body,
            raw_body=raw_body,
            content_type=content_type,
            headers=headers or {},
        )
    unknown = sorted(name for name in values if name.startswith(_OURS) and name not in _PLATFORM)
    if unknown:
        raise BadRequest(
            f"{unknown[0]} is not a parameter of this API. Leave it out; parameters for the provider go into "
            "remote_query[name].",
            failures=[
                failure(name, "is not a parameter of this API", "unknown_parameter") for name in unknown
            ],
        )
    if _text(values, "truto_super_query"):
        raise NotExecutable(
            "truto_super_query is not available yet. Leave it out to ask the provider itself."
        )
    return Call(
        method=method,
        id=id,
        query=query.without(_PLATFORM if id is None or values.get("id") != id else _PLATFORM_AND_ID),
        body=body,
        raw_body=raw_body,
        content_type=content_type,
        headers=headers or {},
        limit=_limit(values.get("limit")),
        cursor=_cursor(values),
        goes_back=bool(values.get("prev_cursor")),
        remote_query=_remote_query(values.get("remote_query")),
        body_passthrough=flag(values, "truto_body_passthrough"),
        shaping=_shaping(values),
    )


def account_id(query_string: bytes) -> str:
    """The account that a call names. Raises BadRequest where it names none, or several."""
    value = parse(query_string).nested.get("integrated_account_id")
    if isinstance(value, str) and value:
        return value
    if value:
        raise BadRequest(
            "integrated_account_id was sent more than once. Send the id of the one account to call.",
            failures=[failure("integrated_account_id", "must be sent once", "bad_value")],
        )
    raise BadRequest(
        "integrated_account_id is missing. Add ?integrated_account_id=<id>; GET /integrated-account lists "
        "the accounts of this environment.",
        failures=[failure("integrated_account_id", "must be the id of an integrated account", "required")],
    )


def _cursor(values: Mapping[str, Any]) -> str | None:
    """The place to go on from: an empty cursor is none (clients send `next_cursor=` on the first page)."""
    forward, back = _text(values, "next_cursor"), _text(values, "prev_cursor")
    if forward and back:
        raise BadRequest(
            "next_cursor and prev_cursor were both sent. Send one of them.",
            failures=[failure("prev_cursor", "must be absent beside next_cursor", "conflict")],
        )
    return forward or back


def _limit(value: Any) -> int | None:
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and 0 < int(value[:12]) <= 1_000_000:
        return int(value)
    raise BadRequest(
        "limit must be a whole number from 1 to 1000000.",
        failures=[failure("limit", "must be a whole number from 1 to 1000000", "bad_limit")],
    )


def _text(values: Mapping[str, Any], name: str) -> str | None:
    value = values.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    raise BadRequest(
        f"{name} was sent more than once, or with brackets. Send it once, as text.",
        failures=[failure(name, "must be one text value", "bad_value")],
    )


def flag(values: Mapping[str, Any], name: str) -> bool:
    """A parameter that is true or false, in any case; false where it is absent or empty. Raises BadRequest
    for anything else."""
    text = _text(values, name)
    found = False if text is None else _TRUE_FALSE.get(text.lower())
    if found is None:
        accepted = ", ".join(_TRUE_FALSE)
        raise BadRequest(
            f"{name} must be one of {accepted}.",
            failures=[failure(name, f"must be one of {accepted}", "bad_value")],
        )
    return found


def _remote_query(value: Any) -> Mapping[str, Any]:
    if value is None or value == "":
        return {}
    if isinstance(value, dict):
        return value
    raise BadRequest(
        "remote_query takes names in brackets, for example remote_query[expand]=owner.",
        failures=[failure("remote_query", "must be of the form remote_query[name]=value", "bad_value")],
    )


def _shaping(values: Mapping[str, Any]) -> Shaping:
    if not any(name.startswith("truto_") for name in values):
        return _AS_IS
    exclude = values.get("truto_exclude_fields")
    if isinstance(exclude, Mapping):
        raise BadRequest(
            "truto_exclude_fields is a comma list, or several values. Send truto_exclude_fields=name,other.",
            failures=[failure("truto_exclude_fields", "must be a comma list of names", "bad_value")],
        )
    listed = exclude if isinstance(exclude, list) else [exclude or ""]
    fields = tuple(part.strip() for text in listed for part in str(text).split(",") if part.strip())
    form = _text(values, "truto_response_format") or "unified"
    if form not in _FORMATS:
        raise BadRequest(
            f"truto_response_format must be one of {', '.join(_FORMATS)}.",
            failures=[failure("truto_response_format", f"must be one of {', '.join(_FORMATS)}", "bad_value")],
        )
    return Shaping(
        ignore_remote_data=flag(values, "truto_ignore_remote_data"),
        exclude_fields=fields,
        key_by=_text(values, "truto_key_by"),
        response_format=form,
    )
