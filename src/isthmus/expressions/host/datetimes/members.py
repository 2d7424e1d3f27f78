"""The fields and methods of a date-time that expressions can use, as a registration for the library."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from isthmus.expressions.errors import make_function_error
from isthmus.expressions.host.datetimes.calendar_names import get_day_names, get_month_names
from isthmus.expressions.host.datetimes.differences import (
    compute_difference,
    format_relative,
    format_relative_calendar,
)
from isthmus.expressions.host.datetimes.durations import Duration, to_duration
from isthmus.expressions.host.datetimes.formatting import (
    format_datetime,
    format_http,
    format_iso_week,
    format_locale,
    format_rfc2822,
    format_sql,
    format_sql_time,
)
from isthmus.expressions.host.datetimes.value import (
    DateTime,
    count_days_in_year,
    count_weeks_in_iso_year,
    get_option,
)
from isthmus.expressions.host.datetimes.zones import MAX_OFFSET_MINUTES, SYSTEM, make_fixed_zone, to_zone
from isthmus.expressions.host_value import make_host_type
from isthmus.expressions.javascript import clamp_to_integer, convert_integral_to_int, is_truthy
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["DATETIME"]

_NUMBERS: Final[Mapping[str, Callable[[DateTime], int | float]]] = {
    "year": lambda moment: moment.local.year,
    "quarter": lambda moment: moment.quarter,
    "month": lambda moment: moment.local.month,
    "day": lambda moment: moment.local.day,
    "hour": lambda moment: moment.local.hour,
    "minute": lambda moment: moment.local.minute,
    "second": lambda moment: moment.local.second,
    "millisecond": lambda moment: moment.millisecond,
    "weekYear": lambda moment: moment.iso_week[0],
    "weekNumber": lambda moment: moment.iso_week[1],
    "weekday": lambda moment: moment.iso_week[2],
    "ordinal": lambda moment: moment.day_of_year,
    "offset": lambda moment: moment.offset,
}
_NAMES: Final[Mapping[str, Callable[[DateTime], object]]] = {
    "monthShort": lambda moment: get_month_names(moment.locale, "short")[moment.local.month - 1],
    "monthLong": lambda moment: get_month_names(moment.locale, "long")[moment.local.month - 1],
    "weekdayShort": lambda moment: get_day_names(moment.locale, "short")[moment.iso_week[2] - 1],
    "weekdayLong": lambda moment: get_day_names(moment.locale, "long")[moment.iso_week[2] - 1],
    "offsetNameShort": lambda moment: moment.zone.get_short_name(moment.epoch_ms),
    "offsetNameLong": lambda moment: moment.zone.get_long_name(moment.epoch_ms),
    "zoneName": lambda moment: moment.zone.name,
    "zone": lambda moment: moment.zone.name,
    "locale": lambda moment: moment.locale,
}
_COUNTS: Final[Mapping[str, Callable[[DateTime], object]]] = {
    "daysInMonth": lambda moment: moment.end_of("month").local.day,
    "daysInYear": lambda moment: count_days_in_year(moment.local.year),
}
_FLAGS: Final[Mapping[str, Callable[[DateTime], object]]] = {
    "isInLeapYear": lambda moment: count_days_in_year(moment.local.year) == 366,
    "isInDST": lambda moment: moment.zone.is_dst(moment.epoch_ms, moment.local.year),
}


def _make_valid_getter(read: Callable[[DateTime], object], otherwise: object) -> Callable[[DateTime], object]:
    """Return a getter that gives what `read` gives, and `otherwise` for an invalid date-time."""
    return lambda moment: read(moment) if moment.is_valid else otherwise


def _set_zone(moment: DateTime, name: object, options: object) -> DateTime:
    """`setZone()`: return the date-time in the zone of that name."""
    keep_local = is_truthy(get_option(options, "keepLocalTime", False))
    return moment.with_zone(to_zone(name), name, keep_local=keep_local)


def _to_utc(moment: DateTime, offset: object, options: object) -> DateTime:
    """`toUTC()`: return the date-time in UTC, or at a fixed offset of so many minutes from it."""
    minutes = clamp_to_integer(offset, 0, -MAX_OFFSET_MINUTES, MAX_OFFSET_MINUTES)
    keep_local = is_truthy(get_option(options, "keepLocalTime", False))
    return moment.with_zone(make_fixed_zone(minutes), "UTC", keep_local=keep_local)


def _to_format(moment: DateTime, pattern: object, options: object) -> str:
    """`toFormat()`: return text by a pattern; raises ExpressionError where the pattern is no text."""
    if not isinstance(pattern, str):
        raise make_function_error("toFormat", "toFormat: the pattern must be text")
    locale = options.get("locale") if isinstance(options, Mapping) else None
    return format_datetime(moment, pattern, locale if isinstance(locale, str) else None)


def _to_interval(moment: DateTime, other: object) -> object:
    """`until()`: return the two ends of the interval as ISO text; intervals have no members of their own
    here."""
    return {"start": moment.to_iso(), "end": other.to_iso() if isinstance(other, DateTime) else None}


def _to_js_date(moment: DateTime) -> object:
    """`toJSDate()`: return a datetime in UTC; None when invalid."""
    return datetime.fromtimestamp(moment.epoch_ms / 1000, UTC) if moment.is_valid else None


def _to_epoch_ms(moment: DateTime) -> int | float:
    """`toMillis()`: return milliseconds since 1970; NaN when invalid."""
    return moment.epoch_ms if moment.is_valid else math.nan


def _get_now(evaluation: Evaluation) -> DateTime:
    """Return the time of the evaluation as a date-time."""
    return DateTime(round(evaluation.now.timestamp() * 1000))


def _diff_now(evaluation: Evaluation, moment: DateTime, units: object) -> Duration:
    """`diffNow()`: return the duration from now to the date-time, negative for one in the past."""
    return compute_difference(moment, _get_now(evaluation), units)


def _to_relative(evaluation: Evaluation, moment: DateTime, options: object) -> str | None:
    """`toRelative()`: return the distance from now in words; None when invalid."""
    return format_relative(moment, _get_now(evaluation), options)


def _to_relative_calendar(evaluation: Evaluation, moment: DateTime, options: object) -> str | None:
    """`toRelativeCalendar()`: return the calendar distance from now in words; None when invalid."""
    return format_relative_calendar(moment, _get_now(evaluation), options)


def _reconfigure(moment: DateTime, options: object) -> DateTime:
    """`reconfigure()`: return the date-time with the options' `locale`; other options have no effect."""
    return moment.with_locale(options.get("locale")) if isinstance(options, Mapping) else moment


