"""A token in the body that asks for the next page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from isthmus.definitions.pagination import CursorConfig
from isthmus.definitions.paths import BodyPath
from isthmus.engine.pagination.contract import Answer, Cursors, Start, Step, effective_limit
from isthmus.engine.pagination.tokens import decode_address, encode_address
from isthmus.engine.queries import scalar_text
from isthmus.engine.scopes import found_at
from isthmus.errors import UpstreamInvalid
from isthmus.expressions import UNDEFINED

__all__ = ["CursorPaginator"]


@dataclass(frozen=True, slots=True)
class CursorPaginator:
    config: CursorConfig

    @property
    def limit_param(self) -> str | None:
        return self.config.limit_param or None

    @property
    def no_way_back(self) -> str | None:
        if self.config.prev_cursor_path is not None:
            return None
        return "its cursor pagination names no prev_cursor_path"

    def start(self, start: Start) -> Step:
        config = self.config
        params, size = effective_limit(start, self.limit_param, config.default_limit, config.max_limit)
        if start.cursor is None or config.cursor_param in start.fixed:
            return Step(start.cursor, params, size=size)
        address = decode_address(start.cursor, start.key)
        if address is not None:
            return Step(start.cursor, url=address, size=size)
        return Step(start.cursor, {config.cursor_param: start.cursor, **params}, size=size)

    def read(self, step: Step, answer: Answer) -> Cursors:
        config = self.config
        following = _token(config.cursor_path, answer.body, step.key)
        if config.has_more_path is not None and not _truthy(found_at(config.has_more_path, answer.body)):
            following = None
        # A provider that hands the same cursor out again has nothing new behind it.
        return Cursors(
            next=None if following == step.cursor else following,
            prev=_token(config.prev_cursor_path, answer.body, step.key),
        )


def _token(path: BodyPath | None, body: Any, key: bytes) -> str | None:
    value = UNDEFINED if path is None else found_at(path, body)
    if value is UNDEFINED or value is None or value is False or value == "":
        return None
    if isinstance(value, (dict, list)):
        assert path is not None
        raise UpstreamInvalid(
            f"The provider's answer holds no cursor at {path.text}, but a whole object or array. Correct "
            "pagination.config.cursor_path."
        )
    text = scalar_text(value)
    if text.startswith(("http://", "https://")) and urlsplit(text).netloc:
        return encode_address(text, key)
    return text


def _truthy(value: object) -> bool:
    return bool(value) and value != "false"
