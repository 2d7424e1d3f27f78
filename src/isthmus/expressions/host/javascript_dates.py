"""JavaScript dates (`functions.md` §6.6): Python `datetime` values, shown in UTC."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from isthmus.expressions.host_value import format_iso_utc, host_type

__all__ = ["DATE", "milliseconds"]


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970; a `datetime` without a zone counts as UTC."""
    return (_utc(moment) - _EPOCH) // timedelta(milliseconds=1)


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _part(read: Callable[[datetime], int]) -> Callable[[datetime], int]:
    return lambda moment: read(_utc(moment))


_YEAR: Final = _part(lambda moment: moment.year)
_MONTH: Final = _part(lambda moment: moment.month - 1)
_DAY: Final = _part(lambda moment: moment.day)


def _iso(moment: datetime) -> str:
    return format_iso_utc(_utc(moment))


DATE: Final = host_type(
    datetime,
    {},
    {
        "toISOString": _iso,
        "toJSON": _iso,
        "getTime": milliseconds,
        "valueOf": milliseconds,
        "getFullYear": _YEAR,
        "getMonth": _MONTH,
        "getDate": _DAY,
        "getUTCFullYear": _YEAR,
        "getUTCMonth": _MONTH,
        "getUTCDate": _DAY,
        "getUTCHours": _part(lambda moment: moment.hour),
        "getUTCMinutes": _part(lambda moment: moment.minute),
        "getUTCSeconds": _part(lambda moment: moment.second),
        "getUTCMilliseconds": _part(lambda moment: moment.microsecond // 1000),
    },
    to_result=_iso,
    to_json=_iso,
)
