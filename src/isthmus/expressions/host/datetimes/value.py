"""`DateTime`: an instant in a time zone, with arithmetic in that zone's local time and its ISO 8601 text.

Instants are whole milliseconds since 1970. A value with a year outside 1 to 9999 is invalid
(`docs/reference/date-times.md#invalid-values`).
"""

from __future__ import annotations

import math
from calendar import isleap, monthrange
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Final

from isthmus.expressions.errors import ExpressionError, make_function_error
from isthmus.expressions.host.datetimes.durations import UNITS, Duration, Unit, parse_unit
from isthmus.expressions.host.datetimes.zones import SYSTEM, Zone, format_offset
from isthmus.expressions.host_value import Host
from isthmus.expressions.javascript import is_nil, is_truthy, to_number, to_text
from isthmus.expressions.values import UNDEFINED

__all__ = [
    "DateTime",
    "count_days_in_year",
    "count_weeks_in_iso_year",
    "get_option",
    "make_invalid_datetime",
    "make_mixed_units_error",
    "to_epoch_ms",
]

_EPOCH: Final = datetime(1970, 1, 1)
_MILLISECOND: Final = timedelta(milliseconds=1)
# Two days inside the range of Python's datetime, so that the local time of every zone is in it too.
_MIN_EPOCH_MS: Final = (datetime(1, 1, 3) - _EPOCH) // _MILLISECOND
_MAX_EPOCH_MS: Final = (datetime(9999, 12, 30) - _EPOCH) // _MILLISECOND
_MAX_NUMBER: Final = 10**17
_FIELD_NAMES: Final = {
    "year": "year",
    "quarter": "quarter",
    "month": "month",
    "day": "day",
    "hour": "hour",
    "minute": "minute",
    "second": "second",
    "millisecond": "millisecond",
    "weekday": "weekday",
    "weeknumber": "weekNumber",
    "weekyear": "weekYear",
    "ordinal": "ordinal",
}


