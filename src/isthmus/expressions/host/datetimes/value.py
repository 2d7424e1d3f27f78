"""Date-times (`functions.md` §5.3): an instant, a zone, and calendar arithmetic in that zone's local time.

Years outside 1-9999 give an invalid value. Instants are whole milliseconds since 1970 (`stamp`).
"""

from __future__ import annotations

import math
from calendar import isleap, monthrange
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Final

from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.failures import failed
from isthmus.expressions.host.datetimes.durations import UNITS, Duration, Unit, duration_of, unit_of
from isthmus.expressions.host.datetimes.zones import SYSTEM, Zone
from isthmus.expressions.host_value import Host
from isthmus.expressions.javascript import is_nil, text, to_number

__all__ = ["DateTime", "invalid", "local_stamp"]

_EPOCH: Final = datetime(1970, 1, 1)
_MILLI: Final = timedelta(milliseconds=1)
_FIRST: Final = (datetime(1, 1, 3) - _EPOCH) // _MILLI
_LAST: Final = (datetime(9999, 12, 30) - _EPOCH) // _MILLI
_FAR: Final = 10**17
_SETTABLE: Final = {
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
    """Immutable. `reason` is None for a valid value; an invalid one has no fields and stays invalid."""

    __slots__ = ("explanation", "local", "locale", "offset", "reason", "stamp", "zone")

    def __init__(
        self,
        stamp: int | float,
        zone: Zone = SYSTEM,
        *,
        locale: str = "en-US",
        reason: str | None = None,
        explanation: str | None = None,
    ) -> None:
        if reason is None and not (isinstance(stamp, int) and _FIRST <= stamp <= _LAST):
            reason, explanation = "invalid input", "years run from 1 to 9999"
        self.reason = reason
        self.explanation = explanation
        self.zone = zone
        self.locale = locale
        self.stamp: int = int(stamp) if reason is None else 0
        self.offset = zone.offset(self.stamp)
        self.local = _EPOCH + timedelta(milliseconds=self.stamp, minutes=self.offset)

    @property
    def is_valid(self) -> bool:
        return self.reason is None

    @property
    def quarter(self) -> int:
        return (self.local.month + 2) // 3

    @property
    def week(self) -> tuple[int, int, int]:
        """ISO week year, week number, weekday (1 is Monday)."""
        return self.local.isocalendar()

    @property
    def ordinal(self) -> int:
        return self.local.timetuple().tm_yday

    @property
    def millisecond(self) -> int:
        return self.local.microsecond // 1000

    def iso(self) -> str | None:
        from isthmus.expressions.host.datetime_output import iso

        return iso(self) if self.is_valid else None

    def json(self) -> object:
        return self.iso()

    def text(self) -> str:
        return self.iso() or "Invalid DateTime"

    def primitive(self) -> object:
        return self.stamp if self.is_valid else math.nan

    def with_stamp(self, stamp: int | float) -> DateTime:
        return DateTime(stamp, self.zone, locale=self.locale)

    def with_local(self, local: datetime | None) -> DateTime:
        """The same zone at another local time; None: outside the calendar."""
        if local is None:
            return self.with_stamp(math.nan)
        return self.with_stamp(local_stamp(local, self.zone, self.offset))

    def with_zone(self, zone: Zone | None, name: object, *, keep_local: bool = False) -> DateTime:
        if zone is None:
            return invalid("unsupported zone", f'the zone "{text(name)}" is not supported')
        if not self.is_valid or zone == self.zone:
            return self
        if keep_local:
            guess = zone.offset(self.stamp)
            return DateTime(local_stamp(self.local, zone, guess), zone, locale=self.locale)
        return DateTime(self.stamp, zone, locale=self.locale)

    def with_locale(self, locale: object) -> DateTime:
        if not self.is_valid or not isinstance(locale, str) or not locale:
            return self
        return DateTime(self.stamp, self.zone, locale=locale)

    def plus(self, duration: Duration) -> DateTime:
        """Years to days in local time with the day clamped to its month, the rest on the instant."""
        if not self.is_valid:
            return self
        if not duration.is_valid:
            return invalid(duration.reason or "invalid duration")
        whole = {unit: math.trunc(duration.amount(unit)) for unit in UNITS[:5]}
        months = whole["months"] + whole["quarters"] * 3
        local = _moved(self.local, whole["years"], months, whole["days"] + whole["weeks"] * 7)
        if local is None:
            return self.with_stamp(math.nan)
        rest = Duration(
            {
                unit: amount - whole[unit] if unit in whole else amount
                for unit, amount in duration.amounts.items()
            }
        ).milliseconds()
        return self.with_stamp(_whole(local_stamp(local, self.zone, self.offset) + rest))

    def set(self, values: object) -> DateTime:
        """Local fields replaced; what overflows carries on (`{"month": 13}` is next January)."""
        if not isinstance(values, Mapping):
            raise failed("set", "set: give an object of units")
        given = {_settable(name): _field(value, "set") for name, value in values.items() if not is_nil(value)}
        if not self.is_valid:
            return self
        weekly = given.keys() & {"weekYear", "weekNumber"}
        if weekly and given.keys() & {"year", "month", "day", "ordinal"}:
            raise mixed_units()
        if given.keys() & {"ordinal"} and given.keys() & {"month", "day"}:
            raise failed("date-time", "Can't mix ordinal dates with month/day")
        return self.with_local(_replaced(self, given, bool(weekly or "weekday" in given)))

    def start_of(self, name: object) -> DateTime:
        unit = unit_of(name)
        return self.with_local(_floor(self, unit)) if self.is_valid else self

    def end_of(self, name: object) -> DateTime:
        unit = unit_of(name)
        if not self.is_valid:
            return self
        following = self.plus(Duration({unit: 1})).start_of(unit)
        return following.plus(Duration({"milliseconds": -1}))

    def moved_by(self, given: object, function: str, sign: int) -> DateTime:
        duration = duration_of(given, function)
        return self.plus(duration if sign > 0 else duration.negated())

    def same(self, other: object, name: object) -> bool:
        """Whether both lie in one unit of the calendar: this value's local time, in the other's zone."""
        if not isinstance(other, DateTime):
            raise failed("hasSame", "hasSame: the other value must be a date-time")
        unit = unit_of(name)
        if not (self.is_valid and other.is_valid):
            return False
        here = self.with_zone(other.zone, "", keep_local=True)
        return here.start_of(unit).stamp <= other.stamp <= here.end_of(unit).stamp

    def equals(self, other: object) -> bool:
        return (
            isinstance(other, DateTime)
            and self.is_valid
            and other.is_valid
            and (self.stamp, self.zone, self.locale) == (other.stamp, other.zone, other.locale)
        )


def invalid(reason: str, explanation: str | None = None) -> DateTime:
    return DateTime(0, reason=reason, explanation=explanation)


def mixed_units() -> ExpressionError:
    return failed("date-time", "Can't mix weekYear/weekNumber units with year/month/day or ordinals")


def local_stamp(local: datetime, zone: Zone, guess: int | float) -> int:
    """The instant of a local time. In the hour that a clock change repeats, the offset `guess` decides;

    a time that a change leaves out is moved on by its length.
    """
    here = (local - _EPOCH) // _MILLI
    first = here - _minutes(guess)
    offset = zone.offset(first)
    if offset == guess:
        return first
    second = here - _minutes(offset)
    settled = zone.offset(second)
    return second if settled == offset else here - _minutes(min(offset, settled))


def _minutes(offset: int | float) -> int:
    return round(offset * 60_000)


def _whole(stamp: int | float) -> int | float:
    """Milliseconds cut towards zero, as a JavaScript Date keeps them."""
    return math.trunc(stamp) if -_FAR < stamp < _FAR else math.nan


def _moved(local: datetime, years: int, months: int, days: int) -> datetime | None:
    year, month = divmod((local.year + years) * 12 + local.month - 1 + months, 12)
    month += 1
    if not 1 <= year <= 9999 or abs(days) > 4_000_000:
        return None
    day = min(local.day, monthrange(year, month)[1])
    try:
        return local.replace(year=year, month=month, day=day) + timedelta(days=days)
    except OverflowError:
        return None


def _settable(name: object) -> str:
    lowered = text(name).lower()
    found = _SETTABLE.get(lowered) or _SETTABLE.get(lowered.removesuffix("s"))
    if found is None:
        raise failed("set", f"Invalid unit {text(name)}")
    return found


def _field(value: object, function: str) -> int:
    number = to_number(value)
    if isinstance(value, bool) or value == "" or not -_FAR < number < _FAR:
        raise failed(function, f"Invalid unit value {text(value)}")
    return math.trunc(number)


def _replaced(moment: DateTime, given: Mapping[str, int], weekly: bool) -> datetime | None:
    local = moment.local
    try:
        if weekly:
            year, week, weekday = moment.week
            monday = date.fromisocalendar(given.get("weekYear", year), 1, 1)
            days = (given.get("weekNumber", week) - 1) * 7 + given.get("weekday", weekday) - 1
            day = monday + timedelta(days=days)
        elif "ordinal" in given:
            day = date(given.get("year", local.year), 1, 1) + timedelta(days=given["ordinal"] - 1)
        else:
            day = _calendar_day(local, given)
        midnight = datetime(day.year, day.month, day.day)
        return midnight + timedelta(
            hours=given.get("hour", local.hour),
            minutes=given.get("minute", local.minute),
            seconds=given.get("second", local.second),
            milliseconds=given.get("millisecond", local.microsecond // 1000),
        )
    except (ValueError, OverflowError):
        return None


def _calendar_day(local: datetime, given: Mapping[str, int]) -> date:
    year, month = divmod(given.get("year", local.year) * 12 + given.get("month", local.month) - 1, 12)
    first = date(year, month + 1, 1)
    day = given["day"] if "day" in given else min(local.day, monthrange(year, month + 1)[1])
    return first + timedelta(days=day - 1)


def _floor(moment: DateTime, unit: Unit) -> datetime:
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


def weeks_in(year: int) -> int:
    """Weeks of an ISO week year."""
    return date(year, 12, 28).isocalendar().week


def days_in_year(year: int) -> int:
    return 366 if isleap(year) else 365
