"""Builds a date-time from the fields that a text names: fills in missing ones, finds those out of range."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from isthmus.expressions.errors import make_function_error
from isthmus.expressions.host.datetimes.value import (
    DateTime,
    count_days_in_year,
    count_weeks_in_iso_year,
    make_invalid_datetime,
    make_mixed_units_error,
    to_epoch_ms,
)
from isthmus.expressions.host.datetimes.zones import SYSTEM, Zone

__all__ = ["CLOCK_FIELDS", "FIELD_MINIMUMS", "ParseContext"]

FIELD_MINIMUMS: Final = {"year": 1, "month": 1, "day": 1, "weekNumber": 1, "weekday": 1, "ordinal": 1}
CLOCK_FIELDS: Final = ("hour", "minute", "second", "millisecond")
_CLOCK_MAXIMUMS: Final = {"hour": 23, "minute": 59, "second": 59, "millisecond": 999}
_GREGORIAN_FIELDS: Final = ("year", "month", "day")
_ISO_WEEK_FIELDS: Final = ("weekYear", "weekNumber", "weekday")
_ORDINAL_FIELDS: Final = ("year", "ordinal")


@dataclass(frozen=True, slots=True)
class ParseContext:
    """What completes a text that is parsed: `zone` where it names none, `now` for larger units it leaves out.

    `keep_offset`: the result stays in the text's own zone instead of being converted to `zone`.
    """

    now: datetime
    zone: Zone = SYSTEM
    locale: str = "en-US"
    keep_offset: bool = False

    def build_datetime(self, fields: Mapping[str, int], own_zone: Zone | None) -> DateTime:
        """Return the date-time of the fields; `own_zone` is the zone that the text names, if it does.

        Invalid where a field is out of range. Raises ExpressionError for fields that exclude each other.
        """
        moment = _build_in_zone(fields, own_zone or self.zone, self)
        if own_zone is None or self.keep_offset:
            return moment
        return moment.with_zone(self.zone, self.zone.name)


def _build_in_zone(fields: Mapping[str, int], zone: Zone, context: ParseContext) -> DateTime:
    """Return the date-time of the fields as a local time of `zone`; invalid where a field is out of range."""
    field_names = fields.keys()
    if field_names & {"weekYear", "weekNumber"} and field_names & {"year", "month", "day", "ordinal"}:
        raise make_mixed_units_error()
    if "ordinal" in field_names and field_names & {"month", "day"}:
        raise make_function_error("date-time", "Can't mix ordinal dates with month/day")
    is_weekly = bool(field_names & {"weekYear", "weekNumber"}) or (
        "weekday" in field_names and not field_names & set(_GREGORIAN_FIELDS)
    )
    date_fields = (
        _ISO_WEEK_FIELDS if is_weekly else _ORDINAL_FIELDS if "ordinal" in field_names else _GREGORIAN_FIELDS
    )
    now = DateTime(round(context.now.timestamp() * 1000), zone)
    complete = _fill_in_missing(fields, (*date_fields, *CLOCK_FIELDS), now)
    wrong = _find_out_of_range(complete, date_fields)
    if wrong is not None:
        return make_invalid_datetime(
            "unit out of range",
            f"you specified {complete[wrong]} (of type number) as a {wrong}, which is invalid",
        )
    local = datetime.combine(_to_date(complete, date_fields), datetime.min.time()) + timedelta(
        hours=complete["hour"],
        minutes=complete["minute"],
        seconds=complete["second"],
        milliseconds=complete["millisecond"],
    )
    moment = DateTime(to_epoch_ms(local, zone, now.offset), zone, locale=context.locale)
    weekday = fields.get("weekday")
    if weekday is not None and field_names & set(_GREGORIAN_FIELDS) and moment.iso_week[2] != weekday:
        return make_invalid_datetime(
            "mismatched weekday",
            f"you can't specify both a weekday of {weekday} and a date of {moment.to_iso()}",
        )
    return moment


def _fill_in_missing(fields: Mapping[str, int], names: tuple[str, ...], now: DateTime) -> dict[str, int]:
    """Return all of `names`: units larger than the first one given are now's, smaller ones are at their
    minimum."""
    current = {
        "year": now.local.year,
        "month": now.local.month,
        "day": now.local.day,
        "weekYear": now.iso_week[0],
        "weekNumber": now.iso_week[1],
        "weekday": now.iso_week[2],
        "ordinal": now.day_of_year,
        "hour": now.local.hour,
        "minute": now.local.minute,
        "second": now.local.second,
        "millisecond": now.millisecond,
    }
    complete: dict[str, int] = {}
    is_after_given = False
    for name in names:
        if name in fields:
            complete[name], is_after_given = fields[name], True
        else:
            complete[name] = FIELD_MINIMUMS.get(name, 0) if is_after_given else current.get(name, 0)
    return complete


def _find_out_of_range(fields: Mapping[str, int], date_fields: tuple[str, ...]) -> str | None:
    """Return the name of the first field that no date or clock can have; None if all are possible."""
    year = fields[date_fields[0]]
    if not 1 <= year <= 9999:
        return date_fields[0]
    highest = {
        "month": 12,
        "weekday": 7,
        "weekNumber": count_weeks_in_iso_year(year),
        "ordinal": count_days_in_year(year),
    }
    for name in date_fields[1:]:
        if name == "day":
            highest["day"] = monthrange(year, fields["month"])[1]
        if not 1 <= fields[name] <= highest[name]:
            return name
    if fields["hour"] == 24 and not any(fields[name] for name in CLOCK_FIELDS[1:]):
        return None
    return next((name for name in CLOCK_FIELDS if not 0 <= fields[name] <= _CLOCK_MAXIMUMS[name]), None)


def _to_date(fields: Mapping[str, int], date_fields: tuple[str, ...]) -> date:
    """Return the date of complete fields, of the kind that `date_fields` are."""
    if date_fields is _ISO_WEEK_FIELDS:
        return date.fromisocalendar(fields["weekYear"], fields["weekNumber"], fields["weekday"])
    if date_fields is _ORDINAL_FIELDS:
        return date(fields["year"], 1, 1) + timedelta(days=fields["ordinal"] - 1)
    return date(fields["year"], fields["month"], fields["day"])
