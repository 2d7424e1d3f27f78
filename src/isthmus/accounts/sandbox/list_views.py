"""Answers lists of sandbox accounts: the recorded records with what was written, filtered, in pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from isthmus.accounts.sandbox.body_places import Path, as_text, find_record_path, get_path
from isthmus.accounts.sandbox.exchange_choice import (
    choose_exchanges,
    get_ignored_parameters,
    get_recorded_value,
    get_sent_value,
    list_matching,
    list_path_parameters,
    list_successes,
)
from isthmus.accounts.sandbox.list_filters import ListFilters, plan_filters
from isthmus.accounts.sandbox.recorded_list import build_recorded_list, edit_page
from isthmus.accounts.sandbox.recorded_records import RecordedRecords
from isthmus.accounts.sandbox.stored_records import StoredRecord
from isthmus.definitions.file_models import Exchange, ExchangeResponse
from isthmus.definitions.json_values import as_mapping, merge_deep
from isthmus.definitions.methods import MethodDefinition
from isthmus.definitions.pagination import DynamicPagination, Pagination
from isthmus.engine.upstream import Operation, OutgoingRequest
from isthmus.expressions import UNDEFINED
from isthmus.kit.call_warnings import CallWarning

__all__ = ["ListedMethod", "WrittenRecords", "answer_list"]


@dataclass(frozen=True, slots=True)
class WrittenRecords:
    """What was written to an account, as a call to one of its resources sees it. `recorded`: the records of
    the resource, None if nothing was written to the account. `all`: of all resources. `own`: of this one, by
    id."""

    recorded: RecordedRecords | None = None
    all: Sequence[StoredRecord] = ()
    own: Mapping[str, StoredRecord] = field(default_factory=dict)

    def edit(self, record: Any) -> Any | None:
        """Return a recorded record as it is now, None if there is none."""
        identity = None if self.recorded is None else self.recorded.get_id(record)
        written = None if identity is None else self.own.get(identity)
        if written is None:
            return record
        is_gone = written.is_deleted or written.is_created  # one that was created again is listed as such
        return None if is_gone else merge_deep(record, written.values)


@dataclass(frozen=True, slots=True)
class ListedMethod:
    """A method that lists, with all its exchanges."""

    definition: MethodDefinition
    pagination: Pagination | None
    exchanges: Sequence[Exchange]


def answer_list(
    method: ListedMethod, request: OutgoingRequest, written: WrittenRecords
) -> tuple[ExchangeResponse | None, tuple[CallWarning, ...]]:
    """Return the page that a list asks for, None for an unknown parent or cursor, and warnings for the
    filters that are not applied."""
    chosen = choose_exchanges(method.exchanges, request, method.definition, method.pagination)
    path = find_record_path(method.definition)
    added = _list_added(method, request.operation, written) if path is not None else []
    filters = _plan_filters(method, request, chosen, path, added)
    view = _ListView(method, path, filters, written, [each for each in added if filters.keeps(each)])
    if list_matching(method.exchanges, request.operation, method.definition):
        return view.build_page(request, chosen), filters.warnings
    if not added and not _names_created_parent(method, request.operation, written):
        return None, ()
    return view.build_without_recorded(request), filters.warnings


@dataclass(frozen=True, slots=True)
class _ListView:
    """A list as it is now. `path`: of the records in a body, None if an expression finds them. `added`: the
    created records, in their order in the list."""

    method: ListedMethod
    path: Path | None
    filters: ListFilters
    written: WrittenRecords
    added: Sequence[Any]

    def edit(self, record: Any) -> Any | None:
        """Return a recorded record as it is now, None if it is not in the list."""
        edited = self.written.edit(record)
        return edited if edited is not None and self.filters.keeps(edited) else None

    def build_page(self, request: OutgoingRequest, chosen: Sequence[Exchange]) -> ExchangeResponse | None:
        """Return the page that is asked for, of the exchanges that fit it; None for an unknown cursor."""
        if isinstance(self.method.pagination, DynamicPagination):
            return self._build_dynamic_page(request, chosen)
        if not chosen:
            return None
        if request.operation.kind != "list" and len(chosen) == 1:
            return chosen[0].response
        recorded_list = build_recorded_list(chosen, self.method.definition, self.method.pagination)
        if recorded_list is None:
            return self._edit_page(chosen[0], is_first=True).response
        if self.filters.equal or self.written.own:
            recorded_list = recorded_list.edit(self.edit, self.added)
        return recorded_list.build_page(request)

    def build_without_recorded(self, request: OutgoingRequest) -> ExchangeResponse | None:
        """Return the page of the created records alone, in the form of a page of another list; None without
        one."""
        pages = list_successes(self.method.exchanges)
        if self.path is None or not pages:
            return None
        emptied = edit_page(pages[0], self.path, lambda _: None, ())
        if isinstance(self.method.pagination, DynamicPagination):
            is_first = request.operation.cursor is None
            return self._edit_page(emptied, is_first=True).response if is_first else None
        return self.build_page(request, [emptied])

    def _build_dynamic_page(
        self, request: OutgoingRequest, chosen: Sequence[Exchange]
    ) -> ExchangeResponse | None:
        """Return the page of a list whose paging parameters are computed; None for an unknown cursor.

        Where pages are asked for by the id of the last record before them, any record may be that one, and a
        page without records leads no further: the next one is returned in its place.
        """
        if self.written.recorded is None and not self.filters.equal:
            return chosen[0].response if chosen else None
        pages = list_successes(self.method.exchanges)
        page = chosen[0] if chosen else self._find_rest_of_page(request, pages)
        if page is None:
            return None
        is_first = request.operation.cursor is None
        edited = self._edit_page(page, is_first=is_first)
        for following in pages:
            if list_records(edited, self.path) or not self._follows(following, page):
                continue
            page, edited = following, self._edit_page(following, is_first=False)
        return edited.response

    def _find_rest_of_page(self, request: OutgoingRequest, pages: Sequence[Exchange]) -> Exchange | None:
        """Return the recorded page with the record whose id the request sends, with the records after that
        one alone; None for an unknown id."""
        sent = set(dict(parse_qsl(urlsplit(request.http.url).query)).values())
        created = {record.record_id for record in self.written.own.values() if record.is_created}
        if sent & created:  # they come before all recorded ones
            return pages[0] if pages else None
        for page in pages:
            for number, identity in enumerate(self._list_ids(page)):
                if identity in sent and self.path is not None:
                    rest = list_records(page, self.path)[number + 1 :]
                    return edit_page(page, self.path, lambda _: None, rest)
        return None

    def _follows(self, following: Exchange, page: Exchange) -> bool:
        """Return True if a page is asked for by the id of a record of `page`."""
        ids = set(self._list_ids(page))
        return any(as_text(value) in ids for value in following.request.query.values() if value is not None)

    def _list_ids(self, page: Exchange) -> list[str | None]:
        """Return the ids of the records of a recorded page."""
        recorded = self.written.recorded
        records = list_records(page, self.path)
        return [None if recorded is None else recorded.get_id(record) for record in records]

    def _edit_page(self, page: Exchange, *, is_first: bool) -> Exchange:
        """Return a recorded page as it is now, with the created records on the first one."""
        if self.path is None:
            return page
        return edit_page(page, self.path, self.edit, self.added if is_first else ())


def list_records(page: Exchange, path: Path | None) -> list[Any]:
    """Return the records of a recorded page; none if an expression finds them."""
    found = UNDEFINED if path is None else get_path(page.response.body, path)
    if found is UNDEFINED or found is None:
        return []
    return found if isinstance(found, list) else [found]


def _list_added(method: ListedMethod, operation: Operation, written: WrittenRecords) -> list[Any]:
    """Return the created records that belong into a list, the newest first: those below the parent that the
    path names."""
    added = [record for record in written.own.values() if record.is_created and not record.is_deleted]
    for name in list_path_parameters(method.definition):
        parent = get_sent_value(operation, name)
        if parent is not None and added:
            field_name = _find_parent_field(method, name)
            added = [
                record
                for record in added
                if record.parameters.get(name, _read_field(record.values, field_name)) == parent
            ]
    return [record.values for record in reversed(added)]


def _find_parent_field(method: ListedMethod, name: str) -> str | None:
    """Return the field of the records that has their parent's id, by the recorded lists of the method; None
    if there is none."""
    candidates: set[str] | None = None
    path = find_record_path(method.definition)
    for exchange in list_successes(method.exchanges):
        parent = as_text(get_recorded_value(exchange, name))
        for record in list_records(exchange, path) if parent is not None else ():
            names = {key for key, value in as_mapping(record).items() if as_text(value) == parent}
            candidates = names if candidates is None else candidates & names
    return min(candidates) if candidates else None


def _read_field(values: Mapping[str, Any], name: str | None) -> str | None:
    """Return a field of a record as text, None without one."""
    return None if name is None else as_text(values.get(name))


def _names_created_parent(method: ListedMethod, operation: Operation, written: WrittenRecords) -> bool:
    """Return True if the path names a record that was created in this account, whose list is empty until
    something is created below it."""
    created = {record.record_id for record in written.all if record.is_created and not record.is_deleted}
    sent = [get_sent_value(operation, name) for name in list_path_parameters(method.definition)]
    return any(value in created for value in sent if value is not None)


def _plan_filters(
    method: ListedMethod,
    request: OutgoingRequest,
    pages: Sequence[Exchange],
    path: Path | None,
    added: Sequence[Any],
) -> ListFilters:
    """Plan the filters of a list that is answered with these recorded pages."""
    ignored = get_ignored_parameters(method.exchanges, method.pagination)
    recorded = [record for page in pages for record in list_records(page, path)]
    return plan_filters(
        request,
        pages[0] if pages else None,
        ignored | list_path_parameters(method.definition),
        recorded,
        added,
    )
