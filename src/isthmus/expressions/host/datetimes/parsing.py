"""Parses date-times from text: ISO 8601, RFC 2822, or by a pattern of tokens.

Text that does not fit gives an invalid date-time, not an error. The tokens of patterns are listed in
`docs/reference/date-times.md#tokens-of-patterns`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import regex

from isthmus.expressions.errors import make_limit_error
from isthmus.expressions.host.datetimes.calendar_names import DAYS, MONTHS, get_day_names, get_month_names
from isthmus.expressions.host.datetimes.fields import CLOCK_FIELDS, FIELD_MINIMUMS, ParseContext
from isthmus.expressions.host.datetimes.pattern_tokens import MACROS, split_pattern
from isthmus.expressions.host.datetimes.value import DateTime, make_invalid_datetime
from isthmus.expressions.host.datetimes.zones import Zone, find_zone, make_fixed_zone
from isthmus.expressions.limits import MAX_PICTURE_CHARS
from isthmus.expressions.meter import get_remaining_seconds

__all__ = ["parse_iso", "parse_rfc2822", "parse_with_pattern"]

_TIME: Final = r"(?P<H>\d\d)(?::?(?P<m>\d\d)(?::?(?P<s>\d\d)(?:[.,](?P<u>\d{1,30}))?)?)?"
_OFFSET: Final = r"(?:(?P<Z>Z)|(?P<oh>[+-]\d\d)(?::?(?P<om>\d\d))?)?"
_ZONE: Final = r"(?:\[(?P<zone>[A-Za-z_+-]{1,256}(?:/[A-Za-z0-9_+-]{1,256}(?:/[A-Za-z0-9_+-]{1,256})?)?)\])?"
_ISO_FORMS: Final = tuple(
    re.compile(pattern, re.ASCII)
    for pattern in (
        rf"(?P<y>[+-]\d{{6}}|\d{{4}})(?:-?(?P<M>\d\d)(?:-?(?P<d>\d\d))?)?(?:T{_TIME}{_OFFSET}{_ZONE})?",
        rf"(?P<k>\d{{4}})-?W(?P<W>\d\d)(?:-?(?P<E>\d))?(?:T{_TIME}{_OFFSET}{_ZONE})?",
        rf"(?P<y>\d{{4}})-?(?P<o>\d{{3}})(?:T{_TIME}{_OFFSET}{_ZONE})?",
        rf"{_TIME}{_OFFSET}{_ZONE}",
    )
)
_ISO_GROUP_FIELDS: Final = {
    "y": "year",
    "M": "month",
    "d": "day",
    "k": "weekYear",
    "W": "weekNumber",
    "E": "weekday",
    "o": "ordinal",
    "H": "hour",
    "m": "minute",
    "s": "second",
}
_RFC2822: Final = re.compile(
    r"(?:(?P<day>Mon|Tue|Wed|Thu|Fri|Sat|Sun),\s)?(?P<d>\d{1,2})\s(?P<month>[A-Z][a-z]{2})\s(?P<y>\d{2,4})\s"
    r"(?P<H>\d\d):(?P<m>\d\d)(?::(?P<s>\d\d))?\s(?:(?P<name>UT|GMT|[ECMP][SD]T)|(?P<letter>[Zz])|"
    r"(?P<oh>[+-]\d\d)(?P<om>\d\d))",
    re.ASCII,
)
_RFC2822_ZONE_HOURS: Final = {
    "EDT": -4,
    "EST": -5,
    "CDT": -5,
    "CST": -6,
    "MDT": -6,
    "MST": -7,
    "PDT": -7,
    "PST": -8,
}


def parse_iso(value: object, context: ParseContext) -> DateTime:
    """Return the date-time of an ISO 8601 text, otherwise an invalid one: `unparsable` for another form or a
    text that is too long, `unsupported zone`, or what `build_datetime` finds.

    A zone in brackets counts before an offset.
    """
    if isinstance(value, str) and len(value) <= MAX_PICTURE_CHARS:
        for form in _ISO_FORMS:
            match = form.fullmatch(value)
            if match:
                return _build_from_iso_groups(match.groupdict(), context)
    shown = value[:MAX_PICTURE_CHARS] if isinstance(value, str) else "null" if value is None else str(value)
    return make_invalid_datetime("unparsable", f'the input "{shown}" can\'t be parsed as ISO 8601')


def _build_from_iso_groups(groups: Mapping[str, str | None], context: ParseContext) -> DateTime:
    """Return the date-time of the named groups of a match of one of `_ISO_FORMS`."""
    fields = {
        name: int(value) for key, name in _ISO_GROUP_FIELDS.items() if (value := groups.get(key)) is not None
    }
    if fraction := groups.get("u"):
        fields["millisecond"] = _convert_fraction_to_milliseconds(fraction)
    if "year" in fields or "weekYear" in fields:
        is_weekly = "weekYear" in fields
        parts = ("weekNumber", "weekday") if is_weekly else () if "ordinal" in fields else ("month", "day")
        for name in (*parts, *CLOCK_FIELDS):
            fields.setdefault(name, FIELD_MINIMUMS.get(name, 0))
    own_zone: Zone | None = None
    if zone_name := groups.get("zone"):
        own_zone = find_zone(zone_name)
        if own_zone is None:
            return _make_unsupported_zone(zone_name)
    elif groups.get("Z"):
        own_zone = make_fixed_zone(0)
    elif offset_hours := groups.get("oh"):
        own_zone = make_fixed_zone(_to_offset_minutes(offset_hours, groups.get("om")))
    return context.build_datetime(fields, own_zone)


def _make_unsupported_zone(name: str) -> DateTime:
    """Return the invalid date-time of a text that names an unknown zone."""
    return make_invalid_datetime("unsupported zone", f'the zone "{name}" is not supported')


def _convert_fraction_to_milliseconds(digits: str) -> int:
    """Return the digits after a second's point as milliseconds; further digits are cut off."""
    return int((digits + "00")[:3])


