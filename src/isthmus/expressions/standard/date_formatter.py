"""Formats times by a picture, for `$fromMillis` and `$now`.

Times are milliseconds since 1970 in UTC; years follow the proleptic Gregorian calendar without bounds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from math import fmod
from operator import itemgetter
from typing import Any, Final

from isthmus.expressions.errors import ExpressionError, check_picture
from isthmus.expressions.standard import calendar
from isthmus.expressions.standard.date_pictures import (
    INTEGER_COMPONENTS,
    PLAIN_COMPONENTS,
    PicturePart,
    make_name_modifier_error,
    parse_picture,
)
from isthmus.expressions.standard.integer_pictures import format_with, parse_integer_picture
from isthmus.expressions.values import UNDEFINED

__all__ = ["ISO_PICTURE", "format_time"]

ISO_PICTURE: Final = "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]"
_START_OF_YEAR_1000: Final = -30_610_224_000_000
_END_OF_YEAR_9999: Final = 253_402_300_800_000


@lru_cache(maxsize=512)
def _compile_template(picture: str) -> tuple[str, Callable[[tuple[int, ...]], Any]] | None:
    """Return a picture of plain numbers as a %-template, and the function that picks its values from year,
    month, day, hour, minute and second; None for any other picture."""
    template = ""
    places: list[int] = []
    for part in parse_picture(picture):
        if not part.component:
            template += part.text.replace("%", "%%")
            continue
        form = part.form
        place = PLAIN_COMPONENTS.get(part.component)
        if place is None or form is None or part.names or form.kind != "decimal" or form.is_ordinal:
            return None
        if form.zero != 0x30 or form.separators or (place == 0 and part.year not in (-1, 4)):
            return None
        template += f"%0{form.mandatory}d"
        places.append(place)
    return (template, itemgetter(*places)) if places else None


_cached_days_to_date = lru_cache(maxsize=4_096)(calendar.convert_days_to_date)


def format_time(millis: float, picture: str, zone: Any) -> str:
    """Return the time as the picture says.

    `zone` is an offset such as `+0530`; undefined, and text without digits: UTC. As in the reference,
    `+05:30` is five minutes and `-0530` is -06:30.
    """
    check_picture(picture, "fromMillis")
    if zone is UNDEFINED and type(millis) is int and _START_OF_YEAR_1000 < millis < _END_OF_YEAR_9999:
        plain = _compile_template(picture)
        if plain is not None:
            template, pick_values = plain
            minutes, second = divmod(millis // 1_000, 60)
            days, minutes = divmod(minutes, 1_440)
            values = (*_cached_days_to_date(days), *divmod(minutes, 60), second)
            return str(template % pick_values(values))
    hours = minutes = 0
    if zone is not UNDEFINED:
        match = re.match(r"\s*([-+]?[0-9]{1,9})", zone)
        offset = int(match.group(1)) if match else 0
        hours, minutes = offset // 100, int(fmod(offset, 100))
    moment = calendar.Moment(millis + (60 * hours + minutes) * 60_000)
    return "".join(
        part.text if not part.component else _format_component(moment, part, hours, minutes)
        for part in parse_picture(picture)
    )


def _format_component(moment: calendar.Moment, part: PicturePart, hours: int, minutes: int) -> str:
    """Return one component; `hours` and `minutes` are the offset of the time zone."""
    component = part.component
    if component in "Zz":
        return _format_zone(part, hours, minutes)
    value = moment.get_component(component)
    if component in INTEGER_COMPONENTS:
        if part.names:
            return _format_name(part, value)
        if component == "Y" and part.year != -1:
            value = int(value) % 10**part.year if value >= 0 else -(-int(value) % 10**part.year)
        assert part.form is not None
        return format_with(value, part.form)
    text = str(value)
    return text.upper() if component == "P" and part.names == "upper" else text


def _format_name(part: PicturePart, value: Any) -> str:
    """Return the name of a month or day. Raises D3133 for other components."""
    if part.component in "Mx":
        name = calendar.MONTHS[int(value) - 1]
    elif part.component == "F":
        name = calendar.DAYS[int(value)]
    else:
        raise make_name_modifier_error(part.component)
    if part.names == "upper":
        name = name.upper()
    elif part.names == "lower":
        name = name.lower()
    return name[: part.longest] if part.longest is not None else name


def _format_zone(part: PicturePart, hours: int, minutes: int) -> str:
    """Return the offset of the time zone. Raises D3134 for a picture of more than four digits."""
    form = part.form
    assert form is not None
    offset = hours * 100 + minutes
    if form.regular:
        text = format_with(offset, form)
    elif form.mandatory in (1, 2):
        text = format_with(hours, form)
        if minutes:
            text += ":" + format_with(minutes, parse_integer_picture("00"))
    elif form.mandatory in (3, 4):
        text = format_with(offset, form)
    else:
        raise ExpressionError(
            "D3134",
            "The timezone integer format specifier cannot have more than four digits",
            value=form.mandatory,
        )
    if offset >= 0:
        text = "+" + text
    if part.component == "z":
        text = "GMT" + text
    return "Z" if offset == 0 and part.traditional else text
