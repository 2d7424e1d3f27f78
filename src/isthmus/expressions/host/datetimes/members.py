"""What expressions see of a date-time (`functions.md` §5.3)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from isthmus.expressions.failures import failed
from isthmus.expressions.host import datetime_output as output
from isthmus.expressions.host.datetimes.calendar_names import day_names, month_names
from isthmus.expressions.host.datetimes.differences import difference, relative, relative_calendar
from isthmus.expressions.host.datetimes.durations import Duration
from isthmus.expressions.host.datetimes.formatting import format_datetime
from isthmus.expressions.host.datetimes.value import DateTime, days_in_year, weeks_in
from isthmus.expressions.host.datetimes.zones import SYSTEM, Zone, fixed, zone_of
from isthmus.expressions.host_value import host_type
from isthmus.expressions.javascript import is_number, plain_number, truthy, whole
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["DATETIME", "zone_argument"]

_NUMBERS: Final[Mapping[str, Callable[[DateTime], int | float]]] = {
    "year": lambda moment: moment.local.year,
    "quarter": lambda moment: moment.quarter,
    "month": lambda moment: moment.local.month,
    "day": lambda moment: moment.local.day,
    "hour": lambda moment: moment.local.hour,
    "minute": lambda moment: moment.local.minute,
    "second": lambda moment: moment.local.second,
    "millisecond": lambda moment: moment.millisecond,
    "weekYear": lambda moment: moment.week[0],
    "weekNumber": lambda moment: moment.week[1],
    "weekday": lambda moment: moment.week[2],
    "ordinal": lambda moment: moment.ordinal,
    "offset": lambda moment: moment.offset,
}
_NAMES: Final[Mapping[str, Callable[[DateTime], object]]] = {
    "monthShort": lambda moment: month_names(moment.locale, "short")[moment.local.month - 1],
    "monthLong": lambda moment: month_names(moment.locale, "long")[moment.local.month - 1],
    "weekdayShort": lambda moment: day_names(moment.locale, "short")[moment.week[2] - 1],
    "weekdayLong": lambda moment: day_names(moment.locale, "long")[moment.week[2] - 1],
    "offsetNameShort": lambda moment: moment.zone.short_name(moment.stamp),
    "offsetNameLong": lambda moment: moment.zone.long_name(moment.stamp),
    "zoneName": lambda moment: moment.zone.name,
    "zone": lambda moment: moment.zone.name,
    "locale": lambda moment: moment.locale,
}
_SIZES: Final[Mapping[str, Callable[[DateTime], object]]] = {
    "daysInMonth": lambda moment: moment.end_of("month").local.day,
    "daysInYear": lambda moment: days_in_year(moment.local.year),
}
_FLAGS: Final[Mapping[str, Callable[[DateTime], object]]] = {
    "isInLeapYear": lambda moment: days_in_year(moment.local.year) == 366,
    "isInDST": lambda moment: moment.zone.is_summer(moment.stamp, moment.local.year),
}


_DAY: Final = 24 * 60
"""Minutes that an offset may have at most."""


def _when_valid(read: Callable[[DateTime], object], otherwise: object) -> Callable[[DateTime], object]:
    return lambda moment: read(moment) if moment.is_valid else otherwise


def zone_argument(name: object) -> Zone | None:
    """A zone by name or by minutes east of UTC; the system's for null and missing; None if unknown."""
    if name is None or name is UNDEFINED:
        return SYSTEM
    if is_number(name):
        return fixed(int(name)) if -_DAY < name < _DAY else None
    return zone_of(name) if isinstance(name, str) else None


def _set_zone(moment: DateTime, name: object, options: object) -> DateTime:
    keep = truthy(options.get("keepLocalTime", False)) if isinstance(options, Mapping) else False
    return moment.with_zone(zone_argument(name), name, keep_local=keep)


def _to_utc(moment: DateTime, offset: object, options: object) -> DateTime:
    minutes = whole(offset, 0, -_DAY, _DAY)
    keep = truthy(options.get("keepLocalTime", False)) if isinstance(options, Mapping) else False
    return moment.with_zone(fixed(minutes), "UTC", keep_local=keep)


