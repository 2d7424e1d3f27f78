"""A recorded list, cut into the pages a caller asks for, in the shape of the product that was recorded.

Every format says in its own place where the next page is, so each has a small writer: it gives the answer a
cursor that the definition's own pagination finds, and reads it back from the request that follows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from isthmus.definitions.files import Exchange, ExchangeResponse
from isthmus.definitions.methods import MethodDefinition
from isthmus.definitions.pagination import (
    CursorPagination,
    LinkHeaderPagination,
    OffsetPagination,
    PagePagination,
    Pagination,
    RangePagination,
)
from isthmus.definitions.paths import BodyPath
from isthmus.engine.upstream import OutgoingRequest
from isthmus.expressions import UNDEFINED

__all__ = ["RecordedList", "RecordedPages", "recorded_list"]

_NAMES: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\Z")
_TOKEN: Final = re.compile(r"sandbox-([0-9]+)\Z")
_OFFSET: Final = "sandbox_offset"
_SIZE: Final = "sandbox_size"


@dataclass(frozen=True, slots=True)
class _Window:
    """Which records: `start` up to `end`, with `size` as it was asked for (None: as recorded)."""

    start: int
    end: int
    size: int | None


@dataclass(frozen=True, slots=True)
class RecordedList:
    """`path`: names that lead to the array in each body, none where the body is the array. `starts`: the
    index of the first record of each recorded page."""

    pages: Sequence[Exchange]
    records: Sequence[Any]
    starts: Sequence[int]
    path: tuple[str, ...]
    pagination: Pagination | None

    def answer(self, request: OutgoingRequest) -> ExchangeResponse | None:
        """The page that is asked for; None where the cursor is none of this list."""
        start = self._start(request)
        if start is None or start > len(self.records):
            return None
        size = _size(request) if self.pagination is not None else None
        window = _Window(start, self._end(start, size), size)
        return self._written(request, window)

    def _end(self, start: int, size: int | None) -> int:
        """A page ends where the limit or, without one, the recorded page does."""
        if self.pagination is None:
            return len(self.records)
        if size is None:
            later = [each for each in self.starts if each > start]
            return later[0] if later else len(self.records)
        return min(start + size, len(self.records))

    def _start(self, request: OutgoingRequest) -> int | None:
        spec, operation = self.pagination, request.operation
        if isinstance(spec, PagePagination):
            sent = operation.cursor or operation.query.get(spec.config.page_param)
            page = _whole(sent, spec.config.start_page)
            return (
                None if page is None else self._start_of_page(page - spec.config.start_page, _size(request))
            )
        if isinstance(spec, OffsetPagination):
            sent = operation.cursor or operation.query.get(spec.config.offset_param)
            offset = _whole(sent, spec.config.start_offset)
            return None if offset is None else offset - spec.config.start_offset
        if isinstance(spec, RangePagination):
            return _whole(operation.cursor, 0)
        address = dict(parse_qsl(urlsplit(request.http.url).query))
        if _OFFSET in address:
            return _whole(address[_OFFSET], None)
        if isinstance(spec, CursorPagination):
            sent = operation.cursor or operation.query.get(spec.config.cursor_param)
            return 0 if sent is None else self._start_of_token(spec, str(sent))
        return None if isinstance(spec, LinkHeaderPagination) and operation.cursor is not None else 0

    def _start_of_page(self, index: int, size: int | None) -> int | None:
        """One page past the end is empty, as products have it; further ones are unknown."""
        if index < 0:
            return None
        if size is None:
            return [*self.starts, len(self.records)][index] if index <= len(self.starts) else None
        start = index * size
        return min(start, len(self.records)) if start < len(self.records) + size else None

    def _start_of_token(self, spec: CursorPagination, token: str) -> int | None:
        ours = _TOKEN.match(token)
        if ours is not None:
            return int(ours[1])
        for index, page in enumerate(self.pages):
            if _plain(spec.config.cursor_path.read(page.response.body)) == token:
                return [*self.starts, len(self.records)][index + 1]
        return None

    def _written(self, request: OutgoingRequest, window: _Window) -> ExchangeResponse:
        page = self.pages[max(index for index, start in enumerate(self.starts) if start <= window.start)]
        body = _put(page.response.body, self.path, list(self.records[window.start : window.end]))
        headers = {name: value for name, value in page.response.headers.items() if name != "link"}
        spec = self.pagination
        if isinstance(spec, CursorPagination):
            body = self._with_cursors(spec, request, body, window)
        elif isinstance(spec, LinkHeaderPagination):
            headers |= self._links(request, window)
        elif isinstance(spec, RangePagination):
            last = f"{window.start}-{window.end - 1}" if window.end > window.start else "*"
            headers["content-range"] = f"{spec.config.range_unit} {last}/{len(self.records)}"
        elif isinstance(spec, OffsetPagination):
            body = _told(body, spec.config.total_path, len(self.records))
        elif isinstance(spec, PagePagination):
            body = _told(body, spec.config.total_pages_path, self._last_page(spec, window.size))
        return page.response.model_copy(update={"body": body, "headers": headers})

    def _last_page(self, spec: PagePagination, size: int | None) -> int:
        count = len(self.starts) if size is None else -(-len(self.records) // size)
        return spec.config.start_page + max(count, 1) - 1

    def _with_cursors(
        self, spec: CursorPagination, request: OutgoingRequest, body: Any, window: _Window
    ) -> Any:
        config = spec.config
        more = window.end < len(self.records)
        body = _told(body, config.cursor_path, self._token(spec, request, window.end) if more else None)
        body = _told(body, config.has_more_path, more)
        back = max(0, window.start - (window.size or 1))
        return _told(body, config.prev_cursor_path, f"sandbox-{back}" if window.start else None)

    def _token(self, spec: CursorPagination, request: OutgoingRequest, offset: int) -> str:
        """The recorded cursor where one leads there, an address where the product gives addresses."""
        recorded: str | None = None
        for index, start in enumerate(self.starts[1:]):
            found = _plain(spec.config.cursor_path.read(self.pages[index].response.body))
            recorded = recorded or found
            if start == offset and found is not None:
                recorded = found
                break
        else:
            if recorded is None or not recorded.startswith(("http://", "https://")):
                return f"sandbox-{offset}"
        if recorded.startswith(("http://", "https://")):
            return _address(request, offset, _size(request))
        return recorded

    def _links(self, request: OutgoingRequest, window: _Window) -> dict[str, str]:
        targets = []
        if window.end < len(self.records):
            targets.append(f'<{_address(request, window.end, window.size)}>; rel="next"')
        if window.start > 0:
            back = max(0, window.start - (window.size or window.end - window.start or 1))
            targets.append(f'<{_address(request, back, window.size)}>; rel="prev"')
        return {"link": ", ".join(targets)} if targets else {}


@dataclass(frozen=True, slots=True)
class RecordedPages:
    """The pages of a list as they were recorded, for one that nothing can be written into: its records or
    its cursors are found by an expression. `root`: where in a body the cursor's path begins, None for the
    whole."""

    pages: Sequence[Exchange]
    pagination: CursorPagination
    root: BodyPath | None

    def answer(self, request: OutgoingRequest) -> ExchangeResponse | None:
        """The page that is asked for, whatever its limit; None where the cursor leads to none of them."""
        config, operation = self.pagination.config, request.operation
        token = operation.cursor or operation.query.get(config.cursor_param)
        if token is None:
            return self.pages[0].response
        for page, following in pairwise(self.pages):
            body = page.response.body
            found = _plain(config.cursor_path.read(body if self.root is None else self.root.read(body)))
            if found is not None and found in (str(token), request.http.url):
                return following.response
        return None


def recorded_list(
    pages: Sequence[Exchange], method: MethodDefinition, pagination: Pagination | None
) -> RecordedList | RecordedPages | None:
    """None where the array is in no place that plain names lead to, and no cursor tells the pages apart: such
    a list is its first page."""
    whole = _cut(pages, method, pagination)
    if not isinstance(pagination, CursorPagination) or (
        whole is not None and _is_writable(method, pagination)
    ):
        return whole
    return RecordedPages(pages, pagination, method.cursor_root)


def _is_writable(method: MethodDefinition, pagination: CursorPagination) -> bool:
    config = pagination.config
    places = (config.cursor_path, config.has_more_path, config.prev_cursor_path)
    return method.cursor_root is None and all(place is None or _names(place.text) for place in places)


def _cut(
    pages: Sequence[Exchange], method: MethodDefinition, pagination: Pagination | None
) -> RecordedList | None:
    text = "" if method.response_path is None else method.response_path.text.strip()
    path = tuple(text.split(".")) if _NAMES.match(text) else ()
    if text and not path:
        return None
    records: list[Any] = []
    starts = []
    for page in pages:
        found = _get(page.response.body, path)
        if not isinstance(found, list):
            return None
        starts.append(len(records))
        records.extend(found)
    return RecordedList(pages, records, starts, path, pagination)


def _size(request: OutgoingRequest) -> int | None:
    """The limit in force: an address that replaced the request's carries its own."""
    address = dict(parse_qsl(urlsplit(request.http.url).query))
    return _whole(address.get(_SIZE), None) or request.operation.limit


