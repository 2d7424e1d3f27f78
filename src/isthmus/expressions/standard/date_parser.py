"""Parses times by a picture, for `$toMillis`."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

import regex

from isthmus.expressions.errors import ExpressionError, check_picture, make_limit_error
from isthmus.expressions.library import Evaluation
from isthmus.expressions.limits import MAX_PICTURE_CHARS
from isthmus.expressions.standard import calendar
from isthmus.expressions.standard.date_pictures import (
    PLAIN_COMPONENTS,
    PicturePart,
    make_name_modifier_error,
    parse_picture,
)
from isthmus.expressions.standard.integer_pictures import compile_reader
from isthmus.expressions.values import UNDEFINED

__all__ = ["parse_time"]


Reader = Callable[[str], Any]


@lru_cache(maxsize=512)
def _compile_picture(picture: str) -> tuple[Any, tuple[tuple[str, Reader], ...]]:
    """Return the pattern of texts that fit a picture, and for each of its groups the component and how to
    read it."""
    patterns: list[str] = []
    readers: list[tuple[str, Reader]] = []
    for part in parse_picture(picture):
        if not part.component:
            patterns.append(regex.escape(part.text, literal_spaces=True))
            continue
        pattern, reader = _compile_component(part)
        patterns.append(f"({pattern})")
        readers.append((part.component, reader))
    return regex.compile("".join(patterns), regex.IGNORECASE), tuple(readers)


def _compile_component(part: PicturePart) -> tuple[str, Reader]:
    """Return the pattern of one component, and the function that reads a text which matches it."""
    component, form = part.component, part.form
    if component in "Zz":
        return _compile_zone(part)
    if component == "f" and not part.names:
        return "[0-9]+", lambda text: float(f"0.{text[:3]}") * 1000
    if form is not None:
        return compile_reader(form)
    names: dict[str, int] = {}
    if component in "Mx":
        names = {name[: part.longest]: number for number, name in enumerate(calendar.MONTHS, 1)}
    elif component == "F":
        names = {name[: part.longest]: number for number, name in enumerate(calendar.DAYS) if number}
    elif component == "P":
        names = {"am": 0, "AM": 0, "pm": 1, "PM": 1}
    else:
        raise make_name_modifier_error(component)
    return "[a-zA-Z]+", lambda text: names.get(text, UNDEFINED)


def _compile_zone(part: PicturePart) -> tuple[str, Reader]:
    """Return the pattern of an offset, and the function that reads it, in minutes."""
    assert part.form is not None
    separator = part.form.separators[0][1] if part.form.regular else ""
    pattern = "[-+][0-9]+"
    if separator:
        pattern += regex.escape(separator) + "[0-9]+"
    if part.component == "z":
        pattern = "GMT" + pattern

    def read(text: str) -> int:
        """Return the minutes east of UTC of an offset."""
        offset_text = text[3:] if part.component == "z" else text
        if separator:
            hours, _, minutes = offset_text.partition(separator)
            return int(hours) * 60 + int(minutes)
        if len(offset_text) <= 3:
            return int(offset_text) * 60
        return int(offset_text[:3]) * 60 + int(offset_text[3:])

    return pattern, read


@lru_cache(maxsize=512)
def _compile_plain_picture(picture: str) -> tuple[re.Pattern[str], tuple[int, ...]] | None:
    """Return a quick way for a picture of year, month, day (and time) in plain numbers; None for any other
    picture.

    Returns a pattern, and the indexes of year, month, day, hour, minute and second among its groups (-1:
    missing).
    """
    pattern = ""
    groups: list[str] = []
    is_after_digit = False
    for part in parse_picture(picture):
        if not part.component:
            pattern += re.escape(part.text)
            is_after_digit = part.text[-1].isdigit()
            continue
        form = part.form
        if part.component not in PLAIN_COMPONENTS or form is None or part.names or is_after_digit:
            return None
        if form.kind != "decimal" or form.is_ordinal or form.zero != 0x30 or form.separators:
            return None
        pattern += f"([0-9]{{{form.parse_width}}})" if form.parse_width else "([0-9]{1,9})"
        groups.append(part.component)
    if not {"Y", "M", "D"} <= set(groups) or len(set(groups)) != len(groups):
        return None
    times = "Hms"[: len(groups) - 3]
    if set(groups) != {"Y", "M", "D", *times}:
        return None
    return re.compile(pattern), tuple(groups.index(one) if one in groups else -1 for one in PLAIN_COMPONENTS)


def _compute_plain_millis(groups: tuple[str, ...], places: tuple[int, ...]) -> int | None:
    """Return the milliseconds since 1970 (UTC) of the digits that matched; a part at -1 in `places` is 0.

    None for a day that `datetime.date` cannot hold: a zero, a 30 February, a year above 9999. Such a text is
    then read the general way.
    """
    year, month, day, hour, minute, second = (int(groups[place]) if place >= 0 else 0 for place in places)
    try:
        days = date(year, month, day).toordinal() - 719_163
    except ValueError:
        return None
    return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000


def parse_time(evaluation: Evaluation, text: str, picture: str) -> Any:
    """Return the time in milliseconds; undefined if the text does not fit the picture.

    Components missing before the largest given one are those of the present time, components missing behind
    the smallest are the first. Raises D3136 for a picture that names too few components.
    """
    check_picture(picture, "toMillis")
    if len(text) > MAX_PICTURE_CHARS:
        raise make_limit_error("toMillis", "characters of a time", MAX_PICTURE_CHARS)
    plain = _compile_plain_picture(picture)
    if plain is not None:
        fitting = plain[0].fullmatch(text)
        if fitting is not None:
            millis = _compute_plain_millis(fitting.groups(), plain[1])
            if millis is not None:
                return millis
    pattern, readers = _compile_picture(picture)
    try:
        match = pattern.fullmatch(
            text, timeout=min(evaluation.limits.regex_seconds, evaluation.get_remaining_seconds())
        )
    except TimeoutError:
        raise evaluation.make_limit_error("regex_seconds", "toMillis") from None
    if match is None or not readers:
        return UNDEFINED
    values: dict[str, Any] = {}
    for (component, reader), value in zip(readers, match.groups(), strict=True):
        values[component] = reader(value)
    date, time = _choose_date_components(values), _choose_time_components(values)
    _fill_in_components(values, date + time, evaluation.now)
    if date not in ("YMD", "YD"):
        raise _make_incomplete_picture_error()
    month = int(values.get("M") or 0) - 1 if (values.get("M") or 0) > 0 else 0
    if date == "YD":
        day_of_year = values.get("d", UNDEFINED)
        if day_of_year is UNDEFINED:
            return float("nan")
        days = calendar.convert_date_to_days(int(values["Y"]), 1, 1) + int(day_of_year) - 1
    else:
        days = calendar.convert_date_to_days(int(values["Y"]), month + 1, 1) + int(values["D"]) - 1
    hour = values.get("H", 0)
    if time[0] == "P":
        hour = 0 if values["h"] == 12 else values["h"]
        hour += 12 if values["P"] == 1 else 0
    millis = ((days * 24 + hour) * 60 + values["m"]) * 60_000 + values["s"] * 1000 + values["f"]
    return millis - (values.get("Z") or values.get("z") or 0) * 60_000


def _make_incomplete_picture_error() -> ExpressionError:
    """Return the error D3136 of a picture that names too few components."""
    return ExpressionError(
        "D3136", "The date/time picture string is missing specifiers required to parse the timestamp"
    )


def _make_component_mask(values: dict[str, Any], letters: str) -> int:
    """Return a bit for each letter, set if the component is given and not zero; the first letter is the
    highest bit."""
    mask = 0
    for letter in letters:
        mask = mask << 1 | bool(values.get(letter))
    return mask


def _fits_kind(mask: int, kind: int) -> bool:
    """Return whether some of the given components are of this kind of date or time, and none of another."""
    return not ~kind & mask and bool(kind & mask)


def _choose_date_components(values: dict[str, Any]) -> str:
    """Return the components that make up the date: year-month-day, year-day, or one of the week calendars."""
    mask = _make_component_mask(values, "YXMxWwdD")
    if not _fits_kind(mask, 0b10100001) and _fits_kind(mask, 0b10000010):
        return "YD"
    if _fits_kind(mask, 0b01010100):
        return "XxwF"
    return "XWF" if _fits_kind(mask, 0b01001000) else "YMD"


def _choose_time_components(values: dict[str, Any]) -> str:
    """Return the components that make up the time: of 12 hours with a.m. and p.m., or of 24."""
    mask = _make_component_mask(values, "PHhmsf")
    if not _fits_kind(mask, 0b010111) and _fits_kind(mask, 0b101111):
        return "Phmsf"
    return "Hmsf"


def _fill_in_components(values: dict[str, Any], components: str, now: datetime) -> None:
    """Set those of `components` that are missing in `values`, from `now` or to their minimum.

    Raises D3136 if one is missing between others.
    """
    has_started = has_ended = False
    moment = calendar.Moment((now - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)
    for component in components:
        if values.get(component, UNDEFINED) is UNDEFINED:
            if has_started:
                values[component] = 1 if component in "MDd" else 0
                has_ended = True
            else:
                values[component] = moment.get_component(component)
        else:
            has_started = True
            if has_ended:
                raise _make_incomplete_picture_error()
