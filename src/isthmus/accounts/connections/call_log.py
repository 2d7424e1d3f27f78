"""One line a call to a third party: who, what, where, how it went; never what it said.

Query values, bodies, headers and credentials have no field here, so that no line can hold them.
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
    """`status`: the provider's, None where it did not answer; then `error` names the error's class.
    `milliseconds`: of the whole call, waits and retries included. `host`: None where nothing was sent."""

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


class CallLog(Protocol):
    def record(self, call: CallRecord) -> None:
        """Takes note of one call. Must be quick and must not raise: calls do not wait for it."""
        ...


class JsonCallLog:
    """Writes to the logger `isthmus.calls`, one JSON object a line, at level INFO."""

    def __init__(self, logger: logging.Logger = call_logger) -> None:
        self._logger = logger

    def record(self, call: CallRecord) -> None:
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
            }
        ).decode()
        # Straight to the handlers: `info()` would look for its caller's line on the stack first.
        logger.handle(logger.makeRecord(logger.name, logging.INFO, __file__, 0, line, (), None))