def _to_offset_minutes(hours: str, minutes: str | None) -> int:
    """Return the minutes east of UTC from signed hours (`-05`) and the minutes behind them, if any."""
    rest = int(minutes or 0)
    return int(hours) * 60 + (-rest if hours.startswith("-") else rest)


def parse_rfc2822(value: str, context: ParseContext) -> DateTime:
    """Return the date-time of `Sat, 15 Jun 2024 14:30:00 +0000`; comments in brackets are ignored; else
    invalid."""
    cleaned = re.sub(r"\s\s+", " ", re.sub(r"\([^()]*\)|[\n\t]", " ", value)).strip()
    match = _RFC2822.fullmatch(cleaned)
    months = {name[:3]: index + 1 for index, name in enumerate(MONTHS)}
    if match is None or match["month"] not in months:
        return make_invalid_datetime("unparsable", f'the input "{value}" can\'t be parsed as RFC 2822')
    fields = {
        "year": _expand_year(match["y"]),
        "month": months[match["month"]],
        "day": int(match["d"]),
        "hour": int(match["H"]),
        "minute": int(match["m"]),
        "second": int(match["s"] or 0),
    }
    if match["day"]:
        fields["weekday"] = [name[:3] for name in DAYS].index(match["day"]) + 1
    if match["name"]:
        own_zone = make_fixed_zone(_RFC2822_ZONE_HOURS.get(match["name"], 0) * 60)
    else:
        own_zone = make_fixed_zone(_to_offset_minutes(match["oh"], match["om"]) if match["oh"] else 0)
    return context.build_datetime(fields, own_zone)