class DateTime(Host):
    """An immutable instant (`epoch_ms`) in a `zone`; `local` is the time there, `offset` minutes from UTC.

    `reason` is None for a valid value, else why it is invalid, in a word or two; `explanation` says it in a
    sentence. Every method of an invalid value gives an invalid value, None or NaN.
    """

    __slots__ = ("epoch_ms", "explanation", "local", "locale", "offset", "reason", "zone")

    def __init__(
        self,
        epoch_ms: int | float,
        zone: Zone = SYSTEM,
        *,
        locale: str = "en-US",
        reason: str | None = None,
        explanation: str | None = None,
    ) -> None:
        if reason is None and not (isinstance(epoch_ms, int) and _MIN_EPOCH_MS <= epoch_ms <= _MAX_EPOCH_MS):
            reason, explanation = "invalid input", "years run from 1 to 9999"
        self.reason = reason
        self.explanation = explanation
        self.zone = zone
        self.locale = locale
        self.epoch_ms: int = int(epoch_ms) if reason is None else 0
        self.offset = zone.get_offset(self.epoch_ms)
        self.local = _EPOCH + timedelta(milliseconds=self.epoch_ms, minutes=self.offset)

    @property
    def is_valid(self) -> bool:
        """Whether it is a date-time, and not the result of a failed conversion."""
        return self.reason is None

    @property
    def quarter(self) -> int:
        """The quarter of the year, 1 to 4."""
        return (self.local.month + 2) // 3

    @property
    def iso_week(self) -> tuple[int, int, int]:
        """ISO week year, week number and weekday (1 is Monday)."""
        return self.local.isocalendar()

    @property
    def day_of_year(self) -> int:
        """The day of the year, 1 to 366."""
        return self.local.timetuple().tm_yday

    @property
    def millisecond(self) -> int:
        """The milliseconds of the second, 0 to 999."""
        return self.local.microsecond // 1000

    def to_iso(self, options: object = UNDEFINED) -> str | None:
        """Return ISO 8601 text such as `2024-01-31T10:00:00.000+00:00`; `Z` only for a fixed zone without
        offset; None when invalid.

        Options: `suppressMilliseconds`, `suppressSeconds`, `includeOffset`, `extendedZone`, `format` (`basic`
        leaves `-` and `:` out).
        """
        if not self.is_valid:
            return None
        return f"{self.to_iso_date(options)}T{self._format_iso_clock(options)}"

    def to_iso_date(self, options: object = UNDEFINED) -> str | None:
        """Return the date as `2024-01-31`, or `20240131` with the option `format: "basic"`; None when
        invalid."""
        if not self.is_valid:
            return None
        dash = "" if get_option(options, "format", "extended") == "basic" else "-"
        return f"{self.local.year:04d}{dash}{self.local.month:02d}{dash}{self.local.day:02d}"

    def to_iso_time(self, options: object = UNDEFINED) -> str | None:
        """Return the time part of `to_iso`; the option `includePrefix` puts a `T` before it. None when
        invalid."""
        if not self.is_valid:
            return None
        prefix = "T" if is_truthy(get_option(options, "includePrefix", False)) else ""
        return prefix + self._format_iso_clock(options)

    def _format_iso_clock(self, options: object) -> str:
        """Time of day and offset, as the options of `to_iso` ask for them."""
        local, millis = self.local, self.millisecond
        colon = "" if get_option(options, "format", "extended") == "basic" else ":"
        clock = f"{local.hour:02d}{colon}{local.minute:02d}"
        if millis or local.second or not is_truthy(get_option(options, "suppressSeconds", False)):
            clock += f"{colon}{local.second:02d}"
            if millis or not is_truthy(get_option(options, "suppressMilliseconds", False)):
                clock += f".{millis:03d}"
        extended = is_truthy(get_option(options, "extendedZone", False))
        if is_truthy(get_option(options, "includeOffset", True)):
            no_offset = self.zone.is_fixed and not self.offset and not extended
            clock += "Z" if no_offset else format_offset(self.offset, "short")
        return f"{clock}[{self.zone.name}]" if extended else clock

    def to_json(self) -> object:
        """Return the ISO text; None when invalid."""
        return self.to_iso()

    def to_text(self) -> str:
        """Return the ISO text, or `Invalid DateTime`."""
        return self.to_iso() or "Invalid DateTime"

    def to_primitive(self) -> object:
        """Return the milliseconds since 1970, NaN when invalid, for comparisons and arithmetic."""
        return self.epoch_ms if self.is_valid else math.nan

    def with_epoch_ms(self, epoch_ms: int | float) -> DateTime:
        """Return another instant in the same zone and locale; invalid for NaN."""
        return DateTime(epoch_ms, self.zone, locale=self.locale)

    def with_local(self, local: datetime | None) -> DateTime:
        """Return the instant at which clocks of this zone show `local`; invalid for None."""
        if local is None:
            return self.with_epoch_ms(math.nan)
        return self.with_epoch_ms(to_epoch_ms(local, self.zone, self.offset))

    def with_zone(self, zone: Zone | None, name: object, *, keep_local: bool = False) -> DateTime:
        """Return the same instant in another zone; with `keep_local` the same local time, at another instant.

        Invalid where `zone` is None; `name` is what the caller asked for, for the explanation.
        """
        if zone is None:
            return make_invalid_datetime("unsupported zone", f'the zone "{to_text(name)}" is not supported')
        if not self.is_valid or zone == self.zone:
            return self
        if keep_local:
            guess = zone.get_offset(self.epoch_ms)
            return DateTime(to_epoch_ms(self.local, zone, guess), zone, locale=self.locale)
        return DateTime(self.epoch_ms, zone, locale=self.locale)

    def with_locale(self, locale: object) -> DateTime:
        """Return the same instant with names in another language; unchanged for anything but a text."""
        if not self.is_valid or not isinstance(locale, str) or not locale:
            return self
        return DateTime(self.epoch_ms, self.zone, locale=locale)

    def plus(self, duration: Duration) -> DateTime:
        """Add years to days in local time, with the day clamped to its month, and the rest to the instant."""
        if not self.is_valid:
            return self
        if not duration.is_valid:
            return make_invalid_datetime(duration.reason or "invalid duration")
        whole = {unit: math.trunc(duration.get(unit)) for unit in UNITS[:5]}
        months = whole["months"] + whole["quarters"] * 3
        local = _shift_date(self.local, whole["years"], months, whole["days"] + whole["weeks"] * 7)
        if local is None:
            return self.with_epoch_ms(math.nan)
        rest = Duration(
            {
                unit: amount - whole[unit] if unit in whole else amount
                for unit, amount in duration.amounts.items()
            }
        ).to_milliseconds()
        return self.with_epoch_ms(_truncate(to_epoch_ms(local, self.zone, self.offset) + rest))

    def set(self, values: object) -> DateTime:
        """Replace local fields; what overflows carries on (`{"month": 13}` is next January).

        Raises ExpressionError for anything but an object of numbers by unit, and for units that exclude each
        other.
        """
        if not isinstance(values, Mapping):
            raise make_function_error("set", "set: give an object of units")
        fields = {
            _to_field_name(name): _to_field_value(value, "set")
            for name, value in values.items()
            if not is_nil(value)
        }
        if not self.is_valid:
            return self
        weekly = fields.keys() & {"weekYear", "weekNumber"}
        if weekly and fields.keys() & {"year", "month", "day", "ordinal"}:
            raise make_mixed_units_error()
        if fields.keys() & {"ordinal"} and fields.keys() & {"month", "day"}:
            raise make_function_error("date-time", "Can't mix ordinal dates with month/day")
        return self.with_local(_replace_fields(self, fields, bool(weekly or "weekday" in fields)))

    def start_of(self, name: object) -> DateTime:
        """Return the first millisecond of the unit (`month`, `week`, …) that this value lies in."""
        unit = parse_unit(name)
        return self.with_local(_floor_to_unit(self, unit)) if self.is_valid else self

    def end_of(self, name: object) -> DateTime:
        """Return the last millisecond of the unit that this value lies in."""
        unit = parse_unit(name)
        if not self.is_valid:
            return self
        following = self.plus(Duration({unit: 1})).start_of(unit)
        return following.plus(Duration({"milliseconds": -1}))

    def has_same(self, other: object, name: object) -> bool:
        """Return whether both lie in one unit of the calendar: this value's local time, in the other's zone.

        Raises ExpressionError where `other` is no date-time or `name` no unit.
        """
        if not isinstance(other, DateTime):
            raise make_function_error("hasSame", "hasSame: the other value must be a date-time")
        unit = parse_unit(name)
        if not (self.is_valid and other.is_valid):
            return False
        here = self.with_zone(other.zone, "", keep_local=True)
        return here.start_of(unit).epoch_ms <= other.epoch_ms <= here.end_of(unit).epoch_ms

    def equals(self, other: object) -> bool:
        """Return whether both are valid and have the same instant, zone and locale."""
        return (
            isinstance(other, DateTime)
            and self.is_valid
            and other.is_valid
            and (self.epoch_ms, self.zone, self.locale) == (other.epoch_ms, other.zone, other.locale)
        )


