"""What this room is given to reach a third party."""

from __future__ import annotations

from typing import Protocol

from isthmus.http.messages import HttpRequest, HttpResponse

__all__ = ["Sender"]


class Sender(Protocol):
    """`http.HttpClient`, as a gateway sees it."""

    async def send(self, request: HttpRequest) -> HttpResponse: ...
