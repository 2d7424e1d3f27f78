"""No caller's query makes a mapping of the catalogue fail, whatever it holds."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus, urlsplit

import pytest

from isthmus.api.call_parsing import parse_call
from isthmus.authoring.contract.catalog_entry import CatalogEntry, MappedMethod
from isthmus.authoring.contract.replay_upstreams import SingleAnswerUpstream
from isthmus.definitions.mapping import MappingConfig
from isthmus.engine import unified
from isthmus.engine.calls import NO_BODY, Call
from isthmus.engine.queries import parse_query
from isthmus.engine.upstream import OutgoingRequest
from isthmus.errors import BadRequest, MappingFailed, RemoteError
from isthmus.http.messages import HttpResponse
from tests.contract.catalog import entry, integration_names, model
from tests.contract.hostile import cursors_of, queries_of, reads_query, times_of
from tests.contract.sending import exchange_of
from tests.selection import Walk

_WITH_ID = frozenset({"get", "update", "delete"})
_WITH_BODY = frozenset({"create", "update"})
_NOW = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
_MAPPINGS = [(name, each) for name in integration_names() for each in entry(name).mappings]


@pytest.mark.parametrize(("integration", "model_name"), _MAPPINGS, ids=["-".join(each) for each in _MAPPINGS])
async def test_a_query_is_sent_or_refused(integration: str, model_name: str, walk: Walk) -> None:
    catalogued = entry(integration)
    complaints = [
        f"{cell.name}?{unquote_plus(query)[:100]}: {found}"
        for cell in catalogued.mapped_methods
        if cell.model == model_name
        for query in walk.draw(queries_of(catalogued, cell))
        if (found := await _complaint(catalogued, cell, query))
    ]
    assert complaints == []


@pytest.mark.parametrize(("integration", "model_name"), _MAPPINGS, ids=["-".join(each) for each in _MAPPINGS])
async def test_a_cursor_is_read_or_refused(integration: str, model_name: str) -> None:
    catalogued = entry(integration)
    complaints = [
        f"{cell.name} by {choice}, {cursor[:60]}: {found}"
        for cell in catalogued.mapped_methods
        if (cell.model, cell.method) == (model_name, "list")
        for choice in cell.proxy_methods
        for answer in catalogued.find_exchanges(*choice, error=False)[:1]
        for cursor, query in cursors_of(catalogued, cell)
        if (
            found := await _failure(
                SingleAnswerUpstream(catalogued, answer),
                catalogued,
                cell,
                query,
                cell.with_proxy_method(choice),
            )
        )
    ]
    assert complaints == []


@pytest.mark.parametrize(("integration", "model_name"), _MAPPINGS, ids=["-".join(each) for each in _MAPPINGS])
async def test_what_is_no_whole_date_goes_out_as_it_came(integration: str, model_name: str) -> None:
    assert await _invented(entry(integration), model_name) == []


async def test_a_time_made_up_from_a_year_is_found() -> None:
    def unguarded(copy: CatalogEntry) -> None:
        for cell in copy.mappings["ticketing"]["cells"]:
            mapping = cell["config"].get("query_mapping", "")
            cell["config"]["query_mapping"] = mapping.replace(
                r"$contains($string($value), /^\d{4}-\d\d-\d\d/) and ", ""
            )

    found = await _invented(entry("jira").copy_changed(unguarded), "ticketing")
    assert any("created_at[gt]=4321" in query for query in found)


async def _invented(catalogued: CatalogEntry, model_name: str) -> list[str]:
    """Queries whose time is a year alone and is sent as anything else."""
    return [
        f"{cell.name}?{unquote_plus(query)}"
        for cell in catalogued.mapped_methods
        if (cell.model, cell.method) == (model_name, "list")
        for query, other in zip(
            times_of(catalogued, cell, "4321"), times_of(catalogued, cell, "nonsense"), strict=True
        )
        if await _outgoing(catalogued, cell, query) != await _outgoing(catalogued, cell, other)
    ]


async def _outgoing(catalogued: CatalogEntry, cell: MappedMethod, query: str) -> list[str]:
    """What is sent, with the time that the query asks by and the present one by their names."""
    provider = _Provider(catalogued, cell)
    assert await _failure(provider, catalogued, cell, query, cell.config) == ""
    sent = [f"{unquote_plus(each.http.url)} {each.http.body!r}" for each in provider.sent]
    return [_NOW.sub("now", re.sub("4321|nonsense", "time", text)) for text in sent]


class _Sent(Exception):
    """The call's own request went out: what is answered plays no part any more."""


class _Provider(SingleAnswerUpstream):
    """Answers the steps before a call with nothing, and the call itself only where the mapping of the answer
    reads the query."""

    def __init__(self, catalogued: CatalogEntry, cell: MappedMethod) -> None:
        known = (
            catalogued.find_exchanges(*cell.proxy_methods[0], error=False)
            if reads_query(cell.config.response_mapping)
            else []
        )
        super().__init__(catalogued, known[0] if known else exchange_of({}))
        self._last = () if known else cell.proxy_methods

    async def send(self, request: OutgoingRequest) -> HttpResponse:
        answer = await super().send(request)
        if (request.operation.resource, request.operation.method) in self._last:
            raise _Sent
        return answer


async def _complaint(catalogued: CatalogEntry, cell: MappedMethod, query: str) -> str:
    provider = _Provider(catalogued, cell)
    failure = await _failure(provider, catalogued, cell, query, cell.config)
    if failure:
        return failure
    for request in provider.sent:
        address = urlsplit(request.http.url)
        if "//" in address.path or "[object Object]" in unquote_plus(address.query):
            return f"sent to {request.http.url[:200]}"
    return ""


async def _failure(
    provider: SingleAnswerUpstream,
    catalogued: CatalogEntry,
    cell: MappedMethod,
    query: str,
    mapping: MappingConfig,
) -> str:
    definition = model(cell.model).file.resources[cell.resource]
    target = unified.UnifiedTarget(cell.model, cell.resource, definition)
    try:
        await unified.call_method(provider, catalogued.file.config, target, mapping, _call(cell, query))
    except MappingFailed as failed:
        return str(failed)
    except (_Sent, BadRequest, RemoteError):
        pass
    return ""


def _call(cell: MappedMethod, query: str) -> Call:
    return parse_call(
        cell.method,
        id="1" if cell.method in _WITH_ID else None,
        query=parse_query(query),
        body={} if cell.method in _WITH_BODY else NO_BODY,
    )
