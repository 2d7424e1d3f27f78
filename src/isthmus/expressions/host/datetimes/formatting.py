"""A date-time as text by a pattern (`functions.md` §5.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from isthmus.expressions.host.datetimes.calendar_names import day_names, meridiem, month_names
from isthmus.expressions.host.datetimes.pattern_tokens import MACROS, split_pattern
from isthmus.expressions.host.datetimes.value import DateTime

__all__ = ["format_datetime", "offset_text"]

_ERAS: Final = {"G": ("BC", "AD"), "GG": ("Before Christ", "Anno Domini"), "GGGGG": ("B", "A")}


def offset_text(minutes: int | float, style: str) -> str:
    """`+5` (narrow), `+05:00` (short), `+0500` (basic)."""
    hours, rest = divmod(int(abs(minutes)), 60)
    sign = "-" if minutes < 0 else "+"
    if style == "narrow":
        return f"{sign}{hours}" + (f":{rest}" if rest else "")
    return f"{sign}{hours:02d}{':' if style == 'short' else ''}{rest:02d}"


def format_datetime(moment: DateTime, pattern: str, locale: str | None = None) -> str:
    """`Invalid DateTime` for an invalid value. Characters that are no token stand for themselves."""
    if not moment.is_valid:
        return "Invalid DateTime"
    return _format(moment, pattern, locale or moment.locale)


def _format(moment: DateTime, pattern: str, locale: str) -> str:
    out = []
    for is_literal, value in split_pattern(pattern):
        token = None if is_literal else _TOKENS.get(value)
        if token is not None:
            out.append(token(moment))
        elif not is_literal and value in _NAMES:
            out.append(_NAMES[value](moment, locale))
        elif not is_literal and value in MACROS:
            out.append(_format(moment, MACROS[value], locale))
        else:
            out.append(value)
    return "".join(out)


def _padded(read: Callable[[DateTime], int], width: int) -> Callable[[DateTime], str]:
    return lambda moment: f"{read(moment):0{width}d}"


def _two(read: Callable[[DateTime], int]) -> Callable[[DateTime], str]:
    return lambda moment: f"{read(moment):04d}"[-2:]


def _local_week(moment: DateTime) -> tuple[int, int]:
    """Week year and week as the locale counts: in America from Sunday, the week of 1 January the first."""
    if moment.locale not in {"en", "en-US"}:
        year, week, _ = moment.week
        return year, week
    local = moment.local
    sunday = local.toordinal() - local.isoweekday() % 7
    end_year = local.fromordinal(sunday + 6).year
    first = local.replace(year=end_year, month=1, day=1)
    first_sunday = first.toordinal() - first.isoweekday() % 7
    return end_year, (sunday - first_sunday) // 7 + 1


def _hour12(moment: DateTime) -> int:
    return moment.local.hour % 12 or 12


_TOKENS: Final[Mapping[str, Callable[[DateTime], str]]] = {
    "y": _padded(lambda m: m.local.year, 1),
    "yy": _two(lambda m: m.local.year),
    "yyyy": _padded(lambda m: m.local.year, 4),
    "yyyyyy": _padded(lambda m: m.local.year, 6),
    "kk": _two(lambda m: m.week[0]),
    "kkkk": _padded(lambda m: m.week[0], 4),
    "ii": _two(lambda m: _local_week(m)[0]),
    "iiii": _padded(lambda m: _local_week(m)[0], 4),
    "G": lambda m: _ERAS["G"][1],
    "GG": lambda m: _ERAS["GG"][1],
    "GGGGG": lambda m: _ERAS["GGGGG"][1],
    "q": _padded(lambda m: m.quarter, 1),
    "qq": _padded(lambda m: m.quarter, 2),
    "M": _padded(lambda m: m.local.month, 1),
    "MM": _padded(lambda m: m.local.month, 2),
    "L": _padded(lambda m: m.local.month, 1),
    "LL": _padded(lambda m: m.local.month, 2),
    "W": _padded(lambda m: m.week[1], 1),
    "WW": _padded(lambda m: m.week[1], 2),
    "n": _padded(lambda m: _local_week(m)[1], 1),
    "nn": _padded(lambda m: _local_week(m)[1], 2),
    "d": _padded(lambda m: m.local.day, 1),
    "dd": _padded(lambda m: m.local.day, 2),
    "o": _padded(lambda m: m.ordinal, 1),
    "ooo": _padded(lambda m: m.ordinal, 3),
    "c": _padded(lambda m: m.week[2], 1),
    "E": _padded(lambda m: m.week[2], 1),
    "H": _padded(lambda m: m.local.hour, 1),
    "HH": _padded(lambda m: m.local.hour, 2),
    "h": _padded(_hour12, 1),
    "hh": _padded(_hour12, 2),
    "m": _padded(lambda m: m.local.minute, 1),
    "mm": _padded(lambda m: m.local.minute, 2),
    "s": _padded(lambda m: m.local.second, 1),
    "ss": _padded(lambda m: m.local.second, 2),
    "S": _padded(lambda m: m.millisecond, 1),
    "SSS": _padded(lambda m: m.millisecond, 3),
    "u": _padded(lambda m: m.millisecond, 3),
    "uu": _padded(lambda m: m.millisecond // 10, 2),
    "uuu": _padded(lambda m: m.millisecond // 100, 1),
    "Z": lambda m: offset_text(m.offset, "narrow"),
    "ZZ": lambda m: offset_text(m.offset, "short"),
    "ZZZ": lambda m: offset_text(m.offset, "basic"),
    "ZZZZ": lambda m: m.zone.short_name(m.stamp),
    "ZZZZZ": lambda m: m.zone.long_name(m.stamp),
    "z": lambda m: m.zone.name,
    "X": lambda m: str(m.stamp // 1000),
    "x": lambda m: str(m.stamp),
}

_NAMES: Final[Mapping[str, Callable[[DateTime, str], str]]] = {
    "a": lambda m, locale: meridiem(locale, m.local.hour),
    "MMM": lambda m, locale: month_names(locale, "short")[m.local.month - 1],
    "MMMM": lambda m, locale: month_names(locale, "long")[m.local.month - 1],
    "MMMMM": lambda m, locale: month_names(locale, "narrow")[m.local.month - 1],
    "LLL": lambda m, locale: month_names(locale, "short", alone=True)[m.local.month - 1],
    "LLLL": lambda m, locale: month_names(locale, "long", alone=True)[m.local.month - 1],
    "LLLLL": lambda m, locale: month_names(locale, "narrow", alone=True)[m.local.month - 1],
    "EEE": lambda m, locale: day_names(locale, "short")[m.week[2] - 1],
    "EEEE": lambda m, locale: day_names(locale, "long")[m.week[2] - 1],
    "EEEEE": lambda m, locale: day_names(locale, "narrow")[m.week[2] - 1],
    "ccc": lambda m, locale: day_names(locale, "short", alone=True)[m.week[2] - 1],
    "cccc": lambda m, locale: day_names(locale, "long", alone=True)[m.week[2] - 1],
    "ccccc": lambda m, locale: day_names(locale, "narrow", alone=True)[m.week[2] - 1],
}
