"""JavaScript dates: Python `datetime` values with the methods of a `Date`, in UTC."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from isthmus.expressions.host_value import format_iso_utc, make_host_type

__all__ = ["DATE", "to_epoch_ms"]


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def to_epoch_ms(moment: datetime) -> int:
    """Return the milliseconds since 1970; a `datetime` without a zone counts as UTC."""
    return (_to_utc(moment) - _EPOCH) // timedelta(milliseconds=1)


def _to_utc(moment: datetime) -> datetime:
    """Return the moment in UTC; one without a zone is taken as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _make_utc_getter(read: Callable[[datetime], int]) -> Callable[[datetime], int]:
    """Return a method that gives what `read` gives for the moment in UTC."""
    return lambda moment: read(_to_utc(moment))


_GET_YEAR: Final = _make_utc_getter(lambda moment: moment.year)
_GET_MONTH: Final = _make_utc_getter(lambda moment: moment.month - 1)
_GET_DAY: Final = _make_utc_getter(lambda moment: moment.day)


def _to_iso(moment: datetime) -> str:
    """Return ISO text in UTC, with milliseconds and `Z`; a `datetime` without a zone counts as UTC."""
    return format_iso_utc(_to_utc(moment))


DATE: Final = make_host_type(
    datetime,
    {},
    {
        "toISOString": _to_iso,
        "toJSON": _to_iso,
        "getTime": to_epoch_ms,
        "valueOf": to_epoch_ms,
        "getFullYear": _GET_YEAR,
        "getMonth": _GET_MONTH,
        "getDate": _GET_DAY,
        "getUTCFullYear": _GET_YEAR,
        "getUTCMonth": _GET_MONTH,
        "getUTCDate": _GET_DAY,
        "getUTCHours": _make_utc_getter(lambda moment: moment.hour),
        "getUTCMinutes": _make_utc_getter(lambda moment: moment.minute),
        "getUTCSeconds": _make_utc_getter(lambda moment: moment.second),
        "getUTCMilliseconds": _make_utc_getter(lambda moment: moment.microsecond // 1000),
    },
    to_result=_to_iso,
    to_json=_to_iso,
)