DATETIME: Final = make_host_type(
    DateTime,
    {
        **{name: _make_valid_getter(read, math.nan) for name, read in _NUMBERS.items()},
        **{name: _make_valid_getter(read, None) for name, read in _NAMES.items()},
        **{name: _make_valid_getter(read, UNDEFINED) for name, read in _COUNTS.items()},
        "weeksInWeekYear": _make_valid_getter(
            lambda moment: count_weeks_in_iso_year(moment.iso_week[0]), math.nan
        ),
        **{name: _make_valid_getter(read, False) for name, read in _FLAGS.items()},
        "isOffsetFixed": _make_valid_getter(lambda moment: moment.zone.is_fixed, None),
        "isValid": lambda moment: moment.is_valid,
        "invalidReason": lambda moment: moment.reason,
        "invalidExplanation": lambda moment: moment.explanation,
        "numberingSystem": lambda moment: None,
        "outputCalendar": lambda moment: None,
    },
    {
        "toISO": DateTime.to_iso,
        "toJSON": DateTime.to_iso,
        "toISODate": DateTime.to_iso_date,
        "toISOTime": DateTime.to_iso_time,
        "toISOWeekDate": format_iso_week,
        "toRFC2822": format_rfc2822,
        "toHTTP": format_http,
        "toSQL": format_sql,
        "toSQLDate": lambda moment: moment.to_iso_date(),
        "toSQLTime": format_sql_time,
        "toFormat": _to_format,
        "toLocaleString": format_locale,
        "toRelative": _to_relative,
        "toRelativeCalendar": _to_relative_calendar,
        "toMillis": _to_epoch_ms,
        "valueOf": _to_epoch_ms,
        "toSeconds": lambda moment: convert_integral_to_int(_to_epoch_ms(moment) / 1000),
        "toUnixInteger": lambda moment: moment.epoch_ms // 1000 if moment.is_valid else math.nan,
        "toUTC": _to_utc,
        "toLocal": lambda moment: moment.with_zone(SYSTEM, "local"),
        "setZone": _set_zone,
        "setLocale": DateTime.with_locale,
        "reconfigure": _reconfigure,
        "plus": lambda moment, given: moment.plus(to_duration(given, "plus")),
        "minus": lambda moment, given: moment.plus(to_duration(given, "minus").negate()),
        "set": DateTime.set,
        "startOf": DateTime.start_of,
        "endOf": DateTime.end_of,
        "diff": lambda moment, other, units: compute_difference(moment, other, units),
        "diffNow": _diff_now,
        "until": _to_interval,
        "hasSame": DateTime.has_same,
        "equals": DateTime.equals,
        "toJSDate": _to_js_date,
    },
    to_result=DateTime.to_iso,
    evaluation_methods=frozenset({"diffNow", "toRelative", "toRelativeCalendar"}),
)
