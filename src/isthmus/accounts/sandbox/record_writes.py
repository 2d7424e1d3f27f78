"""Decides what a create, update or delete in a sandbox account stores, and how it is answered.

The answer is the recorded one of the method, with the record that is written in place of the recorded one. A
write that was recorded as refused, by its body or by the id that it names, is refused likewise.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from isthmus.accounts.sandbox.body_places import as_text, get_path, normalize_name, set_path
from isthmus.accounts.sandbox.exchange_choice import get_recorded_value, get_sent_value
from isthmus.accounts.sandbox.record_ids import is_numbered_key, make_next_id, replace_id
from isthmus.accounts.sandbox.recorded_records import RecordedExchange, RecordedRecords
from isthmus.accounts.sandbox.stored_records import StoredRecord
from isthmus.accounts.sandbox.write_shapes import WriteShapes
from isthmus.definitions.file_models import Exchange, ExchangeResponse
from isthmus.definitions.json_values import merge_deep
from isthmus.engine.bodies import is_deeper_than
from isthmus.engine.upstream import Operation
from isthmus.errors import BadRequest, Conflict, failure
from isthmus.kit.call_warnings import CallWarning

__all__ = ["RecordWrites", "WriteDecision", "find_stored"]

_BAD_REQUEST: Final = 400
_NOT_FOUND: Final = 404

_MAX_ID_LENGTH: Final = 255
_UNKEPT: Final = frozenset({"Cc", "Cs"})  # categories of characters
_MAX_DEPTH: Final = 100
"""Nested objects and lists of a body that is stored: few enough to be read from rows, within a list."""


@dataclass(frozen=True, slots=True)
class WriteDecision:
    """What a write comes to: its answer, None for "not found", the records to store, and what it leaves
    out."""

    answer: ExchangeResponse | None
    records: Sequence[StoredRecord] = ()
    warnings: tuple[CallWarning, ...] = ()


class RecordWrites:
    """Decides the writes of one resource. `recorded`: its records."""

    def __init__(self, recorded: RecordedRecords) -> None:
        self.recorded = recorded
        self._shapes = WriteShapes(recorded)

    def decide(
        self,
        operation: Operation,
        exchanges: Sequence[Exchange],
        path_names: frozenset[str],
        stored: Sequence[StoredRecord],
    ) -> WriteDecision:
        """Decide a write. `exchanges`: all of the method. `path_names`: the parameters of its path. `stored`:
        what was written before. Raises BadRequest for a body or an id that cannot be stored, and Conflict for
        an id that is taken."""
        _require_flat_body(operation.sent_body)
        own = [record for record in stored if record.collection == self.recorded.collection]
        refusal = self._find_refusal(operation, exchanges, path_names)
        if refusal is not None:
            return WriteDecision(refusal)
        templates = self._choose_templates(operation, path_names)
        if not templates:
            return WriteDecision(_find_sample(exchanges), warnings=(_make_no_record_warning(operation),))
        if operation.kind == "create":
            return self._create(operation, templates, path_names, own)
        if operation.id is None:
            return WriteDecision(None)
        record_id = self.find_id(operation.id, own)
        current = self.find_record(record_id, own)
        if current is None:
            return WriteDecision(None)
        if operation.kind == "delete":
            return self._delete(record_id, current, templates, own)
        return self._update(operation, record_id, current, templates, own)

    def find_id(self, named: str, stored: Sequence[StoredRecord]) -> str:
        """Return the id of the record that a path names, by whichever of its fields. `stored`: those of the
        resource."""
        return self.recorded.find_id(named, self._iterate_records(stored))

    def find_record(self, record_id: str, stored: Sequence[StoredRecord]) -> Mapping[str, Any] | None:
        """Return the record as it is now, None if there is none. One that was only ever written by its id in
        the exchanges has no fields. `stored`: those of the resource."""
        written = find_stored(stored, record_id)
        if written is not None and (written.is_deleted or written.is_created):
            return None if written.is_deleted else written.values
        recorded = self.recorded.records.get(record_id)
        if recorded is None and not any(
            exchange.path_id == record_id
            for exchanges in self.recorded.exchanges.values()
            for exchange in exchanges
        ):
            return None
        return merge_deep(recorded or {}, {} if written is None else written.values)

    def _iterate_records(self, stored: Sequence[StoredRecord]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield the ids and records of the recorded records and of those that were written."""
        yield from self.recorded.records.items()
        for record in stored:
            yield record.record_id, record.values

    def _find_refusal(
        self,
        operation: Operation,
        exchanges: Sequence[Exchange],
        path_names: frozenset[str],
    ) -> ExchangeResponse | None:
        """Return the recorded answer to a write that the provider refused: the same body, or an unknown id or
        parent; None if there is none."""
        answers = {id(each.exchange) for each in self._list_successes(operation.method)}
        for exchange in exchanges:
            if id(exchange) in answers:
                continue
            named = [name for name in path_names if get_recorded_value(exchange, name) is not None]
            is_same = all(
                as_text(get_recorded_value(exchange, name)) == get_sent_value(operation, name)
                for name in named
            )
            is_unknown = exchange.response.status == _NOT_FOUND and named
            body = exchange.request.body
            if is_same and (is_unknown or (body is not None and body == operation.sent_body)):
                return exchange.response
        return None

    def _list_successes(self, method: str) -> list[RecordedExchange]:
        """Return the exchanges of a method in which it did what it says: those with a record, if any has
        one."""
        successes = self.recorded.exchanges.get(method, ())
        with_record = [each for each in successes if each.record is not None]
        return with_record or [*successes]

    def _choose_templates(
        self, operation: Operation, path_names: frozenset[str]
    ) -> Sequence[RecordedExchange]:
        """Return the successful exchanges of the method, those with the values of the path first."""
        return sorted(
            self._list_successes(operation.method),
            key=lambda each: any(
                as_text(get_recorded_value(each.exchange, name)) != get_sent_value(operation, name)
                for name in path_names
            ),
        )

    def _create(
        self,
        operation: Operation,
        templates: Sequence[RecordedExchange],
        path_names: frozenset[str],
        stored: Sequence[StoredRecord],
    ) -> WriteDecision:
        """Decide a create: the example of the method, with an id of its own and with what was sent."""
        template = templates[0]
        if not _has_fields(operation, template):
            return WriteDecision(template.exchange.response, warnings=(_make_no_fields_warning(),))
        is_record = self._shapes.has_sent_values(template)
        receipt = template.record or {}
        base = self._shapes.drop_sent_values(template) if is_record else self._fill_blank(receipt)
        changes = self._shapes.read_changes(operation.sent_body)
        renewed = {
            name: as_text(base.get(name))
            for name in base
            if name not in changes and self._names_one_record(name, base[name])
        }
        body = template.exchange.response.body
        for name, old in renewed.items():
            if old is not None:
                new = make_next_id(old, self._list_taken(name, stored))
                base = {**replace_id(base, old, new), name: replace_id(base[name], old, new, everywhere=True)}
                body = replace_id(body, old, new, everywhere=not is_record)
        record = merge_deep(base, changes)
        record_id = self.recorded.get_id(record)
        if record_id is None:
            return WriteDecision(template.exchange.response, warnings=(_make_no_record_warning(operation),))
        self._require_free_id(operation, record_id, stored)
        parameters = {
            name: sent for name in path_names if (sent := get_sent_value(operation, name)) is not None
        }
        created = StoredRecord(self.recorded.collection, record_id, record, parameters, is_created=True)
        answer = _answer(template, record if is_record else None, body)
        return WriteDecision(answer, (created,), self._warn_of_files(operation))

    def _require_free_id(self, operation: Operation, record_id: str, stored: Sequence[StoredRecord]) -> None:
        """Raises BadRequest for an id that cannot be stored, and Conflict if there is a record with it."""
        if not _can_be_id(record_id):
            raise BadRequest(
                f"the id of a record in {operation.resource} must have 1 to {_MAX_ID_LENGTH} characters, "
                "none of them a control character.",
                failures=[
                    failure(
                        f"body.{self.recorded.id_fields[0]}",
                        f"must have 1 to {_MAX_ID_LENGTH} characters without control characters",
                        "bad_value",
                    )
                ],
            )
        if self.find_record(record_id, stored) is not None:
            raise Conflict(f"the sandbox has a record {record_id} in {operation.resource} already.")

    def _names_one_record(self, name: str, value: Any) -> bool:
        """Return True if no two records have the same value in a field."""
        return name in self.recorded.id_fields or normalize_name(name) == "id" or is_numbered_key(value)

    def _fill_blank(self, receipt: Mapping[str, Any]) -> dict[str, Any]:
        """Return a blank record with the ids of a receipt."""
        blank = self._shapes.make_blank()
        ids = {normalize_name(name): value for name, value in receipt.items()}
        return {
            name: ids.get(normalize_name(name), value)
            if name in self.recorded.id_fields or name in receipt
            else value
            for name, value in blank.items()
        }

    def _list_taken(self, name: str, stored: Sequence[StoredRecord]) -> list[str]:
        """Return the values that a field of the records has had."""
        values = [record.get(name) for _, record in self._iterate_records(stored)]
        if (name,) == self.recorded.id_fields[:1]:
            values += [record.record_id for record in stored]  # also of those that are deleted
        return [text for value in values if (text := as_text(value)) is not None]

    def _update(
        self,
        operation: Operation,
        record_id: str,
        current: Mapping[str, Any],
        templates: Sequence[RecordedExchange],
        stored: Sequence[StoredRecord],
    ) -> WriteDecision:
        """Decide an update: the record with what was sent. One whose id was sent too goes on under that."""
        changes = self._shapes.read_changes(operation.sent_body)
        record = merge_deep(current, changes)
        new_id = self.recorded.get_id(record)
        template = templates[0]
        warnings = self._warn_of_files(operation)
        shown = record if self._shapes.has_sent_values(template) else None
        answer = _answer(template, shown, _name_record(template, record_id))
        if not _has_fields(operation, template):
            return WriteDecision(answer, warnings=(_make_no_fields_warning(),))
        written = find_stored(stored, record_id)
        if new_id is not None and new_id != record_id:
            self._require_free_id(operation, new_id, stored)
            moved = StoredRecord(
                self.recorded.collection,
                new_id,
                record,
                {} if written is None else written.parameters,
                is_created=True,
            )
            deleted = _make_deleted(self.recorded.collection, record_id, written)
            return WriteDecision(answer, (deleted, moved), warnings)
        values = changes if written is None else merge_deep(written.values, changes)
        changed = StoredRecord(
            self.recorded.collection,
            record_id,
            values,
            {} if written is None else written.parameters,
            is_created=written is not None and written.is_created,
        )
        return WriteDecision(answer, (changed,), warnings)

    def _warn_of_files(self, operation: Operation) -> tuple[CallWarning, ...]:
        """Return the warnings for the fields of a body that hold files."""
        return tuple(
            _make_not_stored(f"the sandbox does not keep the file in {name}.", f"body.{name}")
            for name in self._shapes.list_files(operation.sent_body)
        )

    def _delete(
        self,
        record_id: str,
        current: Mapping[str, Any],
        templates: Sequence[RecordedExchange],
        stored: Sequence[StoredRecord],
    ) -> WriteDecision:
        """Decide a delete: the recorded answer, for this record. What it shows of a record is this one's."""
        template = templates[0]
        body = _name_record(template, record_id)
        shown = None
        if template.path is not None and isinstance(found := get_path(body, template.path), Mapping):
            shown = {name: current.get(name, value) for name, value in found.items()}
        deleted = _make_deleted(self.recorded.collection, record_id, find_stored(stored, record_id))
        return WriteDecision(_answer(template, shown, body), (deleted,))


