"""Changes the last recorded page of a list so that it says it is the last, and reading the recording ends
there."""

from __future__ import annotations

import re
from typing import Any, Final

from isthmus.authoring.recording.body_places import find_place, replace_value
from isthmus.definitions.body_path import BodyPath
from isthmus.definitions.pagination import (
    CursorPagination,
    LinkHeaderPagination,
    OffsetPagination,
    PagePagination,
    Pagination,
)

__all__ = ["mark_last_page"]

_NEXT: Final = re.compile(r",?\s*<[^<>]*>[^,]*\brel=\"?next\"?[^,]*")


def mark_last_page(
    pagination: Pagination | None,
    body: Any,
    headers: dict[str, str],
    *,
    page: int,
    record_count: int,
    records_path: BodyPath | None,
) -> bool:
    """Changes body and headers in place so that no page follows. Returns True if something was changed, False
    if the page has nothing to change.

    `page`: the number of the page, from 1. `record_count`: how many records were read so far. `records_path`:
    where the page's records are in the body; None if the body is the array of records.
    """
    if isinstance(pagination, LinkHeaderPagination):
        headers["link"] = _NEXT.sub("", headers.get("link", "")).strip(", ")
        return True
    if isinstance(pagination, CursorPagination):
        config = pagination.config
        done = replace_value(body, config.cursor_path.text, None)
        if config.has_more_path is not None:
            done = replace_value(body, config.has_more_path.text, False) or done
        return done
    if isinstance(pagination, PagePagination):
        total = pagination.config.total_pages_path
        last = pagination.config.start_page + page - 1
        return _replace_number(body, total, last) if total else _remove_last_record(body, records_path)
    if isinstance(pagination, OffsetPagination):
        path = pagination.config.total_path
        return _replace_number(body, path, record_count) if path else _remove_last_record(body, records_path)
    return False


def _replace_number(body: Any, path: BodyPath, number: int) -> bool:
    """Replaces the number at a path, by a text if it is one there. Returns False if there is none."""
    place = find_place(body, path.text)
    if place is None:
        return False
    holder, key = place
    holder[key] = str(number) if isinstance(holder[key], str) else number
    return True


def _remove_last_record(body: Any, records_path: BodyPath | None) -> bool:
    """Removes the last record, since a page that is not full is the last. Returns False if there are no
    records. `records_path`: as in `mark_last_page`."""
    records = body if records_path is None else records_path.read(body)
    if not isinstance(records, list) or not records:
        return False
    del records[-1]
    return True
