"""A date-time in the standard forms: ISO 8601, RFC 2822, HTTP, SQL, and the locale's."""

from __future__ import annotations

from collections.abc import Mapping

from isthmus.expressions.host.datetimes.calendar_names import DAYS, MONTHS
from isthmus.expressions.host.datetimes.formatting import format_datetime, offset_text
from isthmus.expressions.host.datetimes.value import DateTime
from isthmus.expressions.javascript import text, truthy
from isthmus.expressions.values import UNDEFINED

__all__ = ["http", "iso", "iso_date", "iso_time", "iso_week", "locale_text", "rfc2822", "sql", "sql_time"]


def _option(options: object, name: str, default: object) -> object:
    value = options.get(name, UNDEFINED) if isinstance(options, Mapping) else UNDEFINED
    return default if value is UNDEFINED else value


def iso(moment: DateTime, options: object = UNDEFINED) -> str | None:
    """`2024-01-31T10:00:00.000+00:00`; `Z` only for a fixed zone without offset; None when invalid.

    Options: `suppressMilliseconds`, `suppressSeconds`, `includeOffset`, `extendedZone`, `format` (basic).
    """
    if not moment.is_valid:
        return None
    date = iso_date(moment, options)
    return f"{date}T{_clock(moment, options)}"


def iso_date(moment: DateTime, options: object = UNDEFINED) -> str | None:
    if not moment.is_valid:
        return None
    dash = "" if _option(options, "format", "extended") == "basic" else "-"
    return f"{moment.local.year:04d}{dash}{moment.local.month:02d}{dash}{moment.local.day:02d}"


def iso_time(moment: DateTime, options: object = UNDEFINED) -> str | None:
    """As `iso`, only the time; the option `includePrefix` puts a `T` before it."""
    if not moment.is_valid:
        return None
    return ("T" if truthy(_option(options, "includePrefix", False)) else "") + _clock(moment, options)


def _clock(moment: DateTime, options: object) -> str:
    local, millis = moment.local, moment.millisecond
    colon = "" if _option(options, "format", "extended") == "basic" else ":"
    out = f"{local.hour:02d}{colon}{local.minute:02d}"
    if millis or local.second or not truthy(_option(options, "suppressSeconds", False)):
        out += f"{colon}{local.second:02d}"
        if millis or not truthy(_option(options, "suppressMilliseconds", False)):
            out += f".{millis:03d}"
    extended = truthy(_option(options, "extendedZone", False))
    if truthy(_option(options, "includeOffset", True)):
        no_offset = moment.zone.is_fixed and not moment.offset and not extended
        out += "Z" if no_offset else offset_text(moment.offset, "short")
    return f"{out}[{moment.zone.name}]" if extended else out


def iso_week(moment: DateTime) -> str | None:
    """`2024-W01-1`."""
    if not moment.is_valid:
        return None
    year, week, weekday = moment.week
    return f"{year:04d}-W{week:02d}-{weekday}"


def rfc2822(moment: DateTime) -> str | None:
    """`Sat, 15 Jun 2024 14:30:00 +0000`."""
    if not moment.is_valid:
        return None
    return f"{_mail_date(moment)} {offset_text(moment.offset, 'basic')}"


def http(moment: DateTime) -> str | None:
    """`Sat, 15 Jun 2024 14:30:00 GMT`."""
    if not moment.is_valid:
        return None
    return f"{_mail_date(DateTime(moment.stamp))} GMT"


def _mail_date(moment: DateTime) -> str:
    local = moment.local
    day, month = DAYS[local.weekday()][:3], MONTHS[local.month - 1][:3]
    return f"{day}, {local.day:02d} {month} {local.year:04d} {local:%H:%M:%S}"


def sql(moment: DateTime, options: object = UNDEFINED) -> str | None:
    """`2024-06-15 14:30:00.000 +00:00`. Options: `includeOffset`, `includeZone`, `includeOffsetSpace`."""
    if not moment.is_valid:
        return None
    return f"{iso_date(moment)} {sql_time(moment, options)}"


def sql_time(moment: DateTime, options: object = UNDEFINED) -> str | None:
    if not moment.is_valid:
        return None
    out = f"{moment.local:%H:%M:%S}.{moment.millisecond:03d}"
    with_zone = truthy(_option(options, "includeZone", False))
    if not with_zone and not truthy(_option(options, "includeOffset", True)):
        return out
    space = " " if truthy(_option(options, "includeOffsetSpace", True)) else ""
    if with_zone:
        return out + space + moment.zone.name
    no_offset = moment.zone.is_fixed and not moment.offset
    return out + space + ("Z" if no_offset else offset_text(moment.offset, "short"))


_YEARS = {"numeric": "yyyy", "2-digit": "yy"}
_MONTHS = {"numeric": "M", "2-digit": "MM", "long": "MMMM", "short": "MMM", "narrow": "MMMMM"}
_DAYS = {"numeric": "d", "2-digit": "dd"}
_WEEKDAYS = {"long": "EEEE", "short": "EEE", "narrow": "EEEEE"}
_DATE_STYLES = {"full": "DDDD", "long": "DDD", "medium": "DD", "short": "M/d/yy"}
_TIME_STYLES = {"full": "tttt", "long": "ttt", "medium": "tt", "short": "t"}


def locale_text(moment: DateTime, options: object = UNDEFINED) -> str:
    """en-US text by the fields asked for (`{month: "long", day: "numeric"}`) or by `dateStyle`, `timeStyle`.

    Without options the short date, `8/6/2024`.
    """
    if not moment.is_valid:
        return "Invalid DateTime"
    given = options if isinstance(options, Mapping) else {}
    if given.get("dateStyle") or given.get("timeStyle"):
        date = _DATE_STYLES.get(text(given.get("dateStyle")), "")
        time = _TIME_STYLES.get(text(given.get("timeStyle")), "")
        joiner = " 'at' " if date in {"DDDD", "DDD"} else ", "
    else:
        date, time = _date_fields(given), _time_fields(given)
        joiner = " 'at' " if "MMMM" in date and "MMMMM" not in date else ", "
        if not date and not time:
            date = "D"
    return format_datetime(moment, joiner.join(part for part in (date, time) if part))


def _date_fields(given: Mapping[str, object]) -> str:
    year, month = _YEARS.get(text(given.get("year")), ""), _MONTHS.get(text(given.get("month")), "")
    day, weekday = _DAYS.get(text(given.get("day")), ""), _WEEKDAYS.get(text(given.get("weekday")), "")
    if len(month) <= 2:
        date = "/".join(part for part in (month, day, year) if part)
    else:
        date = " ".join(part for part in (month, day) if part)
        date += (", " if day else " ") + year if year else ""
    return ", ".join(part for part in (weekday, date) if part)


def _time_fields(given: Mapping[str, object]) -> str:
    if not any(name in given for name in ("hour", "minute", "second")):
        return ""
    half = given.get("hour12", UNDEFINED) is not False and given.get("hourCycle") not in {"h23", "h24"}
    wide = given.get("hour") == "2-digit" or not half
    hour = {(True, True): "hh", (True, False): "h", (False, True): "HH"}[half, wide]
    parts = [
        letters for name, letters in (("hour", hour), ("minute", "mm"), ("second", "ss")) if name in given
    ]
    zone = {"short": " ZZZZ", "long": " ZZZZZ"}.get(text(given.get("timeZoneName")), "")
    return ":".join(parts) + (" a" if half and "hour" in given else "") + zone