def _can_be_id(text: str) -> bool:
    """Return True for an id that every database holds: not too long, without control characters or halves of
    surrogate pairs."""
    return 0 < len(text) <= _MAX_ID_LENGTH and not any(unicodedata.category(char) in _UNKEPT for char in text)


def _require_flat_body(body: Any) -> None:
    """Raises BadRequest for a body that is nested more deeply than the sandbox can store."""
    if is_deeper_than(_MAX_DEPTH, body):
        raise BadRequest(
            f"the sandbox keeps bodies of at most {_MAX_DEPTH} nested objects and lists, and this one has "
            "more. Send a flatter body.",
            failures=[failure("body", f"must be at most {_MAX_DEPTH} levels deep", "bad_body")],
        )


def _name_record(template: RecordedExchange, record_id: str) -> Any:
    """Return the body of a recorded response with the id of another record in place of its own."""
    body = template.exchange.response.body
    return (
        body if template.path_id is None else replace_id(body, template.path_id, record_id, everywhere=True)
    )


def _find_sample(exchanges: Sequence[Exchange]) -> ExchangeResponse | None:
    """Return the example in the definition of a method that has no exchanges, None if there is none."""
    return next((each.response for each in exchanges if each.response.status < _BAD_REQUEST), None)


def find_stored(stored: Sequence[StoredRecord], record_id: str) -> StoredRecord | None:
    """Return what was written to a record, None if nothing was. `stored`: those of one resource."""
    return next((record for record in stored if record.record_id == record_id), None)


