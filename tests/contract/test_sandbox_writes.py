"""What every integration's sandbox keeps of its recorded writes, through the proxy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest

from isthmus.accounts.sandbox.exchange_choice import list_path_parameters
from isthmus.authoring.contract.sandbox_checks import SandboxList
from isthmus.definitions.file_models import Exchange
from isthmus.engine import proxy
from isthmus.engine.calls import Call, ListResult, ValueResult
from isthmus.engine.queries import Query
from isthmus.errors import Conflict, RemoteError
from tests.contract.catalog import entry, integration_names

NOT_STORED: Final = frozenset({"jira.transitions", "zendesk.ticket_comments"})
"""Their recorded answers show no record: a transition has none, a comment is told as a change of a ticket."""

NAMED_BY_THE_CALLER: Final = frozenset({"github.labels"})
"""Two of them cannot be created with one body."""

OF_EXISTING_RECORDS: Final = frozenset({"tableau.group_users"})
"""Their recorded create names a record that is in the recorded list already."""

LIMITS: Final = (None, 1, 2)


class WrittenResource:
    """A resource of a sandbox account of its own, with its recorded create."""

    def __init__(self, integration: str, resource: str, created: Exchange) -> None:
        self.entry = entry(integration)
        self.config = self.entry.file.config
        self.resource = resource
        self.created = created
        # the parent of the records, such as the ticket of comments
        self.query: Mapping[str, Any] = dict(created.request.query)
        self.sandbox = SandboxList(self.entry, self.entry.mapped_methods[0])

    @property
    def name(self) -> str:
        return f"{self.entry.name}.{self.resource}"

    def has(self, method: str) -> bool:
        return bool(self.entry.find_exchanges(self.resource, method, error=False))

    async def call(self, method: str, **values: Any) -> Any:
        call = Call(method=method, query=Query(nested=self.query), **values)
        return await proxy.call_method(self.sandbox.upstream, self.config, self.resource, call)

    async def create(self) -> ValueResult:
        result: ValueResult = await self.call("create", body=self.created.request.body)
        return result

    def list_ids(self) -> list[str]:
        """The ids of what was created, the newest first."""
        return [
            record.record_id
            for record in reversed(self.sandbox.records.list_records())
            if record.is_created and not record.is_deleted
        ]

    async def walk(self, limit: int | None) -> list[Any]:
        records: list[Any] = []
        cursor: str | None = None
        while True:
            page = await self.call("list", limit=limit, cursor=cursor)
            assert isinstance(page, ListResult)
            records += page.records
            cursor = page.next_cursor
            if cursor is None:
                return records


def list_written_resources(integration: str) -> list[WrittenResource]:
    """Each resource with a recorded create and, if its list needs a parent, with one in that create."""
    found = entry(integration)
    return [
        WrittenResource(integration, resource, created[0])
        for resource in found.file.config.resources
        if (created := found.find_exchanges(resource, "create", error=False))
        and f"{integration}.{resource}" not in OF_EXISTING_RECORDS
    ]


def has_listed_parent(resource: WrittenResource) -> bool:
    """Whether the list can be called with what the create was called with."""
    listed = resource.entry.find_exchanges(resource.resource, "list", error=False)
    definition = resource.config.find_method(resource.resource, "list")
    if not listed or definition is None:
        return False
    return not list_path_parameters(definition) - set(resource.query)


@pytest.mark.walk(share=0.3)
@pytest.mark.parametrize("integration", integration_names())
async def test_a_created_record_is_read_listed_changed_and_deleted(integration: str) -> None:
    for resource in list_written_resources(integration):
        before = [] if not has_listed_parent(resource) else await resource.walk(None)
        results = [await resource.create()]
        if resource.name in NAMED_BY_THE_CALLER:
            with pytest.raises(Conflict, match="already"):
                await resource.create()
        else:
            results.append(await resource.create())
        if resource.name in NOT_STORED:
            assert [warning.code for result in results for warning in result.warnings] == ["not_stored"] * 2
            continue
        ids = resource.list_ids()
        assert len(set(ids)) == len(results), resource.name
        if has_listed_parent(resource):
            for limit in LIMITS:
                listed = await resource.walk(limit)
                assert listed[len(ids) :] == before, (resource.name, limit)
                assert len(listed) == len(before) + len(ids), (resource.name, limit)
        created = ids[0]
        if resource.has("get"):
            assert (await resource.call("get", id=created)).body
        if resource.has("update"):
            [sent, *_] = resource.entry.find_exchanges(resource.resource, "update", error=False)
            await resource.call("update", id=created, body=sent.request.body)
            created = resource.list_ids()[0]  # another one if the name that was sent is the id
        if resource.has("delete"):
            await resource.call("delete", id=created)
            for method in ("delete", "get"):
                if resource.has(method):
                    with pytest.raises(RemoteError):
                        await resource.call(method, id=created)