def _address(request: OutgoingRequest, offset: int, size: int | None) -> str:
    parts = urlsplit(request.http.url)
    query = {_OFFSET: str(offset)} | ({_SIZE: str(size)} if size else {})
    return urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(query), ""))


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split(".")) if _NAMES.match(text) else ()


def _told(body: Any, place: BodyPath | None, value: Any) -> Any:
    """`body` with `value` where a path of names leads; an expression reads what was recorded."""
    names = () if place is None else _names(place.text)
    return _put(body, names, value) if names else body


def _whole(value: Any, absent: int | None) -> int | None:
    if value is None:
        return absent
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() else None


def _plain(value: Any) -> str | None:
    return (
        str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) and value != "" else None
    )


def _get(body: Any, path: Sequence[str]) -> Any:
    for name in path:
        body = body.get(name, UNDEFINED) if isinstance(body, Mapping) else UNDEFINED
    return body


def _put(body: Any, path: Sequence[str], value: Any) -> Any:
    """A copy of `body` with `value` at `path`; objects on the way are made where something is put."""
    if not path:
        return value
    if not isinstance(body, Mapping):
        if value is None:
            return body
        body = {}
    name, *rest = path
    if value is None and name not in body:
        return body
    return {**body, name: _put(body.get(name), rest, value)}
