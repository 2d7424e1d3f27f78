"""Calls the read methods of an account, and turns the answers into redacted exchanges."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from isthmus.authoring.contract.catalog_entry import CatalogEntry, ProxyMethodName
from isthmus.authoring.contract.recorded_calls import build_call, read_unified_records
from isthmus.authoring.contract.replay_upstreams import SingleAnswerUpstream
from isthmus.authoring.contract.sent_bodies import parse_sent_body
from isthmus.authoring.recording.last_page import mark_last_page, read_text
from isthmus.authoring.recording.redaction import Redaction
from isthmus.definitions.body_path import BodyPath
from isthmus.definitions.file_models import Exchange
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.methods import MethodDefinition
from isthmus.definitions.pagination import CursorPagination
from isthmus.definitions.secrets import is_secret_name
from isthmus.engine import proxy
from isthmus.engine.calls import Call, ListResult, StreamResult
from isthmus.engine.queries import nest_pairs
from isthmus.engine.responses import parse_body, parse_error_body
from isthmus.engine.upstream import AccountFacts, OutgoingRequest, Upstream
from isthmus.errors import IsthmusError, RemoteError, UpstreamInvalid
from isthmus.expressions import Expression
from isthmus.http.messages import HttpResponse

__all__ = ["Recorder", "Recording", "list_read_methods"]

_MIN_ERROR_STATUS: Final = 400
_UNKNOWN_ID: Final = "no-such-id"
_ID_FIELDS: Final = ("id", "uuid", "guid", "gid", "key", "number")
_NOTE: Final = "Redacted."
_LAST_PAGE_NOTE: Final = "Redacted; made the last page."
_KEPT_HEADERS: Final = frozenset(
    {"content-type", "link", "retry-after", "content-range", "x-total", "x-total-count", "x-total-pages"}
    | {"x-page", "x-per-page", "x-next-page", "x-prev-page"}
)


@dataclass(slots=True)
class Recording:
    """The exchanges of one method. `skipped`: why it was not called, or how it failed; None if it
    succeeded."""

    resource: str
    method: str
    exchanges: list[dict[str, Any]] = field(default_factory=list)
    skipped: str | None = None

    @property
    def name(self) -> str:
        """Resource and method: `contacts.list`."""
        return f"{self.resource}.{self.method}"


@dataclass(slots=True)
class _RecordedCall:
    """One request and its answer, before redaction."""

    request: OutgoingRequest
    status: int
    headers: dict[str, str]
    body: Any
    note: str = _NOTE


class _CapturingUpstream:
    """An upstream that forwards to another and keeps the last request with its response."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self.last: tuple[OutgoingRequest, HttpResponse] | None = None
        self.hosts: set[str] = set()

    @property
    def context(self) -> Mapping[str, Any]:
        """The context of the account."""
        return self._upstream.context

    @property
    def account(self) -> AccountFacts:
        """The account that is recorded."""
        return self._upstream.account

    async def update_context(self, patch: Mapping[str, Any]) -> None:
        """Merges `patch` into the account's context and stores it."""
        await self._upstream.update_context(patch)

    async def send(self, request: OutgoingRequest) -> HttpResponse:
        """Sends a request by the other upstream, and keeps it with its response."""
        response = await self._upstream.send(request)
        self.last = (request, response)
        self.hosts |= {urlsplit(url).hostname or "" for url in (request.http.url, response.url)}
        return response


def list_read_methods(config: IntegrationConfig) -> list[ProxyMethodName]:
    """Returns the `list` and `get` methods of each resource, `list` first."""
    return [
        (resource, name)
        for resource, methods in config.resources.items()
        for name in ("list", "get")
        if methods.get(name) is not None
    ]


