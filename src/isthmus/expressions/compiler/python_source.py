"""Python source under construction: blocks that can still grow where code was already written behind them.

A `Block` holds lines and nested blocks. A block made by `here()` is a bookmark: lines added to it later
appear at that place, which is how a read of the input is lifted to where its context starts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import isfinite
from typing import Final

__all__ = ["Block", "Constants", "literal"]

_SAFE_TEXT: Final = re.compile(r"[A-Za-z0-9 _\-./:,;@#+*()=<>!?&|]*")


class Block:
    """`header` (ending in a colon) indents what is inside; None for a bookmark."""

    __slots__ = ("header", "parts")

    def __init__(self, header: str | None = None) -> None:
        self.header = header
        self.parts: list[str | Block] = []

    def add(self, line: str) -> None:
        self.parts.append(line)

    def nest(self, header: str) -> Block:
        block = Block(header)
        self.parts.append(block)
        return block

    def here(self) -> Block:
        block = Block()
        self.parts.append(block)
        return block

    def is_empty(self) -> bool:
        return all(isinstance(part, Block) and part.header is None and part.is_empty() for part in self.parts)

    def lines(self, depth: int = 0) -> Iterator[str]:
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
                yield from part.lines(depth)


class Constants:
    """Values that generated code names `K0`, `K1`, … instead of spelling them."""

    def __init__(self) -> None:
        self.values: dict[str, object] = {}
        self._texts: dict[str, str] = {}

    def name(self, value: object) -> str:
        if isinstance(value, str):
            known = self._texts.get(value)
            if known is not None:
                return known
        name = f"K{len(self.values)}"
        self.values[name] = value
        if isinstance(value, str):
            self._texts[value] = name
        return name


def literal(value: object, constants: Constants) -> str:
    """A constant of the expression as Python text.

    Only short texts of harmless characters and ordinary numbers are spelled; the rest goes through the
    table of constants, so that nothing of an expression can become code.
    """
    if value is None or value is True or value is False:
        return repr(value)
    if type(value) is int and abs(value) < 2**53:
        return repr(value)
    if type(value) is float and isfinite(value):
        return repr(value)
    if type(value) is str and len(value) <= 200 and _SAFE_TEXT.fullmatch(value):
        return repr(value)
    return constants.name(value)
