"""Says what an `ExpressionError` means in words that hold none of the data, for whoever may not see it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from isthmus.expressions.errors import FUNCTION_ERROR, LIMIT, NOT_CONFIGURED, REFUSED, ExpressionError

__all__ = ["CODES_WITHOUT_DATA", "MEANINGS", "explain_without_data"]

CODES_WITHOUT_DATA: Final = frozenset(
    {
        *("T0410", "T0411", "T0412", "T1003", "T1005", "T1006", "T1007", "T1008", "T1010"),
        *("T2001", "T2002", "T2003", "T2004", "T2006", "T2007", "T2008", "T2009", "T2010", "T2011", "T2012"),
        *("D1002", "D1004", "D3001", "D3010", "D3011", "D3012", "D3020", "D3040", "D3050", "D3070"),
        *("D3080", "D3081", "D3082", "D3083", "D3084", "D3085", "D3086", "D3087", "D3088", "D3089"),
        *("D3090", "D3091", "D3092", "D3093", "D3131", "D3134", "D3135", "D3136", "D3138", "D3139"),
        LIMIT,
        NOT_CONFIGURED,
        REFUSED,
    }
)
"""Codes whose messages hold names, operators and numbers of the expression and of our own alone."""

MEANINGS: Final[Mapping[str, str]] = {
    "D1001": "a number is out of range",
    "D1009": "two entries of an object have the same key",
    "D1013": "a key of an object begins with _jsonata_, which is reserved",
    "D2014": "a range has too many numbers",
    "D3030": "a value cannot be read as a number",
    "D3060": "the square root of a negative number was asked for",
    "D3061": "a power is too large for a number",
    "D3100": "the base of $formatBase must be between 2 and 36",
    "D3110": "a value is no timestamp that can be read or represented",
    "D3120": "the text given to $eval is no expression",
    "D3121": "the expression given to $eval failed",
    "D3130": "an integer cannot be written or read by its picture",
    "D3132": "the picture of a date has an unknown component",
    "D3133": "the picture of a date asks for the name of what has none",
    "D3137": "it called $error",
    "D3140": "a text is no part of a URL",
    "D3141": "a condition of $assert is not met",
    "S0303": "a regular expression cannot be understood",
    FUNCTION_ERROR: "a function does not accept what it was given",
}
"""What the codes mean whose messages may hold data."""


def explain_without_data(error: ExpressionError) -> str:
    """Returns what the error means, without a full stop; "" for a code that says nothing without the data."""
    if error.code in CODES_WITHOUT_DATA:
        return error.message
    meaning = MEANINGS.get(error.code, "")
    return (
        f"{meaning} (${error.token})" if meaning and error.code == FUNCTION_ERROR and error.token else meaning
    )
