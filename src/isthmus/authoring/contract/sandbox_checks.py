"""The part of the contract suite that is about sandbox accounts: each list of an integration, and the records
in it, as the account that every environment has of it would answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from isthmus.accounts.sandbox.replay import SandboxUpstream
from isthmus.accounts.sandbox.sandbox_accounts import build_example_context
from isthmus.authoring.contract.catalog_entry import Cell, Entry
from isthmus.authoring.contract.checks import invalid
from isthmus.authoring.contract.recorded_calls import call_for, run
from isthmus.authoring.contract.replay_upstreams import Replay
from isthmus.definitions.files import Exchange
from isthmus.definitions.pagination import DynamicPagination
from isthmus.engine import unified
from isthmus.engine.calls import Call, ListResult, ValueResult
from isthmus.engine.upstream import AccountFacts
from isthmus.errors import BadRequest, IsthmusError, RemoteError

__all__ = ["SANDBOX_CHECKS", "Sandbox", "lists_of", "sandbox_answers"]

_ACCOUNT: Final = AccountFacts(
    id="sandbox",
    tenant_id="sandbox",
    environment_id="contract",
    is_sandbox=True,
    authentication_method="api_key",
)
_MAX_PAGES: Final = 50
_NOT_FOUND: Final = 404
_UNKNOWN_CURSOR: Final = "bm8tc3VjaC1jdXJzb3I"
_FILTERS: Final = {"search": "tide", "updated_at[gt]": "2020-01-01T00:00:00Z", "no_such_filter": "x"}


class _Recorded:
    """The exchanges of one entry, as a sandbox asks for them."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry

    def find_exchanges(self, integration: str, resource: str, method: str) -> Sequence[Exchange]:
        return self._entry.exchanges.get((resource, method), ()) if integration == self._entry.name else ()

    def iter_all(self, integration: str) -> Iterator[Exchange]:
        for exchanges in self._entry.exchanges.values() if integration == self._entry.name else ():
            yield from exchanges


class Sandbox:
    """Calls of one list, and of the records in it, in the sandbox."""

    def __init__(self, entry: Entry, cell: Cell) -> None:
        self.entry = entry
        self.cell = cell
        config = entry.file.config
        self.upstream = SandboxUpstream(
            _ACCOUNT, build_example_context(config), entry.name, config, _Recorded(entry)
        )

    def target(self) -> unified.UnifiedTarget:
        resources = self.entry.models[self.cell.model].file.resources
        return unified.UnifiedTarget(self.cell.model, self.cell.resource, resources[self.cell.resource])

    async def page(self, cursor: str | None = None, query: Mapping[str, str] | None = None) -> ListResult:
        """Through the mapping's own choice of a proxy method."""
        choice = self.cell.choices[0]
        first = self.entry.answers(*choice, error=False)[0]
        call = call_for(self.entry, self.cell, choice, first, cursor=cursor, query=query)
        config = self.entry.file.config
        result = await unified.call_method(self.upstream, config, self.target(), self.cell.config, call)
        if not isinstance(result, ListResult):
            raise BadRequest(f"{self.cell.name} is answered with no list.")
        return result

    async def pages(self, query: Mapping[str, str] | None = None) -> list[list[dict[str, Any]]]:
        """Raises BadRequest for a walk that does not end."""
        found: list[list[dict[str, Any]]] = []
        cursor: str | None = None
        while len(found) < _MAX_PAGES:
            page = await self.page(cursor, query)
            found.append([record for record in page.records if isinstance(record, dict)])
            cursor = page.next_cursor
            if cursor is None:
                return found
        raise BadRequest(f"the walk does not end within {_MAX_PAGES} pages.")

    async def ids(self, query: Mapping[str, str] | None = None) -> list[str]:
        return [str(record["id"]) for page in await self.pages(query) for record in page]

    async def read(self, got: Cell, id: str) -> Any:
        """The record that `got`, the cell of `get`, answers with."""
        config = self.entry.file.config
        call = Call(method="get", id=id)
        result = await unified.call_method(self.upstream, config, self.target(), got.config, call)
        return result.body if isinstance(result, ValueResult) else None


