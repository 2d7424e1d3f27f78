"""Parses XPath's date and time pictures (`[Y0001]-[M01]-[D01]`) into parts."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from isthmus.expressions.errors import ExpressionError, make_limit_error
from isthmus.expressions.limits import MAX_PICTURE_CHARS
from isthmus.expressions.standard.integer_pictures import (
    IntegerFormat,
    parse_integer_picture,
    with_parse_width,
)

__all__ = [
    "INTEGER_COMPONENTS",
    "PLAIN_COMPONENTS",
    "PicturePart",
    "make_name_modifier_error",
    "parse_picture",
]

_DEFAULTS: Final = {
    "Y": "1", "M": "1", "D": "1", "d": "1", "F": "n", "W": "1", "w": "1", "X": "1", "x": "1", "H": "1",
    "h": "1", "P": "n", "m": "01", "s": "01", "f": "1", "Z": "01:01", "z": "01:01", "C": "n", "E": "n",
}  # fmt: skip
INTEGER_COMPONENTS: Final = "YMDdFWwXxHhmsf"


@dataclass(frozen=True, slots=True)
class PicturePart:
    """A literal (`text`), or a component with its presentation.

    names: the case of a name (upper, lower, title), or "" for a number. year: how many digits of a year are
    kept.
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
def parse_picture(picture: str) -> tuple[PicturePart, ...]:
    """Return the parts of a picture. Raises D3132 or D3135 for one that is malformed."""
    parts: list[PicturePart] = []
    start = at = 0

    def put_literal(end: int) -> None:
        """Add the literal text up to `end`, if there is any."""
        if end > start:
            parts.append(PicturePart(picture[start:end].replace("]]", "]")))

    while at < len(picture):
        if picture[at] == "[":
            put_literal(at)
            if picture[at + 1 : at + 2] == "[":
                parts.append(PicturePart("["))
                at += 2
                start = at
                continue
            end = picture.find("]", at)
            if end < 0:
                raise ExpressionError("D3135", "No matching closing bracket ']' in date/time picture string")
            _append_marker(parts, "".join(picture[at + 1 : end].split()))
            at = end
            start = at + 1
        at += 1
    put_literal(at)
    return tuple(parts)


def _parse_width(text: str) -> int | None:
    """Return the minimal or maximal width in a marker; None without one."""
    digits = re.match(r"[0-9]+", text)
    width = int(digits.group()) if digits else None
    if width is not None and width > MAX_PICTURE_CHARS:
        raise make_limit_error("picture", "width", MAX_PICTURE_CHARS)
    return width


def _append_marker(parts: list[PicturePart], marker: str) -> None:
    """Append the part that the text between two brackets stands for."""
    component = marker[:1]
    shown, comma, width = marker[1:].rpartition(",")
    if not comma:
        shown, width = marker[1:], ""
    least, _, most = width.partition("-")
    shortest, longest = _parse_width(least), _parse_width(most)
    modifier = ""
    if len(shown) > 1 and shown[-1] in "atco":
        shown, modifier = shown[:-1], shown[-1]
    elif not shown:
        shown = _DEFAULTS.get(component, "")
    if not shown:
        raise ExpressionError(
            "D3132", f'Unknown component specifier "{component}" in date/time picture string', value=component
        )
    part = PicturePart(component=component, traditional=modifier == "t", shortest=shortest, longest=longest)
    if shown[0] == "n":
        part = replace(part, names="lower")
    elif shown[0] == "N":
        part = replace(part, names="title" if shown[1:2] == "n" else "upper")
    elif component in INTEGER_COMPONENTS:
        part = _with_number_format(part, shown + (f";{modifier}" if modifier else ""))
        if parts and parts[-1].form is not None and parts[-1].component in INTEGER_COMPONENTS:
            parts[-1] = replace(parts[-1], form=with_parse_width(parts[-1].form))
    if component in ("Z", "z"):
        part = replace(part, form=parse_integer_picture(shown))
    parts.append(part)


def _with_number_format(part: PicturePart, picture: str) -> PicturePart:
    """Return the part with the number format that its picture stands for."""
    form = parse_integer_picture(picture)
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


def make_name_modifier_error(component: str) -> ExpressionError:
    """Return the error D3133 of a component that has no name."""
    return ExpressionError(
        "D3133",
        "The 'name' modifier can only be applied to months and days in the date/time picture string,"
        f' not "{component}"',
        value=component,
    )


PLAIN_COMPONENTS: Final = {"Y": 0, "M": 1, "D": 2, "H": 3, "m": 4, "s": 5}
