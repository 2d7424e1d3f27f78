"""Writes date-times as text: by a pattern, as RFC 2822, HTTP, SQL and ISO week dates, and in en-US style.

An invalid date-time gives None, or the text `Invalid DateTime`, whichever Luxon gives. The ISO 8601 forms are
methods of `DateTime`. The tokens of patterns are listed in
`docs/reference/date-times.md#tokens-of-patterns`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from isthmus.expressions.host.datetimes.calendar_names import (
    DAYS,
    MONTHS,
    get_day_names,
    get_meridiem_name,
    get_month_names,
)
from isthmus.expressions.host.datetimes.pattern_tokens import MACROS, split_pattern
from isthmus.expressions.host.datetimes.value import DateTime, get_option
from isthmus.expressions.host.datetimes.zones import format_offset
from isthmus.expressions.javascript import is_truthy, to_text
from isthmus.expressions.values import UNDEFINED

__all__ = [
    "format_datetime",
    "format_http",
    "format_iso_week",
    "format_locale",
    "format_rfc2822",
    "format_sql",
    "format_sql_time",
]

_ERAS: Final = {"G": ("BC", "AD"), "GG": ("Before Christ", "Anno Domini"), "GGGGG": ("B", "A")}


def format_datetime(moment: DateTime, pattern: str, locale: str | None = None) -> str:
    """Return the date-time by a pattern; `Invalid DateTime` for an invalid one.

    Characters that are no token stand for themselves. `locale`: the language of names, by default the value's
    own.
    """
    if not moment.is_valid:
        return "Invalid DateTime"
    return _format_tokens(moment, pattern, locale or moment.locale)


def _format_tokens(moment: DateTime, pattern: str, locale: str) -> str:
    """Return a valid date-time by a pattern, with names in the language of `locale`."""
    parts = []
    for is_literal, value in split_pattern(pattern):
        write_number = None if is_literal else _NUMBER_TOKENS.get(value)
        if write_number is not None:
            parts.append(write_number(moment))
        elif not is_literal and value in _NAME_TOKENS:
            parts.append(_NAME_TOKENS[value](moment, locale))
        elif not is_literal and value in MACROS:
            parts.append(_format_tokens(moment, MACROS[value], locale))
        else:
            parts.append(value)
    return "".join(parts)


def _make_number_writer(read: Callable[[DateTime], int], width: int) -> Callable[[DateTime], str]:
    """Return a writer of the number that `read` gives, with at least `width` digits."""
    return lambda moment: f"{read(moment):0{width}d}"


def _make_two_digit_writer(read: Callable[[DateTime], int]) -> Callable[[DateTime], str]:
    """Return a writer of the last two digits of the year that `read` gives."""
    return lambda moment: f"{read(moment):04d}"[-2:]


def _compute_locale_week(moment: DateTime) -> tuple[int, int]:
    """Return the year and the number of the week as the date-time's own locale counts: in America from
    Sunday, the week of 1 January the first."""
    if moment.locale not in {"en", "en-US"}:
        year, week, _ = moment.iso_week
        return year, week
    local = moment.local
    sunday = local.toordinal() - local.isoweekday() % 7
    end_year = local.fromordinal(sunday + 6).year
    first = local.replace(year=end_year, month=1, day=1)
    first_sunday = first.toordinal() - first.isoweekday() % 7
    return end_year, (sunday - first_sunday) // 7 + 1


def _to_twelve_hours(moment: DateTime) -> int:
    """Return the hour on a 12-hour clock, 1 to 12."""
    return moment.local.hour % 12 or 12


_NUMBER_TOKENS: Final[Mapping[str, Callable[[DateTime], str]]] = {
    "y": _make_number_writer(lambda m: m.local.year, 1),
    "yy": _make_two_digit_writer(lambda m: m.local.year),
    "yyyy": _make_number_writer(lambda m: m.local.year, 4),
    "yyyyyy": _make_number_writer(lambda m: m.local.year, 6),
    "kk": _make_two_digit_writer(lambda m: m.iso_week[0]),
    "kkkk": _make_number_writer(lambda m: m.iso_week[0], 4),
    "ii": _make_two_digit_writer(lambda m: _compute_locale_week(m)[0]),
    "iiii": _make_number_writer(lambda m: _compute_locale_week(m)[0], 4),
    "G": lambda m: _ERAS["G"][1],
    "GG": lambda m: _ERAS["GG"][1],
    "GGGGG": lambda m: _ERAS["GGGGG"][1],
    "q": _make_number_writer(lambda m: m.quarter, 1),
    "qq": _make_number_writer(lambda m: m.quarter, 2),
    "M": _make_number_writer(lambda m: m.local.month, 1),
    "MM": _make_number_writer(lambda m: m.local.month, 2),
    "L": _make_number_writer(lambda m: m.local.month, 1),
    "LL": _make_number_writer(lambda m: m.local.month, 2),
    "W": _make_number_writer(lambda m: m.iso_week[1], 1),
    "WW": _make_number_writer(lambda m: m.iso_week[1], 2),
    "n": _make_number_writer(lambda m: _compute_locale_week(m)[1], 1),
    "nn": _make_number_writer(lambda m: _compute_locale_week(m)[1], 2),
    "d": _make_number_writer(lambda m: m.local.day, 1),
    "dd": _make_number_writer(lambda m: m.local.day, 2),
    "o": _make_number_writer(lambda m: m.day_of_year, 1),
    "ooo": _make_number_writer(lambda m: m.day_of_year, 3),
    "c": _make_number_writer(lambda m: m.iso_week[2], 1),
    "E": _make_number_writer(lambda m: m.iso_week[2], 1),
    "H": _make_number_writer(lambda m: m.local.hour, 1),
    "HH": _make_number_writer(lambda m: m.local.hour, 2),
    "h": _make_number_writer(_to_twelve_hours, 1),
    "hh": _make_number_writer(_to_twelve_hours, 2),
    "m": _make_number_writer(lambda m: m.local.minute, 1),
    "mm": _make_number_writer(lambda m: m.local.minute, 2),
    "s": _make_number_writer(lambda m: m.local.second, 1),
    "ss": _make_number_writer(lambda m: m.local.second, 2),
    "S": _make_number_writer(lambda m: m.millisecond, 1),
    "SSS": _make_number_writer(lambda m: m.millisecond, 3),
    "u": _make_number_writer(lambda m: m.millisecond, 3),
    "uu": _make_number_writer(lambda m: m.millisecond // 10, 2),
    "uuu": _make_number_writer(lambda m: m.millisecond // 100, 1),
    "Z": lambda m: format_offset(m.offset, "narrow"),
    "ZZ": lambda m: format_offset(m.offset, "short"),
    "ZZZ": lambda m: format_offset(m.offset, "basic"),
    "ZZZZ": lambda m: m.zone.get_short_name(m.epoch_ms),
    "ZZZZZ": lambda m: m.zone.get_long_name(m.epoch_ms),
    "z": lambda m: m.zone.name,
    "X": lambda m: str(m.epoch_ms // 1000),
    "x": lambda m: str(m.epoch_ms),
}

_NAME_TOKENS: Final[Mapping[str, Callable[[DateTime, str], str]]] = {
    "a": lambda m, locale: get_meridiem_name(locale, m.local.hour),
    "MMM": lambda m, locale: get_month_names(locale, "short")[m.local.month - 1],
    "MMMM": lambda m, locale: get_month_names(locale, "long")[m.local.month - 1],
    "MMMMM": lambda m, locale: get_month_names(locale, "narrow")[m.local.month - 1],
    "LLL": lambda m, locale: get_month_names(locale, "short", alone=True)[m.local.month - 1],
    "LLLL": lambda m, locale: get_month_names(locale, "long", alone=True)[m.local.month - 1],
    "LLLLL": lambda m, locale: get_month_names(locale, "narrow", alone=True)[m.local.month - 1],
    "EEE": lambda m, locale: get_day_names(locale, "short")[m.iso_week[2] - 1],
    "EEEE": lambda m, locale: get_day_names(locale, "long")[m.iso_week[2] - 1],
    "EEEEE": lambda m, locale: get_day_names(locale, "narrow")[m.iso_week[2] - 1],
    "ccc": lambda m, locale: get_day_names(locale, "short", alone=True)[m.iso_week[2] - 1],
    "cccc": lambda m, locale: get_day_names(locale, "long", alone=True)[m.iso_week[2] - 1],
    "ccccc": lambda m, locale: get_day_names(locale, "narrow", alone=True)[m.iso_week[2] - 1],
}


def format_iso_week(moment: DateTime) -> str | None:
    """Return the ISO week date, as `2024-W01-1`; None when invalid."""
    if not moment.is_valid:
        return None
    year, week, weekday = moment.iso_week
    return f"{year:04d}-W{week:02d}-{weekday}"


def format_rfc2822(moment: DateTime) -> str | None:
    """Return the date-time as in mail headers, `Sat, 15 Jun 2024 14:30:00 +0000`; None when invalid."""
    if not moment.is_valid:
        return None
    return f"{_format_mail_date(moment)} {format_offset(moment.offset, 'basic')}"


def format_http(moment: DateTime) -> str | None:
    """Return the date-time as in HTTP headers, `Sat, 15 Jun 2024 14:30:00 GMT`; None when invalid."""
    if not moment.is_valid:
        return None
    return f"{_format_mail_date(DateTime(moment.epoch_ms))} GMT"


def _format_mail_date(moment: DateTime) -> str:
    """Return local date and time as mail and HTTP headers write them, without the zone."""
    local = moment.local
    day, month = DAYS[local.weekday()][:3], MONTHS[local.month - 1][:3]
    return f"{day}, {local.day:02d} {month} {local.year:04d} {local:%H:%M:%S}"


def format_sql(moment: DateTime, options: object = UNDEFINED) -> str | None:
    """Return the date-time as in SQL, `2024-06-15 14:30:00.000 +00:00`; None when invalid. Options as for
    `format_sql_time`."""
    if not moment.is_valid:
        return None
    return f"{moment.to_iso_date()} {format_sql_time(moment, options)}"


def format_sql_time(moment: DateTime, options: object = UNDEFINED) -> str | None:
    """Return the time of day as in SQL, `14:30:00.000 +00:00`; None when invalid.

    Options: `includeOffset`, `includeZone`, `includeOffsetSpace`.
    """
    if not moment.is_valid:
        return None
    clock = f"{moment.local:%H:%M:%S}.{moment.millisecond:03d}"
    with_zone = is_truthy(get_option(options, "includeZone", False))
    if not with_zone and not is_truthy(get_option(options, "includeOffset", True)):
        return clock
    space = " " if is_truthy(get_option(options, "includeOffsetSpace", True)) else ""
    if with_zone:
        return clock + space + moment.zone.name
    no_offset = moment.zone.is_fixed and not moment.offset
    return clock + space + ("Z" if no_offset else format_offset(moment.offset, "short"))


_YEARS = {"numeric": "yyyy", "2-digit": "yy"}
_MONTHS = {"numeric": "M", "2-digit": "MM", "long": "MMMM", "short": "MMM", "narrow": "MMMMM"}
_DAYS = {"numeric": "d", "2-digit": "dd"}
_WEEKDAYS = {"long": "EEEE", "short": "EEE", "narrow": "EEEEE"}
_DATE_STYLES = {"full": "DDDD", "long": "DDD", "medium": "DD", "short": "M/d/yy"}
_TIME_STYLES = {"full": "tttt", "long": "ttt", "medium": "tt", "short": "t"}


def format_locale(moment: DateTime, options: object = UNDEFINED) -> str:
    """Return text in the order of en-US, with names in the value's own language, by the fields asked for
    (`{month: "long", day: "numeric"}`) or by `dateStyle`, `timeStyle`.

    Without options the short date, `8/6/2024`; `Invalid DateTime` for an invalid value.
    """
    if not moment.is_valid:
        return "Invalid DateTime"
    fields = options if isinstance(options, Mapping) else {}
    if fields.get("dateStyle") or fields.get("timeStyle"):
        date = _DATE_STYLES.get(to_text(fields.get("dateStyle")), "")
        time = _TIME_STYLES.get(to_text(fields.get("timeStyle")), "")
        joiner = " 'at' " if date in {"DDDD", "DDD"} else ", "
    else:
        date, time = _choose_date_pattern(fields), _choose_time_pattern(fields)
        joiner = " 'at' " if "MMMM" in date and "MMMMM" not in date else ", "
        if not date and not time:
            date = "D"
    return format_datetime(moment, joiner.join(part for part in (date, time) if part))


def _choose_date_pattern(fields: Mapping[str, object]) -> str:
    """Return the en-US pattern of the date fields that `toLocaleString` was asked for; `""` for none."""
    year, month = _YEARS.get(to_text(fields.get("year")), ""), _MONTHS.get(to_text(fields.get("month")), "")
    day, weekday = (
        _DAYS.get(to_text(fields.get("day")), ""),
        _WEEKDAYS.get(to_text(fields.get("weekday")), ""),
    )
    if len(month) <= 2:
        date = "/".join(part for part in (month, day, year) if part)
    else:
        date = " ".join(part for part in (month, day) if part)
        date += (", " if day else " ") + year if year else ""
    return ", ".join(part for part in (weekday, date) if part)


def _choose_time_pattern(fields: Mapping[str, object]) -> str:
    """Return the en-US pattern of the time fields that `toLocaleString` was asked for; `""` for none."""
    if not any(name in fields for name in ("hour", "minute", "second")):
        return ""
    half_day = fields.get("hour12", UNDEFINED) is not False and fields.get("hourCycle") not in {"h23", "h24"}
    two_digits = fields.get("hour") == "2-digit" or not half_day
    hour = {(True, True): "hh", (True, False): "h", (False, True): "HH"}[half_day, two_digits]
    parts = [
        letters for name, letters in (("hour", hour), ("minute", "mm"), ("second", "ss")) if name in fields
    ]
    zone = {"short": " ZZZZ", "long": " ZZZZZ"}.get(to_text(fields.get("timeZoneName")), "")
    return ":".join(parts) + (" a" if half_day and "hour" in fields else "") + zone