def parse_with_pattern(value: str, pattern: str, context: ParseContext) -> DateTime:
    """Return the date-time of a text, the whole of which must match the pattern.

    Otherwise an invalid one, with the reason `unparsable`, `unit out of range`, `mismatched weekday` or
    `unsupported zone`. Raises ExpressionError where the match takes too long or fields exclude each other.
    """
    compiled, keys = _compile_pattern(pattern, context.locale)
    try:
        match = compiled.fullmatch(value, timeout=get_remaining_seconds())
    except TimeoutError:
        raise make_limit_error("dtFromFormat", "regex_seconds", 1) from None
    if match is None:
        return make_invalid_datetime(
            "unparsable", f'the input "{value}" can\'t be parsed as format {pattern}'
        )
    fields: dict[str, int] = {}
    own_zone: Zone | None = None
    meridiem = era = None
    for index, key in enumerate(keys):
        part = match.group(f"g{index}")
        if key == "zone":
            own_zone = find_zone(part)
            if own_zone is None:
                return _make_unsupported_zone(part)
        elif key == "offset":
            own_zone = make_fixed_zone(_parse_offset(part))
        elif key == "meridiem":
            meridiem = part.lower()
        elif key == "era":
            era = part.lower()
        else:
            name, read = (
                _FIELD_READERS[key] if key in _FIELD_READERS else _make_name_reader(key, context.locale)
            )
            fields[name] = read(part)
    _resolve_quarter_hour_and_era(fields, meridiem, era)
    return context.build_datetime(fields, own_zone)


def _parse_offset(value: str) -> int:
    """Return the minutes east of UTC from `+5`, `+05:30` or `+0530`."""
    sign = -1 if value.startswith("-") else 1
    digits = value[1:]
    hours, _, minutes = digits.partition(":")
    if not minutes and len(hours) > 2:
        hours, minutes = hours[:-2], hours[-2:]
    return sign * (int(hours) * 60 + int(minutes or 0))


def _resolve_quarter_hour_and_era(fields: dict[str, int], meridiem: str | None, era: str | None) -> None:
    """Turn a quarter into its first month, a 12-hour clock into 24 hours, and years BC into negative ones."""
    if "quarter" in fields:
        quarter = fields.pop("quarter")
        fields["month"] = (quarter - 1) * 3 + 1
    if "hour12" in fields:
        hour = fields.pop("hour12")
        if meridiem == "pm" and hour < 12:
            hour += 12
        elif meridiem == "am" and hour == 12:
            hour = 0
        fields["hour"] = hour
    if era in {"bc", "before christ"} and "year" in fields:
        fields["year"] = -fields["year"]


def _expand_year(value: str) -> int:
    """Return a year; one of two digits is 19xx above 60, else 20xx."""
    year = int(value)
    if len(value) > 2:
        return year
    return year + (1900 if year > 60 else 2000)


_FIELD_READERS: Final[Mapping[str, tuple[str, Callable[[str], int]]]] = {
    "y": ("year", int),
    "yy": ("year", _expand_year),
    "M": ("month", int),
    "d": ("day", int),
    "o": ("ordinal", int),
    "H": ("hour", int),
    "h": ("hour12", int),
    "m": ("minute", int),
    "q": ("quarter", int),
    "s": ("second", int),
    "S": ("millisecond", int),
    "u": ("millisecond", _convert_fraction_to_milliseconds),
    "k": ("weekYear", int),
    "kk": ("weekYear", _expand_year),
    "W": ("weekNumber", int),
    "E": ("weekday", int),
}
_ONE, _TWO, _ONE_TWO = r"\d", r"\d{2}", r"\d{1,2}"
_TOKEN_PATTERNS: Final = {
    "y": (r"\d{1,6}", "y"),
    "yy": (r"\d{2,4}", "yy"),
    "yyyy": (r"\d{4}", "y"),
    "yyyyy": (r"\d{4,6}", "y"),
    "yyyyyy": (r"\d{6}", "y"),
    "M": (_ONE_TWO, "M"),
    "MM": (_TWO, "M"),
    "L": (_ONE_TWO, "M"),
    "LL": (_TWO, "M"),
    "d": (_ONE_TWO, "d"),
    "dd": (_TWO, "d"),
    "o": (r"\d{1,3}", "o"),
    "ooo": (r"\d{3}", "o"),
    "HH": (_TWO, "H"),
    "H": (_ONE_TWO, "H"),
    "hh": (_TWO, "h"),
    "h": (_ONE_TWO, "h"),
    "mm": (_TWO, "m"),
    "m": (_ONE_TWO, "m"),
    "q": (_ONE_TWO, "q"),
    "qq": (_TWO, "q"),
    "s": (_ONE_TWO, "s"),
    "ss": (_TWO, "s"),
    "S": (r"\d{1,3}", "S"),
    "SSS": (r"\d{3}", "S"),
    "u": (r"\d{1,9}", "u"),
    "uu": (_ONE_TWO, "u"),
    "uuu": (_ONE, "u"),
    "kkkk": (r"\d{4}", "k"),
    "kk": (r"\d{2,4}", "kk"),
    "W": (_ONE_TWO, "W"),
    "WW": (_TWO, "W"),
    "E": (_ONE, "E"),
    "c": (_ONE, "E"),
    "Z": (r"[+-]\d{1,2}(?::\d{2})?", "offset"),
    "ZZ": (r"[+-]\d{1,2}(?::\d{2})?", "offset"),
    "ZZZ": (r"[+-]\d{1,2}(?:\d{2})?", "offset"),
    "z": (r"[a-z_+-/]{1,256}?", "zone"),
    "a": ("am|pm", "meridiem"),
    "G": ("bc|ad", "era"),
    "GG": ("before christ|anno domini", "era"),
}
"""Token -> the expression that its text matches, and the key under which `_FIELD_READERS` reads it."""

