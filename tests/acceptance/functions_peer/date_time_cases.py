"""Generates cases of date-times: texts, patterns, and chains of methods."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

Make = Callable[[random.Random], tuple[str, Mapping[str, Any]]]

ZONES = (
    "UTC",
    "utc",
    "UTC+3",
    "UTC-3:30",
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Australia/Sydney",
    "local",
    "Nope/Zone",
)
UNITS = ("year", "quarters", "month", "weeks", "day", "hours", "minute", "second", "milliseconds")
FIELDS = ("month", "day", "hour", "minute", "ordinal", "weekday")
PATTERNS = (
    "yyyy-MM-dd",
    "yyyy-LL-dd",
    "yyyy-LL",
    "yyyy",
    "LL/dd/yyyy",
    "dd-MM-yyyy HH:mm",
    "yyyy-MM-dd HH:mm:ss",
    "yyyy,MM,dd",
    "d MMM yyyy",
    "MMMM d, yyyy",
    "EEE d L yy",
    "h:mm a",
    "HH:mm:ss.SSS",
    "yyyy-MM-dd'T'HH:mm:ssZZ",
    "o yyyy",
    "kkkk-'W'WW-E",
    "D",
    "DD",
    "t",
    "tt",
    "T",
    "TT",
    "f",
    "ff",
    "q yyyy",
    "X",
    "x",
    "ZZZ",
    "z",
    "u",
    "S",
    "G y",
    "ccc",
    "n ii",
)


def iso(r: random.Random) -> str:
    """Generates a time in ISO 8601, now and then malformed."""
    year, month, day = r.randrange(1971, 2040), r.randrange(1, 14), r.randrange(1, 32)
    other = [
        f"{year}",
        f"{year}-{month:02}",
        f"{year}{month:02}{day:02}",
        f"{year}-W{r.randrange(1, 54):02}-{r.randrange(1, 8)}",
        f"{year}-{r.randrange(1, 367):03}",
        "x",
    ]
    date = r.choice([f"{year}-{month:02}-{day:02}"] * 5 + other)
    hour, minute, second, millis = (r.randrange(limit) for limit in (25, 60, 60, 1000))
    clocks = ["", "", f"T{hour:02}:{minute:02}", f"T{hour % 24:02}:{minute:02}:{second:02}.{millis:03}"]
    clock = r.choice(clocks)
    return date + clock + (r.choice(["", "Z", "+02:00", "-0530", "+01"]) if clock else "")


def amounts(r: random.Random) -> dict[str, Any]:
    """Generates amounts to add, by unit."""
    return {r.choice(UNITS): r.choice([0, 1, -1, 3, 13, 100, -45, 1.5]) for _ in range(r.randrange(1, 3))}


METHODS: tuple[Callable[[random.Random], str], ...] = (
    lambda r: f".plus({amounts(r)!r})",
    lambda r: f".minus({amounts(r)!r})",
    lambda r: f".startOf('{r.choice(UNITS)}')",
    lambda r: f".endOf('{r.choice(UNITS)}')",
    lambda r: f".setZone('{r.choice(ZONES)}')",
    lambda r: ".toUTC()",
    lambda r: ".toLocal()",
    lambda r: f".set({{'{r.choice(FIELDS)}': {r.randrange(1, 13)}}})",
    lambda r: f".set({{'year': {r.randrange(1930, 2060)}}})",
)
ENDS: tuple[Callable[[random.Random], str], ...] = (
    lambda r: ".toISO()",
    lambda r: ".toISO({'suppressMilliseconds': true, 'suppressSeconds': true})",
    lambda r: ".toISO({'includeOffset': false, 'format': 'basic'})",
    lambda r: ".toISODate()",
    lambda r: ".toISOTime()",
    lambda r: ".toISOWeekDate()",
    lambda r: ".toMillis()",
    lambda r: ".toSeconds()",
    lambda r: ".toUnixInteger()",
    lambda r: ".toRFC2822()",
    lambda r: ".toHTTP()",
    lambda r: ".toSQL()",
    lambda r: f".toFormat({r.choice(PATTERNS)!r})",
    lambda r: f".toFormat({r.choice(PATTERNS)!r})",
    lambda r: ".[year, month, day, hour, minute, second, millisecond, weekday, weekNumber, weekYear]",
    lambda r: ".[ordinal, quarter, weeksInWeekYear]",
    lambda r: ".[offset, zoneName, isInDST, isOffsetFixed, isInLeapYear, daysInMonth, isValid]",
    lambda r: ".[monthShort, weekdayLong, offsetNameShort, invalidReason]",
    lambda r: f".diff($dtFromIso($b), '{r.choice(UNITS)}').toObject()",
    lambda r: (
        f".diff($dtFromIso($b), ['{r.choice(UNITS)}', '{r.choice(UNITS)}', '{r.choice(UNITS)}']).toObject()"
    ),
    lambda r: f".diff($dtFromIso($b), '{r.choice(UNITS)}').as('{r.choice(UNITS)}')",
    lambda r: f".diff($dtFromIso($b), ['months', 'hours']).shiftTo('{r.choice(UNITS)}', 'days').toObject()",
    lambda r: ".diff($dtFromIso($b), ['days', 'hours', 'minutes']).normalize().toISO()",
    lambda r: ".diff($dtFromIso($b), ['years', 'months', 'days']).toFormat('y M dd')",
    lambda r: f".hasSame($dtFromIso($b), '{r.choice(UNITS)}')",
    lambda r: ".equals($dtFromIso($b))",
    lambda r: ".toRelative({'base': $dtFromIso($b)})",
    lambda r: ".toRelativeCalendar({'base': $dtFromIso($b)})",
    lambda r: ".toLocaleString()",
    lambda r: "",
)


def _chain(r: random.Random) -> str:
    """Generates a chain of methods."""
    return "".join(r.choice(METHODS)(r) for _ in range(r.randrange(3))) + r.choice(ENDS)(r)


def from_iso(r: random.Random) -> tuple[str, Mapping[str, Any]]:
    """Generates a call that parses a time, and its data."""
    data = {"a": iso(r), "b": iso(r), "z": r.choice(ZONES)}
    zone = r.choice(["", "", ", z"])
    return f"($b := b; $dtFromIso(a{zone}){_chain(r)})", data


def format_and_parse(r: random.Random) -> tuple[str, Mapping[str, Any]]:
    """Text that a pattern wrote, read by it, or by another."""
    pattern = r.choice(PATTERNS)
    other = pattern if r.random() < 0.8 else r.choice(PATTERNS)
    options = r.choice(["", "", ", {'zone': z}", ", {'setZone': true}"])
    data = {"a": iso(r), "b": iso(r), "z": r.choice(ZONES[:-1])}
    if "yy" in pattern or pattern in {"f", "ff", "D", "DD"}:
        year = ""
    else:
        has_time = pattern in {"t", "tt", "T", "TT"} or "H" in pattern or "h" in pattern
        year = ".toFormat('HHmm')" if has_time else ".isValid"
    read = f"$dtFromFormat($dtFromIso(a).toFormat({pattern!r}), {other!r}{options})"
    return f"($b := b; {read}{year or _chain(r)})", data


def special_format(r: random.Random) -> tuple[str, Mapping[str, Any]]:
    """Generates a call that formats a time by name, and its data."""
    made: tuple[str, Any] = r.choice(
        [
            ("$dtFromFormat(a, 'ISO').toISO()", iso(r)),
            (
                "$dtFromFormat(a, 'fromSeconds').toISO()",
                r.choice([str(r.randrange(2_000_000_000)), "12.9", "x", 5]),
            ),
            ("$dtFromFormat($dtFromIso(a).toRFC2822(), 'RFC2822').toISO()", iso(r)),
            ("$string([$dtFromIso(a)])", iso(r)),
            ("{'d': $dtFromIso(a)}", iso(r)),
        ]
    )
    return made[0], {"a": made[1]}


MAKERS: dict[str, list[Make]] = {"dtFromIso": [from_iso], "dtFromFormat": [format_and_parse, special_format]}
