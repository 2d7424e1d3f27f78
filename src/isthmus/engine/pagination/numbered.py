"""Pages by number, and by the index of their first record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from isthmus.definitions.pagination import OffsetConfig, PageConfig
from isthmus.definitions.paths import BodyPath
from isthmus.engine.numbers import whole_number
from isthmus.engine.pagination.contract import (
    Answer,
    Cursors,
    Start,
    Step,
    bad_cursor,
    effective_limit,
)
from isthmus.engine.scopes import found_at

__all__ = ["OffsetPaginator", "PagePaginator"]


@dataclass(frozen=True, slots=True)
class PagePaginator:
    config: PageConfig

    @property
    def limit_param(self) -> str | None:
        return self.config.limit_param or None

    @property
    def no_way_back(self) -> str | None:
        return None

    def start(self, start: Start) -> Step:
        config = self.config
        params, size = effective_limit(start, self.limit_param, config.default_limit, config.max_limit)
        name = config.page_param
        if start.keeps_position(name):
            return Step(start.cursor, params, position=whole_number(start.given.get(name)), size=size)
        page = _position(start.cursor, config.start_page)
        return Step(start.cursor, {name: page, **params}, position=page, size=size)

    def read(self, step: Step, answer: Answer) -> Cursors:
        page = self.config.start_page if step.position is None else step.position
        total = _total(self.config.total_pages_path, answer.body)
        more = page < total if total is not None else _is_full(step, answer)
        return Cursors(
            next=str(page + 1) if more else None,
            prev=str(page - 1) if page > self.config.start_page else None,
        )


@dataclass(frozen=True, slots=True)
class OffsetPaginator:
    config: OffsetConfig

    @property
    def limit_param(self) -> str | None:
        return self.config.limit_param or None

    @property
    def no_way_back(self) -> str | None:
        return None

    def start(self, start: Start) -> Step:
        config = self.config
        params, size = effective_limit(start, self.limit_param, config.default_limit, config.max_limit)
        name = config.offset_param
        if start.keeps_position(name):
            return Step(start.cursor, params, position=whole_number(start.given.get(name)), size=size)
        offset = _position(start.cursor, config.start_offset)
        return Step(start.cursor, {name: offset, **params}, position=offset, size=size)

    def read(self, step: Step, answer: Answer) -> Cursors:
        first = self.config.start_offset
        offset = first if step.position is None else step.position
        following = offset + answer.records
        total = _total(self.config.total_path, answer.body)
        more = following < total + first if total is not None else _is_full(step, answer)
        if answer.records == 0:
            more = False
        back = max(first, offset - (step.size or answer.records))
        return Cursors(next=str(following) if more else None, prev=str(back) if offset > first else None)


def _position(cursor: str | None, first: int) -> int:
    if cursor is None:
        return first
    number = whole_number(cursor)
    if number is None:
        raise bad_cursor("must be a whole number")
    return number


def _is_full(step: Step, answer: Answer) -> bool:
    return answer.records >= step.size if step.size else answer.records > 0


def _total(path: BodyPath | None, body: Any) -> int | None:
    """What the provider counts; None where it says nothing usable, so that the size of the page decides."""
    return None if path is None else whole_number(found_at(path, body))
