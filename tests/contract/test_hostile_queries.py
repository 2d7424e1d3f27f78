"""No caller's query makes a mapping of the catalogue fail, whatever it holds."""

from __future__ import annotations

from urllib.parse import unquote_plus, urlsplit

import pytest

from isthmus.definitions.mapping import MappingConfig
from isthmus.engine import unified
from isthmus.engine.calls import NO_BODY, Call, read_call
from isthmus.engine.messages import OutgoingRequest
from isthmus.errors import BadRequest, MappingFailed, RemoteError
from isthmus.http.messages import HttpResponse
from isthmus.integrations.contract.entries import Cell, Entry
from isthmus.integrations.contract.replay import OneAnswer
from tests.contract.catalog import entry, integration_names, model
from tests.contract.hostile import cursors_of, queries_of, reads_query
from tests.contract.sending import exchange_of

_WITH_ID = frozenset({"get", "update", "delete"})
_WITH_BODY = frozenset({"create", "update"})
_MAPPINGS = [(name, each) for name in integration_names() for each in entry(name).mappings]


@pytest.mark.parametrize(("integration", "model_name"), _MAPPINGS, ids=["-".join(each) for each in _MAPPINGS])
async def test_a_query_is_sent_or_refused(integration: str, model_name: str) -> None:
    catalogued = entry(integration)
    complaints = [
        f"{cell.name}?{unquote_plus(query)[:100]}: {found}"
        for cell in catalogued.cells
        if cell.model == model_name
        for query in queries_of(catalogued, cell)
        if (found := await _complaint(catalogued, cell, query))
    ]
    assert complaints == []


@pytest.mark.parametrize(("integration", "model_name"), _MAPPINGS, ids=["-".join(each) for each in _MAPPINGS])
async def test_a_cursor_is_read_or_refused(integration: str, model_name: str) -> None:
    catalogued = entry(integration)
    complaints = [
        f"{cell.name} by {choice}, {cursor[:60]}: {found}"
        for cell in catalogued.cells
        if (cell.model, cell.method) == (model_name, "list")
        for choice in cell.choices
        for answer in catalogued.answers(*choice, error=False)[:1]
        for cursor, query in cursors_of(catalogued, cell)
        if (
            found := await _failure(
                OneAnswer(catalogued, answer), catalogued, cell, query, cell.fixed(choice)
            )
        )
    ]
    assert complaints == []


class _Sent(Exception):
    """The call's own request went out: what is answered plays no part any more."""


class _Provider(OneAnswer):
    """Answers the steps before a call with nothing, and the call itself only where the mapping of the answer
    reads the query."""

    def __init__(self, catalogued: Entry, cell: Cell) -> None:
        known = (
            catalogued.answers(*cell.choices[0], error=False)
            if reads_query(cell.config.response_mapping)
            else []
        )
        super().__init__(catalogued, known[0] if known else exchange_of({}))
        self._last = () if known else cell.choices

    async def send(self, request: OutgoingRequest) -> HttpResponse:
        answer = await super().send(request)
        if (request.operation.resource, request.operation.method) in self._last:
            raise _Sent
        return answer


async def _complaint(catalogued: Entry, cell: Cell, query: str) -> str:
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
    provider: OneAnswer, catalogued: Entry, cell: Cell, query: str, mapping: MappingConfig
) -> str:
    definition = model(cell.model).file.resources[cell.resource]
    target = unified.Target(cell.model, cell.resource, definition)
    try:
        await unified.call(provider, catalogued.file.config, target, mapping, _call(cell, query))
    except MappingFailed as failed:
        return str(failed)
    except (_Sent, BadRequest, RemoteError):
        pass
    return ""


def _call(cell: Cell, query: str) -> Call:
    return read_call(
        cell.method,
        id="1" if cell.method in _WITH_ID else None,
        query_string=query,
        body={} if cell.method in _WITH_BODY else NO_BODY,
    )
