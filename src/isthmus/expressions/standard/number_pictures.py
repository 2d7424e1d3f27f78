"""`$formatNumber` by XPath's decimal pictures (`#,##0.00;(#)`)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from functools import lru_cache
from math import isfinite
from typing import Any, Final

from isthmus.expressions.errors import ExpressionError, check_picture, make_limit_error
from isthmus.expressions.json_writer import format_number_text, to_double
from isthmus.expressions.standard.integer_pictures import find_regular_distance
from isthmus.expressions.values import UNDEFINED

__all__ = ["format_number"]

_DEFAULTS: Final = {
    "decimal-separator": ".",
    "grouping-separator": ",",
    "exponent-separator": "e",
    "infinity": "Infinity",
    "minus-sign": "-",
    "NaN": "NaN",
    "percent": "%",
    "per-mille": "‰",
    "zero-digit": "0",
    "digit": "#",
    "pattern-separator": ";",
}
_MESSAGES: Final = {
    "D3080": "The picture string must only contain a maximum of two sub-pictures",
    "D3081": "The sub-picture must not contain more than one instance of the 'decimal-separator' character",
    "D3082": "The sub-picture must not contain more than one instance of the 'percent' character",
    "D3083": "The sub-picture must not contain more than one instance of the 'per-mille' character",
    "D3084": "The sub-picture must not contain both a 'percent' and a 'per-mille' character",
    "D3085": "The mantissa part of a sub-picture must contain at least one character that is either an"
    " 'optional digit character' or a member of the 'decimal digit family'",
    "D3086": "The sub-picture must not contain a passive character that is preceded by an active character"
    " and that is followed by another active character",
    "D3087": "The sub-picture must not contain a 'grouping-separator' character that appears adjacent to a"
    " 'decimal-separator' character",
    "D3088": "The sub-picture must not contain a 'grouping-separator' at the end of the integer part",
    "D3089": "The sub-picture must not contain two adjacent instances of the 'grouping-separator' character",
    "D3090": "The integer part of the sub-picture must not contain a member of the 'decimal digit family'"
    " that is followed by an instance of the 'optional digit character'",
    "D3091": "The fractional part of the sub-picture must not contain an instance of the 'optional digit"
    " character' that is followed by a member of the 'decimal digit family'",
    "D3092": "A sub-picture that contains a 'percent' or 'per-mille' character must not contain a character"
    " treated as an 'exponent-separator'",
    "D3093": "The exponent part of the sub-picture must comprise only of one or more characters that are"
    " members of the 'decimal digit family'",
}


@dataclass(frozen=True, slots=True)
class _Symbols:
    """The characters of a picture, by their XPath names."""

    decimal: str
    grouping: str
    exponent: str
    minus: str
    percent: str
    per_mille: str
    zero: str
    digit: str
    separator: str

    @property
    def digits(self) -> str:
        """The ten digits of the picture's family."""
        return "".join(chr(ord(self.zero[:1] or "0") + number) for number in range(10))

    def is_active(self, char: str) -> bool:
        """Return whether the character has a meaning in pictures."""
        return char in self.digits or char in (
            self.decimal, self.exponent, self.grouping, self.digit, self.separator
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Parts:
    """A sub-picture split into its parts; `exponent` is None without one."""

    prefix: str
    suffix: str
    active: str
    mantissa: str
    exponent: str | None
    integer: str
    fraction: str
    picture: str


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a sub-picture asks for."""

    prefix: str
    suffix: str
    picture: str
    integer_groups: tuple[int, ...]
    regular: int
    fraction_groups: tuple[int, ...]
    min_integer: int
    scaling: int
    min_fraction: int
    max_fraction: int
    min_exponent: int


def format_number(value: Any, picture: Any, options: Any) -> Any:
    """`$formatNumber`: return the number by a decimal picture; `options` replace characters of pictures by
    their names."""
    if value is UNDEFINED:
        return UNDEFINED
    picture = "" if picture is UNDEFINED else check_picture(picture, "formatNumber")
    chosen = dict(_DEFAULTS)
    if isinstance(options, dict):
        chosen.update(
            {key: check_picture(text, "formatNumber") for key, text in options.items() if type(text) is str}
        )
    symbols = _Symbols(
        chosen["decimal-separator"], chosen["grouping-separator"], chosen["exponent-separator"],
        chosen["minus-sign"], chosen["percent"], chosen["per-mille"], chosen["zero-digit"], chosen["digit"],
        chosen["pattern-separator"],
    )  # fmt: skip
    positive, negative = _compile_picture(picture, symbols)
    value = to_double(value)
    if not isfinite(value):
        return format_number_text(value)
    return _Formatter(positive if value >= 0 else negative, symbols).format(value)


@lru_cache(maxsize=512)
def _compile_picture(picture: str, symbols: _Symbols) -> tuple[_Plan, _Plan]:
    """Return what the picture asks for, for positive and for negative numbers. Raises D3080 to D3093 if it is
    malformed."""
    pictures = picture.split(symbols.separator)
    if len(pictures) > 2:
        raise _make_picture_error("D3080")
    parts = [_split_picture(one, symbols) for one in pictures]
    for one in parts:
        _check_rules(one, symbols)
    plans = [_make_plan(one, symbols) for one in parts]
    if len(plans) == 1:
        plans.append(replace(plans[0], prefix=symbols.minus + plans[0].prefix))
    return plans[0], plans[1]


def _make_picture_error(code: str) -> ExpressionError:
    """Return the error of a malformed picture."""
    return ExpressionError(code, _MESSAGES[code])


def _split_picture(picture: str, symbols: _Symbols) -> _Parts:
    """Return the parts of a sub-picture."""

    def is_edge(char: str) -> bool:
        return symbols.is_active(char) and char != symbols.exponent

    edges = [at for at, char in enumerate(picture) if is_edge(char)]
    prefix = picture[: edges[0]] if edges else ""
    suffix = picture[edges[-1] + 1 :] if edges else ""
    active = picture[len(prefix) : len(picture) - len(suffix)]
    at = picture.find(symbols.exponent, len(prefix))
    if at < 0 or at > len(picture) - len(suffix):
        mantissa, exponent = active, None
    else:
        mantissa, exponent = active[:at], active[at + 1 :]
    point = mantissa.find(symbols.decimal)
    integer = mantissa if point < 0 else mantissa[:point]
    fraction = suffix if point < 0 else mantissa[point + 1 :]
    return _Parts(prefix, suffix, active, mantissa, exponent, integer, fraction, picture)


def _check_rules(parts: _Parts, symbols: _Symbols) -> None:
    """Raise the error of a sub-picture that breaks rules; where it breaks several, the last one counts."""
    broken = [code for code, is_broken in _evaluate_rules(parts, symbols) if is_broken]
    if broken:
        raise _make_picture_error(broken[-1])


def _evaluate_rules(parts: _Parts, symbols: _Symbols) -> list[tuple[str, bool]]:
    """Return the rules of sub-pictures by their error codes, and whether this one breaks them."""
    picture, digits = parts.picture, symbols.digits
    point = picture.find(symbols.decimal)
    grouping = symbols.grouping
    optional = parts.integer.find(symbols.digit)
    last_optional = parts.fraction.rfind(symbols.digit)
    has_percent = symbols.percent in picture or symbols.per_mille in picture
    exponent = parts.exponent
    beside = picture[max(0, point - 1) : point] == grouping or picture[point + 1 : point + 2] == grouping
    return [
        ("D3081", picture.count(symbols.decimal) > 1),
        ("D3082", picture.count(symbols.percent) > 1),
        ("D3083", picture.count(symbols.per_mille) > 1),
        ("D3084", symbols.percent in picture and symbols.per_mille in picture),
        ("D3085", not any(char in digits or char == symbols.digit for char in parts.mantissa)),
        ("D3086", not all(symbols.is_active(char) for char in parts.active)),
        ("D3087", point >= 0 and beside),
        ("D3088", point < 0 and parts.integer.endswith(grouping)),
        ("D3089", grouping * 2 in picture),
        ("D3090", optional >= 0 and any(char in digits for char in parts.integer[:optional])),
        ("D3091", last_optional >= 0 and any(char in digits for char in parts.fraction[last_optional:])),
        ("D3092", bool(exponent) and has_percent),
        ("D3093", exponent is not None and (not exponent or any(char not in digits for char in exponent))),
    ]


def _make_plan(parts: _Parts, symbols: _Symbols) -> _Plan:
    """Return what a sub-picture asks for."""
    digits = symbols.digits

    def size(text: str, *, with_optional: bool) -> int:
        return sum(1 for char in text if char in digits or (with_optional and char == symbols.digit))

    integer_groups = tuple(
        size(parts.integer[at:], with_optional=True)
        for at, char in enumerate(parts.integer)
        if char == symbols.grouping
    )
    fraction_groups = tuple(
        size(parts.fraction[:at], with_optional=True)
        for at, char in enumerate(parts.fraction)
        if char == symbols.grouping
    )
    min_integer = scaling = size(parts.integer, with_optional=False)
    min_fraction = size(parts.fraction, with_optional=False)
    max_fraction = size(parts.fraction, with_optional=True)
    has_exponent = parts.exponent is not None
    if min_integer == 0 and max_fraction == 0:
        if has_exponent:
            min_fraction = max_fraction = 1
        else:
            min_integer = 1
    if has_exponent and min_integer == 0 and symbols.digit in parts.integer:
        min_integer = 1
    if min_integer == 0 and min_fraction == 0:
        min_fraction = 1
    return _Plan(
        parts.prefix,
        parts.suffix,
        parts.picture,
        integer_groups,
        find_regular_distance(integer_groups),
        fraction_groups,
        min_integer,
        scaling,
        min_fraction,
        max_fraction,
        size(parts.exponent or "", with_optional=False),
    )


class _Formatter:
    """Formats numbers by one sub-picture."""

    def __init__(self, plan: _Plan, symbols: _Symbols) -> None:
        self.plan = plan
        self.symbols = symbols

    def format(self, value: float) -> str:
        """Return the number as the picture says."""
        plan, symbols = self.plan, self.symbols
        number = float(value)
        if symbols.percent in plan.picture:
            number *= 100
        elif symbols.per_mille in plan.picture:
            number *= 1000
        exponent: int | None = None
        if plan.min_exponent:
            number, exponent = self.scale_to_exponent(number)
        text = self.format_digits(number, plan.max_fraction)
        integer, _, fraction = text.partition(".")
        integer = integer.lstrip("0").rjust(plan.min_integer, "0")
        fraction = fraction.rstrip("0").ljust(plan.min_fraction, "0")
        point_at_end = not fraction
        body = (
            self.localize(self.group_integer(integer))
            + symbols.decimal
            + self.localize(self.group_fraction(fraction))
        )
        if symbols.decimal not in plan.picture or point_at_end:
            body = body[: -len(symbols.decimal)] if point_at_end else body[:-1]
        if exponent is not None:
            shown = str(abs(exponent)).rjust(plan.min_exponent, "0")
            sign = symbols.minus if exponent < 0 else ""
            body += symbols.exponent + sign + self.localize(shown)
        return plan.prefix + body + plan.suffix

    def scale_to_exponent(self, number: float) -> tuple[float, int]:
        """Return the number scaled to the digits before the exponent, and the exponent."""
        if self.plan.scaling > 300:
            raise make_limit_error("formatNumber", "digits before the exponent", 300)
        most, least = 10.0**self.plan.scaling, 10.0 ** (self.plan.scaling - 1)
        exponent = 0
        if number:
            while abs(number) < least:
                number *= 10
                exponent -= 1
            while abs(number) > most:
                number /= 10
                exponent += 1
        return number, exponent

    def format_digits(self, number: float, places: int) -> str:
        """Return the absolute number with so many decimal places, rounded half to even on its decimal
        text."""
        if abs(number) >= 1e21:
            return format_number_text(abs(number))
        rounded = Decimal(repr(number)).quantize(Decimal(1).scaleb(-min(places, 100)), ROUND_HALF_EVEN)
        exact = Decimal(float(rounded))
        return f"{abs(exact.quantize(Decimal(1).scaleb(-min(places, 100)), ROUND_HALF_UP)):f}"

    def group_integer(self, text: str) -> str:
        """Return the digits of the integer part with a placeholder at each grouping separator."""
        step = self.plan.regular
        shown = text
        if step:
            for number in range(1, (len(text) - 1) // step + 1):
                at = len(text) - number * step
                shown = shown[:at] + "\x00" + shown[at:]
            return shown
        for done, position in enumerate(self.plan.integer_groups):
            at = max(0, len(text) + done - position)
            shown = shown[:at] + "\x00" + shown[at:]
        return shown

    def group_fraction(self, text: str) -> str:
        """Return the digits of the fraction with a placeholder at each grouping separator."""
        shown = text
        for position in self.plan.fraction_groups:
            shown = shown[:position] + "\x00" + shown[position:]
        return shown

    def localize(self, text: str) -> str:
        """Return the text with digits of the picture's family, and its grouping separator."""
        if self.symbols.zero != "0":
            family = self.symbols.digits
            text = "".join(family[ord(char) - 48] if "0" <= char <= "9" else char for char in text)
        return text.replace("\x00", self.symbols.grouping)
