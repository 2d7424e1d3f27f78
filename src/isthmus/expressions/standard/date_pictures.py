"""XPath's date and time pictures (`[Y0001]-[M01]-[D01]`): taken apart, written, read.

Times are milliseconds since 1970 in UTC; years follow the proleptic Gregorian calendar without bounds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, Final

import regex

from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.standard import calendar
from isthmus.expressions.standard.integer_pictures import IntegerFormat, analyse, matcher, with_width, write
from isthmus.expressions.values import UNDEFINED

__all__ = ["ISO", "parse", "write_time"]

ISO: Final = "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001][Z01:01t]"

_DEFAULTS: Final = {
    "Y": "1", "M": "1", "D": "1", "d": "1", "F": "n", "W": "1", "w": "1", "X": "1", "x": "1", "H": "1",
    "h": "1", "P": "n", "m": "01", "s": "01", "f": "1", "Z": "01:01", "z": "01:01", "C": "n", "E": "n",
}  # fmt: skip
_INTEGERS: Final = "YMDdFWwXxHhmsf"


@dataclass(frozen=True, slots=True)
class Part:
    """A literal (`text`), or a component with how it is presented.

    names: case of a name (upper, lower, title), or "" for a number. year: digits of a year that are kept.
    """

    text: str = ""
    component: str = ""
    names: str = ""
    traditional: bool = False
    shortest: int | None = None
    longest: int | None = None
    form: IntegerFormat | None = None
    year: int = -1


@lru_cache(maxsize=512)
def parts_of(picture: str) -> tuple[Part, ...]:
    parts: list[Part] = []
    start = at = 0

    def put_literal(end: int) -> None:
        if end > start:
            parts.append(Part(picture[start:end].replace("]]", "]")))

    while at < len(picture):
        if picture[at] == "[":
            put_literal(at)
            if picture[at + 1 : at + 2] == "[":
                parts.append(Part("["))
                at += 2
                start = at
                continue
            end = picture.find("]", at)
            if end < 0:
                raise ExpressionError("D3135", "No matching closing bracket ']' in date/time picture string")
            _put_marker(parts, "".join(picture[at + 1 : end].split()))
            at = end
            start = at + 1
        at += 1
    put_literal(at)
    return tuple(parts)


def _width(text: str) -> int | None:
    digits = re.match(r"[0-9]+", text)
    return int(digits.group()) if digits else None


def _put_marker(parts: list[Part], marker: str) -> None:
    component = marker[:1]
    shown, comma, width = marker[1:].rpartition(",")
    if not comma:
        shown, width = marker[1:], ""
    least, _, most = width.partition("-")
    shortest, longest = _width(least), _width(most)
    modifier = ""
    if len(shown) > 1 and shown[-1] in "atco":
        shown, modifier = shown[:-1], shown[-1]
    elif not shown:
        shown = _DEFAULTS.get(component, "")
    if not shown:
        raise ExpressionError(
            "D3132", f'Unknown component specifier "{component}" in date/time picture string', value=component
        )
    part = Part(component=component, traditional=modifier == "t", shortest=shortest, longest=longest)
    if shown[0] == "n":
        part = replace(part, names="lower")
    elif shown[0] == "N":
        part = replace(part, names="title" if shown[1:2] == "n" else "upper")
    elif component in _INTEGERS:
        part = _number_part(part, shown + (f";{modifier}" if modifier else ""))
        if parts and parts[-1].form is not None and parts[-1].component in _INTEGERS:
            parts[-1] = replace(parts[-1], form=with_width(parts[-1].form))
    if component in ("Z", "z"):
        part = replace(part, form=analyse(shown))
    parts.append(part)


def _number_part(part: Part, picture: str) -> Part:
    form = analyse(picture)
    if part.shortest is not None and form.mandatory < part.shortest:
        form = replace(form, mandatory=part.shortest)
    year = -1
    if part.component == "Y":
        if part.longest is not None:
            year = part.longest
            form = replace(form, mandatory=year)
        elif form.mandatory + form.optional >= 2:
            year = form.mandatory + form.optional
    return replace(part, form=form, year=year)


# Writing.


_PLAIN: Final = {"Y": 0, "M": 1, "D": 2, "H": 3, "m": 4, "s": 5}
_FIRST_YEAR: Final = -30_610_224_000_000
_LAST: Final = 253_402_300_800_000


@lru_cache(maxsize=512)
def _template(picture: str) -> tuple[str, Callable[[tuple[int, ...]], Any]] | None:
    """A picture of plain numbers as a %-template and what fills it; None for any other picture."""
    template = ""
    places: list[int] = []
    for part in parts_of(picture):
        if not part.component:
            template += part.text.replace("%", "%%")
            continue
        form = part.form
        place = _PLAIN.get(part.component)
        if place is None or form is None or part.names or form.kind != "decimal" or form.is_ordinal:
            return None
        if form.zero != 0x30 or form.separators or (place == 0 and part.year not in (-1, 4)):
            return None
        template += f"%0{form.mandatory}d"
        places.append(place)
    return (template, itemgetter(*places)) if places else None


_civil = lru_cache(maxsize=4_096)(calendar.civil_from_days)


def write_time(millis: float, picture: str, zone: Any) -> str:
    if zone is UNDEFINED and type(millis) is int and _FIRST_YEAR < millis < _LAST:
        plain = _template(picture)
        if plain is not None:
            minutes, second = divmod(millis // 1_000, 60)
            days, minutes = divmod(minutes, 1_440)
            return str(plain[0] % plain[1]((*_civil(days), *divmod(minutes, 60), second)))
    hours = minutes = 0
    if zone is not UNDEFINED:
        found = re.match(r"\s*([-+]?[0-9]+)", zone)
        offset = int(found.group(1)) if found else 0
        hours = offset // 100
        minutes = abs(offset) % 100 * (1 if offset >= 0 else -1)
    moment = calendar.Moment(millis + (60 * hours + minutes) * 60_000)
    return "".join(
        part.text if not part.component else _written(moment, part, hours, minutes)
        for part in parts_of(picture)
    )


def _written(moment: calendar.Moment, part: Part, hours: int, minutes: int) -> str:
    component = part.component
    if component in "Zz":
        return _zone(part, hours, minutes)
    value = moment.component(component)
    if component in _INTEGERS:
        if part.names:
            return _name(part, value)
        if component == "Y" and part.year != -1:
            value = int(value) % 10**part.year if value >= 0 else -(-int(value) % 10**part.year)
        assert part.form is not None
        return write(value, part.form)
    text = str(value)
    return text.upper() if component == "P" and part.names == "upper" else text


def _name(part: Part, value: Any) -> str:
    if part.component in "Mx":
        name = calendar.MONTHS[int(value) - 1]
    elif part.component == "F":
        name = calendar.DAYS[int(value)]
    else:
        raise _no_name(part.component)
    if part.names == "upper":
        name = name.upper()
    elif part.names == "lower":
        name = name.lower()
    return name[: part.longest] if part.longest is not None else name


def _no_name(component: str) -> ExpressionError:
    return ExpressionError(
        "D3133",
        "The 'name' modifier can only be applied to months and days in the date/time picture string,"
        f' not "{component}"',
        value=component,
    )


def _zone(part: Part, hours: int, minutes: int) -> str:
    form = part.form
    assert form is not None
    offset = hours * 100 + minutes
    if form.regular:
        text = write(offset, form)
    elif form.mandatory in (1, 2):
        text = write(hours, form)
        if minutes:
            text += ":" + write(minutes, analyse("00"))
    elif form.mandatory in (3, 4):
        text = write(offset, form)
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


# Reading.

Reader = Callable[[str], Any]


@lru_cache(maxsize=512)
def _reader(picture: str) -> tuple[Any, tuple[tuple[str, Reader], ...]]:
    patterns: list[str] = []
    readers: list[tuple[str, Reader]] = []
    for part in parts_of(picture):
        if not part.component:
            patterns.append(regex.escape(part.text, literal_spaces=True))
            continue
        pattern, reader = _component_reader(part)
        patterns.append(f"({pattern})")
        readers.append((part.component, reader))
    return regex.compile("".join(patterns), regex.IGNORECASE), tuple(readers)


def _component_reader(part: Part) -> tuple[str, Reader]:
    component, form = part.component, part.form
    if component in "Zz":
        return _zone_reader(part)
    if component == "f" and not part.names:
        return "[0-9]+", lambda text: float(f"0.{text[:3]}") * 1000
    if form is not None:
        return matcher(form)
    names: dict[str, int] = {}
    if component in "Mx":
        names = {name[: part.longest]: number for number, name in enumerate(calendar.MONTHS, 1)}
    elif component == "F":
        names = {name[: part.longest]: number for number, name in enumerate(calendar.DAYS) if number}
    elif component == "P":
        names = {"am": 0, "AM": 0, "pm": 1, "PM": 1}
    else:
        raise _no_name(component)
    return "[a-zA-Z]+", lambda text: names.get(text, UNDEFINED)


def _zone_reader(part: Part) -> tuple[str, Reader]:
    assert part.form is not None
    separator = part.form.separators[0][1] if part.form.regular else ""
    pattern = "[-+][0-9]+"
    if separator:
        pattern += regex.escape(separator) + "[0-9]+"
    if part.component == "z":
        pattern = "GMT" + pattern

    def read(text: str) -> int:
        given = text[3:] if part.component == "z" else text
        if separator:
            hours, _, minutes = given.partition(separator)
            return int(hours) * 60 + int(minutes)
        if len(given) <= 3:
            return int(given) * 60
        return int(given[:3]) * 60 + int(given[3:])

    return pattern, read


@lru_cache(maxsize=512)
def _plain_reader(picture: str) -> tuple[re.Pattern[str], tuple[int, ...]] | None:
    """A picture of year, month and day (and time) in plain numbers, apart from each other.

    Gives a pattern and where year, month, day, hour, minute and second are among its groups (-1: missing).
    """
    pattern = ""
    given: list[str] = []
    may_follow = True
    for part in parts_of(picture):
        if not part.component:
            pattern += re.escape(part.text)
            may_follow = not part.text[-1].isdigit()
            continue
        form = part.form
        if part.component not in _PLAIN or form is None or part.names or not may_follow:
            return None
        if form.kind != "decimal" or form.is_ordinal or form.zero != 0x30 or form.separators:
            return None
        pattern += f"([0-9]{{{form.parse_width}}})" if form.parse_width else "([0-9]{1,9})"
        may_follow = False
        given.append(part.component)
    if not {"Y", "M", "D"} <= set(given) or len(set(given)) != len(given):
        return None
    times = "Hms"[: len(given) - 3]
    if set(given) != {"Y", "M", "D", *times}:
        return None
    return re.compile(pattern), tuple(given.index(one) if one in given else -1 for one in _PLAIN)


def _plain_millis(groups: tuple[str, ...], places: tuple[int, ...]) -> int | None:
    """The time of a text that fits; None if a part is zero that must not be, or the day does not exist."""
    year, month, day, hour, minute, second = (int(groups[place]) if place >= 0 else 0 for place in places)
    try:
        days = date(year, month, day).toordinal() - 719_163
    except ValueError:
        return None
    return (((days * 24 + hour) * 60 + minute) * 60 + second) * 1000


def parse(text: str, picture: str, now: datetime) -> Any:
    """Milliseconds, or undefined where the text does not fit; D3136 for an incomplete picture.

    Components that are missing before the largest given one come from `now`, behind the smallest they are
    the first.
    """
    plain = _plain_reader(picture)
    if plain is not None:
        fitting = plain[0].fullmatch(text)
        if fitting is not None:
            millis = _plain_millis(fitting.groups(), plain[1])
            if millis is not None:
                return millis
    pattern, readers = _reader(picture)
    found = pattern.fullmatch(text, timeout=1.0)
    if found is None or not readers:
        return UNDEFINED
    given: dict[str, Any] = {}
    for (component, reader), value in zip(readers, found.groups(), strict=True):
        given[component] = reader(value)
    date, time = _date_components(given), _time_components(given)
    _complete(given, date + time, now)
    if date not in ("YMD", "YD"):
        raise _incomplete()
    month = int(given.get("M") or 0) - 1 if (given.get("M") or 0) > 0 else 0
    if date == "YD":
        day_of_year = given.get("d", UNDEFINED)
        if day_of_year is UNDEFINED:
            return float("nan")
        days = calendar.days_from_civil(int(given["Y"]), 1, 1) + int(day_of_year) - 1
    else:
        days = calendar.days_from_civil(int(given["Y"]), month + 1, 1) + int(given["D"]) - 1
    hour = given.get("H", 0)
    if time[0] == "P":
        hour = 0 if given["h"] == 12 else given["h"]
        hour += 12 if given["P"] == 1 else 0
    millis = ((days * 24 + hour) * 60 + given["m"]) * 60_000 + given["s"] * 1000 + given["f"]
    return millis - (given.get("Z") or given.get("z") or 0) * 60_000


def _incomplete() -> ExpressionError:
    return ExpressionError(
        "D3136", "The date/time picture string is missing specifiers required to parse the timestamp"
    )


def _mask(given: dict[str, Any], letters: str) -> int:
    """A bit a component that is given and not zero, the first letter highest."""
    mask = 0
    for letter in letters:
        mask = mask << 1 | bool(given.get(letter))
    return mask


def _is_kind(mask: int, kind: int) -> bool:
    return not ~kind & mask and bool(kind & mask)


def _date_components(given: dict[str, Any]) -> str:
    """Which components make up the date: year-month-day, year-day, or one of the week calendars."""
    mask = _mask(given, "YXMxWwdD")
    if not _is_kind(mask, 0b10100001) and _is_kind(mask, 0b10000010):
        return "YD"
    if _is_kind(mask, 0b01010100):
        return "XxwF"
    return "XWF" if _is_kind(mask, 0b01001000) else "YMD"


def _time_components(given: dict[str, Any]) -> str:
    mask = _mask(given, "PHhmsf")
    if not _is_kind(mask, 0b010111) and _is_kind(mask, 0b101111):
        return "Phmsf"
    return "Hmsf"


def _complete(given: dict[str, Any], components: str, now: datetime) -> None:
    has_started = has_ended = False
    moment = calendar.Moment((now - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000)
    for component in components:
        if given.get(component, UNDEFINED) is UNDEFINED:
            if has_started:
                given[component] = 1 if component in "MDd" else 0
                has_ended = True
            else:
                given[component] = moment.component(component)
        else:
            has_started = True
            if has_ended:
                raise _incomplete()
