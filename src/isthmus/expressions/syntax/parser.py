"""Parses tokens to a tree: a Pratt parser (top-down operator precedence).

Every token has a binding power (`token_stream.py`). `parse_expression(power)` reads one operand and then goes
on as long as the next token binds more tightly than `power`. `prefix_parser.py` says what a token means at
the start of an expression, `infix_parser.py` what it means behind one.
"""

from __future__ import annotations

from typing import Final

from isthmus.expressions.errors import LIMIT, ExpressionError
from isthmus.expressions.limits import MAX_NESTING, MAX_OPERANDS, MAX_SOURCE_BYTES
from isthmus.expressions.syntax.infix_parser import InfixParser
from isthmus.expressions.syntax.lexer import END
from isthmus.expressions.syntax.token_stream import format_token
from isthmus.expressions.syntax.tree import Node

__all__ = ["parse_text"]

# `shape` makes one node of a run of these, so that it does not nest.
_FLAT_OPERATORS: Final = {".", "&", "and", "or"}


def parse_text(text: str) -> Node:
    """Return the tree of `text` before `shape.shape_tree` has shaped it. Raises `ExpressionError` for a
    malformed text, or one that is too long."""
    if len(text) > MAX_SOURCE_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_SOURCE_BYTES:
        raise ExpressionError(
            LIMIT, f"The expression is longer than {MAX_SOURCE_BYTES} bytes", value=MAX_SOURCE_BYTES
        )
    return _Parser(text).parse_whole()


class _Parser(InfixParser):
    """The whole parser."""

    def parse_whole(self) -> Node:
        """Return the tree of the whole text. Raises S0201 for a token behind its end."""
        tree = self.parse_expression(0)
        if self.symbol != END:
            token = self.token
            raise ExpressionError(
                "S0201", f"Syntax error: {format_token(token)}", token.position, token=format_token(token)
            )
        return tree

    def parse_expression(self, power: int) -> Node:
        """Parse an operand and the operators behind it that bind more tightly than `power`."""
        self.depth += 1
        self.operand_count += 1
        if self.operand_count > MAX_OPERANDS:
            raise ExpressionError(
                LIMIT, f"The expression has more than {MAX_OPERANDS} operands", self.token.position
            )
        if self.depth > MAX_NESTING:
            raise ExpressionError(
                LIMIT, f"The expression is nested deeper than {MAX_NESTING} levels", self.token.position
            )
        token, start = self.token, self.lexer.start
        self.advance(infix=True)
        left = self.parse_prefix(token)
        left.start, left.end = start, self.previous_end
        links = 0
        while power < self.binding_power:
            token = self.token
            self.advance()
            left = self.parse_infix(left, token)
            left.start, left.end = start, self.previous_end
            links += 1
            if links > MAX_NESTING and token.value not in _FLAT_OPERATORS:
                raise ExpressionError(
                    LIMIT, f"More than {MAX_NESTING} operators follow each other", token.position
                )
        self.depth -= 1
        return left
