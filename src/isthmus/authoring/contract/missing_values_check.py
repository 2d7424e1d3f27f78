"""Whether a mapping bears it when the provider leaves something out, which providers do."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from isthmus.authoring.contract.catalog_entry import Cell, Choice, Entry
from isthmus.authoring.contract.checks import invalid, success_answers
from isthmus.authoring.contract.lost_values_check import at, root_of
from isthmus.authoring.contract.recorded_calls import call_for, records
from isthmus.authoring.contract.replay_upstreams import OneAnswer
from isthmus.definitions.files import Exchange
from isthmus.errors import IsthmusError

__all__ = ["gaps_are_borne"]

Step = str | int


async def gaps_are_borne(entry: Entry) -> list[str]:
    """Records stay valid where any one value of an answer is null or absent, but for what makes the id."""
    complaints: list[str] = []
    seen: set[tuple[str, str]] = set()
    for cell, choice, exchange in success_answers(entry, frozenset({"list", "get"})):
        root = root_of(entry, choice)
        answer = _shortened(exchange.response.body, root)
        for steps in _places(at(answer, root)):
            path = ".".join(str(step) for step in steps if isinstance(step, str))
            if (cell.name, path) in seen:
                continue
            seen.add((cell.name, path))
            for what, body in _with_a_gap(answer, (*root, *steps)):
                wrong = await _wrong(entry, cell, choice, exchange, body)
                complaints.extend(f"{cell.name}: with {path} {what}: {text}" for text in wrong)
    return complaints


def _shortened(body: Any, root: tuple[str, ...]) -> Any:
    """With one record: the mapping of the others says nothing more."""
    records = at(body, root)
    if not isinstance(records, list):
        return body
    if not root:
        return records[:1]
    short = copy.deepcopy(body)
    at(short, root[:-1])[root[-1]] = records[:1]
    return short


async def _wrong(entry: Entry, cell: Cell, choice: Choice, exchange: Exchange, body: Any) -> list[str]:
    upstream = OneAnswer(entry, exchange, body)
    try:
        found = await records(entry, cell, choice, call_for(entry, cell, choice, exchange), upstream)
    except IsthmusError as error:
        return [f"{error} {getattr(error, 'details', '')}"]
    return [text for record in found for text in invalid(entry, cell, record) if not _is_about_the_id(text)]


def _is_about_the_id(complaint: str) -> bool:
    return complaint.startswith(("$.id:", "$: 'id' is a required property"))


def _places(value: Any, steps: tuple[Step, ...] = ()) -> Iterator[tuple[Step, ...]]:
    """Every key of every object; of an array, those in its first item."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield (*steps, key)
            yield from _places(item, (*steps, key))
    elif isinstance(value, list):
        for index, item in enumerate(value[:1]):
            yield from _places(item, (*steps, index))


def _with_a_gap(body: Any, steps: tuple[Step, ...]) -> Iterator[tuple[str, Any]]:
    null = copy.deepcopy(body)
    at(null, steps[:-1])[steps[-1]] = None
    yield "null", null
    absent = copy.deepcopy(body)
    del at(absent, steps[:-1])[steps[-1]]
    yield "absent", absent
