"""No value of an answer makes a mapping of the catalogue fail: one record would take its whole page with it,
and the sync that reads the page would come to it again and again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import pytest

from isthmus.authoring.contract.catalog_entry import CatalogEntry, MappedMethod, ProxyMethodName
from isthmus.authoring.contract.checks import iter_success_exchanges
from isthmus.authoring.contract.lost_values_check import find_record_root, get_at
from isthmus.authoring.contract.recorded_calls import build_call
from isthmus.authoring.contract.replay_upstreams import SingleAnswerUpstream
from isthmus.definitions.file_models import Exchange
from isthmus.definitions.mapping import MappingConfig
from isthmus.engine import unified
from isthmus.engine.calls import Call, ListResult, ValueResult
from isthmus.errors import IsthmusError
from tests.contract.catalog import entry, integration_names
from tests.contract.odd_values import Steps, exchanged, odd_values_for, places
from tests.selection import IN_FULL, Walk

_MAPPINGS = [(name, each) for name in integration_names() for each in entry(name).mappings]
_METHODS: Final = frozenset({"list", "get", "create", "update"})
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@pytest.mark.parametrize(("integration", "model_name"), _MAPPINGS, ids=["-".join(each) for each in _MAPPINGS])
async def test_an_odd_value_is_borne(integration: str, model_name: str, walk: Walk) -> None:
    assert await _complaints_about(entry(integration), model_name, walk) == []


async def test_a_mapping_that_fails_on_an_odd_value_is_found() -> None:
    def unguarded(copy: CatalogEntry) -> None:
        for cell in copy.mappings["crm"]["cells"]:
            mapping = cell["config"].get("response_mapping", "")
            cell["config"]["response_mapping"] = mapping.replace(
                "$time(response.created)", "$fromMillis(response.created * 1000)"
            )

    complaints = await _complaints_about(entry("stripe").copy_changed(unguarded), "crm")
    assert any(text.startswith('crm/contacts.list: created is "nonsense": ') for text in complaints)
    assert all("created is" in text for text in complaints)


TIMES: Final = [
    ("hubspot", "crm/contacts", "properties.createdate", "2025-01-14T09:44:56Z"),
    ("hubspot", "crm/contacts", "properties.createdate", "2025-01-14T10:44:56.000+01:00"),
    ("jira", "ticketing/tickets", "fields.created", "2025-01-14T15:14:56.000+0530"),
    ("jira", "ticketing/tickets", "fields.created", "2025-01-14T09:44:56Z"),
    ("linear", "ticketing/tickets", "createdAt", "2025-01-14T09:44:56.000Z"),
    ("pipedrive", "crm/opportunities", "add_time", "2025-01-14T09:44:56Z"),
    ("pipedrive", "crm/opportunities", "add_time", "2025-01-14 09:44:56"),
    ("pipedrive", "crm/notes", "add_time", "2025-01-14 09:44:56"),
    ("pipedrive", "crm/notes", "add_time", "2025-01-14T09:44:56Z"),
    ("salesforce", "crm/contacts", "CreatedDate", "2025-01-14T09:44:56.000+0000"),
    ("salesforce", "crm/contacts", "CreatedDate", "2025-01-14T04:44:56.000-0500"),
    ("stripe", "crm/contacts", "created", 1736847896),
    ("zendesk", "ticketing/tickets", "created_at", "2025-01-14T09:44:56Z"),
    ("zendesk", "ticketing/tickets", "created_at", "2025-01-14T09:44:56.000Z"),
]


@pytest.mark.parametrize(("integration", "resource", "path", "sent"), TIMES)
async def test_a_time_is_read_in_each_of_its_forms(
    integration: str, resource: str, path: str, sent: object
) -> None:
    answer = _listed(integration, resource)
    (record,) = await answer.records_with(path, sent)
    assert record["created_at"] == "2025-01-14T09:44:56.000Z"


@pytest.mark.parametrize(
    "sent", ["0000-00-00T00:00:00.000Z", "2025-01-14T09:44:61.000Z", "12", 1736847896, True]
)
async def test_what_is_no_time_is_left_out_and_kept_as_the_product_sent_it(sent: object) -> None:
    answer = _listed("hubspot", "crm/contacts")
    (record,) = await answer.records_with("properties.createdate", sent)
    assert record.get("created_at") is None
    assert record["remote_data"]["properties"]["createdate"] == sent


@dataclass(frozen=True)
class _Answer:
    entry: CatalogEntry
    cell: MappedMethod
    choice: ProxyMethodName
    exchange: Exchange

    @property
    def text(self) -> str:
        mapping = self.cell.config.response_mapping
        return str(getattr(mapping, "text", None) or getattr(mapping, "source", ""))

    @cached_property
    def root(self) -> Steps:
        return find_record_root(self.entry, self.choice)

    @cached_property
    def data(self) -> Any:
        return get_at(self.exchange.response.body, self.root)

    @property
    def is_mapped_by_item(self) -> bool:
        return self.cell.config.response_mapping_method == "item" and isinstance(self.data, list)

    @cached_property
    def _mapping(self) -> MappingConfig:
        return self.cell.with_proxy_method(self.choice)

    @cached_property
    def _call(self) -> Call:
        return build_call(self.entry, self.cell, self.choice, self.exchange)

    async def records(self, data: Any) -> list[Any]:
        """The unified records of the answer with other data."""
        cell, entry = self.cell, self.entry
        definition = entry.models[cell.model].file.resources[cell.resource]
        upstream = SingleAnswerUpstream(
            entry, self.exchange, exchanged(self.exchange.response.body, self.root, data)
        )
        target = unified.UnifiedTarget(cell.model, cell.resource, definition)
        result = await unified.call_method(upstream, entry.file.config, target, self._mapping, self._call)
        if isinstance(result, ListResult):
            return list(result.records)
        return [result.body] if isinstance(result, ValueResult) else []

    async def records_with(self, path: str, value: object) -> list[Any]:
        """Of its first record, with another value there."""
        return await self.records([exchanged(self.data[0], tuple(path.split(".")), value)])

    async def wrong(self, data: Any) -> str:
        """What is wrong about them."""
        try:
            found = await self.records(data)
        except IsthmusError as error:
            return f"{error} {getattr(error, 'details', '')}"
        return next((text for record in found for text in self._wrong_in(record)), "")

    def _wrong_in(self, record: Any) -> Iterator[str]:
        schema = self.entry.models[self.cell.model].schemas[self.cell.resource]["properties"]
        for name, value in record.items() if isinstance(record, dict) else ():
            is_time = schema.get(name, {}).get("format") == "date-time"
            if is_time and value is not None and not _MOMENT.fullmatch(str(value)):
                yield f"{name} is {value!r}"
            if name != "remote_data" and "[object Object]" in str(value):
                yield f"{name} is {value!r}"


def _listed(integration: str, resource: str) -> _Answer:
    catalogued = entry(integration)
    model, _, name = resource.partition("/")
    cell = catalogued.find_mapped_method(model, name, "list")
    assert cell is not None
    return _Answer(
        catalogued,
        cell,
        cell.proxy_methods[0],
        catalogued.find_exchanges(*cell.proxy_methods[0], error=False)[0],
    )


async def _complaints_about(catalogued: CatalogEntry, model_name: str, walk: Walk = IN_FULL) -> list[str]:
    seen: set[tuple[str, str]] = set()
    return [
        complaint
        for cell, choice, exchange in iter_success_exchanges(catalogued, _METHODS)
        if cell.model == model_name
        for complaint in await _complaints(_Answer(catalogued, cell, choice, exchange), seen, walk)
    ]


async def _complaints(answer: _Answer, seen: set[tuple[str, str]], walk: Walk) -> list[str]:
    several = answer.is_mapped_by_item
    records = answer.data if several else [answer.data]
    odd = walk.draw(each for record in records for each in _odd(answer, record, seen))
    if several and not await answer.wrong([record for _, record in odd]):
        return []
    return [
        f"{answer.cell.name}: {what}: {wrong}"
        for what, record in odd
        if (wrong := await answer.wrong([record] if several else record))
    ]


def _odd(answer: _Answer, record: Any, seen: set[tuple[str, str]]) -> Iterator[tuple[str, Any]]:
    """The record with an odd value in each of its places that no mapping of the same text has met."""
    for steps in places(record):
        path = ".".join("0" if isinstance(step, int) else step for step in steps)
        if (answer.text, path) not in seen:
            seen.add((answer.text, path))
            for odd in odd_values_for(get_at(record, steps)):
                yield f"{path} is {json.dumps(odd)[:40]}", exchanged(record, steps, odd)
