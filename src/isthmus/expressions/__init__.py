"""Expressions: the only door to JSONata.

    expression = compile("$uppercase(properties.name)")
    expression.evaluate({"properties": {"name": "ada"}})   # "ADA"

Values are plain JSON values in and out; `UNDEFINED` is "nothing there", apart from `None` (null).
`DIALECT` is the language of mappings: JSONata 2.2 with the functions of `functions.md`. `STANDARD` is
JSONata alone. `library.py` says how functions and host values are registered.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from isthmus.expressions.dialect import DIALECT
from isthmus.expressions.engine import Expression
from isthmus.expressions.errors import LIMIT, ExpressionError
from isthmus.expressions.library import Library, Services
from isthmus.expressions.limits import Limits
from isthmus.expressions.standard import STANDARD
from isthmus.expressions.values import UNDEFINED, UndefinedType

__all__ = [
    "DIALECT",
    "LIMIT",
    "STANDARD",
    "UNDEFINED",
    "Expression",
    "ExpressionError",
    "Library",
    "Limits",
    "Services",
    "UndefinedType",
    "compile",
]

_CACHED: Final = 2_048


@lru_cache(maxsize=_CACHED)
def compile(text: str, *, library: Library = DIALECT) -> Expression:
    """The expression of this text; raises `ExpressionError`. The same text gives the same object."""
    return Expression(text, library)
