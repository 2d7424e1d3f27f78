"""Date-times read by a pattern (`functions.md` §5.2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

import regex

from isthmus.expressions.failures import over_limit
from isthmus.expressions.host.datetimes.calendar_names import day_names, month_names
from isthmus.expressions.host.datetimes.fields import Reading
from isthmus.expressions.host.datetimes.parsing import fraction
from isthmus.expressions.host.datetimes.pattern_tokens import MACROS, split_pattern
from isthmus.expressions.host.datetimes.value import DateTime, invalid
from isthmus.expressions.host.datetimes.zones import Zone, fixed, zone_of
from isthmus.expressions.meter import work_seconds

__all__ = ["read_pattern"]


def read_pattern(given: str, pattern: str, reading: Reading) -> DateTime:
    """The whole of `given` must match; reasons: `unparsable`, `unit out of range`, `mismatched weekday`."""
    compiled, keys = _compiled(pattern, reading.locale)
    try:
        found = compiled.fullmatch(given, timeout=work_seconds())
    except TimeoutError:
        raise over_limit("dtFromFormat", "regex_seconds", 1) from None
    if found is None:
        return invalid("unparsable", f'the input "{given}" can\'t be parsed as format {pattern}')
    fields: dict[str, int] = {}
    own: Zone | None = None
    meridiem = era = None
    for index, key in enumerate(keys):
        value = found.group(f"g{index}")
        if key == "zone":
            own = zone_of(value)
            if own is None:
                return invalid("unsupported zone", f'the zone "{value}" is not supported')
        elif key == "offset":
            own = fixed(_offset(value))
        elif key == "meridiem":
            meridiem = value.lower()
        elif key == "era":
            era = value.lower()
        else:
            name, read = _KEYS[key] if key in _KEYS else _names_key(key, reading.locale)
            fields[name] = read(value)
    _settle(fields, meridiem, era)
    return reading.built(fields, own)


def _offset(value: str) -> int:
    sign = -1 if value.startswith("-") else 1
    digits = value[1:]
    hours, _, minutes = digits.partition(":")
    if not minutes and len(hours) > 2:
        hours, minutes = hours[:-2], hours[-2:]
    return sign * (int(hours) * 60 + int(minutes or 0))


def _settle(fields: dict[str, int], meridiem: str | None, era: str | None) -> None:
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


def _two_digit_year(value: str) -> int:
    year = int(value)
    if len(value) > 2:
        return year
    return year + (1900 if year > 60 else 2000)


_KEYS: Final[Mapping[str, tuple[str, Callable[[str], int]]]] = {
    "y": ("year", int),
    "yy": ("year", _two_digit_year),
    "M": ("month", int),
    "d": ("day", int),
    "o": ("ordinal", int),
    "H": ("hour", int),
    "h": ("hour12", int),
    "m": ("minute", int),
    "q": ("quarter", int),
    "s": ("second", int),
    "S": ("millisecond", int),
    "u": ("millisecond", fraction),
    "k": ("weekYear", int),
    "kk": ("weekYear", _two_digit_year),
    "W": ("weekNumber", int),
    "E": ("weekday", int),
}
_ONE, _TWO, _ONE_TWO = r"\d", r"\d{2}", r"\d{1,2}"
_NUMBERS: Final = {
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
_NAMED: Final = {
    "MMM": "months-short",
    "MMMM": "months-long",
    "LLL": "months-short",
    "LLLL": "months-long",
    "EEE": "days-short",
    "EEEE": "days-long",
    "ccc": "days-short",
    "cccc": "days-long",
}


def _names(key: str, locale: str) -> list[str]:
    read = month_names if key.startswith("months") else day_names
    return [name.lower() for name in read(locale, "short" if key.endswith("short") else "long")]


def _names_key(key: str, locale: str) -> tuple[str, Callable[[str], int]]:
    field = "month" if key.startswith("months") else "weekday"
    return field, lambda value: _names(key, locale).index(value.lower()) + 1


@lru_cache(maxsize=512)
def _compiled(pattern: str, locale: str) -> tuple[Any, tuple[str, ...]]:
    parts: list[str] = []
    keys: list[str] = []
    for is_literal, value in _expanded(pattern):
        named = None if is_literal else _NAMED.get(value)
        if named is not None:
            choices = sorted(_names(named, locale), key=len, reverse=True)
            parts.append(f"(?P<g{len(keys)}>{'|'.join(map(re.escape, choices))})")
            keys.append(named)
        elif not is_literal and value in _NUMBERS:
            shape, key = _NUMBERS[value]
            parts.append(f"(?P<g{len(keys)}>{shape})")
            keys.append(key)
        else:
            parts.append("".join("[^\\S\\n\\r]" if c in " \u00a0" else re.escape(c) for c in value))
    return regex.compile("".join(parts), regex.ASCII | regex.IGNORECASE), tuple(keys)


def _expanded(pattern: str) -> list[tuple[bool, str]]:
    out: list[tuple[bool, str]] = []
    for is_literal, value in split_pattern(pattern):
        if not is_literal and value in MACROS:
            parts = split_pattern(MACROS[value])
            out.extend((literal, "yyyyy" if part == "y" else part) for literal, part in parts)
        else:
            out.append((is_literal, value))
    return out
