"""JSONata expressions: compile a text, and evaluate it on JSON values.

    expression = compile("$uppercase(properties.name)")
    expression.evaluate({"properties": {"name": "ada"}})   # "ADA"

Values are plain JSON values in and out; `UNDEFINED` is "nothing there", apart from `None` (null).
`run_in_turns` runs synchronous code that evaluates without holding up other tasks. `DIALECT` is the language
of mappings: JSONata 2.2 with the functions of `docs/reference/functions.md`. `STANDARD` is JSONata alone.
`library.py` says how functions and host values are registered.
"""

from __future__ import annotations

from typing import Final

from isthmus.expressions.error_meanings import explain_without_data
from isthmus.expressions.errors import LIMIT, NOT_CONFIGURED, REFUSED, ExpressionError
from isthmus.expressions.expression import Expression
from isthmus.expressions.languages import DIALECT, STANDARD
from isthmus.expressions.library import Library, Services
from isthmus.expressions.limits import Limits
from isthmus.expressions.sized_cache import SizedCache
from isthmus.expressions.suspension import run_in_turns
from isthmus.expressions.values import UNDEFINED, UndefinedType

__all__ = [
    "DIALECT",
    "LIMIT",
    "NOT_CONFIGURED",
    "REFUSED",
    "STANDARD",
    "UNDEFINED",
    "Expression",
    "ExpressionError",
    "Library",
    "Limits",
    "Services",
    "UndefinedType",
    "compile",
    "explain_without_data",
    "run_in_turns",
]

_CACHE: Final[SizedCache[tuple[str, Library], Expression]] = SizedCache(entries=2_048, size=8_000_000)


def compile(text: str, *, library: Library = DIALECT) -> Expression:
    """Return the expression of this text, from a cache; raises `ExpressionError` for a text that does not
    compile.

    The cache keeps those used last, up to 8 million characters of text and code, which take some 100 MB.
    """
    return _CACHE.get_or_make((text, library), lambda: Expression(text, library), lambda made: made.size)
