"""Every list of every integration, in the sandbox account that an environment has of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from isthmus.accounts.sandbox import SandboxUpstream
from isthmus.accounts.sandbox_accounts import example_context
from isthmus.definitions.pagination import DynamicPagination
from isthmus.engine import unified
from isthmus.engine.calls import read_call
from isthmus.engine.ports import AccountFacts
from isthmus.engine.results import ListResult, ValueResult
from isthmus.errors import BadRequest, RemoteError
from isthmus.integrations.catalog import Catalog
from isthmus.integrations.contract.calls import call_for, run
from isthmus.integrations.contract.checks import invalid
from isthmus.integrations.contract.replay import Replay
from isthmus.integrations.exchanges import Exchanges
from tests.contract.catalog import CATALOG, Cell, Entry, entry, integration_names, model

_ACCOUNT = AccountFacts(
    id="sandbox",
    tenant_id="sandbox",
    environment_id="contract",
    is_sandbox=True,
    authentication_method="api_key",
)
_EXCHANGES = Exchanges(Catalog(CATALOG))
_MAX_PAGES = 50


def _lists() -> Iterator[tuple[str, str, str]]:
    for name in integration_names():
        for cell in entry(name).cells:
            if cell.method == "list":
                yield name, cell.model, cell.resource


class Sandbox:
    """Calls of one list, and of the records in it, in the sandbox."""

    def __init__(self, entry: Entry, cell: Cell) -> None:
        self.entry = entry
        self.cell = cell
        config = entry.file.config
        self.upstream = SandboxUpstream(_ACCOUNT, example_context(config), entry.name, config, _EXCHANGES)

    def target(self) -> unified.Target:
        resources = model(self.cell.model).file.resources
        return unified.Target(self.cell.model, self.cell.resource, resources[self.cell.resource])

    async def page(self, cursor: str | None = None, query: Mapping[str, str] | None = None) -> ListResult:
        """Through the mapping's own choice of a proxy method."""
        choice = self.cell.choices[0]
        first = self.entry.answers(*choice, error=False)[0]
        call = call_for(self.entry, self.cell, choice, first, cursor=cursor, query=query)
        config = self.entry.file.config
        result = await unified.call(self.upstream, config, self.target(), self.cell.config, call)
        assert isinstance(result, ListResult)
        return result

    async def pages(self, query: Mapping[str, str] | None = None) -> list[list[dict[str, Any]]]:
        found: list[list[dict[str, Any]]] = []
        cursor: str | None = None
        while len(found) < _MAX_PAGES:
            page = await self.page(cursor, query)
            assert isinstance(page.records, list)
            found.append(page.records)
            cursor = page.next_cursor
            if cursor is None:
                return found
        raise AssertionError(f"{self.cell.name} does not end")

    async def ids(self, query: Mapping[str, str] | None = None) -> list[str]:
        return [str(record["id"]) for page in await self.pages(query) for record in page]

    async def read(self, id: str) -> Any:
        got = self.entry.cell(self.cell.model, self.cell.resource, "get")
        assert got is not None
        config = self.entry.file.config
        result = await unified.call(self.upstream, config, self.target(), got.config, read_call("get", id=id))
        assert isinstance(result, ValueResult)
        return result.body


@pytest.fixture(params=list(_lists()), ids=".".join)
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    name, model_name, resource = request.param
    cell = entry(name).cell(model_name, resource, "list")
    assert cell is not None
    return Sandbox(entry(name), cell)


async def test_a_walk_gives_valid_records_each_once(sandbox: Sandbox) -> None:
    records = [record for page in await sandbox.pages() for record in page]
    assert records
    assert [text for record in records for text in invalid(sandbox.entry, sandbox.cell, record)] == []
    ids = [record["id"] for record in records]
    assert len(set(ids)) == len(ids)


async def test_a_walk_gives_all_that_was_recorded(sandbox: Sandbox) -> None:
    entry, cell = sandbox.entry, sandbox.cell
    choice = cell.choices[0]
    upstream, first = Replay(entry), entry.answers(*choice, error=False)[0]
    recorded: list[str] = []
    cursor: str | None = None
    while True:
        page = await run(entry, cell, choice, call_for(entry, cell, choice, first, cursor=cursor), upstream)
        recorded += [str(record["id"]) for record in page.records]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert await sandbox.ids() == recorded


async def test_a_limit_cuts_pages_and_loses_nothing(sandbox: Sandbox) -> None:
    definition = sandbox.entry.file.config.method(*sandbox.cell.choices[0])
    assert definition is not None
    pagination = sandbox.entry.file.config.pagination_of(definition)
    if pagination is None or isinstance(pagination, DynamicPagination):
        return  # computed pages are answered as they were recorded
    pages = await sandbox.pages({"limit": "1"})
    assert all(len(page) <= 1 for page in pages)
    assert [str(record["id"]) for page in pages for record in page] == await sandbox.ids()


async def test_a_filter_changes_nothing(sandbox: Sandbox) -> None:
    """Some filters lead to another proxy method: the same records are recorded of it."""
    filters = {"search": "tide", "updated_at[gt]": "2020-01-01T00:00:00Z", "no_such_filter": "x"}
    for name, value in filters.items():
        assert await sandbox.ids({name: value}) == await sandbox.ids(), name


async def test_each_record_can_be_read_and_an_unknown_one_is_not_found(sandbox: Sandbox) -> None:
    if sandbox.entry.cell(sandbox.cell.model, sandbox.cell.resource, "get") is None:
        return
    for id in await sandbox.ids():
        assert (await sandbox.read(id))["id"] == id
    with pytest.raises(RemoteError) as caught:
        await sandbox.read("no-such-id")
    assert caught.value.status == 404


async def test_an_unknown_cursor_is_not_found(sandbox: Sandbox) -> None:
    with pytest.raises((RemoteError, BadRequest)):
        await sandbox.page("bm8tc3VjaC1jdXJzb3I")