def _format(moment: DateTime, pattern: object, options: object) -> str:
    if not isinstance(pattern, str):
        raise failed("toFormat", "toFormat: the pattern must be text")
    locale = options.get("locale") if isinstance(options, Mapping) else None
    return format_datetime(moment, pattern, locale if isinstance(locale, str) else None)


def _until(moment: DateTime, other: object) -> object:
    """The two ends as ISO text; an interval has no members of its own (`functions.md` §12.23)."""
    return {"start": moment.iso(), "end": other.iso() if isinstance(other, DateTime) else None}


def _native(moment: DateTime) -> object:
    return datetime.fromtimestamp(moment.stamp / 1000, UTC) if moment.is_valid else None


def _number(moment: DateTime) -> int | float:
    return moment.stamp if moment.is_valid else math.nan


def _now(evaluation: Evaluation) -> DateTime:
    return DateTime(round(evaluation.now.timestamp() * 1000))


def _diff_now(evaluation: Evaluation, moment: DateTime, units: object) -> Duration:
    return difference(moment, _now(evaluation), units)


def _relative(evaluation: Evaluation, moment: DateTime, options: object) -> str | None:
    return relative(moment, _now(evaluation), options)


def _relative_calendar(evaluation: Evaluation, moment: DateTime, options: object) -> str | None:
    return relative_calendar(moment, _now(evaluation), options)


def _reconfigure(moment: DateTime, options: object) -> DateTime:
    return moment.with_locale(options.get("locale")) if isinstance(options, Mapping) else moment


DATETIME: Final = host_type(
    DateTime,
    {
        **{name: _when_valid(read, math.nan) for name, read in _NUMBERS.items()},
        **{name: _when_valid(read, None) for name, read in _NAMES.items()},
        **{name: _when_valid(read, UNDEFINED) for name, read in _SIZES.items()},
        "weeksInWeekYear": _when_valid(lambda moment: weeks_in(moment.week[0]), math.nan),
        **{name: _when_valid(read, False) for name, read in _FLAGS.items()},
        "isOffsetFixed": _when_valid(lambda moment: moment.zone.is_fixed, None),
        "isValid": lambda moment: moment.is_valid,
        "invalidReason": lambda moment: moment.reason,
        "invalidExplanation": lambda moment: moment.explanation,
        "numberingSystem": lambda moment: None,
        "outputCalendar": lambda moment: None,
    },
    {
        "toISO": output.iso,
        "toJSON": output.iso,
        "toISODate": output.iso_date,
        "toISOTime": output.iso_time,
        "toISOWeekDate": output.iso_week,
        "toRFC2822": output.rfc2822,
        "toHTTP": output.http,
        "toSQL": output.sql,
        "toSQLDate": lambda moment: output.iso_date(moment),
        "toSQLTime": output.sql_time,
        "toFormat": _format,
        "toLocaleString": output.locale_text,
        "toRelative": _relative,
        "toRelativeCalendar": _relative_calendar,
        "toMillis": _number,
        "valueOf": _number,
        "toSeconds": lambda moment: plain_number(_number(moment) / 1000),
        "toUnixInteger": lambda moment: moment.stamp // 1000 if moment.is_valid else math.nan,
        "toUTC": _to_utc,
        "toLocal": lambda moment: moment.with_zone(SYSTEM, "local"),
        "setZone": _set_zone,
        "setLocale": DateTime.with_locale,
        "reconfigure": _reconfigure,
        "plus": lambda moment, given: moment.moved_by(given, "plus", 1),
        "minus": lambda moment, given: moment.moved_by(given, "minus", -1),
        "set": DateTime.set,
        "startOf": DateTime.start_of,
        "endOf": DateTime.end_of,
        "diff": lambda moment, other, units: difference(moment, other, units),
        "diffNow": _diff_now,
        "until": _until,
        "hasSame": DateTime.same,
        "equals": DateTime.equals,
        "toJSDate": _native,
    },
    leave=DateTime.iso,
    evaluated=frozenset({"diffNow", "toRelative", "toRelativeCalendar"}),
)
