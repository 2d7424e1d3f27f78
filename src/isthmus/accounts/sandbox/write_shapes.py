"""Puts what a write sends into the form in which a provider's records are read.

Recorded exchanges show where a value that was sent is in the record: in the field of the same name, in
another one, or as the words of two. A field that no exchange sends is found by its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

from isthmus.accounts.sandbox.body_places import (
    Path,
    as_text,
    get_path,
    iterate_leaves,
    normalize_name,
    read_integer,
    set_path,
)
from isthmus.accounts.sandbox.recorded_records import RecordedExchange, RecordedRecords
from isthmus.definitions.json_values import as_mapping
from isthmus.expressions import UNDEFINED

__all__ = ["WriteShapes", "unwrap_body"]

_Part: TypeAlias = Literal["whole", "first word", "other words"]

_MIN_TELLING_LENGTH: Final = 4
"""Shorter texts are found in a record by chance."""

_REFERENCE_NAMES: Final = ("id", "name", "key", "value", "login", "email")
"""Names of the fields by which a write names an object, the most frequent first."""


class WriteShapes:
    """The fields that the writes of a resource lead to."""

    def __init__(self, recorded: RecordedRecords) -> None:
        self._recorded = recorded
        self._samples = [*recorded.records.values()]
        self._targets: dict[Path, list[tuple[Path, _Part]]] = {}
        self._naming = self._find_naming()
        for exchanges in recorded.exchanges.values():
            for exchange in exchanges:
                self._learn(exchange)

    def has_sent_values(self, exchange: RecordedExchange) -> bool:
        """Return True if the response of a recorded write shows the record with what was sent, and not just a
        receipt."""
        record = exchange.record
        sent = unwrap_body(exchange.exchange.request.body, self._recorded)
        leaves = [] if record is None else [*iterate_leaves(record)]
        return record is not None and (
            not isinstance(sent, Mapping)
            or any(_find_targets(path, value, leaves) for path, value in iterate_leaves(sent))
        )

    def drop_sent_values(self, exchange: RecordedExchange) -> dict[str, Any]:
        """Return the record in the response of a recorded write without what that write sent: with null, and
        empty arrays, in its place."""
        record: dict[str, Any] = dict(exchange.record or {})
        sent = unwrap_body(exchange.exchange.request.body, self._recorded)
        for path, _ in iterate_leaves(as_mapping(sent)):
            for target, _ in self._targets.get(path, ()):
                if len(target) > 1 and normalize_name(target[-1]) == _REFERENCE_NAMES[0]:
                    target = target[:-1]
                found = get_path(record, target)
                if found is not UNDEFINED:
                    record = set_path(record, target, [] if isinstance(found, list) else None)
        return record

    def read_changes(self, body: Any) -> dict[str, Any]:
        """Return the fields of the record that a body sets, in the form of the record."""
        changes: dict[str, Any] = {}
        for path, value in iterate_leaves(as_mapping(unwrap_body(body, self._recorded))):
            if path in self._naming or not _is_json(value):
                continue
            for target, part in self._targets.get(path) or [(self._find_target(path), "whole")]:
                self._put_value(changes, target, _take_part(value, part))
        return changes

    def list_files(self, body: Any) -> list[str]:
        """Return the dotted names of the fields of a body that hold files, which `read_changes` leaves
        out."""
        return [".".join(path) for path, value in iterate_leaves(as_mapping(body)) if not _is_json(value)]

    def make_blank(self) -> dict[str, Any]:
        """Return a record with the fields of the recorded ones, and the values that all of them have alike;
        null elsewhere."""
        return _make_blank(self._samples) if self._samples else {}

    def _find_naming(self) -> set[Path]:
        """Return the paths of what says which record is meant, and changes nothing: the recorded writes send
        the id of their path there, and nothing else, and do not show it under the same name unless that is
        the id's."""
        naming: set[Path] = set()
        others: set[Path] = set()
        for exchanges in self._recorded.exchanges.values():
            for exchange in exchanges:
                if exchange.path_id is None:
                    continue
                sent = unwrap_body(exchange.exchange.request.body, self._recorded)
                for path, value in iterate_leaves(as_mapping(sent)):
                    is_id = as_text(value) == exchange.path_id
                    is_shown = as_text(get_path(exchange.record, path)) == exchange.path_id
                    if is_id and exchange.record is None:
                        continue  # which tells nothing
                    if is_id and (path[0] in self._recorded.id_fields or not is_shown):
                        naming.add(path)
                    else:
                        others.add(path)
        return naming - others

    def _learn(self, exchange: RecordedExchange) -> None:
        """Note where the values that a recorded write sent are in the record of its response."""
        record = exchange.record
        sent = unwrap_body(exchange.exchange.request.body, self._recorded)
        if record is None or not isinstance(sent, Mapping):
            return
        if not self._samples:
            self._samples.append(record)
        leaves = [*iterate_leaves(record)]
        for path, value in iterate_leaves(sent):
            if exchange.path_id is not None and as_text(value) == exchange.path_id:
                continue  # it may be anywhere in the record by chance
            targets = _find_targets(path, value, leaves)
            if path not in self._targets and get_path(record, path) is not UNDEFINED:
                targets = [(path, "whole"), *(target for target in targets if target[0] != path)]
            if targets:
                self._targets.setdefault(path, targets)

    def _find_target(self, path: Path) -> Path:
        """Return the path in the record of a field that no exchange sends: the same one, or one with the same
        name but for separators."""
        if any(get_path(sample, path) is not UNDEFINED for sample in self._samples):
            return path
        name = normalize_name(*path)
        for sample in self._samples:
            for leaf, _ in iterate_leaves(sample):
                if normalize_name(*leaf) == name:
                    return leaf
        return path

    def _put_value(self, changes: dict[str, Any], path: Path, value: Any) -> None:
        """Set a field in `changes`. The id of an object below a record stands for the whole object."""
        *parents, name = path
        if parents and normalize_name(name) == _REFERENCE_NAMES[0] and not isinstance(value, Mapping | list):
            found = self._find_object(tuple(parents), value, name)
            if found is not None:
                path, value = tuple(parents), found
        else:
            value = self._fit_value(path, value)
        place = changes
        for parent in path[:-1]:
            below = place.get(parent)
            place[parent] = place = dict(below) if isinstance(below, Mapping) else {}
        earlier = place.get(path[-1])
        if isinstance(earlier, Mapping) and isinstance(value, Mapping):
            value = {**earlier, **value}
        place[path[-1]] = value

    def _fit_value(self, path: Path, value: Any) -> Any:
        """Return a value that was sent in the form that the recorded records have it in at a path."""
        known = [each for each in self._recorded.list_values(path) if each not in (None, UNDEFINED)]
        if not known or value is None or isinstance(value, Mapping):
            return value
        if isinstance(value, list):
            return [self._find_item(path, item) for item in value]
        if isinstance(known[0], Mapping):
            return self._find_object(path, value)
        if isinstance(known[0], str):
            return as_text(value)
        if type(known[0]) is int and isinstance(value, str):
            number = read_integer(value)
            return value if number is None else number
        return value

    def _find_item(self, path: Path, item: Any) -> Any:
        """Return what an item that was sent stands for in an array of recorded records."""
        found = None if isinstance(item, Mapping | list) else self._find_object(path, item)
        return item if found is None else found

    def _find_object(self, path: Path, value: Any, name: str | None = None) -> Mapping[str, Any] | None:
        """Return the object at a path of a recorded record that `value` stands for, by its field `name` or,
        if that is None, by any. If none has the value, one with that field alone; None if there are no
        objects at the path."""
        known = [each for each in self._recorded.list_values(path) if isinstance(each, Mapping)]
        if not known:
            return None
        text = as_text(value)
        for each in known:
            names = each if name is None else (name,)
            if any(as_text(each.get(field)) == text for field in names):
                return each
        blank = _make_blank([known[0], {}])
        if name is None:
            by_name = {normalize_name(field): field for field in known[0]}
            name = next((by_name[each] for each in _REFERENCE_NAMES[1:] if each in by_name), None)
        return {**blank, (name or _REFERENCE_NAMES[0]): value}


