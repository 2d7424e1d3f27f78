"""Names of months, weekdays and AM/PM: English built in, other languages by `babel` (extra `locales`)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any, Final, Literal

from isthmus.expressions.errors import make_function_error

__all__ = ["DAYS", "MONTHS", "Width", "get_day_names", "get_meridiem_name", "get_month_names"]

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
_ENGLISH_LENGTHS: Final = {"long": None, "short": 3, "narrow": 1}
_BABEL_WIDTHS: Final = {"long": "wide", "short": "abbreviated", "narrow": "narrow"}


def get_month_names(locale: str, width: Width, *, alone: bool = False) -> Sequence[str]:
    """Return the twelve month names, January first.

    `alone`: the form for a month without a day, where the language has one. Raises ExpressionError for an
    unknown language, and for one other than English without the extra `locales`.
    """
    if locale.startswith("en"):
        return [name[: _ENGLISH_LENGTHS[width]] for name in MONTHS]
    return _get_babel_names(locale, "months", width, alone)


def get_day_names(locale: str, width: Width, *, alone: bool = False) -> Sequence[str]:
    """Return the seven weekday names, Monday first. `alone` and errors as for `get_month_names`."""
    if locale.startswith("en"):
        return [name[: _ENGLISH_LENGTHS[width]] for name in DAYS]
    return _get_babel_names(locale, "days", width, alone)


def get_meridiem_name(locale: str, hour: int) -> str:
    """Return `AM` or `PM` in the language of `locale`, for an hour from 0 to 23."""
    if locale.startswith("en"):
        return "AM" if hour < 12 else "PM"
    periods = _load_babel_locale(locale).day_periods["format"]["abbreviated"]
    return str(periods["am" if hour < 12 else "pm"])


@lru_cache(maxsize=256)
def _get_babel_names(locale: str, kind: str, width: Width, alone: bool) -> tuple[str, ...]:
    """Return the names of `months` or `days` in a language other than English, by `babel`."""
    names = getattr(_load_babel_locale(locale), kind)["stand-alone" if alone else "format"][
        _BABEL_WIDTHS[width]
    ]
    first = 1 if kind == "months" else 0
    return tuple(str(names[index]) for index in range(first, first + len(names)))


@lru_cache(maxsize=64)
def _load_babel_locale(locale: str) -> Any:
    """Return the `babel.Locale`; raises ExpressionError for an unknown language or without the extra
    `locales`."""
    try:
        babel = import_module("babel")
    except ImportError:
        raise make_function_error(
            "toFormat",
            f"Names in the language {locale!r} need the extra `locales`: pip install 'isthmus[locales]'",
        ) from None
    try:
        return babel.Locale.parse(locale, sep="-")
    except (ValueError, babel.UnknownLocaleError):
        raise make_function_error("toFormat", f"Incorrect locale information provided: {locale}") from None