def _make_deleted(collection: str, record_id: str, written: StoredRecord | None) -> StoredRecord:
    """Return the mark that a record is deleted, in place of what was written to it."""
    is_created = written is not None and written.is_created
    return StoredRecord(collection, record_id, is_created=is_created, is_deleted=True)


def _answer(template: RecordedExchange, record: Mapping[str, Any] | None, body: Any) -> ExchangeResponse:
    """Return the recorded response with another body, and with the record in it unless that is None."""
    if record is not None and template.path is not None:
        body = set_path(body, template.path, record)
    return template.exchange.response.model_copy(update={"body": body})


def _has_fields(operation: Operation, template: RecordedExchange) -> bool:
    """Return True if a write sends an object, or no body as in the exchange that answers it."""
    sent = operation.sent_body
    return isinstance(sent, Mapping) or (sent is None and template.exchange.request.body is None)


def _make_no_record_warning(operation: Operation) -> CallWarning:
    """Return the warning for a write whose exchanges show no record with an id."""
    return _make_not_stored(
        f"the sandbox does not keep what was sent: the recorded answer of {operation.resource}."
        f"{operation.method} has no record."
    )


def _make_no_fields_warning() -> CallWarning:
    """Return the warning for a write whose body is no object."""
    return _make_not_stored("the sandbox does not keep what was sent: the body is no JSON object.", "body")


def _make_not_stored(message: str, field: str | None = None) -> CallWarning:
    """Return a warning that something is not stored. `field`: what was sent."""
    return CallWarning("not_stored", f"{message} Connect a real account to see its effect.", field)
