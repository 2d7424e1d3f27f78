"""Whether a mapping carries what a provider's record holds.

A value that can change without a change of the unified record is lost.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from isthmus.authoring.contract.catalog_entry import Cell, Choice, Entry
from isthmus.authoring.contract.recorded_calls import call_for, records
from isthmus.authoring.contract.replay_upstreams import OneAnswer
from isthmus.definitions.files import Exchange
from isthmus.errors import IsthmusError

__all__ = ["Traces", "at", "nothing_is_lost", "root_of", "trace"]

Step = str | int
_READS = frozenset({"list", "get"})
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass
class Traces:
    """Paths of a provider's record, without indexes. `seen`: all. `told`: with a value. `carried`: whose
    value shows in the unified record."""

    seen: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)
    carried: set[str] = field(default_factory=set)

    @property
    def lost(self) -> list[str]:
        return sorted(self.told - self.carried)


async def nothing_is_lost(entry: Entry) -> list[str]:
    """Each value of a provider's record reaches the unified one, or is left out with its reason."""
    complaints: list[str] = []
    seen: dict[tuple[str, str], set[str]] = {}
    for cell in entry.cells:
        if cell.method in _READS:
            traces = Traces()
            for choice in cell.choices:
                for exchange in entry.answers(*choice, error=False):
                    await trace(entry, cell, choice, exchange, traces)
            complaints.extend(f"{cell.name}: {path} is lost" for path in traces.lost)
            seen.setdefault((cell.model, cell.resource), set()).update(traces.seen)
    for (model_name, resource), paths in seen.items():
        for pattern, reason in entry.left_out(model_name, resource).remote.items():
            if not reason.strip() or not any(_covered([pattern], path) for path in paths):
                complaints.append(f"{model_name}/{resource}: {pattern} is left out, and no answer has it")
    return complaints


async def trace(entry: Entry, cell: Cell, choice: Choice, exchange: Exchange, traces: Traces) -> None:
    """Changes each value of an answer's records in turn, but for those left out, and adds what it saw."""
    left_out = list(entry.left_out(cell.model, cell.resource).remote)
    before = await _mapped(entry, cell, choice, exchange, exchange.response.body)
    root = root_of(entry, choice)
    record = at(exchange.response.body, root)
    for steps in _leaves(record):
        path = ".".join(str(step) for step in steps if isinstance(step, str))
        traces.seen.add(path)
        if path in traces.carried or _is_empty(at(record, steps)) or _covered(left_out, path):
            continue
        traces.told.add(path)
        for body in _changed(exchange.response.body, (*root, *steps)):
            if await _mapped(entry, cell, choice, exchange, body) != before:
                traces.carried.add(path)
                break


async def _mapped(
    entry: Entry, cell: Cell, choice: Choice, exchange: Exchange, body: Any
) -> list[dict[str, Any]] | None:
    """Without `remote_data`, which carries everything. None: the mapping fails on it, so it was read."""
    try:
        found = await records(
            entry, cell, choice, call_for(entry, cell, choice, exchange), OneAnswer(entry, exchange, body)
        )
    except IsthmusError:
        return None
    return [{name: value for name, value in record.items() if name != "remote_data"} for record in found]


def root_of(entry: Entry, choice: Choice) -> tuple[str, ...]:
    definition = entry.file.config.method(*choice)
    path = definition.response_path.text if definition and definition.response_path else ""
    return tuple(path.split(".")) if re.fullmatch(r"\w+(\.\w+)*", path) else ()


def at(value: Any, steps: tuple[Step, ...]) -> Any:
    for step in steps:
        value = value[step]
    return value


def _leaves(value: Any, steps: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:
    """Where there is a value, or a place that is empty."""
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _leaves(item, (*steps, key))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _leaves(item, (*steps, index))
    else:
        yield steps


def _is_empty(value: Any) -> bool:
    """Says nothing that could be lost."""
    return value is None or value in ("", [], {})


def _changed(body: Any, steps: tuple[Step, ...]) -> Iterator[Any]:
    """The body with another value there, then without it."""
    other = copy.deepcopy(body)
    holder = at(other, steps[:-1])
    holder[steps[-1]] = _another(holder[steps[-1]])
    yield other
    without = copy.deepcopy(body)
    del at(without, steps[:-1])[steps[-1]]
    yield without


def _another(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if value in ("true", "false"):
        return "false" if value == "true" else "true"
    if _DATE.match(value):
        return f"1999{value[4:]}"
    return f"{value}1"


def _covered(patterns: list[str], path: str) -> bool:
    return any(fnmatchcase(path, item) or fnmatchcase(path, f"{item}.*") for item in patterns)
