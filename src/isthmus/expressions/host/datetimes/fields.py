"""A date-time from the fields that a text named: what is missing, what is out of range, which zone."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from isthmus.expressions.failures import failed
from isthmus.expressions.host.datetime_output import iso
from isthmus.expressions.host.datetimes.value import (
    DateTime,
    days_in_year,
    invalid,
    local_stamp,
    mixed_units,
    weeks_in,
)
from isthmus.expressions.host.datetimes.zones import SYSTEM, Zone

__all__ = ["CLOCK", "FLOORS", "Reading"]

FLOORS: Final = {"year": 1, "month": 1, "day": 1, "weekNumber": 1, "weekday": 1, "ordinal": 1}
CLOCK: Final = ("hour", "minute", "second", "millisecond")
_LIMITS: Final = {"hour": 23, "minute": 59, "second": 59, "millisecond": 999}
_GREGORIAN: Final = ("year", "month", "day")
_WEEKLY: Final = ("weekYear", "weekNumber", "weekday")
_ORDINAL: Final = ("year", "ordinal")


@dataclass(frozen=True, slots=True)
class Reading:
    """Where text is read: `zone` for text that names none, `now` for what it leaves out on the large side.

    `keep_offset`: the result stays in the text's own zone.
    """

    now: datetime
    zone: Zone = SYSTEM
    locale: str = "en-US"
    keep_offset: bool = False

    def built(self, fields: Mapping[str, int], own: Zone | None) -> DateTime:
        moment = _from_fields(fields, own or self.zone, self)
        if own is None or self.keep_offset or not moment.is_valid:
            return moment
        return moment.with_zone(self.zone, self.zone.name)


def _from_fields(fields: Mapping[str, int], zone: Zone, reading: Reading) -> DateTime:
    given = fields.keys()
    if given & {"weekYear", "weekNumber"} and given & {"year", "month", "day", "ordinal"}:
        raise mixed_units()
    if "ordinal" in given and given & {"month", "day"}:
        raise failed("date-time", "Can't mix ordinal dates with month/day")
    weekly = bool(given & {"weekYear", "weekNumber"}) or ("weekday" in given and not given & set(_GREGORIAN))
    kind = _WEEKLY if weekly else _ORDINAL if "ordinal" in given else _GREGORIAN
    now = DateTime(round(reading.now.timestamp() * 1000), zone)
    filled = _filled(fields, (*kind, *CLOCK), now)
    wrong = _out_of_range(filled, kind)
    if wrong is not None:
        return invalid(
            "unit out of range",
            f"you specified {filled[wrong]} (of type number) as a {wrong}, which is invalid",
        )
    local = datetime.combine(_day(filled, kind), datetime.min.time()) + timedelta(
        hours=filled["hour"],
        minutes=filled["minute"],
        seconds=filled["second"],
        milliseconds=filled["millisecond"],
    )
    moment = DateTime(local_stamp(local, zone, now.offset), zone, locale=reading.locale)
    weekday = fields.get("weekday")
    if weekday is not None and given & set(_GREGORIAN) and moment.week[2] != weekday:
        return invalid(
            "mismatched weekday",
            f"you can't specify both a weekday of {weekday} and a date of {iso(moment)}",
        )
    return moment


def _filled(fields: Mapping[str, int], names: tuple[str, ...], now: DateTime) -> dict[str, int]:
    """Units larger than the first one given come from now, smaller ones are at their minimum."""
    current = {
        "year": now.local.year,
        "month": now.local.month,
        "day": now.local.day,
        "weekYear": now.week[0],
        "weekNumber": now.week[1],
        "weekday": now.week[2],
        "ordinal": now.ordinal,
        "hour": now.local.hour,
        "minute": now.local.minute,
        "second": now.local.second,
        "millisecond": now.millisecond,
    }
    filled: dict[str, int] = {}
    found = False
    for name in names:
        if name in fields:
            filled[name], found = fields[name], True
        else:
            filled[name] = FLOORS.get(name, 0) if found else current.get(name, 0)
    return filled


def _out_of_range(filled: Mapping[str, int], kind: tuple[str, ...]) -> str | None:
    year = filled[kind[0]]
    if not 1 <= year <= 9999:
        return kind[0]
    highest = {"month": 12, "weekday": 7, "weekNumber": weeks_in(year), "ordinal": days_in_year(year)}
    for name in kind[1:]:
        if name == "day":
            highest["day"] = monthrange(year, filled["month"])[1]
        if not 1 <= filled[name] <= highest[name]:
            return name
    if filled["hour"] == 24 and not any(filled[name] for name in CLOCK[1:]):
        return None
    return next((name for name in CLOCK if not 0 <= filled[name] <= _LIMITS[name]), None)


def _day(filled: Mapping[str, int], kind: tuple[str, ...]) -> date:
    if kind is _WEEKLY:
        return date.fromisocalendar(filled["weekYear"], filled["weekNumber"], filled["weekday"])
    if kind is _ORDINAL:
        return date(filled["year"], 1, 1) + timedelta(days=filled["ordinal"] - 1)
    return date(filled["year"], filled["month"], filled["day"])
