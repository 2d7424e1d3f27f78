"""Standard functions of time: `$now`, `$millis`, `$toMillis`, `$fromMillis`."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.library import Evaluation
from isthmus.expressions.runtime.operators import normalize_number
from isthmus.expressions.standard import calendar
from isthmus.expressions.standard.date_formatter import ISO_PICTURE, format_time
from isthmus.expressions.standard.date_parser import parse_time
from isthmus.expressions.values import UNDEFINED

__all__ = ["format_iso_millis", "from_millis", "millis", "now", "parse_iso_millis", "to_millis"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_END_OF_YEAR_9999: Final = 253_402_300_800_000
_TWO_DIGITS: Final = tuple(f"{number:02d}" for number in range(60))
_PATTERN: Final = re.compile(
    r"(\d{4})(?:-([01]\d))?(?:-([0-3]\d))?(?:T([0-2]\d):([0-5]\d):([0-5]\d))?(\.\d+)?([+-][0-2]\d:?[0-5]\d|Z)?",
    re.ASCII,
)


@lru_cache(maxsize=4_096)
def _format_day(days: int) -> str:
    """Return the date of a day counted from 1970-01-01; cached, since records of one page share few days."""
    return date.fromordinal(days + 719_163).isoformat()


def parse_iso_millis(text: Any) -> Any:
    """Return `$toMillis` of the usual `2024-01-02T03:04:05.678Z`; None for any other text."""
    if type(text) is not str:
        return UNDEFINED if text is UNDEFINED else None
    size = len(text)
    if not ((size == 24 and text[19] == ".") or size == 20) or text[10] != "T" or text[-1] != "Z":
        return None
    try:
        passed = datetime.fromisoformat(text) - _EPOCH
    except ValueError:
        return None
    return passed.days * 86_400_000 + passed.seconds * 1_000 + passed.microseconds // 1_000


def format_iso_millis(time: Any) -> Any:
    """Return `$fromMillis` without a picture of a time from 1970 to 9999; None for any other time."""
    if type(time) is int and 0 <= time < _END_OF_YEAR_9999:
        seconds, part = divmod(time, 1_000)
        minutes, second = divmod(seconds, 60)
        days, minutes = divmod(minutes, 1_440)
        hour, minute = divmod(minutes, 60)
        return (
            f"{_format_day(days)}T{_TWO_DIGITS[hour]}:{_TWO_DIGITS[minute]}:{_TWO_DIGITS[second]}.{part:03d}Z"
        )
    return UNDEFINED if time is UNDEFINED else None


def millis(evaluation: Evaluation) -> int:
    """`$millis`: return the time of the evaluation, in milliseconds since 1970."""
    return (evaluation.now - _EPOCH) // timedelta(milliseconds=1)


def now(evaluation: Evaluation, picture: Any, zone: Any) -> Any:
    """`$now`: return the time of the evaluation as text."""
    return from_millis(millis(evaluation), picture, zone)


def from_millis(time: Any, picture: Any, zone: Any) -> Any:
    """`$fromMillis`: return the time by a picture, or in ISO 8601 in UTC; `zone` is an offset such as
    `+0530`."""
    if time is UNDEFINED:
        return UNDEFINED
    if picture is UNDEFINED and zone is UNDEFINED and type(time) is int and 0 <= time < _END_OF_YEAR_9999:
        return format_iso_millis(time)
    return format_time(time, ISO_PICTURE if picture is UNDEFINED else picture, zone)


def to_millis(evaluation: Evaluation, text: Any, picture: Any) -> Any:
    """`$toMillis`: return the milliseconds of a time by a picture, or in ISO 8601. Raises D3110 for other
    texts."""
    if text is UNDEFINED:
        return UNDEFINED
    if picture is not UNDEFINED:
        milliseconds = parse_time(evaluation, text, picture)
        return milliseconds if milliseconds is UNDEFINED else normalize_number(milliseconds)
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ExpressionError(
            "D3110",
            f'The argument of the toMillis function must be an ISO 8601 formatted timestamp. Given "{text}"',
            value=text,
        )
    return _compute_iso_millis(match)


def _compute_iso_millis(match: re.Match[str]) -> Any:
    """Return the milliseconds of a matched text as JavaScript's `Date.parse` reads it; NaN for a date that
    does not exist."""
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    month_number, day_number = int(month or 1), int(day or 1)
    if hour is None and (fraction or zone) and zone != "Z":
        return float("nan")
    if not (1 <= month_number <= 12 and 1 <= day_number <= 31):
        return float("nan")
    hours, minutes, seconds = int(hour or 0), int(minute or 0), int(second or 0)
    part = float(f"0{fraction}") if fraction else 0.0
    if hours > 24 or (hours == 24 and (minutes or seconds or part)):
        return float("nan")
    days = calendar.convert_date_to_days(int(year), month_number, 1) + day_number - 1
    total = ((days * 24 + hours) * 60 + minutes) * 60_000 + seconds * 1000 + int(part * 1000 + 1e-9)
    if zone and zone != "Z":
        sign = -1 if zone[0] == "-" else 1
        total -= sign * (int(zone[1:3]) * 60 + int(zone[-2:])) * 60_000
    return total
