"""The two languages of expressions: `STANDARD` is JSONata 2.2 alone, `DIALECT` the language of mappings,
which has the functions of `functions/` and the host values of `host/` as well."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from isthmus.expressions.compiler.program import EVAL
from isthmus.expressions.errors import LIMIT
from isthmus.expressions.functions import EXTENSIONS
from isthmus.expressions.host import HOST_TYPES
from isthmus.expressions.library import Function, Library
from isthmus.expressions.standard import FUNCTIONS

__all__ = ["DIALECT", "STANDARD"]

STANDARD: Final = Library([*FUNCTIONS, EVAL], name="standard", limit_code="U1001")


def _list_extensions() -> Iterator[Function]:
    """Yield the functions of the dialect. Its `$string` agrees with the standard one on texts, which is
    all that the compiler writes in place."""
    for function in EXTENSIONS:
        yield replace(function, intrinsic="string") if function.name == "string" else function


DIALECT: Final[Library] = STANDARD.extend(_list_extensions(), HOST_TYPES, name="dialect", limit_code=LIMIT)