def make_invalid_datetime(reason: str, explanation: str | None = None) -> DateTime:
    """Return a date-time whose `is_valid` is false, with the reason that expressions see."""
    return DateTime(0, reason=reason, explanation=explanation)


def make_mixed_units_error() -> ExpressionError:
    """Return the error of week fields beside calendar fields."""
    return make_function_error(
        "date-time", "Can't mix weekYear/weekNumber units with year/month/day or ordinals"
    )


def get_option(options: object, name: str, default: object) -> object:
    """Return a field of an options object; `default` where it is missing or `options` is no object."""
    value = options.get(name, UNDEFINED) if isinstance(options, Mapping) else UNDEFINED
    return default if value is UNDEFINED else value


def to_epoch_ms(local: datetime, zone: Zone, offset_guess: int | float) -> int:
    """Return the instant of a local time in a zone.

    In the hour that a clock change repeats, the offset `offset_guess` decides; a time that a clock change
    leaves out is moved on by the length of the change.
    """
    as_utc = (local - _EPOCH) // _MILLISECOND
    first = as_utc - _convert_minutes_to_ms(offset_guess)
    offset = zone.get_offset(first)
    if offset == offset_guess:
        return first
    second = as_utc - _convert_minutes_to_ms(offset)
    second_offset = zone.get_offset(second)
    return second if second_offset == offset else as_utc - _convert_minutes_to_ms(min(offset, second_offset))