def lists_of(entry: Entry) -> list[Cell]:
    """The lists that have an answer to begin with."""
    return [
        cell for cell in entry.cells if cell.method == "list" and entry.answers(*cell.choices[0], error=False)
    ]


async def sandbox_answers(entry: Entry) -> list[str]:
    """A sandbox account gives every recorded page, keeps to limits, reads what it lists, and finds nothing
    under unknown ids and cursors."""
    complaints: list[str] = []
    for cell in lists_of(entry):
        sandbox = Sandbox(entry, cell)
        for check in SANDBOX_CHECKS:
            try:
                complaints += [f"{cell.name}: {text}" for text in await check(sandbox)]
            except IsthmusError as error:
                complaints.append(f"{cell.name}: {error}")
    return list(dict.fromkeys(complaints))


async def walk_is_valid(sandbox: Sandbox) -> list[str]:
    """A walk gives valid records, each once."""
    records = [record for page in await sandbox.pages() for record in page]
    complaints = [text for record in records for text in invalid(sandbox.entry, sandbox.cell, record)]
    ids = [record["id"] for record in records]
    if len(set(ids)) != len(ids):
        complaints.append("a walk of the sandbox has a record twice")
    return complaints if records else ["a walk of the sandbox gives no record"]


async def walk_is_complete(sandbox: Sandbox) -> list[str]:
    """A walk gives all that was recorded, in its order."""
    entry, cell = sandbox.entry, sandbox.cell
    choice = cell.choices[0]
    upstream, first = Replay(entry), entry.answers(*choice, error=False)[0]
    recorded: list[str] = []
    cursor: str | None = None
    for _ in range(_MAX_PAGES):
        page = await run(entry, cell, choice, call_for(entry, cell, choice, first, cursor=cursor), upstream)
        recorded += [str(record["id"]) for record in page.records]
        cursor = page.next_cursor
        if cursor is None:
            break
    found = await sandbox.ids()
    return [] if found == recorded else [f"the sandbox lists {found}, and {recorded} were recorded"]


async def limit_cuts(sandbox: Sandbox) -> list[str]:
    """A limit cuts pages and loses nothing; computed pages are answered as they were recorded."""
    definition = sandbox.entry.file.config.method(*sandbox.cell.choices[0])
    pagination = definition and sandbox.entry.file.config.pagination_of(definition)
    if pagination is None or isinstance(pagination, DynamicPagination):
        return []
    pages = await sandbox.pages({"limit": "1"})
    if any(len(page) > 1 for page in pages):
        return ["a limit of 1 gives pages of more"]
    cut = [str(record["id"]) for page in pages for record in page]
    return [] if cut == await sandbox.ids() else ["a limit of 1 gives other records"]


async def filters_change_nothing(sandbox: Sandbox) -> list[str]:
    """Some filters lead to another proxy method: the same records are recorded of it."""
    plain = await sandbox.ids()
    return [
        f"the filter {name} gives other records"
        for name, value in _FILTERS.items()
        if await sandbox.ids({name: value}) != plain
    ]


async def records_can_be_read(sandbox: Sandbox) -> list[str]:
    """Each record can be read, and an unknown one is not found."""
    got = sandbox.entry.cell(sandbox.cell.model, sandbox.cell.resource, "get")
    if got is None:
        return []
    complaints = [
        f"{id} is read as another record"
        for id in await sandbox.ids()
        if (await sandbox.read(got, id))["id"] != id
    ]
    try:
        await sandbox.read(got, "no-such-id")
    except RemoteError as error:
        return complaints + ([] if error.status == _NOT_FOUND else [f"an unknown id is a {error.status}"])
    return [*complaints, "an unknown id is read as a record"]


async def unknown_cursor_is_not_found(sandbox: Sandbox) -> list[str]:
    try:
        await sandbox.page(_UNKNOWN_CURSOR)
    except (RemoteError, BadRequest):
        return []
    return ["an unknown cursor is answered with a page"]


SANDBOX_CHECKS: Final[tuple[Callable[[Sandbox], Awaitable[list[str]]], ...]] = (
    walk_is_valid,
    walk_is_complete,
    limit_cuts,
    filters_change_nothing,
    records_can_be_read,
    unknown_cursor_is_not_found,
)
