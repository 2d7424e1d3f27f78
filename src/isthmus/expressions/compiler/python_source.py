"""Holds Python source under construction: lines can be added later at places that were marked.

A `Block` holds lines and nested blocks. A block made by `add_bookmark()` marks a place: lines added to it
later appear there, which is how a read of the input is moved to where its context starts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isfinite
from typing import Final

__all__ = ["Block", "Constants", "make_constant_code"]

_HARMLESS_TEXT: Final = re.compile(r"[A-Za-z0-9 _\-./:,;@#+*()=<>!?&|]*")


class Block:
    """Lines and nested blocks. `header` (ending in a colon) indents what is inside; None for a bookmark."""

    __slots__ = ("header", "parts")

    def __init__(self, header: str | None = None) -> None:
        self.header = header
        self.parts: list[str | Block] = []

    def add_line(self, line: str) -> None:
        """Add a line behind what the block holds."""
        self.parts.append(line)

    def add_block(self, header: str) -> Block:
        """Add a nested block with this header, and return it."""
        block = Block(header)
        self.parts.append(block)
        return block

    def add_bookmark(self) -> Block:
        """Mark the present end of the block, and return the bookmark: lines added to it later stand there."""
        block = Block()
        self.parts.append(block)
        return block

    def is_empty(self) -> bool:
        """Return whether the block has no lines, apart from empty bookmarks."""
        return all(isinstance(part, Block) and part.header is None and part.is_empty() for part in self.parts)

    def iterate_lines(self, depth: int = 0) -> Iterator[str]:
        """Yield the lines of the block with their indentation."""
        pad = " " * depth
        if self.header is not None:
            yield pad + self.header
            depth += 1
            pad += " "
            if self.is_empty():
                yield pad + "pass"
                return
        for part in self.parts:
            if isinstance(part, str):
                yield pad + part
            else:
                yield from part.iterate_lines(depth)


class Constants:
    """Values that generated code names `K0`, `K1`, … instead of spelling them."""

    def __init__(self) -> None:
        self.values: dict[str, object] = {}
        self._texts: dict[str, str] = {}

    def add(self, value: object) -> str:
        """Add a value and return its name. Equal strings share one name."""
        if isinstance(value, str):
            known = self._texts.get(value)
            if known is not None:
                return known
        name = f"K{len(self.values)}"
        self.values[name] = value
        if isinstance(value, str):
            self._texts[value] = name
        return name


def make_constant_code(value: object, constants: Constants) -> str:
    """Return a constant of the expression as Python text.

    Only short texts of harmless characters and ordinary numbers are spelled; the rest goes through the
    table of constants, so that nothing of an expression can become code.
    """
    if value is None or value is True or value is False:
        return repr(value)
    if type(value) is int and abs(value) < 2**53:
        return repr(value)
    if type(value) is float and isfinite(value):
        return repr(value)
    if type(value) is str and len(value) <= 200 and _HARMLESS_TEXT.fullmatch(value):
        return repr(value)
    return constants.add(value)