def unwrap_body(body: Any, recorded: RecordedRecords) -> Any:
    """Return the record in the body of a write: what is below its one field, if responses have their record
    below a field of this name, else the body itself."""
    if not isinstance(body, Mapping) or len(body) != 1:
        return body
    [(name, value)] = body.items()
    wrappers = {
        exchange.path[-1]
        for exchanges in recorded.exchanges.values()
        for exchange in exchanges
        if exchange.path
    }
    return value if name in wrappers and isinstance(value, Mapping) else body


def _find_targets(path: Path, value: Any, leaves: Sequence[tuple[Path, Any]]) -> list[tuple[Path, _Part]]:
    """Return the paths among `leaves` that have a value which was sent at `path`, or the words of it."""
    text = as_text(value)
    if text is None:
        return [(path, "whole")] if isinstance(value, list) and value and (path, value) in leaves else []
    equal = [leaf for leaf, found in leaves if as_text(found) == text]
    same_name = [leaf for leaf in equal if normalize_name(*leaf) == normalize_name(*path)]
    if len(text) < _MIN_TELLING_LENGTH or not isinstance(value, str):
        return [(leaf, "whole") for leaf in same_name]
    targets: list[tuple[Path, _Part]] = [(leaf, "whole") for leaf in equal]
    first, _, others = text.partition(" ")
    for leaf, found in leaves:
        if others and found in (first, others):
            targets.append((leaf, "first word" if found == first else "other words"))
    return targets


def _is_json(value: Any) -> bool:
    """Return True if nothing in a value is the content of a file."""
    if isinstance(value, Mapping):
        return all(_is_json(below) for below in value.values())
    if isinstance(value, list):
        return all(_is_json(item) for item in value)
    return isinstance(value, str | int | float | None)


def _take_part(value: Any, part: _Part) -> Any:
    """Return the part of a text; any other value as it is."""
    if part == "whole" or not isinstance(value, str):
        return value
    first, _, others = value.partition(" ")
    return first if part == "first word" else others or None


def _make_blank(values: Sequence[Any]) -> Any:
    """Return what all values have alike: objects field by field, without the elements of arrays, and null for
    all that differs. The fields are those of the first."""
    first = values[0]
    if isinstance(first, Mapping):
        others = [as_mapping(value) for value in values[1:]]
        return {
            name: _make_blank([value, *(other.get(name) for other in others)])
            for name, value in first.items()
        }
    if isinstance(first, list):
        return []
    return first if len(values) > 1 and all(value == first for value in values[1:]) else None
