"""Calls the read methods of an account, and turns the answers into redacted exchanges."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from isthmus.authoring.contract.catalog_entry import CatalogEntry, ProxyMethodName
from isthmus.authoring.recording.exchange_building import (
    UNKNOWN_ID,
    RecordedCall,
    build_exchanges,
    build_raw_exchange,
)
from isthmus.authoring.recording.last_page import mark_last_page
from isthmus.authoring.recording.record_ids import IdFields, read_ids
from isthmus.authoring.recording.redaction import Redaction
from isthmus.definitions.body_path import BodyPath
from isthmus.definitions.file_models import Exchange
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.methods import MethodDefinition
from isthmus.engine import proxy
from isthmus.engine.calls import Call, ListResult, StreamResult
from isthmus.engine.queries import nest_pairs
from isthmus.engine.responses import parse_body, parse_error_body
from isthmus.engine.upstream import AccountFacts, OutgoingRequest, Upstream
from isthmus.errors import IsthmusError, RemoteError, SetupError, UpstreamError, UpstreamInvalid
from isthmus.expressions import Expression
from isthmus.http.messages import HttpResponse
from isthmus.kit.clock import Clock, SystemClock

__all__ = ["LONGEST_WAIT_SECONDS", "Recorder", "Recording", "list_read_methods"]

LONGEST_WAIT_SECONDS: Final = 300
"""How long one call waits at most for the provider's rate limit, over all its tries."""

_MIN_ERROR_STATUS: Final = 400
_TOO_MANY_REQUESTS: Final = 429
_DEFAULT_WAIT_SECONDS: Final = 10


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
    need, such as ids of parents. `id_fields`: where records have their ids. `report_wait`: called with the
    name of a method and the seconds before each wait for a rate limit.
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
        id_fields: IdFields | None = None,
        clock: Clock | None = None,
        report_wait: Callable[[str, int], None] = lambda _name, _seconds: None,
    ) -> None:
        self._upstream = _CapturingUpstream(upstream)
        self._entry = entry
        self._config = config
        self._limit = limit
        self._pages = pages
        self._query = dict(query)
        self._id_fields = id_fields or IdFields()
        self._clock = clock or SystemClock()
        self._report_wait = report_wait
        self._recorded: dict[ProxyMethodName, list[RecordedCall]] = {}
        self._skipped: dict[ProxyMethodName, str] = {}

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

    async def build_recordings(self, redaction: Redaction) -> list[Recording]:
        """Redacts what was recorded. Returns one recording for each method, in the order of the calls."""
        ids_by_resource: dict[str, dict[str, str]] = {}
        recordings = []
        for proxy_method in dict.fromkeys((*self._recorded, *self._skipped)):
            resource, name = proxy_method
            method = self._config.find_method(*proxy_method)
            skipped = self._skipped.get(proxy_method)
            if skipped is not None or method is None:
                recordings.append(Recording(*proxy_method, skipped=skipped))
                continue
            exchanges = build_exchanges(
                method,
                self._config.choose_pagination(method),
                self._recorded[proxy_method],
                redaction,
                ids_by_resource.get(resource, {}),
            )
            recordings.append(Recording(*proxy_method, exchanges))
            if name == "list" and (resource, "get") in self._recorded:
                ids_by_resource[resource] = await self._pair_ids(resource, exchanges)
        return recordings

    async def _pair_ids(self, resource: str, exchanges: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """Returns what stands for each listed id in the redacted exchanges of a list."""
        pairs: dict[str, str] = {}
        for recorded_call, exchange in zip(self._recorded[resource, "list"], exchanges, strict=True):
            try:
                ids = await self._read_ids(resource, build_raw_exchange(recorded_call))
                redacted_ids = await self._read_ids(resource, Exchange.model_validate(exchange))
            except SetupError:  # a mapping that a redacted value breaks: ids are redacted by their own form
                continue
            if len(ids) == len(redacted_ids):
                pairs.update(zip(ids, redacted_ids, strict=True))
        return pairs

    async def _read_ids(self, resource: str, exchange: Exchange) -> list[str]:
        """Returns the ids in an answer of a resource's list. Raises SetupError if its mapping fails."""
        return await read_ids(self._entry, self._config, resource, exchange, self._id_fields)

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
            cursor = result.next_cursor
            if cursor is None:
                return
            if page == self._pages:
                recorded_call.is_made_last = mark_last_page(
                    pagination,
                    recorded_call.body,
                    recorded_call.headers,
                    page=page,
                    record_count=count,
                    records_path=_as_body_path(method.response_path),
                )

    async def _record_get(self, proxy_method: ProxyMethodName, method: MethodDefinition) -> None:
        """Calls `get` for each record of the recorded list, and for an id that does not exist; once if it
        takes no id."""
        query = nest_pairs(self._select_query(method).items())
        if "id" not in _list_path_parameters(method):
            await self._call_proxy(proxy_method, Call.from_values("get", query=query))
            self._keep_last_answer(proxy_method, method)
            return
        listed = self._recorded.get((proxy_method[0], "list"), [])
        ids = [
            id for each in listed for id in await self._read_ids(proxy_method[0], build_raw_exchange(each))
        ]
        if not ids and listed:
            self._skipped[proxy_method] = (
                "no id was found in what the list answered: name the field of the ids by --id-field"
            )
            return
        for id in dict.fromkeys(ids):
            await self._call_proxy(proxy_method, Call.from_values("get", id=id, query=query))
            self._keep_last_answer(proxy_method, method)
        try:
            await self._call_proxy(proxy_method, Call.from_values("get", id=UNKNOWN_ID, query=query))
        except RemoteError:
            self._keep_last_answer(proxy_method, method)

    async def _call_proxy(self, proxy_method: ProxyMethodName, call: Call) -> Any:
        """Makes a proxy call, again after each wait that the provider's rate limit asks for. Returns its
        result. Raises UpstreamInvalid if it is a stream of bytes, UpstreamError if it would wait too long."""
        waited = 0
        while True:
            try:
                result = await proxy.call_method(self._upstream, self._config, proxy_method[0], call)
            except RemoteError as error:
                if error.status != _TOO_MANY_REQUESTS:
                    raise
                wait = int(error.headers.get("retry-after", _DEFAULT_WAIT_SECONDS))
                waited += wait
                if waited > LONGEST_WAIT_SECONDS:
                    raise UpstreamError(
                        f"the provider's rate limit asks for {wait} more seconds, and a call waits "
                        f"{LONGEST_WAIT_SECONDS} at most: record it later, or with fewer --pages"
                    ) from error
                self._report_wait(".".join(proxy_method), wait)
                await self._clock.sleep(wait)
                continue
            if isinstance(result, StreamResult):
                await result.stream.close()
                raise UpstreamInvalid(
                    f"{'.'.join(proxy_method)} is answered with bytes, which no exchange can hold."
                )
            return result

    def _keep_last_answer(self, proxy_method: ProxyMethodName, method: MethodDefinition) -> RecordedCall:
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
        recorded_call = RecordedCall(request, response.status, dict(response.headers), copy.deepcopy(body))
        self._recorded[proxy_method].append(recorded_call)
        return recorded_call

    def _select_query(self, method: MethodDefinition) -> dict[str, str]:
        """Returns the given query parameters that the method's path takes."""
        return {name: value for name, value in self._query.items() if name in _list_path_parameters(method)}


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
