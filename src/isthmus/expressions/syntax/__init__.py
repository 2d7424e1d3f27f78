"""Parses expressions: text to tokens (`lexer`), tokens to a tree (`parser`), and its shape
(`shape`)."""

from __future__ import annotations

from isthmus.expressions.syntax.parser import parse_text
from isthmus.expressions.syntax.shape import shape_tree
from isthmus.expressions.syntax.tree import Node

__all__ = ["parse"]


def parse(text: str) -> Node:
    """Return the shaped tree of an expression. Raises `ExpressionError` with an `S…` code for a malformed
    one."""
    return shape_tree(parse_text(text))
