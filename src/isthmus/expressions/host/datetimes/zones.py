"""Time zones of date-times: the system's (always UTC), fixed offsets, and IANA zones."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from isthmus.expressions.host.datetimes.calendar_names import zone_names

__all__ = ["SYSTEM", "UTC_ZONE", "Zone", "fixed", "zone_of"]

_SPECIFIER: Final = re.compile(r"utc(?:([+-]\d{1,2})(?::(\d{2}))?)?", re.I | re.ASCII)
_EPOCH: Final = datetime(1970, 1, 1)
_AMERICAN: Final = frozenset(
    f"{zone}{kind}T" for zone in ("E", "C", "M", "P", "AK", "H") for kind in ("S", "D")
)
_NOT_AMERICAN: Final = frozenset({"America/Havana", "Cuba", "Asia/Manila", "Asia/Shanghai", "Asia/Taipei"})
_NAMES: Final = {"UTC": "Coordinated Universal Time"}


@dataclass(frozen=True, slots=True)
class Zone:
    """`rules` is None for a fixed offset of `minutes`. `is_fixed` is what decides about the letter `Z`.

    The system's zone is UTC and is not fixed: its values print `+00:00` (`functions.md` §12.27).
    """

    name: str
    minutes: int = 0
    is_fixed: bool = True
    rules: ZoneInfo | None = None

    def offset(self, stamp: int | float) -> int | float:
        """Minutes east of UTC at `stamp` (milliseconds since 1970)."""
        if self.rules is None:
            return self.minutes
        shift = self._local(stamp).utcoffset() or timedelta()
        minutes = shift.total_seconds() / 60
        return int(minutes) if minutes.is_integer() else minutes

    def is_summer(self, stamp: int, year: int) -> bool:
        """Whether clocks are ahead: more offset than in January or May of that year."""
        if self.rules is None:
            return False
        now = self.offset(stamp)
        return any(now > self.offset(_stamp(datetime(year, month, 1))) for month in (1, 5))

    def short_name(self, stamp: int) -> str:
        """`EST`, or `GMT+2` where American English has no abbreviation."""
        if self.rules is None:
            return self.name
        name = self._local(stamp).tzname() or ""
        if name in _AMERICAN and self.name not in _NOT_AMERICAN:
            return name
        return "UTC" if name == "UTC" else offset_name(self.offset(stamp), "GMT")

    def long_name(self, stamp: int) -> str:
        """`India Standard Time`, with the extra `locales`; else the short name."""
        if self.rules is None:
            return _NAMES.get(self.name, self.name)
        names = zone_names(self.rules.key, self._local(stamp))
        return names[1] if names else _NAMES.get(self.name, self.short_name(stamp))

    def _local(self, stamp: int | float) -> datetime:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=stamp)
        return moment.astimezone(self.rules)


def _stamp(local: datetime) -> int:
    return (local - _EPOCH) // timedelta(milliseconds=1)


def offset_name(minutes: int | float, prefix: str) -> str:
    """`UTC+3`, `UTC-5:30`; the prefix alone for no offset."""
    if not minutes:
        return prefix
    hours, rest = divmod(int(abs(minutes)), 60)
    return f"{prefix}{'-' if minutes < 0 else '+'}{hours}" + (f":{rest:02d}" if rest else "")


SYSTEM: Final = Zone("UTC", is_fixed=False)
UTC_ZONE: Final = Zone("UTC")


def fixed(minutes: int) -> Zone:
    return Zone(offset_name(minutes, "UTC"), minutes) if minutes else UTC_ZONE


@lru_cache(maxsize=512)
def zone_of(name: str) -> Zone | None:
    """The zone of a name: IANA, `UTC`, `utc+3`, `local`; None for an unknown one."""
    lowered = name.lower()
    if lowered in {"local", "system", "default"}:
        return SYSTEM
    if lowered in {"utc", "gmt"}:
        return UTC_ZONE
    found = _SPECIFIER.fullmatch(name)
    if found:
        hours, rest = int(found[1] or 0), int(found[2] or 0)
        return fixed(hours * 60 + (-rest if (found[1] or "").startswith("-") else rest))
    try:
        return Zone(name, is_fixed=False, rules=ZoneInfo(_spelled(lowered) or name))
    except (ValueError, OSError, LookupError):
        return None


@lru_cache(maxsize=1)
def _spellings() -> dict[str, str]:
    from zoneinfo import available_timezones

    return {zone.lower(): zone for zone in available_timezones()}


def _spelled(lowered: str) -> str | None:
    return _spellings().get(lowered)
