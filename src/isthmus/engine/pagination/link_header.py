"""Pages that a `Link` header names (RFC 8288)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin

from isthmus.definitions.pagination import LinkHeaderConfig
from isthmus.engine.pagination.contract import Answer, Cursors, Start, Step, bad_cursor, effective_limit
from isthmus.engine.pagination.tokens import decode_address, encode_address

__all__ = ["LinkHeaderPaginator", "link_targets"]

_LINK: Final = re.compile(r"<([^<>]*)>((?:[^,\"]|\"(?:[^\"\\]|\\.)*\")*)")
_READ: Final = 65_536
_PARAMETER: Final = re.compile(r";\s*([\w*-]+)\s*(?:=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;,\"]+)))?")


@dataclass(frozen=True, slots=True)
class LinkHeaderPaginator:
    config: LinkHeaderConfig

    @property
    def limit_param(self) -> str | None:
        return self.config.limit_param or None

    @property
    def no_way_back(self) -> str | None:
        return None

    def start(self, start: Start) -> Step:
        config = self.config
        params, size = effective_limit(start, self.limit_param, config.default_limit, config.max_limit)
        if start.cursor is None:
            return Step(None, params, size=size)
        address = decode_address(start.cursor, start.key)
        if address is None:
            raise bad_cursor("must be a token that this list returned")
        return Step(start.cursor, url=address, size=size)

    def read(self, step: Step, answer: Answer) -> Cursors:
        targets = link_targets(answer.headers.get("link", ""))
        found = {
            relation: encode_address(urljoin(answer.url, targets[relation]), step.key)
            for relation in ("next", "prev")
            if targets.get(relation)
        }
        following = found.get("next")
        return Cursors(next=None if following == step.cursor else following, prev=found.get("prev"))


def link_targets(header: str) -> dict[str, str]:
    """Target by relation, the first of each; `previous` is another name of `prev`. Reads 64 KiB of it."""
    targets: dict[str, str] = {}
    for match in _LINK.finditer(header[:_READ]):
        for name in _relations(match[2]):
            targets.setdefault("prev" if name == "previous" else name, match[1].strip())
    return targets


def _relations(parameters: str) -> list[str]:
    """The first `rel` counts (RFC 8288 §3.3)."""
    for name, quoted, token in _PARAMETER.findall(parameters):
        if name.lower() == "rel":
            return str(quoted or token).lower().split()
    return []
