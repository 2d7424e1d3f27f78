"""Checks that a mapping still gives valid records if the provider omits a value."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from isthmus.authoring.contract.catalog_entry import CatalogEntry, MappedMethod, ProxyMethodName
from isthmus.authoring.contract.checks import iter_schema_errors, iter_success_exchanges
from isthmus.authoring.contract.lost_values_check import find_record_root, get_at
from isthmus.authoring.contract.recorded_calls import map_answer
from isthmus.definitions.file_models import Exchange
from isthmus.errors import IsthmusError

__all__ = ["check_missing_values"]

Step = str | int


async def check_missing_values(entry: CatalogEntry) -> list[str]:
    """Returns complaints about records that become invalid if one value of an answer is null or absent.

    Values that the record's id is made of are excluded.
    """
    complaints: list[str] = []
    checked: set[tuple[str, str]] = set()
    for mapped_method, proxy_method, exchange in iter_success_exchanges(entry, frozenset({"list", "get"})):
        root = find_record_root(entry, proxy_method)
        answer = _keep_one_record(exchange.response.body, root)
        for steps in _iter_value_paths(get_at(answer, root)):
            path = ".".join(str(step) for step in steps if isinstance(step, str))
            if (mapped_method.name, path) in checked:
                continue
            checked.add((mapped_method.name, path))
            for state, body in _iter_bodies_without_value(answer, (*root, *steps)):
                wrong = await _find_invalid_records(entry, mapped_method, proxy_method, exchange, body)
                complaints.extend(f"{mapped_method.name}: with {path} {state}: {text}" for text in wrong)
    return complaints


def _keep_one_record(body: Any, root: tuple[str, ...]) -> Any:
    """Returns a copy of the body with only its first record. `root`: the path of the records in it."""
    records = get_at(body, root)
    if not isinstance(records, list):
        return body
    if not root:
        return records[:1]
    short = copy.deepcopy(body)
    get_at(short, root[:-1])[root[-1]] = records[:1]
    return short


async def _find_invalid_records(
    entry: CatalogEntry,
    mapped_method: MappedMethod,
    proxy_method: ProxyMethodName,
    exchange: Exchange,
    body: Any,
) -> list[str]:
    """Returns complaints about the records of an answer with this body, or about the error it causes."""
    try:
        records = await map_answer(entry, mapped_method, proxy_method, exchange, body)
    except IsthmusError as error:
        return [f"{error} {getattr(error, 'details', '')}"]
    return [
        text
        for record in records
        for text in iter_schema_errors(entry, mapped_method, record)
        if not _is_about_id(text)
    ]


def _is_about_id(complaint: str) -> bool:
    """Returns True if a complaint is about a missing or invalid id."""
    return complaint.startswith(("$.id:", "$: 'id' is a required property"))


def _iter_value_paths(value: Any, steps: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:
    """Yields the path of every key of every object; of arrays only the first item is searched."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*steps, key)
            yield from _iter_value_paths(item, (*steps, key))
    elif isinstance(value, list):
        for index, item in enumerate(value[:1]):
            yield from _iter_value_paths(item, (*steps, index))


def _iter_bodies_without_value(body: Any, steps: tuple[Step, ...]) -> Iterator[tuple[str, Any]]:
    """Yields `("null", copy)` and `("absent", copy)`: copies of the body in which the value at the path is
    null, and absent."""
    null = copy.deepcopy(body)
    get_at(null, steps[:-1])[steps[-1]] = None
    yield "null", null
    absent = copy.deepcopy(body)
    del get_at(absent, steps[:-1])[steps[-1]]
    yield "absent", absent