class Recorder:
    """Records methods of one account.

    `limit`: records on a page. `pages`: maximum number of pages of a list. `query`: parameters that paths
    need, such as ids of parents.
    """

    def __init__(
        self,
        upstream: Upstream,
        entry: CatalogEntry,
        config: IntegrationConfig,
        *,
        limit: int,
        pages: int,
        query: Mapping[str, str],
    ) -> None:
        self._upstream = _CapturingUpstream(upstream)
        self._entry = entry
        self._config = config
        self._limit = limit
        self._pages = pages
        self._query = dict(query)
        self._recorded: dict[ProxyMethodName, list[_RecordedCall]] = {}
        self._skipped: dict[ProxyMethodName, str] = {}
        self._cursors: list[str] = []

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts that were called."""
        return frozenset(self._upstream.hosts - {""})

    async def record_methods(self, methods: Sequence[ProxyMethodName]) -> None:
        """Calls the methods one by one. If one fails, its error is kept and the others are still recorded."""
        for proxy_method in methods:
            method = self._config.find_method(*proxy_method)
            if method is None:
                self._skipped[proxy_method] = "is not defined"
                continue
            missing = sorted(_list_path_parameters(method) - {"id"} - self._query.keys())
            if missing:
                self._skipped[proxy_method] = (
                    f"its path asks for {', '.join(missing)}: give --query {missing[0]}=…"
                )
                continue
            self._recorded[proxy_method] = []
            try:
                await (
                    self._record_list(proxy_method, method)
                    if proxy_method[1] == "list"
                    else self._record_get(proxy_method, method)
                )
            except IsthmusError as error:
                self._skipped[proxy_method] = error.message or f"it was answered with {error.status}"

    def build_recordings(self, redaction: Redaction) -> list[Recording]:
        """Redacts what was recorded. Returns one recording for each method, in the order of the calls."""
        for number, cursor in enumerate(dict.fromkeys(self._cursors), start=1):
            redaction.fixed.setdefault(cursor, f"cursor-{number}")
        recordings = []
        for proxy_method in dict.fromkeys((*self._recorded, *self._skipped)):
            method = self._config.find_method(*proxy_method)
            exchanges = [
                _build_exchange(method, recorded_call, redaction)
                for recorded_call in self._recorded.get(proxy_method, [])
            ]
            skipped = self._skipped.get(proxy_method)
            recordings.append(Recording(*proxy_method, [] if skipped else exchanges, skipped))
        return recordings

    async def _record_list(self, proxy_method: ProxyMethodName, method: MethodDefinition) -> None:
        """Calls a list page by page, up to the maximum, and marks the last page."""
        pagination = self._config.choose_pagination(method)
        cursor: str | None = None
        count = 0
        for page in range(1, self._pages + 1):
            parameters = {**self._select_query(method), "limit": str(self._limit)}
            parameters |= {"next_cursor": cursor} if cursor else {}
            result = await self._call_proxy(
                proxy_method, Call.from_values("list", query=nest_pairs(parameters.items()))
            )
            recorded_call = self._keep_last_answer(proxy_method, method)
            if not isinstance(result, ListResult):
                return
            count += len(result.records)
            if isinstance(pagination, CursorPagination):
                self._cursors += (
                    [text] if (text := read_text(recorded_call.body, pagination.config.cursor_path)) else []
                )
            cursor = result.next_cursor
            if cursor is None:
                return
            if page == self._pages:
                at, body = method.response_path, recorded_call.body
                if mark_last_page(
                    pagination,
                    body,
                    recorded_call.headers,
                    page=page,
                    record_count=count,
                    records_path=_as_body_path(at),
                ):
                    recorded_call.note = _LAST_PAGE_NOTE

    async def _record_get(self, proxy_method: ProxyMethodName, method: MethodDefinition) -> None:
        """Calls `get` for each record of the recorded list, and for an id that does not exist."""
        listed = self._recorded.get((proxy_method[0], "list"), [])
        ids = list(
            dict.fromkeys(
                [
                    id
                    for recorded_call in listed
                    for id in await self._find_ids(proxy_method[0], recorded_call)
                ]
            )
        )
        if not ids and listed:
            self._skipped[proxy_method] = "no id was found in what the list answered"
        query = nest_pairs(self._select_query(method).items())
        for id in ids if "id" in _list_path_parameters(method) else [None]:
            await self._call_proxy(proxy_method, Call.from_values("get", id=id, query=query))
            self._keep_last_answer(proxy_method, method)
        if "id" in _list_path_parameters(method):
            try:
                await self._call_proxy(proxy_method, Call.from_values("get", id=_UNKNOWN_ID, query=query))
            except RemoteError:
                self._keep_last_answer(proxy_method, method)

    async def _call_proxy(self, proxy_method: ProxyMethodName, call: Call) -> Any:
        """Makes a proxy call. Returns its result. Raises UpstreamInvalid if it is a stream of bytes."""
        result = await proxy.call_method(self._upstream, self._config, proxy_method[0], call)
        if isinstance(result, StreamResult):
            await result.stream.close()
            raise UpstreamInvalid(
                f"{'.'.join(proxy_method)} is answered with bytes, which no exchange can hold."
            )
        return result

    def _keep_last_answer(self, proxy_method: ProxyMethodName, method: MethodDefinition) -> _RecordedCall:
        """Adds the last request and its answer to the method's recorded calls. Returns the added call. Raises
        UpstreamInvalid if nothing was sent."""
        if self._upstream.last is None:
            raise UpstreamInvalid(f"{'.'.join(proxy_method)} was answered without a request.")
        request, response = self._upstream.last
        body = (
            parse_error_body(method, response)
            if response.status >= _MIN_ERROR_STATUS
            else _parse_raw_body(method, response)
        )
        recorded_call = _RecordedCall(request, response.status, dict(response.headers), copy.deepcopy(body))
        self._recorded[proxy_method].append(recorded_call)
        return recorded_call

    def _select_query(self, method: MethodDefinition) -> dict[str, str]:
        """Returns the given query parameters that the method's path takes."""
        return {name: value for name, value in self._query.items() if name in _list_path_parameters(method)}

    async def _find_ids(self, resource: str, recorded_call: _RecordedCall) -> list[str]:
        """Returns the ids in an answer of the list: from the mapping, or else from fields that usually hold
        ids."""
        exchange = Exchange.model_validate(
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
        for mapped_method in self._entry.mapped_methods:
            if mapped_method.method == "list" and (resource, "list") in mapped_method.proxy_methods:
                proxy_method = (resource, "list")
                call = build_call(self._entry, mapped_method, proxy_method, exchange)
                try:
                    mapped = await read_unified_records(
                        self._entry,
                        mapped_method,
                        proxy_method,
                        call,
                        SingleAnswerUpstream(self._entry, exchange),
                    )
                except IsthmusError:
                    break
                return [str(record["id"]) for record in mapped if record.get("id") is not None]
        method = self._config.find_method(resource, "list")
        path = None if method is None else _as_body_path(method.response_path)
        rows = recorded_call.body if path is None else path.read(recorded_call.body)
        return [id for row in rows if (id := _find_plain_id(row))] if isinstance(rows, list) else []


def _find_plain_id(row: Any) -> str | None:
    """Returns the id of a provider's record, from the first field that usually holds one; None if it has
    none."""
    id_value = (
        next((row[name] for name in _ID_FIELDS if name in row), None) if isinstance(row, dict) else None
    )
    return None if id_value is None else str(id_value)


def _list_path_parameters(method: MethodDefinition) -> set[str]:
    """Returns the names that the method's path takes from the call, such as `id`, or `ticket_id` of
    `query.ticket_id`."""
    paths = (
        alternative.path
        for placeholder in method.path.placeholders
        for alternative in placeholder.alternatives
    )
    return {path[-1] for path in paths if path[0] in ("id", "query", "body")}


def _as_body_path(expression: Expression | None) -> BodyPath | None:
    """Returns a `response_path` expression as a path into a body; None for None."""
    return None if expression is None else BodyPath(expression.text)


def _parse_raw_body(method: MethodDefinition, response: HttpResponse) -> Any:
    """Returns the parsed body of an answer; formats other than JSON, such as XML and CSV, stay text."""
    parsed_body = parse_body(method, response).body
    if isinstance(parsed_body, dict | list) and "json" not in response.headers.get("content-type", "json"):
        return response.body.decode(errors="replace")
    return parsed_body


def _build_exchange(
    method: MethodDefinition | None, recorded_call: _RecordedCall, redaction: Redaction
) -> dict[str, Any]:
    """Returns the redacted exchange of one call, in the shape of the example files."""
    operation = recorded_call.request.operation
    query = {
        name: value
        for name, value in _collect_parameters(recorded_call).items()
        if not is_secret_name(name) or value in redaction.fixed
    }
    request: dict[str, Any] = {}
    if query:
        request["query"] = redaction.redact(query)
    if operation.id is not None:
        is_unknown_id = operation.id == _UNKNOWN_ID
        request["path_params"] = (
            {"id": operation.id} if is_unknown_id else redaction.redact({"id": operation.id})
        )
    body = (
        None if recorded_call.request.http.method == "GET" else parse_sent_body(method, recorded_call.request)
    )
    if body is not None:
        request["body"] = redaction.redact(body)
    headers = {name: value for name, value in sorted(recorded_call.headers.items()) if name in _KEPT_HEADERS}
    return {
        "provenance": "recorded",
        "note": recorded_call.note,
        "request": request,
        "response": {
            "status": recorded_call.status,
            "headers": {name: redaction.redact_urls(value) for name, value in headers.items()},
            "body": redaction.redact(recorded_call.body),
        },
    }


def _collect_parameters(recorded_call: _RecordedCall) -> dict[str, Any]:
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
