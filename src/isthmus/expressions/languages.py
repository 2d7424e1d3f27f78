"""The language of mappings: standard JSONata, the functions of `functions.md`, and host values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from isthmus.expressions.errors import LIMIT
from isthmus.expressions.functions import EXTENSIONS
from isthmus.expressions.host import HOSTS
from isthmus.expressions.library import Function, Library
from isthmus.expressions.standard import STANDARD

__all__ = ["DIALECT"]


def _extensions() -> Iterator[Function]:
    """`$string` agrees with the standard one on texts, which is all that the compiler writes in place."""
    for function in EXTENSIONS:
        yield replace(function, intrinsic="string") if function.name == "string" else function


DIALECT: Final[Library] = STANDARD.extended(_extensions(), HOSTS, name="dialect", bound_code=LIMIT)
