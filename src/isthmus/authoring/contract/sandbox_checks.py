"""Checks the sandbox account of an integration: its lists and records must be those of the recorded
exchanges."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from isthmus.accounts.sandbox.replay import SandboxUpstream
from isthmus.accounts.sandbox.stored_records import MemoryRecords
from isthmus.authoring.contract.catalog_entry import CatalogEntry, MappedMethod
from isthmus.authoring.contract.checks import iter_schema_errors
from isthmus.authoring.contract.recorded_calls import build_call, run_unified_call
from isthmus.authoring.contract.replay_upstreams import ReplayUpstream
from isthmus.definitions.file_models import Exchange
from isthmus.definitions.pagination import DynamicPagination
from isthmus.engine import unified
from isthmus.engine.calls import Call, ListResult, ValueResult
from isthmus.engine.upstream import AccountFacts
from isthmus.errors import BadRequest, IsthmusError, RemoteError

__all__ = ["SANDBOX_CHECKS", "SandboxList", "check_sandbox", "find_recorded_list_methods"]

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


class _EntryExchanges:
    """The exchanges of one entry as an `ExchangeSource`."""

    def __init__(self, entry: CatalogEntry) -> None:
        self._entry = entry

    def find_exchanges(self, integration: str, resource: str, method: str) -> Sequence[Exchange]:
        """Returns the exchanges of a proxy method; none for another integration."""
        return self._entry.exchanges.get((resource, method), ()) if integration == self._entry.name else ()

    def iter_all(self, integration: str) -> Iterator[Exchange]:
        """Yields all exchanges; none for another integration."""
        for exchanges in self._entry.exchanges.values() if integration == self._entry.name else ():
            yield from exchanges


class SandboxList:
    """Calls one unified list, and `get` for its records, on a sandbox account. `records`: what is written to
    it."""

    def __init__(self, entry: CatalogEntry, mapped_method: MappedMethod) -> None:
        self.entry = entry
        self.mapped_method = mapped_method
        self.records = MemoryRecords()
        config = entry.file.config
        self.upstream = SandboxUpstream(
            _ACCOUNT,
            entry.example_context,
            entry.name,
            config,
            _EntryExchanges(entry),
            self.records,
        )

    def build_target(self) -> unified.UnifiedTarget:
        """Returns the unified resource that is called."""
        resources = self.entry.models[self.mapped_method.model].file.resources
        return unified.UnifiedTarget(
            self.mapped_method.model, self.mapped_method.resource, resources[self.mapped_method.resource]
        )

    async def read_page(
        self, cursor: str | None = None, query: Mapping[str, str] | None = None
    ) -> ListResult:
        """Reads one page of the list; the mapping chooses the proxy method. Raises BadRequest if the result
        is no list."""
        proxy_method = self.mapped_method.proxy_methods[0]
        first = self.entry.find_exchanges(*proxy_method, error=False)[0]
        call = build_call(self.entry, self.mapped_method, proxy_method, first, cursor=cursor, query=query)
        config = self.entry.file.config
        result = await unified.call_method(
            self.upstream, config, self.build_target(), self.mapped_method.config, call
        )
        if not isinstance(result, ListResult):
            raise BadRequest(f"{self.mapped_method.name} does not return a list.")
        return result

    async def read_pages(self, query: Mapping[str, str] | None = None) -> list[list[dict[str, Any]]]:
        """Reads the list to its end. Returns the records page by page. Raises BadRequest if there are more
        than 50 pages."""
        pages: list[list[dict[str, Any]]] = []
        cursor: str | None = None
        while len(pages) < _MAX_PAGES:
            page = await self.read_page(cursor, query)
            pages.append([record for record in page.records if isinstance(record, dict)])
            cursor = page.next_cursor
            if cursor is None:
                return pages
        raise BadRequest(f"the walk does not end within {_MAX_PAGES} pages.")

    async def read_ids(self, query: Mapping[str, str] | None = None) -> list[str]:
        """Reads the list to its end. Returns the ids of its records."""
        return [str(record["id"]) for page in await self.read_pages(query) for record in page]

    async def read_record(self, get_method: MappedMethod, id: str) -> Any:
        """Reads the record with an id. `get_method`: the unified method `get` of the resource."""
        config = self.entry.file.config
        call = Call(method="get", id=id)
        result = await unified.call_method(
            self.upstream, config, self.build_target(), get_method.config, call
        )
        return result.body if isinstance(result, ValueResult) else None


def find_recorded_list_methods(entry: CatalogEntry) -> list[MappedMethod]:
    """Returns the unified list methods whose first proxy method has a successful recorded exchange."""
    return [
        mapped_method
        for mapped_method in entry.mapped_methods
        if mapped_method.method == "list"
        and entry.find_exchanges(*mapped_method.proxy_methods[0], error=False)
    ]


async def check_sandbox(entry: CatalogEntry) -> list[str]:
    """Returns complaints of all `SANDBOX_CHECKS` about each list of the integration."""
    complaints: list[str] = []
    for mapped_method in find_recorded_list_methods(entry):
        sandbox = SandboxList(entry, mapped_method)
        for check in SANDBOX_CHECKS:
            try:
                complaints += [f"{mapped_method.name}: {text}" for text in await check(sandbox)]
            except IsthmusError as error:
                complaints.append(f"{mapped_method.name}: {error}")
    return list(dict.fromkeys(complaints))


async def check_walk_records(sandbox: SandboxList) -> list[str]:
    """Returns complaints if the pages have invalid records, a record twice, or none."""
    records = [record for page in await sandbox.read_pages() for record in page]
    complaints = [
        text
        for record in records
        for text in iter_schema_errors(sandbox.entry, sandbox.mapped_method, record)
    ]
    ids = [record["id"] for record in records]
    if len(set(ids)) != len(ids):
        complaints.append("a walk of the sandbox has a record twice")
    return complaints if records else ["a walk of the sandbox gives no record"]


async def check_walk_completeness(sandbox: SandboxList) -> list[str]:
    """Returns a complaint if the pages do not give all recorded records in their order."""
    entry, mapped_method = sandbox.entry, sandbox.mapped_method
    proxy_method = mapped_method.proxy_methods[0]
    upstream, first = ReplayUpstream(entry), entry.find_exchanges(*proxy_method, error=False)[0]
    recorded: list[str] = []
    cursor: str | None = None
    for _ in range(_MAX_PAGES):
        page = await run_unified_call(
            entry,
            mapped_method,
            proxy_method,
            build_call(entry, mapped_method, proxy_method, first, cursor=cursor),
            upstream,
        )
        assert isinstance(page, ListResult)
        recorded += [str(record["id"]) for record in page.records if isinstance(record, dict)]
        cursor = page.next_cursor
        if cursor is None:
            break
    listed = await sandbox.read_ids()
    return [] if listed == recorded else [f"the sandbox lists {listed}, and {recorded} were recorded"]


async def check_limit(sandbox: SandboxList) -> list[str]:
    """Returns a complaint if a limit of 1 gives larger pages or other records; computed pagination is not
    checked."""
    definition = sandbox.entry.file.config.find_method(*sandbox.mapped_method.proxy_methods[0])
    pagination = definition and sandbox.entry.file.config.choose_pagination(definition)
    if pagination is None or isinstance(pagination, DynamicPagination):
        return []
    pages = await sandbox.read_pages({"limit": "1"})
    if any(len(page) > 1 for page in pages):
        return ["a limit of 1 gives pages of more"]
    limited_ids = [str(record["id"]) for page in pages for record in page]
    return [] if limited_ids == await sandbox.read_ids() else ["a limit of 1 gives other records"]


async def check_ignored_filters(sandbox: SandboxList) -> list[str]:
    """Returns a complaint for each filter that changes the records, even if the mapping then calls another
    proxy method."""
    unfiltered_ids = await sandbox.read_ids()
    return [
        f"the filter {name} gives other records"
        for name, value in _FILTERS.items()
        if await sandbox.read_ids({name: value}) != unfiltered_ids
    ]


async def check_reads(sandbox: SandboxList) -> list[str]:
    """Returns complaints if a listed id is read as another record, or an unknown id is not a 404."""
    get_method = sandbox.entry.find_mapped_method(
        sandbox.mapped_method.model, sandbox.mapped_method.resource, "get"
    )
    if get_method is None:
        return []
    complaints = [
        f"{id} is read as another record"
        for id in await sandbox.read_ids()
        if (await sandbox.read_record(get_method, id))["id"] != id
    ]
    try:
        await sandbox.read_record(get_method, "no-such-id")
    except RemoteError as error:
        return complaints + ([] if error.status == _NOT_FOUND else [f"an unknown id is a {error.status}"])
    return [*complaints, "an unknown id is read as a record"]


async def check_unknown_cursor(sandbox: SandboxList) -> list[str]:
    """Returns a complaint if an unknown cursor is answered with a page."""
    try:
        await sandbox.read_page(_UNKNOWN_CURSOR)
    except (RemoteError, BadRequest):
        return []
    return ["an unknown cursor is answered with a page"]


SANDBOX_CHECKS: Final[tuple[Callable[[SandboxList], Awaitable[list[str]]], ...]] = (
    check_walk_records,
    check_walk_completeness,
    check_limit,
    check_ignored_filters,
    check_reads,
    check_unknown_cursor,
)
