"""The language of mappings: standard JSONata, the functions of `functions.md`, and host values."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Final

from isthmus.expressions.errors import LIMIT
from isthmus.expressions.host import HOSTS
from isthmus.expressions.library import Function, Library
from isthmus.expressions.standard import STANDARD

__all__ = ["DIALECT"]


def _extensions() -> Iterable[Function]:
    """`EXTENSIONS` of the functions package."""
    found: Iterable[Function] = getattr(import_module("isthmus.expressions.functions"), "EXTENSIONS", ())
    return found


DIALECT: Final[Library] = STANDARD.extended(_extensions(), HOSTS, name="dialect", bound_code=LIMIT)
