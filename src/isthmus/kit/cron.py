"""Computes the firings of cron expressions in a time zone: five fields, as Debian's cron reads them, also
when clocks are changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

__all__ = ["CronError", "check_cron", "find_next_firing", "iterate_firings"]

_NICKNAMES: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELD_COUNT: Final = 5


class CronError(ValueError):
    """The cron expression or the time zone is invalid; the message says which, and what would be valid."""


def iterate_firings(expression: str, timezone: str, moment: datetime) -> Iterator[datetime]:
    """Yields the times at which the expression fires after `moment`, in UTC and in order. Ends if there is
    none in the next 50 years.

    When clocks go forward, a local time that is skipped fires at the first instant after the gap. When they
    go back, a local time that comes twice fires once. With `*` in minute or hour, real time is followed
    instead. Raises CronError when it is called.
    """
    expression = _NICKNAMES.get(expression.strip().lower(), expression)
    zone = _load_zone(timezone)
    if len(expression.split()) != _FIELD_COUNT:
        raise CronError(
            f"{expression!r} is no cron expression: it must have five fields (minute, hour, day of month, "
            "month, day of week), for example 30 6 * * 1-5."
        )
    try:
        local_times = CronSim(expression, moment.astimezone(zone))
    except CronSimError as error:
        raise CronError(f"{expression!r} is no cron expression: {str(error).lower()}.") from None
    instants = (local.astimezone(UTC) for local in local_times)
    # cronsim may give a time in the first of two equal hours, which can be before `moment`.
    return (instant for instant in instants if instant > moment)


def find_next_firing(expression: str, timezone: str, moment: datetime) -> datetime | None:
    """Returns the first firing after `moment`, in UTC; None if there is none in the next 50 years. Raises
    CronError."""
    return next(iterate_firings(expression, timezone, moment), None)


def check_cron(expression: str, timezone: str) -> None:
    """Raises CronError if the expression or the time zone is invalid."""
    iterate_firings(expression, timezone, datetime(2000, 1, 1, tzinfo=UTC))


def _load_zone(name: str) -> ZoneInfo:
    """Returns the time zone with an IANA name. Raises CronError for an unknown one."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise CronError(
            f"{name!r} is no time zone. Use a name of the IANA database, for example Europe/Berlin or UTC."
        ) from None
