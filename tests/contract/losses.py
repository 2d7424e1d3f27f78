"""Whether a mapping carries what a provider's record holds.

A value that can change without a change of the unified record is lost.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

from isthmus.definitions.files import Exchange
from isthmus.errors import IsthmusError
from tests.contract.calls import Choice, call_for, records
from tests.contract.catalog import Cell, Entry
from tests.contract.checks import success_answers
from tests.contract.replay import OneAnswer

__all__ = ["nothing_is_lost"]

Step = str | int
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


async def nothing_is_lost(entry: Entry) -> list[str]:
    """Each value of a provider's record reaches the unified one, or is left out with its reason."""
    complaints: list[str] = []
    for model_name, resource in entry.resources():
        left = entry.mapping_files[model_name].unmapped.get(resource)
        reasons = left.remote if left else {}
        lost, seen = await _losses(entry, model_name, resource, list(reasons))
        complaints.extend(f"{model_name}/{resource}: {path} is lost" for path in sorted(lost))
        for pattern, reason in reasons.items():
            if not reason.strip() or not any(_covered([pattern], path) for path in seen):
                complaints.append(f"{model_name}/{resource}: {pattern} is left out, and no answer has it")
    return complaints


async def _losses(
    entry: Entry, model_name: str, resource: str, patterns: list[str]
) -> tuple[set[str], set[str]]:
    """Paths that no answer's record carries, and all paths that there are."""
    carried: set[str] = set()
    told: set[str] = set()
    seen: set[str] = set()
    for cell, choice, exchange in success_answers(entry, frozenset({"list", "get"})):
        if (cell.model, cell.resource) != (model_name, resource):
            continue
        before = await _mapped(entry, cell, choice, exchange, exchange.response.body)
        root = _root(entry, choice)
        record = _at(exchange.response.body, root)
        for steps in _leaves(record):
            path = ".".join(str(step) for step in steps if isinstance(step, str))
            seen.add(path)
            if path in carried or _is_empty(_at(record, steps)) or _covered(patterns, path):
                continue
            told.add(path)
            for body in _changed(exchange.response.body, (*root, *steps)):
                if await _mapped(entry, cell, choice, exchange, body) != before:
                    carried.add(path)
                    break
    return told - carried, seen


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


def _root(entry: Entry, choice: Choice) -> tuple[str, ...]:
    definition = entry.file.config.method(*choice)
    path = definition.response_path.text if definition and definition.response_path else ""
    return tuple(path.split(".")) if re.fullmatch(r"\w+(\.\w+)*", path) else ()


def _at(value: Any, steps: tuple[Step, ...]) -> Any:
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
    holder = _at(other, steps[:-1])
    holder[steps[-1]] = _another(holder[steps[-1]])
    yield other
    without = copy.deepcopy(body)
    del _at(without, steps[:-1])[steps[-1]]
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