def _convert_minutes_to_ms(minutes: int | float) -> int:
    """Convert minutes to whole milliseconds."""
    return round(minutes * 60_000)


def _truncate(epoch_ms: int | float) -> int | float:
    """Return the milliseconds cut towards zero, as a JavaScript Date keeps them; NaN beyond any date."""
    return math.trunc(epoch_ms) if -_MAX_NUMBER < epoch_ms < _MAX_NUMBER else math.nan


def _shift_date(local: datetime, years: int, months: int, days: int) -> datetime | None:
    """Return `local` moved by calendar units, its day clamped to the new month; None outside the calendar."""
    year, month = divmod((local.year + years) * 12 + local.month - 1 + months, 12)
    month += 1
    if not 1 <= year <= 9999:
        return None
    day = min(local.day, monthrange(year, month)[1])
    try:
        return local.replace(year=year, month=month, day=day) + timedelta(days=days)
    except OverflowError:
        return None


def _to_field_name(name: object) -> str:
    """Return a field that `set` takes, by its singular or plural name in any case; raises for another one."""
    lowered = to_text(name).lower()
    field_name = _FIELD_NAMES.get(lowered) or _FIELD_NAMES.get(lowered.removesuffix("s"))
    if field_name is None:
        raise make_function_error("set", f"Invalid unit {to_text(name)}")
    return field_name


def _to_field_value(value: object, function: str) -> int:
    """Return a number cut to an integer; raises for what is none and for numbers beyond any date."""
    number = to_number(value)
    if isinstance(value, bool) or value == "" or not -_MAX_NUMBER < number < _MAX_NUMBER:
        raise make_function_error(function, f"Invalid unit value {to_text(value)}")
    return math.trunc(number)


def _replace_fields(moment: DateTime, fields: Mapping[str, int], weekly: bool) -> datetime | None:
    """Return the local time with some fields replaced; None outside the calendar."""
    local = moment.local
    try:
        if weekly:
            year, week, weekday = moment.iso_week
            monday = date.fromisocalendar(fields.get("weekYear", year), 1, 1)
            days = (fields.get("weekNumber", week) - 1) * 7 + fields.get("weekday", weekday) - 1
            day = monday + timedelta(days=days)
        elif "ordinal" in fields:
            day = date(fields.get("year", local.year), 1, 1) + timedelta(days=fields["ordinal"] - 1)
        else:
            day = _replace_calendar_fields(local, fields)
        midnight = datetime(day.year, day.month, day.day)
        return midnight + timedelta(
            hours=fields.get("hour", local.hour),
            minutes=fields.get("minute", local.minute),
            seconds=fields.get("second", local.second),
            milliseconds=fields.get("millisecond", local.microsecond // 1000),
        )
    except (ValueError, OverflowError):
        return None


def _replace_calendar_fields(local: datetime, fields: Mapping[str, int]) -> date:
    """Return the date with the fields' year, month and day in place; raises ValueError outside the
    calendar."""
    year, month = divmod(fields.get("year", local.year) * 12 + fields.get("month", local.month) - 1, 12)
    first = date(year, month + 1, 1)
    day = fields["day"] if "day" in fields else min(local.day, monthrange(year, month + 1)[1])
    return first + timedelta(days=day - 1)


def _floor_to_unit(moment: DateTime, unit: Unit) -> datetime:
    """Return the local time at which the unit that `moment` lies in begins."""
    local = moment.local
    if unit == "weeks":
        local -= timedelta(days=local.weekday())
    elif unit == "quarters":
        local = local.replace(month=(moment.quarter - 1) * 3 + 1, day=1)
    elif unit == "months":
        local = local.replace(day=1)
    elif unit == "years":
        local = local.replace(month=1, day=1)
    if UNITS.index(unit) <= UNITS.index("days"):
        return local.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "hours":
        return local.replace(minute=0, second=0, microsecond=0)
    if unit == "minutes":
        return local.replace(second=0, microsecond=0)
    return local.replace(microsecond=0) if unit == "seconds" else local


def count_weeks_in_iso_year(year: int) -> int:
    """Return 52 or 53."""
    return date(year, 12, 28).isocalendar().week


def count_days_in_year(year: int) -> int:
    """Return 365 or 366."""
    return 366 if isleap(year) else 365