_NAME_TOKENS: Final = {
    "MMM": "months-short",
    "MMMM": "months-long",
    "LLL": "months-short",
    "LLLL": "months-long",
    "EEE": "days-short",
    "EEEE": "days-long",
    "ccc": "days-short",
    "cccc": "days-long",
}


def _lowercase_names(key: str, locale: str) -> list[str]:
    """Return the month or weekday names in lower case that a key such as `months-short` stands for."""
    read = get_month_names if key.startswith("months") else get_day_names
    return [name.lower() for name in read(locale, "short" if key.endswith("short") else "long")]


def _make_name_reader(key: str, locale: str) -> tuple[str, Callable[[str], int]]:
    """Return the field of a key such as `months-short`, and what turns a name into its number."""
    field = "month" if key.startswith("months") else "weekday"
    return field, lambda value: _lowercase_names(key, locale).index(value.lower()) + 1


@lru_cache(maxsize=512)
def _compile_pattern(pattern: str, locale: str) -> tuple[Any, tuple[str, ...]]:
    """Return a `regex` expression with groups `g0`, `g1`, …, and the key of each group."""
    parts: list[str] = []
    keys: list[str] = []
    for is_literal, value in _expand_macros(pattern):
        name_key = None if is_literal else _NAME_TOKENS.get(value)
        if name_key is not None:
            choices = sorted(_lowercase_names(name_key, locale), key=len, reverse=True)
            parts.append(f"(?P<g{len(keys)}>{'|'.join(map(re.escape, choices))})")
            keys.append(name_key)
        elif not is_literal and value in _TOKEN_PATTERNS:
            shape, key = _TOKEN_PATTERNS[value]
            parts.append(f"(?P<g{len(keys)}>{shape})")
            keys.append(key)
        else:
            parts.append("".join("[^\\S\\n\\r]" if c in " \u00a0" else re.escape(c) for c in value))
    return regex.compile("".join(parts), regex.ASCII | regex.IGNORECASE), tuple(keys)


def _expand_macros(pattern: str) -> list[tuple[bool, str]]:
    """Return the tokens of a pattern, with those of the locale's forms (`D`, `tt`) in the place of their
    names. Each is a pair (is literal, text)."""
    tokens: list[tuple[bool, str]] = []
    for is_literal, value in split_pattern(pattern):
        if not is_literal and value in MACROS:
            parts = split_pattern(MACROS[value])
            tokens.extend((literal, "yyyyy" if part == "y" else part) for literal, part in parts)
        else:
            tokens.append((is_literal, value))
    return tokens
