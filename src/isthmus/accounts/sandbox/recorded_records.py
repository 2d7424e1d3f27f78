"""What the exchanges of a resource tell about its records: their ids and their fields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from isthmus.accounts.sandbox.body_places import (
    Path,
    as_text,
    find_record_path,
    get_path,
    normalize_name,
)
from isthmus.definitions.file_models import Exchange
from isthmus.definitions.integration import IntegrationConfig
from isthmus.integrations.catalog.exchanges import ExchangeSource

__all__ = ["RecordedExchange", "RecordedRecords", "read_recorded_records"]

_BAD_REQUEST: Final = 400
_WRITES: Final = frozenset({"create", "update"})
_ID_NAME: Final = "id"


@dataclass(frozen=True, slots=True)
class RecordedExchange:
    """A successful exchange of a method. `path`: of the records in its body, None if an expression finds
    them."""

    method: str
    path: Path | None
    exchange: Exchange

    @property
    def path_id(self) -> str | None:
        """The id in the path of its request."""
        return as_text(self.exchange.request.path_params.get(_ID_NAME))

    @property
    def found(self) -> Any:
        """What is at the path of the records."""
        return None if self.path is None else get_path(self.exchange.response.body, self.path)

    @property
    def record(self) -> Mapping[str, Any] | None:
        """The one record of its response, None for a list and for a body without one."""
        found = self.found
        return found if isinstance(found, Mapping) and self.method != "list" else None

    @property
    def records(self) -> list[Mapping[str, Any]]:
        """All records of its response."""
        found = self.found
        items = found if isinstance(found, list) else [found]
        return [item for item in items if isinstance(item, Mapping)]


@dataclass(frozen=True, slots=True)
class RecordedRecords:
    """The recorded records of a resource. `collection`: the resource whose writes they share, itself for
    most. `id_fields`: those that paths name a record by, the most frequent first; empty if there are none.
    `records`: by id, each as it is read. `exchanges`: the successful ones, by method."""

    collection: str
    id_fields: tuple[str, ...]
    records: Mapping[str, Mapping[str, Any]]
    exchanges: Mapping[str, Sequence[RecordedExchange]] = field(default_factory=dict)

    def get_id(self, record: Any) -> str | None:
        """Return the id of a record, None if it has none."""
        if not self.id_fields or not isinstance(record, Mapping):
            return None
        return as_text(record.get(self.id_fields[0]))

    def find_id(self, named: str, candidates: Iterator[tuple[str, Mapping[str, Any]]]) -> str:
        """Return the id of the record that a path names, which may do so by another field; `named` itself for
        an unknown one. `candidates`: ids and records."""
        known = dict(candidates)
        if named in known:
            return named
        for record_id, record in known.items():
            if any(as_text(record.get(name)) == named for name in self.id_fields[1:]):
                return record_id
        return named

    def list_values(self, path: Path) -> list[Any]:
        """Return the values at a path of all recorded records; those of arrays one by one."""
        values: list[Any] = []
        for record in self.records.values():
            value = get_path(record, path)
            values += value if isinstance(value, list) else [value]
        return values


def read_recorded_records(
    definition: IntegrationConfig, exchanges: ExchangeSource, integration: str, resource: str
) -> RecordedRecords:
    """Read what the exchanges of a resource tell about its records."""
    own = _read_resource(definition, exchanges, integration, resource)
    if not own.records or _has_item_methods(definition, resource):
        return own
    for name in definition.resources:
        if name != resource and _has_item_methods(definition, name):
            other = _read_resource(definition, exchanges, integration, name)
            if other.id_fields and _has_same_records(own, other):
                return RecordedRecords(name, other.id_fields, other.records, own.exchanges)
    return own


def _has_item_methods(definition: IntegrationConfig, resource: str) -> bool:
    """Return True if a method of the resource reads or writes one record by its id."""
    return any(
        placeholder_root == _ID_NAME
        for method in definition.resources[resource].values()
        if method is not None
        for placeholder in method.path.placeholders
        for placeholder_root in (alternative.path[0] for alternative in placeholder.alternatives)
    )


def _has_same_records(own: RecordedRecords, other: RecordedRecords) -> bool:
    """Return True if each recorded record of one resource is one of the other, by its id."""
    name = other.id_fields[0]
    return all(as_text(record.get(name)) in other.records for record in own.records.values())


def _read_resource(
    definition: IntegrationConfig, exchanges: ExchangeSource, integration: str, resource: str
) -> RecordedRecords:
    """Read the records of a resource by its own exchanges alone."""
    successful: dict[str, list[RecordedExchange]] = {}
    for name, method in definition.resources[resource].items():
        path = None if method is None else find_record_path(method)
        successful[name] = [
            RecordedExchange(name, path, exchange)
            for exchange in exchanges.find_exchanges(integration, resource, name)
            if exchange.response.status < _BAD_REQUEST
        ]
    id_fields = _find_id_fields(successful)
    records: dict[str, Mapping[str, Any]] = {}
    for name in ("get", *sorted(set(successful) - _WRITES - {"get", "delete"})):
        for recorded in successful.get(name, ()):
            for record in recorded.records:
                identity = as_text(record.get(id_fields[0])) if id_fields else None
                records.setdefault(str(len(records)) if identity is None else identity, record)
    return RecordedRecords(resource, id_fields, records, successful)


def _find_id_fields(successful: Mapping[str, Sequence[RecordedExchange]]) -> tuple[str, ...]:
    """Return the fields that paths name a record by: the most frequent first, then those by which a path
    names one that the first does not. Without a path that does, the field that is called id, if there is
    one."""
    named = [
        _find_names_of(recorded.record, recorded.path_id)
        for method in ("get", "update")
        for recorded in successful.get(method, ())
        if recorded.record is not None
    ]
    listed = [record for recorded in successful.get("list", ()) for record in recorded.records]
    if not any(named):
        deleted = [recorded.path_id for recorded in successful.get("delete", ())]
        named = [_find_names_of(record, identity) for identity in deleted for record in listed]
    if not any(named):
        written = [recorded.record for recorded in successful.get("create", ()) if recorded.record]
        named = [
            [name for name in record if normalize_name(name) == _ID_NAME] for record in [*listed, *written]
        ]
    counts = Counter(name for names in named for name in names)
    if not counts:
        return ()
    first = max(counts, key=lambda name: (counts[name], normalize_name(name) == _ID_NAME))
    others = dict.fromkeys(name for names in named if first not in names for name in names)
    return (first, *others)


def _find_names_of(record: Mapping[str, Any], identity: str | None) -> list[str]:
    """Return the fields of a record that hold this id."""
    return [] if identity is None else [name for name, value in record.items() if as_text(value) == identity]
