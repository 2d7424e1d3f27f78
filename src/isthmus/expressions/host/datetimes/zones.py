"""Finds the time zone that a name or an offset stands for, and writes names and offsets as text.

Zones are the system's (always UTC), fixed offsets, and IANA zones.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib import import_module
from typing import Final, Literal
from zoneinfo import ZoneInfo, available_timezones

from isthmus.expressions.javascript import is_nil, is_number

__all__ = [
    "MAX_OFFSET_MINUTES",
    "SYSTEM",
    "UTC_ZONE",
    "Zone",
    "find_zone",
    "format_offset",
    "make_fixed_zone",
    "to_zone",
]

MAX_OFFSET_MINUTES: Final = 24 * 60

_UTC_OFFSET: Final = re.compile(r"utc(?:([+-]\d{1,2})(?::(\d{2}))?)?", re.I | re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1)
# American English abbreviates only its own zones; other places that use the same letters show an offset.
_AMERICAN_ABBREVIATIONS: Final = frozenset(
    f"{zone}{kind}T" for zone in ("E", "C", "M", "P", "AK", "H") for kind in ("S", "D")
)
_ZONES_SHARING_THEM: Final = frozenset(
    {"America/Havana", "Cuba", "Asia/Manila", "Asia/Shanghai", "Asia/Taipei"}
)
_LONG_NAMES: Final = {"UTC": "Coordinated Universal Time"}


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone by name. `rules` is None for a fixed offset of `minutes` from UTC.

    `is_fixed`: a value without offset in a fixed zone is written with `Z`, in any other with `+00:00`. The
    system's zone is UTC but not fixed.
    """

    name: str
    minutes: int = 0
    is_fixed: bool = True
    rules: ZoneInfo | None = None

    def get_offset(self, stamp: int | float) -> int | float:
        """Return the minutes east of UTC at `stamp` (milliseconds since 1970)."""
        if self.rules is None:
            return self.minutes
        shift = self._to_local_time(stamp).utcoffset() or timedelta()
        minutes = shift.total_seconds() / 60
        return int(minutes) if minutes.is_integer() else minutes

    def is_dst(self, stamp: int, year: int) -> bool:
        """Return whether daylight saving time applies: more offset than at the start of January or May of
        `year`."""
        if self.rules is None:
            return False
        now = self.get_offset(stamp)
        return any(now > self.get_offset(_read_stamp_as_utc(datetime(year, month, 1))) for month in (1, 5))

    def get_short_name(self, stamp: int) -> str:
        """Return the American abbreviation (`EST`), or `GMT+2` where there is none; a fixed zone's own
        name."""
        if self.rules is None:
            return self.name
        name = self._to_local_time(stamp).tzname() or ""
        if name in _AMERICAN_ABBREVIATIONS and self.rules.key not in _ZONES_SHARING_THEM:
            return name
        return "UTC" if name == "UTC" else _format_offset_name(self.get_offset(stamp), "GMT")

    def get_long_name(self, stamp: int) -> str:
        """Return the English name (`India Standard Time`) with the extra `locales`, else the short name."""
        if self.rules is None:
            return _LONG_NAMES.get(self.name, self.name)
        name = _find_babel_name(self.rules.key, self._to_local_time(stamp))
        return name if name is not None else _LONG_NAMES.get(self.name, self.get_short_name(stamp))

    def _to_local_time(self, stamp: int | float) -> datetime:
        """Return the local time at `stamp` (milliseconds since 1970); only for a zone with `rules`."""
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=stamp)
        return moment.astimezone(self.rules)


def _read_stamp_as_utc(local: datetime) -> int:
    """Return the milliseconds since 1970 of a local time read as UTC."""
    return (local - _EPOCH) // timedelta(milliseconds=1)


def _find_babel_name(zone: str, moment: datetime) -> str | None:
    """Return the long English name of an IANA zone at a moment; None without the extra `locales`."""
    try:
        dates = import_module("babel.dates")
    except ImportError:
        return None
    return str(dates.get_timezone_name(moment.astimezone(ZoneInfo(zone)), width="long", locale="en_US"))


def format_offset(minutes: int | float, style: Literal["narrow", "short", "basic"]) -> str:
    """Return an offset from UTC as `+5` (narrow), `+05:00` (short) or `+0500` (basic)."""
    hours, rest = divmod(int(abs(minutes)), 60)
    sign = "-" if minutes < 0 else "+"
    if style == "narrow":
        return f"{sign}{hours}" + (f":{rest}" if rest else "")
    return f"{sign}{hours:02d}{':' if style == 'short' else ''}{rest:02d}"


def _format_offset_name(minutes: int | float, prefix: str) -> str:
    """Return an offset behind a prefix (`UTC+3`, `UTC-5:30`); the prefix alone for no offset."""
    if not minutes:
        return prefix
    hours, rest = divmod(int(abs(minutes)), 60)
    return f"{prefix}{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02d}" if rest else "")


SYSTEM: Final = Zone("UTC", is_fixed=False)
UTC_ZONE: Final = Zone("UTC")


def make_fixed_zone(minutes: int) -> Zone:
    """Return a zone of a constant offset, `minutes` east of UTC; negative for west."""
    return Zone(_format_offset_name(minutes, "UTC"), minutes) if minutes else UTC_ZONE


@lru_cache(maxsize=512)
def find_zone(name: str) -> Zone | None:
    """Return the zone of a name in any case: IANA, `UTC`, `utc+3`, `local`; None for an unknown one."""
    lowered = name.lower()
    if lowered in {"local", "system", "default"}:
        return SYSTEM
    if lowered in {"utc", "gmt"}:
        return UTC_ZONE
    match = _UTC_OFFSET.fullmatch(name)
    if match:
        hours, rest = int(match[1] or 0), int(match[2] or 0)
        return make_fixed_zone(hours * 60 + (-rest if (match[1] or "").startswith("-") else rest))
    try:
        return Zone(name, is_fixed=False, rules=ZoneInfo(_load_iana_spellings().get(lowered, name)))
    except (ValueError, OSError, LookupError):
        return None


@lru_cache(maxsize=1)
def _load_iana_spellings() -> dict[str, str]:
    """Return the IANA names that this machine has, by their lower-case form."""
    return {zone.lower(): zone for zone in available_timezones()}


def to_zone(argument: object) -> Zone | None:
    """Return the zone of a function's argument: a name, or minutes east of UTC; None for an unknown one.

    Null and missing are the system's zone.
    """
    if is_nil(argument):
        return SYSTEM
    if is_number(argument):
        in_range = -MAX_OFFSET_MINUTES < argument < MAX_OFFSET_MINUTES
        return make_fixed_zone(int(argument)) if in_range else None
    return find_zone(argument) if isinstance(argument, str) else None
