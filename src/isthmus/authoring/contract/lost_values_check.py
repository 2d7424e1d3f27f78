"""Checks that a mapping carries every value of a provider's record. A value is lost if it can change without
a change of the unified record."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from isthmus.authoring.contract.catalog_entry import CatalogEntry, MappedMethod, ProxyMethodName
from isthmus.authoring.contract.recorded_calls import map_answer
from isthmus.definitions.file_models import Exchange
from isthmus.errors import IsthmusError

__all__ = ["FieldTraces", "check_lost_values", "find_record_root", "get_at", "trace_exchange"]

Step = str | int
_READS = frozenset({"list", "get"})
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass
class FieldTraces:
    """Paths in a provider's records, without indexes.

    `seen`: all paths. `filled`: those with a value. `carried`: those whose value changes the unified record.
    """

    seen: set[str] = field(default_factory=set)
    filled: set[str] = field(default_factory=set)
    carried: set[str] = field(default_factory=set)

    @property
    def lost(self) -> list[str]:
        """Paths with a value that no unified record shows, sorted."""
        return sorted(self.filled - self.carried)


async def check_lost_values(entry: CatalogEntry) -> list[str]:
    """Returns complaints about values that are lost and not listed as unmapped with a reason."""
    complaints: list[str] = []
    paths_by_resource: dict[tuple[str, str], set[str]] = {}
    for mapped_method in entry.mapped_methods:
        if mapped_method.method in _READS:
            traces = FieldTraces()
            for proxy_method in mapped_method.proxy_methods:
                for exchange in entry.find_exchanges(*proxy_method, error=False):
                    await trace_exchange(entry, mapped_method, proxy_method, exchange, traces)
            complaints.extend(f"{mapped_method.name}: {path} is lost" for path in traces.lost)
            paths_by_resource.setdefault((mapped_method.model, mapped_method.resource), set()).update(
                traces.seen
            )
    for (model_name, resource), paths in paths_by_resource.items():
        for pattern, reason in entry.get_unmapped(model_name, resource).remote.items():
            if not reason.strip() or not any(_matches_any([pattern], path) for path in paths):
                complaints.append(
                    f"{model_name}/{resource}: {pattern} is listed as unmapped, and no answer has it"
                )
    return complaints


async def trace_exchange(
    entry: CatalogEntry,
    mapped_method: MappedMethod,
    proxy_method: ProxyMethodName,
    exchange: Exchange,
    traces: FieldTraces,
) -> None:
    """Changes each value of an answer's records in turn and adds to `traces` whether the unified record
    changed.

    Values that are listed as unmapped are not changed.
    """
    left_out = list(entry.get_unmapped(mapped_method.model, mapped_method.resource).remote)
    before = await _map_body(entry, mapped_method, proxy_method, exchange, exchange.response.body)
    root = find_record_root(entry, proxy_method)
    record = get_at(exchange.response.body, root)
    for steps in _iter_leaf_paths(record):
        path = ".".join(str(step) for step in steps if isinstance(step, str))
        traces.seen.add(path)
        if path in traces.carried or _is_empty(get_at(record, steps)) or _matches_any(left_out, path):
            continue
        traces.filled.add(path)
        for body in _iter_changed_bodies(exchange.response.body, (*root, *steps)):
            if await _map_body(entry, mapped_method, proxy_method, exchange, body) != before:
                traces.carried.add(path)
                break


async def _map_body(
    entry: CatalogEntry,
    mapped_method: MappedMethod,
    proxy_method: ProxyMethodName,
    exchange: Exchange,
    body: Any,
) -> list[dict[str, Any]] | None:
    """Maps an answer with this body to unified records, and returns them without `remote_data`, which
    contains everything.

    Returns None if the mapping fails, which shows that it reads the changed value.
    """
    try:
        records = await map_answer(entry, mapped_method, proxy_method, exchange, body)
    except IsthmusError:
        return None
    return [{name: value for name, value in record.items() if name != "remote_data"} for record in records]


def find_record_root(entry: CatalogEntry, proxy_method: ProxyMethodName) -> tuple[str, ...]:
    """Returns the path of the records in an answer, from `response_path`; empty if that is no plain path."""
    definition = entry.file.config.find_method(*proxy_method)
    path = definition.response_path.text if definition and definition.response_path else ""
    return tuple(path.split(".")) if re.fullmatch(r"\w+(\.\w+)*", path) else ()


def get_at(value: Any, steps: tuple[Step, ...]) -> Any:
    """Returns the value at a path. Raises KeyError or IndexError."""
    for step in steps:
        value = value[step]
    return value


def _iter_leaf_paths(value: Any, steps: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:
    """Yields the paths of all values that are not objects or arrays, and of empty ones."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _iter_leaf_paths(item, (*steps, key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _iter_leaf_paths(item, (*steps, index))
    else:
        yield steps


def _is_empty(value: Any) -> bool:
    """Returns True for null, empty texts, arrays and objects, which cannot be lost."""
    return value is None or value in ("", [], {})


def _iter_changed_bodies(body: Any, steps: tuple[Step, ...]) -> Iterator[Any]:
    """Yields copies of the body: with a different value at the path, then without it."""
    changed = copy.deepcopy(body)
    holder = get_at(changed, steps[:-1])
    holder[steps[-1]] = _make_different_value(holder[steps[-1]])
    yield changed
    without = copy.deepcopy(body)
    del get_at(without, steps[:-1])[steps[-1]]
    yield without


def _make_different_value(value: Any) -> Any:
    """Returns a different value of the same type; of a text, also in the same format."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if value in ("true", "false"):
        return "false" if value == "true" else "true"
    if _DATE.match(value):
        return f"1999{value[4:]}"
    return f"{value}1"


def _matches_any(patterns: list[str], path: str) -> bool:
    """Returns True if the path or one of its parents matches a pattern, in which `*` stands for any text."""
    return any(fnmatchcase(path, item) or fnmatchcase(path, f"{item}.*") for item in patterns)
