"""Logs each call to a provider as one line, with who called what and how it went.

Query values, bodies, headers and credentials have no field here, so that no line can contain them.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final, Protocol

import orjson

__all__ = ["CallLog", "CallRecord", "JsonCallLog", "call_logger"]

call_logger: Final = logging.getLogger("isthmus.calls")


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One line of the call log. `status`: of the provider's response, None without one; then `error` is the
    name of the error's class. `milliseconds`: of the whole call, including waits and retries. `host`: None if
    nothing was sent. `unused`: paths of what the caller sent and the request does not hold
    (`body.emial`)."""

    request_id: str
    environment_id: str
    integrated_account_id: str
    integration: str
    resource: str
    method: str
    verb: str
    host: str | None
    status: int | None
    milliseconds: float
    retries: int
    error: str | None = None
    unused: tuple[str, ...] = ()


class CallLog(Protocol):
    """Where the gateway logs each call."""

    def record(self, call: CallRecord) -> None:
        """Log one call. Must be fast and must not raise."""
        ...


class JsonCallLog:
    """Logs each call as a JSON object at level INFO, to the logger `isthmus.calls` by default."""

    def __init__(self, logger: logging.Logger = call_logger) -> None:
        self._logger = logger

    def record(self, call: CallRecord) -> None:
        """Log one call as one line of JSON; does nothing if the level is off."""
        logger = self._logger
        if not logger.isEnabledFor(logging.INFO):
            return
        line = orjson.dumps(
            {
                "event": "call",
                "request_id": call.request_id,
                "environment_id": call.environment_id,
                "integrated_account_id": call.integrated_account_id,
                "integration": call.integration,
                "resource": call.resource,
                "method": call.method,
                "verb": call.verb,
                "host": call.host,
                "status": call.status,
                "milliseconds": round(call.milliseconds, 2),
                "retries": call.retries,
                **({"error": call.error} if call.error else {}),
                **({"unused": call.unused} if call.unused else {}),
            }
        ).decode()
        # Straight to the handlers: `info()` would look for its caller's line on the stack first.
        logger.handle(logger.makeRecord(logger.name, logging.INFO, __file__, 0, line, (), None))
