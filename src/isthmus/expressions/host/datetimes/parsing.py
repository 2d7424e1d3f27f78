"""Date-times read from text: ISO 8601 and RFC 2822 (`functions.md` §5.1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from isthmus.expressions.host.datetimes.calendar_names import DAYS, MONTHS
from isthmus.expressions.host.datetimes.fields import CLOCK, FLOORS, Reading
from isthmus.expressions.host.datetimes.value import DateTime, invalid
from isthmus.expressions.host.datetimes.zones import Zone, fixed, zone_of
from isthmus.expressions.limits import MAX_PICTURE

__all__ = ["fraction", "read_iso", "read_rfc2822"]

_TIME: Final = r"(?P<H>\d\d)(?::?(?P<m>\d\d)(?::?(?P<s>\d\d)(?:[.,](?P<u>\d{1,30}))?)?)?"
_OFFSET: Final = r"(?:(?P<Z>Z)|(?P<oh>[+-]\d\d)(?::?(?P<om>\d\d))?)?"
_ZONE: Final = r"(?:\[(?P<zone>[A-Za-z_+-]{1,256}(?:/[A-Za-z0-9_+-]{1,256}(?:/[A-Za-z0-9_+-]{1,256})?)?)\])?"
_ISO: Final = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        rf"(?P<y>[+-]\d{{6}}|\d{{4}})(?:-?(?P<M>\d\d)(?:-?(?P<d>\d\d))?)?(?:T{_TIME}{_OFFSET}{_ZONE})?",
        rf"(?P<k>\d{{4}})-?W(?P<W>\d\d)(?:-?(?P<E>\d))?(?:T{_TIME}{_OFFSET}{_ZONE})?",
        rf"(?P<y>\d{{4}})-?(?P<o>\d{{3}})(?:T{_TIME}{_OFFSET}{_ZONE})?",
        rf"{_TIME}{_OFFSET}{_ZONE}",
    )
)
_MAIL: Final = re.compile(
    r"(?:(?P<day>Mon|Tue|Wed|Thu|Fri|Sat|Sun),\s)?(?P<d>\d{1,2})\s(?P<month>[A-Z][a-z]{2})\s(?P<y>\d{2,4})\s"
    r"(?P<H>\d\d):(?P<m>\d\d)(?::(?P<s>\d\d))?\s(?:(?P<name>UT|GMT|[ECMP][SD]T)|(?P<letter>[Zz])|"
    r"(?P<oh>[+-]\d\d)(?P<om>\d\d))",
    re.ASCII,
)
_MAIL_ZONES: Final = {"EDT": -4, "EST": -5, "CDT": -5, "CST": -6, "MDT": -6, "MST": -7, "PDT": -7, "PST": -8}


def read_iso(given: object, reading: Reading) -> DateTime:
    """ISO 8601 text; an invalid value (`unparsable`) for anything else."""
    if isinstance(given, str) and len(given) <= MAX_PICTURE:
        for pattern in _ISO:
            found = pattern.fullmatch(given)
            if found:
                return _iso_match(found.groupdict(), reading)
    return invalid("unparsable", f'the input "{_shown(given)}" can\'t be parsed as ISO 8601')


def _shown(given: object) -> str:
    """What was given, for a message."""
    return given[:MAX_PICTURE] if isinstance(given, str) else "null" if given is None else str(given)


def _iso_match(groups: Mapping[str, str | None], reading: Reading) -> DateTime:
    names = {"y": "year", "M": "month", "d": "day", "k": "weekYear", "W": "weekNumber", "E": "weekday"}
    names |= {"o": "ordinal", "H": "hour", "m": "minute", "s": "second"}
    fields = {name: int(value) for key, name in names.items() if (value := groups.get(key)) is not None}
    if groups.get("u"):
        fields["millisecond"] = fraction(groups["u"] or "0")
    if "year" in fields or "weekYear" in fields:
        week = "weekYear" in fields
        parts = ("weekNumber", "weekday") if week else () if "ordinal" in fields else ("month", "day")
        for name in (*parts, *CLOCK):
            fields.setdefault(name, FLOORS.get(name, 0))
    own: Zone | None = None
    if groups.get("zone"):
        own = zone_of(groups["zone"] or "")
        if own is None:
            return invalid("unsupported zone", f'the zone "{groups["zone"]}" is not supported')
    elif groups.get("Z"):
        own = fixed(0)
    elif groups.get("oh"):
        own = fixed(_signed(groups["oh"] or "", groups.get("om")))
    return reading.built(fields, own)


def fraction(digits: str) -> int:
    return int((digits + "00")[:3])


def _signed(hours: str, minutes: str | None) -> int:
    rest = int(minutes or 0)
    return int(hours) * 60 + (-rest if hours.startswith("-") else rest)


def read_rfc2822(given: str, reading: Reading) -> DateTime:
    """`Sat, 15 Jun 2024 14:30:00 +0000`, comments in brackets removed."""
    cleaned = re.sub(r"\s\s+", " ", re.sub(r"\([^()]*\)|[\n\t]", " ", given)).strip()
    found = _MAIL.fullmatch(cleaned)
    months = {name[:3]: index + 1 for index, name in enumerate(MONTHS)}
    if found is None or found["month"] not in months:
        return invalid("unparsable", f'the input "{given}" can\'t be parsed as RFC 2822')
    year = int(found["y"])
    if len(found["y"]) == 2:
        year += 1900 if year > 60 else 2000
    fields = {
        "year": year,
        "month": months[found["month"]],
        "day": int(found["d"]),
        "hour": int(found["H"]),
        "minute": int(found["m"]),
        "second": int(found["s"] or 0),
    }
    if found["day"]:
        fields["weekday"] = [name[:3] for name in DAYS].index(found["day"]) + 1
    if found["name"]:
        own = fixed(_MAIL_ZONES.get(found["name"], 0) * 60)
    else:
        own = fixed(_signed(found["oh"], found["om"]) if found["oh"] else 0)
    return reading.built(fields, own)
