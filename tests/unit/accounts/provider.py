"""A product of one endpoint on loopback, scripted by the test."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

__all__ = ["Provider"]


@dataclass
class Provider:
    """`script`: answers to give first, in order, as (status, headers, body); then 200 with one item for each
    request. `seen`: path with query, and headers, of each request."""

    url: str = ""
    script: list[tuple[int, dict[str, str], Any]] = field(default_factory=list)
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Writes the request down and answers it, as the test says."""
        self.seen.append((str(request.rel_url), dict(request.headers)))
        if self.script:
            status, headers, body = self.script.pop(0)
            return web.json_response(body, status=status, headers=headers)
        return web.json_response({"items": [{"no": len(self.seen)}]})
