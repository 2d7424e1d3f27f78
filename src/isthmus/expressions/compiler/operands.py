"""Describes a value before it exists: its Python code, and the kinds of values that it may turn out to
be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = [
    "ANY", "BOOL", "DICT", "FUNCTION", "HOST", "LIST", "NESTED", "NULL", "NUMBER", "SEQUENCE", "TEXT",
    "UNDEF",
    "Operand",
]  # fmt: skip

UNDEF: Final = 1
NULL: Final = 2
BOOL: Final = 4
NUMBER: Final = 8
TEXT: Final = 16
LIST: Final = 32
SEQUENCE: Final = 64
DICT: Final = 128
FUNCTION: Final = 256
HOST: Final = 512
ANY: Final = 1023
NESTED: Final = 1024
"""Not a kind: the value, or an item of it, may be a sequence that every node around collapses once more."""


@dataclass(slots=True)
class Operand:
    """A value as Python text.

    code: a Python expression; evaluated at most once unless `is_atom` (a name or a constant).
    kinds: the kinds of values it may be (bits).
    is_pure: containers in it are those of the input: no sequences, functions or undefined inside.
    table_kinds: it is an object of constants; their kinds.
    is_collected: it is the variable of a plain list of what a sequence will hold (then it is raw, too).
    absent: the Python condition under which what was collected stands for nothing at all.
    is_range: it is a lazy range: its items are numbers; itself it leaves as a copy.
    is_raw: a sequence of one or none may still stand for its item or for nothing (`collapse`).
    is_constant: it is known now; `value` is it.
    """

    code: str
    kinds: int = ANY
    is_pure: bool = False
    is_atom: bool = False
    is_range: bool = False
    is_raw: bool = False
    is_collected: bool = False
    absent: str = ""
    table_kinds: int = 0
    is_constant: bool = False
    value: object = None

    def can_be(self, kinds: int) -> bool:
        """Return whether the value may be of one of these kinds."""
        return bool(self.kinds & kinds)

    @property
    def has_pure_items(self) -> bool:
        """Whether its items are parts of the input, or numbers."""
        return self.is_pure or self.is_range

    @property
    def is_final(self) -> bool:
        """Whether nothing in it has to be converted before it leaves an evaluation."""
        if self.kinds & (SEQUENCE | FUNCTION):
            return False
        if self.is_pure:
            return True
        return not self.kinds & (LIST | DICT | HOST)
