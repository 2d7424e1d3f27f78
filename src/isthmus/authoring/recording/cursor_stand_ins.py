"""Replaces the cursors of a recorded list, at the places where its pagination reads and sends them."""

from __future__ import annotations

from typing import Any

from isthmus.authoring.recording.body_places import find_place, is_scalar
from isthmus.authoring.recording.redaction import Redaction
from isthmus.definitions.body_path import BodyPath
from isthmus.definitions.pagination import CursorConfig
from isthmus.engine.queries import format_scalar
from isthmus.expressions import UNDEFINED, ExpressionError

__all__ = ["CursorStandIns"]


class CursorStandIns:
    """The stand-ins of one list's cursors: `cursor-1`, `cursor-2`, …, or 1, 2, … where a cursor is a number.

    A cursor that an expression reads from the records, such as the id of the last one, has what the
    expression reads from the redacted records. One that is a URL is redacted as URLs are.
    """

    def __init__(self, config: CursorConfig, redaction: Redaction) -> None:
        self._config = config
        self._redaction = redaction
        self._by_cursor: dict[str, str] = {}

    def replace_in_response(self, body: Any, redacted_body: Any) -> None:
        """Replaces the cursors that `body` names in `redacted_body`, and remembers them. Anything that is no
        cursor there stays as it is, such as null."""
        for path in (self._config.cursor_path, self._config.prev_cursor_path):
            if path is not None:
                self._replace_at(path, body, redacted_body)

    def replace_in_query(self, query: dict[str, Any], redacted_query: dict[str, Any]) -> None:
        """Replaces the cursor that was sent among the query parameters."""
        name = self._config.cursor_param
        if query.get(name) in self._by_cursor:
            redacted_query[name] = self._by_cursor[query[name]]

    def replace_in_request_body(self, body: Any, redacted_body: Any) -> None:
        """Replaces the cursor that was sent in the body."""
        source = find_place(body, self._config.cursor_param)
        target = find_place(redacted_body, self._config.cursor_param)
        if source is None or target is None:
            return
        value = source[0][source[1]]
        stand_in = None if isinstance(value, dict | list) else self._by_cursor.get(format_scalar(value))
        if stand_in is not None:
            target[0][target[1]] = _as_kind_of(value, stand_in)

    def _replace_at(self, path: BodyPath, body: Any, redacted_body: Any) -> None:
        """Replaces the cursor at one path of the response."""
        value = _read(path, body)
        if not is_scalar(value):
            return
        cursor = format_scalar(value)
        place = find_place(redacted_body, path.text)
        if cursor.startswith(("http://", "https://")):
            if place is not None:
                place[0][place[1]] = self._redaction.redact_urls(cursor)
            return
        if place is None:
            read = _read(path, redacted_body)
            if is_scalar(read):
                self._by_cursor.setdefault(cursor, format_scalar(read))
            return
        number = str(len(self._by_cursor) + 1)
        stand_in = self._by_cursor.setdefault(
            cursor, f"cursor-{number}" if isinstance(value, str) else number
        )
        place[0][place[1]] = _as_kind_of(value, stand_in)


def _read(path: BodyPath, body: Any) -> Any:
    """Reads the value at a path; UNDEFINED where there is none, or its expression fails."""
    try:
        return path.read(body)
    except ExpressionError:
        return UNDEFINED


def _as_kind_of(value: Any, stand_in: str) -> Any:
    """Returns the stand-in as a number if the value is one, and else as text."""
    return stand_in if isinstance(value, str) or not stand_in.isdigit() else int(stand_in)
