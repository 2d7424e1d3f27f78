"""Text to tree: `lexer` → `parser` → `shape`. `parse` runs all three."""

from __future__ import annotations

from isthmus.expressions.syntax.parser import parse_text
from isthmus.expressions.syntax.shape import shape
from isthmus.expressions.syntax.tree import Node

__all__ = ["parse"]


def parse(text: str) -> Node:
    """The shaped tree of an expression; raises `ExpressionError` with an `S…` code."""
    return shape(parse_text(text))
