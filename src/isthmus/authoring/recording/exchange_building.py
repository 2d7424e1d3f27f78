"""Turns the recorded calls of one method into redacted exchanges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from isthmus.authoring.contract.sent_bodies import parse_sent_body
from isthmus.authoring.recording.cursor_stand_ins import CursorStandIns
from isthmus.authoring.recording.redaction import Redaction
from isthmus.definitions.file_models import Exchange
from isthmus.definitions.methods import MethodDefinition
from isthmus.definitions.pagination import CursorPagination, Pagination
from isthmus.definitions.secrets import is_secret_name
from isthmus.engine.upstream import OutgoingRequest

__all__ = ["UNKNOWN_ID", "RecordedCall", "build_exchanges", "build_raw_exchange"]

UNKNOWN_ID: Final = "no-such-id"
"""The id that is asked for to record an error."""

_NOTE: Final = "Redacted."
_LAST_PAGE_NOTE: Final = "Redacted; made the last page."
_KEPT_HEADERS: Final = frozenset(
    {"content-type", "link", "retry-after", "content-range", "x-total", "x-total-count", "x-total-pages"}
    | {"x-page", "x-per-page", "x-next-page", "x-prev-page"}
)


@dataclass(slots=True)
class RecordedCall:
    """One request and its answer, before redaction. `is_made_last`: the answer was changed so that no page
    follows it."""

    request: OutgoingRequest
    status: int
    headers: dict[str, str]
    body: Any
    is_made_last: bool = False


def build_raw_exchange(recorded_call: RecordedCall) -> Exchange:
    """Returns a call as an exchange, unredacted: it is never written."""
    return Exchange.model_validate(
        {
            "provenance": "recorded",
            "request": {"query": dict(parse_qsl(urlsplit(recorded_call.request.http.url).query))},
            "response": {
                "status": recorded_call.status,
                "headers": recorded_call.headers,
                "body": recorded_call.body,
            },
        }
    )


def build_exchanges(
    method: MethodDefinition,
    pagination: Pagination | None,
    recorded_calls: Sequence[RecordedCall],
    redaction: Redaction,
    ids: Mapping[str, str],
) -> list[dict[str, Any]]:
    """Returns the redacted exchanges of the calls of one method, in the shape of the example files. `ids`:
    what stands for the ids of records in the redacted list, as far as it is known."""
    cursors = None
    if isinstance(pagination, CursorPagination):
        cursors = CursorStandIns(pagination.config, redaction)
    return [_build_exchange(method, each, redaction, cursors, ids) for each in recorded_calls]


def _build_exchange(
    method: MethodDefinition,
    recorded_call: RecordedCall,
    redaction: Redaction,
    cursors: CursorStandIns | None,
    ids: Mapping[str, str],
) -> dict[str, Any]:
    """Returns the redacted exchange of one call. `cursors`: None for a method without cursors."""
    request = _build_request(method, recorded_call, redaction, cursors, ids)
    body = redaction.redact(recorded_call.body)
    if cursors is not None:
        cursors.replace_in_response(recorded_call.body, body)
    headers = {name: value for name, value in sorted(recorded_call.headers.items()) if name in _KEPT_HEADERS}
    return {
        "provenance": "recorded",
        "note": _LAST_PAGE_NOTE if recorded_call.is_made_last else _NOTE,
        "request": request,
        "response": {
            "status": recorded_call.status,
            "headers": {name: redaction.redact_urls(value) for name, value in headers.items()},
            "body": body,
        },
    }


def _build_request(
    method: MethodDefinition,
    recorded_call: RecordedCall,
    redaction: Redaction,
    cursors: CursorStandIns | None,
    ids: Mapping[str, str],
) -> dict[str, Any]:
    """Returns the redacted request of an exchange. Query parameters with the name of a secret are left out,
    unless they are the cursor."""
    request: dict[str, Any] = {}
    sent = _collect_parameters(recorded_call)
    query = redaction.redact({name: value for name, value in sent.items() if not is_secret_name(name)})
    if cursors is not None:
        cursors.replace_in_query(sent, query)
    if query:
        request["query"] = query
    id = recorded_call.request.operation.id
    if id is not None:
        known = UNKNOWN_ID if id == UNKNOWN_ID else ids.get(id)
        request["path_params"] = redaction.redact({"id": id}) if known is None else {"id": known}
    if recorded_call.request.http.method != "GET":
        body = parse_sent_body(method, recorded_call.request)
        if body is not None:
            request["body"] = redaction.redact(body)
            if cursors is not None:
                cursors.replace_in_request_body(body, request["body"])
    return request


def _collect_parameters(recorded_call: RecordedCall) -> dict[str, Any]:
    """Returns the parameters of the sent URL, and those of the call that its path was built from."""
    parents = {
        name: value
        for name, value in recorded_call.request.operation.query.items()
        if isinstance(value, str) and value and value in recorded_call.request.http.url
    }
    return {
        **parents,
        **dict(parse_qsl(urlsplit(recorded_call.request.http.url).query, keep_blank_values=True)),
    }
