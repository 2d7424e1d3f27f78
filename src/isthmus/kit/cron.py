"""Cron expressions in a time zone: five fields, read as Debian's cron does, also where clocks are changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

__all__ = ["CronError", "check_cron", "instants_after", "next_after"]

_NAMED: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS: Final = 5


class CronError(ValueError):
    """An expression or a time zone that cannot be right; the message says which, and what would be."""


def instants_after(expression: str, timezone: str, moment: datetime) -> Iterator[datetime]:
    """One after the other, each after `moment`, in UTC; it ends where none is in the next 50 years.

    Where clocks go forward, a local time that is left out fires at the first instant after the gap; where
    they go back, one that comes twice fires once. With `*` in minute or hour real time is followed instead.
    Raises CronError, at once.
    """
    expression = _NAMED.get(expression.strip().lower(), expression)
    zone = _zone(timezone)
    if len(expression.split()) != _FIELDS:
        raise CronError(
            f"{expression!r} is no cron expression: it must have five fields (minute, hour, day of month, "
            "month, day of week), for example 30 6 * * 1-5."
        )
    try:
        found = CronSim(expression, moment.astimezone(zone))
    except CronSimError as error:
        raise CronError(f"{expression!r} is no cron expression: {str(error).lower()}.") from None
    instants = (local.astimezone(UTC) for local in found)
    # In an hour that comes twice the first one is meant: it may be past.
    return (instant for instant in instants if instant > moment)


def next_after(expression: str, timezone: str, moment: datetime) -> datetime | None:
    """The first of `instants_after`, or None. Raises CronError."""
    return next(instants_after(expression, timezone, moment), None)


def check_cron(expression: str, timezone: str) -> None:
    """Raises CronError."""
    instants_after(expression, timezone, datetime(2000, 1, 1, tzinfo=UTC))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CronError(
            f"{name!r} is no time zone. Use a name of the IANA database, for example Europe/Berlin or UTC."
        ) from None
