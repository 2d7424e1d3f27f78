"""`$formatInteger` and `$parseInteger` by XPath's integer pictures: decimal, letters, roman numerals,
words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from math import floor, gcd, inf, log10
from typing import Any, Final

from isthmus.expressions.errors import ExpressionError, check_picture, make_limit_error
from isthmus.expressions.json_writer import format_number_text
from isthmus.expressions.limits import MAX_PICTURE_CHARS
from isthmus.expressions.runtime.operators import normalize_number
from isthmus.expressions.values import UNDEFINED

__all__ = [
    "IntegerFormat",
    "compile_reader",
    "find_regular_distance",
    "format_integer",
    "format_with",
    "parse_integer",
    "parse_integer_picture",
]

_SMALL_NUMBERS: Final = [
    "Zero",
    "One",
    "Two",
    "Three",
    "Four",
    "Five",
    "Six",
    "Seven",
    "Eight",
    "Nine",
    "Ten",
    "Eleven",
    "Twelve",
    "Thirteen",
    "Fourteen",
    "Fifteen",
    "Sixteen",
    "Seventeen",
    "Eighteen",
    "Nineteen",
]
_SMALL_ORDINALS: Final = [
    "Zeroth",
    "First",
    "Second",
    "Third",
    "Fourth",
    "Fifth",
    "Sixth",
    "Seventh",
    "Eighth",
    "Ninth",
    "Tenth",
    "Eleventh",
    "Twelfth",
    "Thirteenth",
    "Fourteenth",
    "Fifteenth",
    "Sixteenth",
    "Seventeenth",
    "Eighteenth",
    "Nineteenth",
]
_TENS: Final = ["Twenty", "Thirty", "Forty", "Fifty", "Sixty", "Seventy", "Eighty", "Ninety", "Hundred"]
_MAGNITUDES: Final = ["Thousand", "Million", "Billion", "Trillion"]
_ROMAN: Final = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
    (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_ROMAN_VALUES: Final = {"M": 1000, "D": 500, "C": 100, "L": 50, "X": 10, "V": 5, "I": 1}
_ZERO_DIGITS: Final = (
    0x30, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66,
    0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90, 0x1B50,
    0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
)  # fmt: skip
_WORD_SPLIT: Final = re.compile(r",\s|\sand\s|[\s\\-]")
_ORDINAL_ENDINGS: Final = {"1": "st", "2": "nd", "3": "rd"}


@dataclass(frozen=True, slots=True)
class IntegerFormat:
    """What an integer picture asks for.

    kind: decimal, letters, roman, words, or sequence (one that is not supported). case: upper, lower or
    title. separators: (position from the right, character). regular: one separator each so many digits, else
    0.
    """

    kind: str = "decimal"
    case: str = "lower"
    is_ordinal: bool = False
    zero: int = 0x30
    mandatory: int = 0
    optional: int = 0
    regular: int = 0
    separators: tuple[tuple[int, str], ...] = ()
    token: str = ""
    parse_width: int = field(default=0)


_LETTER_PICTURES: Final = {
    "A": ("letters", "upper"), "a": ("letters", "lower"), "I": ("roman", "upper"), "i": ("roman", "lower"),
    "W": ("words", "upper"), "Ww": ("words", "title"), "w": ("words", "lower"),
}  # fmt: skip


@lru_cache(maxsize=512)
def parse_integer_picture(picture: str) -> IntegerFormat:
    """Return the format that a picture stands for. Raises D3131 for digits of several families."""
    primary, semicolon, modifier = picture.rpartition(";")
    if not semicolon:
        primary, modifier = picture, ""
    is_ordinal = modifier.startswith("o")
    sequence = _LETTER_PICTURES.get(primary)
    if sequence is not None:
        return IntegerFormat(sequence[0], sequence[1], is_ordinal)
    zero: int | None = None
    mandatory = optional = position = 0
    separators: list[tuple[int, str]] = []
    for char in reversed(primary):
        code = ord(char)
        group = next((one for one in _ZERO_DIGITS if one <= code <= one + 9), None)
        if group is not None:
            mandatory += 1
            position += 1
            if zero is None:
                zero = group
            elif zero != group:
                raise ExpressionError(
                    "D3131", "In a decimal digit pattern, all digits must be from the same decimal group"
                )
        elif char == "#":
            position += 1
            optional += 1
        else:
            separators.append((position, char))
    if zero is None:
        return IntegerFormat("sequence", is_ordinal=is_ordinal, token=primary)
    regular = _find_separator_distance(separators)
    return IntegerFormat(
        "decimal", "lower", is_ordinal, zero, mandatory, optional, regular, tuple(separators)
    )


def _find_separator_distance(separators: list[tuple[int, str]]) -> int:
    """Return the distance between separators, if one character stands at each multiple of it; else 0."""
    if len({char for _, char in separators}) > 1:
        return 0
    return find_regular_distance([position for position, _ in separators])


def find_regular_distance(positions: Sequence[int]) -> int:
    """Return the number of which the positions are the first multiples; 0 if there is none."""
    if not positions:
        return 0
    factor = gcd(*positions)
    return factor if all(factor * number in positions for number in range(1, len(positions) + 1)) else 0


def make_unsupported_sequence_error(form: IntegerFormat) -> ExpressionError:
    """Return the error D3130 of a picture that starts an unknown sequence."""
    return ExpressionError(
        "D3130",
        f"Formatting or parsing an integer as a sequence starting with {form.token!r} is not supported by"
        " this implementation",
        value=form.token,
    )


def format_integer(value: Any, picture: Any) -> Any:
    """`$formatInteger`: return the number, rounded down, by an integer picture."""
    if value is UNDEFINED:
        return UNDEFINED
    return format_with(
        normalize_number(floor(value)), parse_integer_picture(check_picture(picture, "formatInteger"))
    )


def format_with(value: float, form: IntegerFormat) -> str:
    """Return the number in this format. Raises D3130 if the format is not supported or the number too
    large for it."""
    size = abs(value)
    if form.kind == "letters":
        text = _format_letters(size, "A" if form.case == "upper" else "a")
    elif form.kind == "roman":
        text = _format_roman(size)
        text = text.upper() if form.case == "upper" else text
    elif form.kind == "words":
        text = _format_words(size, has_before=False, is_ordinal=form.is_ordinal)
        text = {"upper": text.upper(), "lower": text.lower()}.get(form.case, text)
    elif form.kind == "decimal":
        text = _format_decimal(size, form)
    else:
        raise make_unsupported_sequence_error(form)
    return f"-{text}" if value < 0 else text


def _format_decimal(value: float, form: IntegerFormat) -> str:
    """Return the number in decimal digits, with separators and an ordinal ending as the format asks."""
    text = format_number_text(value).rjust(form.mandatory, "0")
    if form.zero != 0x30:
        text = "".join(chr(ord(char) + form.zero - 0x30) for char in text)
    if form.regular:
        char = form.separators[0][1]
        for number in range((len(text) - 1) // form.regular, 0, -1):
            at = len(text) - number * form.regular
            text = text[:at] + char + text[at:]
    else:
        for position, char in reversed(form.separators):
            at = max(0, len(text) - position)
            text = text[:at] + char + text[at:]
    if form.is_ordinal:
        ending = _ORDINAL_ENDINGS.get(text[-1])
        text += "th" if ending is None or text[-2:-1] == "1" else ending
    return text


def _format_letters(value: float, first: str) -> str:
    """Return the number as letters: a to z, aa, ab and so on."""
    letters = ""
    left = int(value)
    while left > 0:
        letters = chr((left - 1) % 26 + ord(first)) + letters
        left = (left - 1) // 26
    return letters


def _format_roman(value: float) -> str:
    """Return the number as a lower-case roman numeral. Raises D3130 for more than a million."""
    if value > 1_000_000:
        raise ExpressionError("D3130", "The number is too large for roman numerals", value=value)
    text = ""
    left = value
    for number, numeral in _ROMAN:
        times = int(left // number)
        text += numeral * times
        left -= times * number
    return text


def _divide(value: float, factor: int) -> tuple[float, float]:
    """Return the quotient and the rest, as a tuple; in doubles where the number only exists as one, as the
    reference computes them."""
    if type(value) is int:
        return divmod(value, factor)
    many = float(value // factor) if value / factor != floor(value / factor) else value / factor
    return many, value - many * factor


def _format_words(value: float, *, has_before: bool, is_ordinal: bool) -> str:
    """Return the number in English words; `has_before`: larger parts of the number stand before it."""
    if value <= 19:
        return (" and " if has_before else "") + (_SMALL_ORDINALS if is_ordinal else _SMALL_NUMBERS)[
            int(value)
        ]
    if value < 100:
        tens, ones = divmod(int(value), 10)
        text = (" and " if has_before else "") + _TENS[tens - 2]
        if ones:
            return f"{text}-{_format_words(ones, has_before=False, is_ordinal=is_ordinal)}"
        return text[:-1] + "ieth" if is_ordinal else text
    rest: float
    if value < 1000:
        hundreds, rest = divmod(int(value), 100)
        text = (", " if has_before else "") + _SMALL_NUMBERS[hundreds] + " Hundred"
    else:
        if value == inf:
            raise ExpressionError("D3130", "The number is too large for words", value=value)
        magnitude = min(int(log10(value) // 3), len(_MAGNITUDES))
        factor = 10 ** (magnitude * 3)
        many, rest = _divide(value, factor)
        text = ", " if has_before else ""
        text += _format_words(many, has_before=False, is_ordinal=False) + " " + _MAGNITUDES[magnitude - 1]
    if rest:
        return text + _format_words(rest, has_before=True, is_ordinal=is_ordinal)
    return text + "th" if is_ordinal else text


def _make_word_values() -> dict[str, int]:
    """Return the numbers of all English number words, cardinal and ordinal."""
    values: dict[str, int] = {}
    for number, word in enumerate(_SMALL_NUMBERS):
        values[word.lower()] = number
    for number, word in enumerate(_SMALL_ORDINALS):
        values[word.lower()] = number
    for number, word in enumerate(_TENS):
        values[word.lower()] = values[word.lower()[:-1] + "ieth"] = (number + 2) * 10
    values["hundredth"] = 100
    for number, word in enumerate(_MAGNITUDES):
        values[word.lower()] = values[word.lower() + "th"] = 10 ** (3 * number + 3)
    return values


_WORD_VALUES: Final = _make_word_values()


def _parse_words(text: str) -> float:
    """Return the number of English number words."""
    parts = [0.0]
    for word in _WORD_SPLIT.split(text):
        value = _WORD_VALUES.get(word, float("nan"))
        if value < 100:
            top = parts.pop()
            if top >= 1000:
                parts.append(top)
                top = 0
            parts.append(top + value)
        else:
            parts.append(parts.pop() * value)
    return sum(parts)


def _parse_roman(text: str) -> float:
    """Return the number of an upper-case roman numeral."""
    total = 0
    most = 1
    for char in reversed(text):
        value = _ROMAN_VALUES.get(char, 0)
        if value < most:
            total -= value
        else:
            most = value
            total += value
    return total


def _parse_letters(text: str, first: str) -> float:
    """Return the number of letters counted a, b, … z, aa; `first` is `a` or `A`."""
    total = 0
    for char in text:
        total = total * 26 + ord(char) - ord(first) + 1
    return total


def parse_integer(value: Any, picture: Any) -> Any:
    """`$parseInteger`: return the number that a text means by an integer picture."""
    if value is UNDEFINED:
        return UNDEFINED
    if len(value) > MAX_PICTURE_CHARS:
        raise make_limit_error("parseInteger", "characters of a number", MAX_PICTURE_CHARS)
    return normalize_number(
        compile_reader(parse_integer_picture(check_picture(picture, "parseInteger")))[1](value)
    )


def compile_reader(form: IntegerFormat) -> tuple[str, Callable[[str], float]]:
    """Return a pattern for the texts of a format, and the function that turns a text which matches it into
    a number."""
    is_upper = form.case == "upper"
    if form.kind == "letters":
        return (
            "[A-Z]+" if is_upper else "[a-z]+",
            lambda text: _parse_letters(text, "A" if is_upper else "a"),
        )
    if form.kind == "roman":
        return (
            "[MDCLXVI]+" if is_upper else "[mdclxvi]+",
            lambda text: _parse_roman(text if is_upper else text.upper()),
        )
    if form.kind == "words":
        words = "|".join([*sorted(_WORD_VALUES, key=len, reverse=True), "and", r"[\-, ]"])
        return f"(?:{words})+", lambda text: _parse_words(text.lower())
    if form.kind == "decimal":
        pattern = f"[0-9]{{{form.parse_width}}}" if form.parse_width else "[0-9]+"
        if form.is_ordinal:
            pattern += "(?:th|st|nd|rd)"
        return pattern, lambda text: _parse_decimal(text, form)
    raise make_unsupported_sequence_error(form)


def _parse_decimal(text: str, form: IntegerFormat) -> float:
    """Return the number of digits in the format's own family; NaN if there are none."""
    digits = text[:-2] if form.is_ordinal else text
    for char in [","] if form.regular else [char for _, char in form.separators]:
        digits = digits.replace(char, "")
    if form.zero != 0x30:
        digits = "".join(
            chr(ord(char) - form.zero + 0x30) for char in digits if ord(char) >= form.zero - 0x30
        )
    match = re.match(r"\s*[-+]?[0-9]+", digits)
    return float(match.group()) if match else float("nan")


def with_parse_width(form: IntegerFormat) -> IntegerFormat:
    """Return the format for a number that is directly followed by another: it has as many digits as are
    mandatory."""
    return replace(form, parse_width=form.mandatory)
