"""The OpenAPI parameters of calls that take an idempotency key."""

from __future__ import annotations

from typing import Any, Final

from isthmus.api.call_parsing import REPEAT_UNKNOWN

__all__ = ["IDEMPOTENCY_PARAMETERS"]

IDEMPOTENCY_PARAMETERS: Final[tuple[dict[str, Any], ...]] = (
    {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "maxLength": 255},
        "description": "Repeating the call with the same key within 24 hours gives its first answer again, "
        "with `Idempotency-Replayed: true`.",
    },
    {
        "name": REPEAT_UNKNOWN,
        "in": "query",
        "required": False,
        "schema": {"type": "boolean"},
        "description": "With an `Idempotency-Key` whose outcome is unknown (409, `outcome_unknown`): send "
        "the call again.",
    },
)
