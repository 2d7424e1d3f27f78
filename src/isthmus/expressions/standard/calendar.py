"""Calendar arithmetic on milliseconds since 1970 in UTC, in the proleptic Gregorian calendar."""

from __future__ import annotations

from math import trunc
from typing import Any, Final

from isthmus.expressions.errors import ExpressionError

__all__ = ["DAYS", "MONTHS", "Moment", "convert_date_to_days"]

MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
    "November", "December",
)  # fmt: skip
DAYS: Final = ("", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAY_MILLIS: Final = 86_400_000
MAX_MILLIS: Final = 8.64e15


def convert_date_to_days(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 to a date of the proleptic Gregorian calendar."""
    shifted = year - (month <= 2)
    era, year_of_era = divmod(shifted, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468


def convert_days_to_date(days: int) -> tuple[int, int, int]:
    """Return the year, month and day of a day counted from 1970-01-01."""
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9
    return year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * shifted + 2) // 5 + 1


def _compute_weekday(days: int) -> int:
    """Return the weekday of a day: 1 for Monday to 7 for Sunday."""
    return (days + 3) % 7 + 1


def _find_first_week_start(year: int, month: int) -> int:
    """Return the Monday of week 1, in days since 1970-01-01: the week with the first Thursday of the month;
    with month 1, also of the year."""
    first_of_month = convert_date_to_days(year, month, 1)
    weekday = _compute_weekday(first_of_month)
    return first_of_month + 8 - weekday if weekday > 4 else first_of_month - weekday + 1


def _get_next_month(year: int, month: int) -> tuple[int, int]:
    """Return the year and month behind a month."""
    return (year + 1, 1) if month == 12 else (year, month + 1)


def _get_previous_month(year: int, month: int) -> tuple[int, int]:
    """Return the year and month before a month."""
    return (year - 1, 12) if month == 1 else (year, month - 1)


class Moment:
    """A point in time, split into its parts. Raises D3110 for a time that JavaScript's dates cannot
    represent."""

    __slots__ = ("day", "days", "hour", "millis", "minute", "month", "second", "year")

    def __init__(self, millis: float) -> None:
        if not -MAX_MILLIS <= millis <= MAX_MILLIS:
            raise ExpressionError("D3110", "The time is beyond what can be represented", value=millis)
        whole = trunc(millis)
        self.days, rest = divmod(whole, _DAY_MILLIS)
        self.year, self.month, self.day = convert_days_to_date(self.days)
        self.hour, rest = divmod(rest, 3_600_000)
        self.minute, rest = divmod(rest, 60_000)
        self.second, self.millis = divmod(rest, 1000)

    def get_component(self, letter: str) -> Any:
        """Return the value of a component of date pictures, such as `Y` or `h`; None for an unknown
        letter."""
        simple = {
            "Y": self.year, "M": self.month, "D": self.day, "H": self.hour, "m": self.minute,
            "s": self.second, "f": self.millis, "C": "ISO", "E": "ISO",
        }  # fmt: skip
        if letter in simple:
            return simple[letter]
        if letter == "h":
            return self.hour % 12 or 12
        if letter == "P":
            return "pm" if self.hour >= 12 else "am"
        if letter == "F":
            return _compute_weekday(self.days)
        if letter == "d":
            return self.days - convert_date_to_days(self.year, 1, 1) + 1
        return self._get_week_component(letter)

    def _get_week_component(self, letter: str) -> Any:
        """Return the value of a component that counts weeks: `W`, `w`, `X` or `x`."""
        if letter == "W":
            return self._compute_week_number(
                _find_first_week_start(self.year, 1), 52, (self.year + 1, 1), (self.year - 1, 1)
            )
        if letter == "w":
            return self._compute_week_number(
                _find_first_week_start(self.year, self.month),
                4,
                _get_next_month(self.year, self.month),
                _get_previous_month(self.year, self.month),
            )
        if letter == "X":
            if self.days < _find_first_week_start(self.year, 1):
                return self.year - 1
            return self.year + 1 if self.days >= _find_first_week_start(self.year + 1, 1) else self.year
        if letter == "x":
            if self.days < _find_first_week_start(self.year, self.month):
                return _get_previous_month(self.year, self.month)[1]
            following = _get_next_month(self.year, self.month)
            return following[1] if self.days >= _find_first_week_start(*following) else self.month
        return None

    def _compute_week_number(
        self, start: int, weeks: int, next_period: tuple[int, int], previous_period: tuple[int, int]
    ) -> int:
        """Return the number of the week that starts at week 1 on day `start`, of the year or month before or
        after at its ends."""
        week = (self.days - start) // 7 + 1
        if week > weeks and self.days >= _find_first_week_start(*next_period):
            return 1
        if week < 1:
            return (self.days - _find_first_week_start(*previous_period)) // 7 + 1
        return week
