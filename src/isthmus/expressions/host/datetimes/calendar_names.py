"""Names of the calendar in English, the language of patterns; other languages through `babel`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from importlib import import_module
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

from isthmus.expressions.failures import failed

__all__ = ["DAYS", "MONTHS", "Width", "day_names", "meridiem", "month_names", "zone_names"]

Width = Literal["long", "short", "narrow"]

MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_CUT: Final = {"long": None, "short": 3, "narrow": 1}
_WIDE: Final = {"long": "wide", "short": "abbreviated", "narrow": "narrow"}


def month_names(locale: str, width: Width, *, alone: bool = False) -> Sequence[str]:
    """January to December. `alone`: the form that stands without a day, where a language has one."""
    if locale.startswith("en"):
        return [name[: _CUT[width]] for name in MONTHS]
    return _babel_names(locale, "months", width, alone)


def day_names(locale: str, width: Width, *, alone: bool = False) -> Sequence[str]:
    """Monday to Sunday."""
    if locale.startswith("en"):
        return [name[: _CUT[width]] for name in DAYS]
    return _babel_names(locale, "days", width, alone)


def meridiem(locale: str, hour: int) -> str:
    if locale.startswith("en"):
        return "AM" if hour < 12 else "PM"
    periods = _babel_locale(locale).day_periods["format"]["abbreviated"]
    return str(periods["am" if hour < 12 else "pm"])


@lru_cache(maxsize=256)
def _babel_names(locale: str, what: str, width: Width, alone: bool) -> tuple[str, ...]:
    found = getattr(_babel_locale(locale), what)["stand-alone" if alone else "format"][_WIDE[width]]
    first = 1 if what == "months" else 0
    return tuple(str(found[index]) for index in range(first, first + len(found)))


@lru_cache(maxsize=64)
def _babel_locale(locale: str) -> Any:
    try:
        babel = import_module("babel")
    except ImportError:
        raise failed(
            "toFormat",
            f"Names in the language {locale!r} need the extra `locales`: pip install 'isthmus[locales]'",
        ) from None
    try:
        return babel.Locale.parse(locale, sep="-")
    except (ValueError, babel.UnknownLocaleError):
        raise failed("toFormat", f"Incorrect locale information provided: {locale}") from None


def zone_names(zone: str, moment: datetime) -> tuple[str, str] | None:
    """The short and long English names of a zone at a moment; None without the extra `locales`."""
    try:
        dates = import_module("babel.dates")
    except ImportError:
        return None
    local = moment.astimezone(ZoneInfo(zone))
    short, long = (dates.get_timezone_name(local, width=width, locale="en_US") for width in ("short", "long"))
    return str(short), str(long)
