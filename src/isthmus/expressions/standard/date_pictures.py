"""XPath's date and time pictures (`[Y0001]-[M01]-[D01]`), taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from isthmus.expressions.errors import ExpressionError, limit_error
from isthmus.expressions.limits import MAX_PICTURE
from isthmus.expressions.standard.integer_pictures import IntegerFormat, analyse, with_width

__all__ = ["INTEGERS", "PLAIN", "Part", "no_name", "parts_of"]

_DEFAULTS: Final = {
    "Y": "1", "M": "1", "D": "1", "d": "1", "F": "n", "W": "1", "w": "1", "X": "1", "x": "1", "H": "1",
    "h": "1", "P": "n", "m": "01", "s": "01", "f": "1", "Z": "01:01", "z": "01:01", "C": "n", "E": "n",
}  # fmt: skip
INTEGERS: Final = "YMDdFWwXxHhmsf"


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
    width = int(digits.group()) if digits else None
    if width is not None and width > MAX_PICTURE:
        raise limit_error("picture", "width", MAX_PICTURE)
    return width


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
    elif component in INTEGERS:
        part = _number_part(part, shown + (f";{modifier}" if modifier else ""))
        if parts and parts[-1].form is not None and parts[-1].component in INTEGERS:
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


def no_name(component: str) -> ExpressionError:
    return ExpressionError(
        "D3133",
        "The 'name' modifier can only be applied to months and days in the date/time picture string,"
        f' not "{component}"',
        value=component,
    )


PLAIN: Final = {"Y": 0, "M": 1, "D": 2, "H": 3, "m": 4, "s": 5}
