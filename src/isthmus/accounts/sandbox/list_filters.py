"""Applies the filters of a list offline: a query parameter that has the name of a field keeps the records
with its value there. What no field shows is left out, and named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from isthmus.accounts.sandbox.body_places import Path, as_text, get_path, iterate_leaves, normalize_name
from isthmus.definitions.file_models import Exchange
from isthmus.engine.upstream import Operation, OutgoingRequest
from isthmus.kit.call_warnings import CallWarning

__all__ = ["ListFilters", "plan_filters"]

_PLATFORM_PARAMETERS: Final = frozenset({"limit", "cursor", "next_cursor", "prev_cursor"})

_PLAIN_VALUE: Final = re.compile(r"[\w+][\w@.+ -]*\Z")


@dataclass(frozen=True, slots=True)
class ListFilters:
    """The filters of one list. `equal`: the values that fields must have, by path. `warnings`: for what the
    caller sent that the sandbox cannot apply."""

    equal: Mapping[Path, str]
    warnings: tuple[CallWarning, ...] = ()

    def keeps(self, record: Any) -> bool:
        """Return True if a record has all the values."""
        return all(as_text(get_path(record, path)) == value for path, value in self.equal.items())


def plan_filters(
    request: OutgoingRequest,
    chosen: Exchange | None,
    ignored: frozenset[str],
    recorded: Sequence[Any],
    added: Sequence[Any],
) -> ListFilters:
    """Plan the filters of a list. `chosen`: the exchange that it is answered with. `ignored`: parameters of
    the path and of pages. `recorded`: the records of that exchange; `added`: those that were created."""
    operation = request.operation
    equal: dict[Path, str] = {}
    left_out: list[str] = []
    for name, value in operation.query.items():
        if name in ignored or name in _PLATFORM_PARAMETERS or value is None:
            continue
        text = as_text(value)
        recorded_value = None if chosen is None else chosen.request.query.get(name)
        is_recorded = recorded_value is not None and as_text(recorded_value) in (value, text)
        path = None if text is None else _find_field(name, text, recorded, added, is_recorded=is_recorded)
        if path is not None and text is not None:
            equal[path] = text
        elif not is_recorded or added:
            left_out.append(name)
    has_other_body = operation.body is not None and (
        chosen is None or operation.body != chosen.request.body or bool(added)
    )
    names = [
        name
        for name in _name_as_sent(operation, left_out, has_other_body=has_other_body)
        if f"query.{name}" not in request.unused  # which says so itself
    ]
    return ListFilters(equal, tuple(_make_warning(operation, name) for name in names))


def _find_field(
    name: str, text: str, recorded: Sequence[Any], added: Sequence[Any], *, is_recorded: bool
) -> Path | None:
    """Return the path of the field that a parameter filters by; None if none has its name.

    None too for a value that no record has and that may mean something else: an operator (`~tide`), or a word
    for several values (`all`) in a field in which records share theirs. `is_recorded`: the recorded records
    were filtered by it already."""
    records = [*recorded, *added]
    paths = [
        path
        for record in records[:1]
        for path, value in iterate_leaves(record)
        if normalize_name(*path) == normalize_name(name) and not isinstance(value, list)
    ]
    if not paths:
        return None
    values = [as_text(get_path(record, paths[0])) for record in records]
    if is_recorded:
        return paths[0] if all(value == text for value in values[: len(recorded)]) else None
    known = [value for value in values if value is not None]
    if text in known:
        return paths[0]
    is_plain = _PLAIN_VALUE.match(text) is not None
    is_alike = text.isdigit() or not all(value.isdigit() for value in known)
    return paths[0] if is_plain and is_alike and len(set(known)) == len(known) else None


def _name_as_sent(operation: Operation, left_out: Sequence[str], *, has_other_body: bool) -> list[str]:
    """Return the caller's names of the parameters `left_out`, and of what the body of a list carries, which
    the mapping of a unified call made of them: those with a value in them, or else those whose value is
    nowhere. Those of `remote_query` reach the provider under their own."""
    remote = {
        ".".join(("remote_query", *path)): None
        for path, value in iterate_leaves(operation.remote_query)
        if path and path[0] in left_out and value is not None
    }
    left_out = [name for name in left_out if name not in operation.remote_query]
    sent = list(_iterate_sent(operation.caller_query))
    if not sent or not (left_out or has_other_body):
        return list(remote)
    texts = {name: _to_text(value) for name, value in operation.query.items()}
    body = _to_text(operation.body) if has_other_body else ""
    everywhere = [*texts.values(), _to_text(operation.body)]
    names: dict[str, None] = {}
    for carrier in [*left_out, *([""] if has_other_body else [])]:
        text = texts.get(carrier, body)
        found = [
            name
            for name, value in sent
            if (name == carrier if texts.get(name) == value else name == carrier or _is_in(value, text))
        ]
        if not found:
            found = [name for name, value in sent if value and not any(value in each for each in everywhere)]
        names.update(dict.fromkeys(found))
    return [*names, *remote]


def _is_in(value: str, text: str) -> bool:
    """Return True if a value is a part of a text. Only an empty text has an empty value in it."""
    return value in text if value else not text


def _iterate_sent(query: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the dotted names and the values, as text, of the filters that a caller sent."""
    for path, value in iterate_leaves(query):
        for item in value if isinstance(value, list) else [value]:
            text = as_text(item)
            if path and path[0] not in _PLATFORM_PARAMETERS and text is not None:
                yield ".".join(path), text


def _to_text(value: Any) -> str:
    """Return a value as one text that its parts can be found in."""
    text = as_text(value)
    return orjson.dumps(value, default=str).decode() if text is None else text


def _make_warning(operation: Operation, name: str) -> CallWarning:
    """Return the warning for a filter that is not applied."""
    return CallWarning(
        "unfiltered",
        f"the sandbox cannot apply {name} to {operation.resource} offline, so the list is as it is without "
        "it. A connected account passes it to the provider.",
        f"query.{name}",
    )
