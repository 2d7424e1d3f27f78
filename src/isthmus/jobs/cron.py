"""Cron expressions in a time zone: five fields, read as Debian's cron does, also where clocks are changed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

__all__ = ["CronError", "check_cron", "next_after"]

_NAMED: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS: Final = (5, 6)


class CronError(ValueError):
    """An expression or a time zone that cannot be right; the message says which, and what would be."""


def next_after(expression: str, timezone: str, moment: datetime) -> datetime | None:
    """The first instant after `moment`, in UTC; None where there is none in the next 50 years.

    Where clocks go forward, a local time that is left out fires at the first instant after the gap; where
    they go back, one that comes twice fires once. With `*` in minute or hour real time is followed instead.
    A sixth field, in front, is seconds. Raises CronError.
    """
    expression = _NAMED.get(expression.strip().lower(), expression)
    zone = _zone(timezone)
    if len(expression.split()) not in _FIELDS:
        raise CronError(
            f"{expression!r} is no cron expression: it must have five fields (minute, hour, day of month, "
            "month, day of week), for example 30 6 * * 1-5."
        )
    try:
        found = next(CronSim(expression, moment.astimezone(zone)), None)
    except CronSimError as error:
        raise CronError(f"{expression!r} is no cron expression: {str(error).lower()}.") from None
    return None if found is None else found.astimezone(UTC)


def check_cron(expression: str, timezone: str) -> None:
    """Raises CronError."""
    next_after(expression, timezone, datetime(2000, 1, 1, tzinfo=UTC))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CronError(
            f"{name!r} is no time zone. Use a name of the IANA database, for example Europe/Berlin or UTC."
        ) from None
