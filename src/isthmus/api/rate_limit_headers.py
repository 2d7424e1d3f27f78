"""Our own request limits, told with every answer (`api.md` §1.8)."""

from __future__ import annotations

from dataclasses import replace

from isthmus.api.outgoing_response import Answer
from isthmus.api.request_limits import Standing

__all__ = ["told"]


def told(answer: Answer, *standings: Standing | None) -> Answer:
    """The answer with what the tighter of the limits leaves. A provider's own headers of these names, which
    come with its errors, stay."""
    given = [each for each in standings if each is not None]
    if not given:
        return answer
    tightest = min(given, key=lambda each: each.remaining)
    return replace(answer, headers={**tightest.headers, **answer.headers})
