"""`Range` and `Content-Range` headers (RFC 9110 §14), with records for bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from isthmus.definitions.pagination import RangeConfig
from isthmus.engine.numbers import whole_number
from isthmus.engine.pagination.contract import Answer, Cursors, Start, Step, bad_cursor

__all__ = ["RangePaginator"]

_CONTENT_RANGE: Final = re.compile(r"\S+\s+(\d{1,15})-(\d{1,15})/(\d{1,15}|\*)\Z")


@dataclass(frozen=True, slots=True)
class RangePaginator:
    config: RangeConfig

    @property
    def limit_param(self) -> str | None:
        return None

    @property
    def no_way_back(self) -> str | None:
        return None

    def start(self, start: Start) -> Step:
        config = self.config
        size = start.limit or config.default_limit
        if config.max_limit is not None:
            size = min(size, config.max_limit)
        first = 0 if start.cursor is None else whole_number(start.cursor)
        if first is None:
            raise bad_cursor("must be a whole number")
        headers = {"Range": f"{config.range_unit}={first}-{first + size - 1}"}
        return Step(start.cursor, headers=headers, position=first, size=size)

    def read(self, step: Step, answer: Answer) -> Cursors:
        """Without `Content-Range` the answer is the whole list: the provider took no notice of the range."""
        first, size = step.position or 0, step.size or self.config.default_limit
        back = str(max(0, first - size)) if first > 0 else None
        found = _CONTENT_RANGE.match(answer.headers.get("content-range", "").strip())
        if found is None:
            return Cursors(prev=back)
        start, last, total = int(found[1]), int(found[2]), found[3]
        more = last - start + 1 >= size if total == "*" else last + 1 < int(total)
        return Cursors(next=str(last + 1) if more and last >= first else None, prev=back)
