"""Cuts a recorded list into the pages that a caller asks for, in the form of the recorded provider.

Each pagination format has its own place for the cursor of the next page. The cursor is written there, so that
the pagination of the definition finds it, and it is read back from the request for the next page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from isthmus.accounts.sandbox.body_places import (
    Path,
    find_record_path,
    get_path,
    set_at_place,
    set_path,
    split_plain_path,
)
from isthmus.definitions.body_path import BodyPath
from isthmus.definitions.file_models import Exchange, ExchangeResponse
from isthmus.definitions.methods import MethodDefinition
from isthmus.definitions.pagination import (
    CursorPagination,
    LinkHeaderPagination,
    OffsetPagination,
    PagePagination,
    Pagination,
    RangePagination,
)
from isthmus.engine.upstream import OutgoingRequest
from isthmus.expressions import UNDEFINED

__all__ = ["EditRecord", "RecordedList", "RecordedPages", "build_recorded_list", "edit_page"]

_SANDBOX_CURSOR: Final = re.compile(r"sandbox-([0-9]+)\Z")
EditRecord: TypeAlias = Callable[[Any], Any | None]
"""Returns a record as it is now, None if it is not in the list any more."""

_OFFSET_PARAMETER: Final = "sandbox_offset"
_SIZE_PARAMETER: Final = "sandbox_size"


@dataclass(frozen=True, slots=True)
class _Window:
    """The records of one page: those from `start` up to, but without, `end`. `size`: the limit that was asked
    for, None for the recorded page size."""

    start: int
    end: int
    size: int | None


@dataclass(frozen=True, slots=True)
class RecordedList:
    """All records of a recorded list, which can be cut into pages of any size.

    `path`: the path of the array in each body, empty if the body is the array. `starts`: the index of the
    first record of each recorded page."""

    pages: Sequence[Exchange]
    records: Sequence[Any]
    starts: Sequence[int]
    path: tuple[str, ...]
    pagination: Pagination | None

    def edit(self, edit_record: EditRecord, added: Sequence[Any]) -> RecordedList:
        """Return the list with `added` before its records, each record as `edit_record` returns it, and
        without those for which that is None."""
        records, starts = list(added), list[int]()
        for start, end in pairwise([*self.starts, len(self.records)]):
            starts.append(len(records) if starts else 0)
            records += edit_records(self.records[start:end], edit_record)
        return replace(self, records=records, starts=starts)

    def build_page(self, request: OutgoingRequest) -> ExchangeResponse | None:
        """Return the response with the page that the request asks for; None if its cursor is none of this
        list."""
        start = self._find_start(request)
        if start is None or start > len(self.records):
            return None
        size = _get_page_size(request) if self.pagination is not None else None
        window = _Window(start, self._find_end(start, size), size)
        return self._build_response(request, window)

    def _find_end(self, start: int, size: int | None) -> int:
        """Return the index after the last record of the page: by the limit, else where the recorded page
        ends."""
        if self.pagination is None:
            return len(self.records)
        if size is None:
            later = [index for index in self.starts if index > start]
            return later[0] if later else len(self.records)
        return min(start + size, len(self.records))

    def _find_start(self, request: OutgoingRequest) -> int | None:
        """Return the index of the first record of the page; None for an unknown cursor."""
        spec, operation = self.pagination, request.operation
        if isinstance(spec, PagePagination):
            sent = operation.cursor or operation.query.get(spec.config.page_param)
            page = _parse_integer(sent, spec.config.start_page)
            return (
                None
                if page is None
                else self._find_start_of_page(page - spec.config.start_page, _get_page_size(request))
            )
        if isinstance(spec, OffsetPagination):
            sent = operation.cursor or operation.query.get(spec.config.offset_param)
            offset = _parse_integer(sent, spec.config.start_offset)
            return None if offset is None else offset - spec.config.start_offset
        if isinstance(spec, RangePagination):
            return _parse_integer(operation.cursor, 0)
        address = dict(parse_qsl(urlsplit(request.http.url).query))
        if _OFFSET_PARAMETER in address:
            return _parse_integer(address[_OFFSET_PARAMETER], None)
        if isinstance(spec, CursorPagination):
            sent = operation.cursor or operation.query.get(spec.config.cursor_param)
            return 0 if sent is None else self._find_start_of_cursor(spec, str(sent))
        return None if isinstance(spec, LinkHeaderPagination) and operation.cursor is not None else 0

    def _find_start_of_page(self, index: int, size: int | None) -> int | None:
        """Return the index of the first record of the page number `index`, counted from 0. One page past the
        end is empty, as with most providers; None for those after it."""
        if index < 0:
            return None
        if size is None:
            ends = [*self._list_filled_starts(), len(self.records)]
            return ends[index] if index < len(ends) else None
        start = index * size
        return min(start, len(self.records)) if start < len(self.records) + size else None

    def _list_filled_starts(self) -> list[int]:
        """Return the starts of the recorded pages that have records, and of the first one."""
        return sorted({start for start in self.starts if start < len(self.records)} | {0})

    def _find_start_of_cursor(self, spec: CursorPagination, token: str) -> int | None:
        """Return the index of the first record that a cursor, recorded or our own, leads to; else None."""
        ours = _SANDBOX_CURSOR.match(token)
        if ours is not None:
            return int(ours[1])
        for index, page in enumerate(self.pages):
            if _cursor_to_text(spec.config.cursor_path.read(page.response.body)) == token:
                return [*self.starts, len(self.records)][index + 1]
        return None

    def _build_response(self, request: OutgoingRequest, window: _Window) -> ExchangeResponse:
        """Return a recorded response whose array holds the records of the window, with cursors and totals to
        match."""
        page = self.pages[max(index for index, start in enumerate(self.starts) if start <= window.start)]
        body = set_path(page.response.body, self.path, list(self.records[window.start : window.end]))
        headers = {name: value for name, value in page.response.headers.items() if name != "link"}
        spec = self.pagination
        if isinstance(spec, CursorPagination):
            body = self._set_cursors(spec, request, body, window)
        elif isinstance(spec, LinkHeaderPagination):
            headers |= self._build_link_header(request, window)
        elif isinstance(spec, RangePagination):
            last = f"{window.start}-{window.end - 1}" if window.end > window.start else "*"
            headers["content-range"] = f"{spec.config.range_unit} {last}/{len(self.records)}"
        elif isinstance(spec, OffsetPagination):
            body = set_at_place(body, spec.config.total_path, len(self.records))
        elif isinstance(spec, PagePagination):
            body = set_at_place(body, spec.config.total_pages_path, self._number_last_page(spec, window.size))
        return page.response.model_copy(update={"body": body, "headers": headers})

    def _number_last_page(self, spec: PagePagination, size: int | None) -> int:
        """Return the number of the last page, in the counting of the provider."""
        count = len(self._list_filled_starts()) if size is None else -(-len(self.records) // size)
        return spec.config.start_page + max(count, 1) - 1

    def _set_cursors(
        self, spec: CursorPagination, request: OutgoingRequest, body: Any, window: _Window
    ) -> Any:
        """Return a copy of the body with the cursors of the next and previous page and the has-more flag of
        this window."""
        config = spec.config
        more = window.end < len(self.records)
        body = set_at_place(
            body, config.cursor_path, self._make_cursor(spec, request, window.end) if more else None
        )
        body = set_at_place(body, config.has_more_path, more)
        back = max(0, window.start - (window.size or 1))
        return set_at_place(body, config.prev_cursor_path, f"sandbox-{back}" if window.start else None)

    def _make_cursor(self, spec: CursorPagination, request: OutgoingRequest, offset: int) -> str:
        """Return a cursor for the page that starts at `offset`: the recorded one if there is one, a URL if
        recorded cursors are URLs, else one of our own."""
        recorded: str | None = None
        for index, start in enumerate(self.starts[1:]):
            cursor = _cursor_to_text(spec.config.cursor_path.read(self.pages[index].response.body))
            recorded = recorded or cursor
            if start == offset and cursor is not None:
                recorded = cursor
                break
        else:
            if recorded is None or not recorded.startswith(("http://", "https://")):
                return f"sandbox-{offset}"
        if recorded.startswith(("http://", "https://")):
            return _build_page_url(request, offset, _get_page_size(request))
        return recorded

    def _build_link_header(self, request: OutgoingRequest, window: _Window) -> dict[str, str]:
        """Return a `link` header to the next and previous page; empty if there are none."""
        targets = []
        if window.end < len(self.records):
            targets.append(f'<{_build_page_url(request, window.end, window.size)}>; rel="next"')
        if window.start > 0:
            back = max(0, window.start - (window.size or window.end - window.start or 1))
            targets.append(f'<{_build_page_url(request, back, window.size)}>; rel="prev"')
        return {"link": ", ".join(targets)} if targets else {}


@dataclass(frozen=True, slots=True)
class RecordedPages:
    """A recorded list whose pages cannot be cut anew, because an expression finds its records or cursors. It
    is answered page by page as it was recorded. `root`: the part of the body that the cursor's path starts
    from, None for the whole body. `path`: of the array in each body, None if an expression finds it."""

    pages: Sequence[Exchange]
    pagination: CursorPagination
    root: BodyPath | None
    path: Path | None

    def edit(self, edit_record: EditRecord, added: Sequence[Any]) -> RecordedPages:
        """Return the list as `RecordedList.edit` does; itself if an expression finds its records."""
        if self.path is None:
            return self
        pages = [
            edit_page(page, self.path, edit_record, () if number else added)
            for number, page in enumerate(self.pages)
        ]
        return replace(self, pages=pages)

    def build_page(self, request: OutgoingRequest) -> ExchangeResponse | None:
        """Return the recorded response of the page that is asked for, whatever the limit; None for an unknown
        cursor."""
        config, operation = self.pagination.config, request.operation
        token = operation.cursor or operation.query.get(config.cursor_param)
        if token is None:
            return self.pages[0].response
        for page, next_page in pairwise(self.pages):
            body = page.response.body
            cursor = _cursor_to_text(
                config.cursor_path.read(body if self.root is None else self.root.read(body))
            )
            if cursor is not None and cursor in (str(token), request.http.url):
                return next_page.response
        return None


def build_recorded_list(
    pages: Sequence[Exchange], method: MethodDefinition, pagination: Pagination | None
) -> RecordedList | RecordedPages | None:
    """Build the list from its recorded pages. None if its array is not at a plain path and it has no cursors:
    such a list is answered with its first page."""
    joined = _join_pages(pages, method, pagination)
    if not isinstance(pagination, CursorPagination) or (
        joined is not None and _has_plain_paths(method, pagination)
    ):
        return joined
    return RecordedPages(pages, pagination, method.cursor_root, find_record_path(method))


def edit_page(page: Exchange, path: Path, edit_record: EditRecord, added: Sequence[Any]) -> Exchange:
    """Return a recorded page with `added` before its records, edited as by `RecordedList.edit`. `path`: of
    its array, which a page of one record may not have."""
    body = page.response.body
    records = get_path(body, path)
    if records is UNDEFINED:
        return page
    edited: Any = [*added, *edit_records(records if isinstance(records, list) else [records], edit_record)]
    if not isinstance(records, list) and len(edited) == 1:
        [edited] = edited  # one record without an array around it
    response = page.response.model_copy(update={"body": set_path(body, path, edited)})
    return page.model_copy(update={"response": response})


def edit_records(records: Sequence[Any], edit_record: EditRecord) -> list[Any]:
    """Return the records as `edit_record` returns them, without those for which that is None."""
    edited = (edit_record(record) for record in records)
    return [record for record in edited if record is not None]


def _has_plain_paths(method: MethodDefinition, pagination: CursorPagination) -> bool:
    """Return True if all cursors are at paths of plain names, so that others can be written there."""
    config = pagination.config
    places = (config.cursor_path, config.has_more_path, config.prev_cursor_path)
    return method.cursor_root is None and all(
        place is None or split_plain_path(place.text) for place in places
    )


def _join_pages(
    pages: Sequence[Exchange], method: MethodDefinition, pagination: Pagination | None
) -> RecordedList | None:
    """Join the records of all pages; None if a page has no array at a path of plain names."""
    path = find_record_path(method)
    if path is None:
        return None
    records: list[Any] = []
    starts = []
    for page in pages:
        page_records = get_path(page.response.body, path)
        if not isinstance(page_records, list):
            return None
        starts.append(len(records))
        records.extend(page_records)
    return RecordedList(pages, records, starts, path, pagination)


def _get_page_size(request: OutgoingRequest) -> int | None:
    """Return the limit of the request, also from a URL that was given as a cursor; None if it has none."""
    address = dict(parse_qsl(urlsplit(request.http.url).query))
    return _parse_integer(address.get(_SIZE_PARAMETER), None) or request.operation.limit


def _build_page_url(request: OutgoingRequest, offset: int, size: int | None) -> str:
    """Return the URL of the request with the page that starts at `offset` in its query."""
    parts = urlsplit(request.http.url)
    query = {_OFFSET_PARAMETER: str(offset)} | ({_SIZE_PARAMETER: str(size)} if size else {})
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(query), ""))


def _parse_integer(value: Any, absent: int | None) -> int | None:
    """Parse a number without a sign. Returns `absent` if the value is None, and None for any other text."""
    if value is None:
        return absent
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() else None


def _cursor_to_text(value: Any) -> str | None:
    """Return a cursor of a body as text; None if it is missing, empty, or no text or number."""
    return (
        str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) and value != "" else None
    )
