"""Tokens to tree: a Pratt parser (top-down operator precedence).

Every token has a binding power (`cursor.py`). `expression(power)` reads one operand and then goes on as long
as the next token binds more tightly than `power`. `operands.py` says what a token means at the start of an
expression, `operators.py` what it means behind one.
"""

from __future__ import annotations

from typing import Final

from isthmus.expressions.errors import LIMIT, ExpressionError
from isthmus.expressions.limits import MAX_NESTING, MAX_OPERANDS, MAX_SOURCE
from isthmus.expressions.syntax.infix_parser import Operators
from isthmus.expressions.syntax.lexer import END
from isthmus.expressions.syntax.token_stream import shown
from isthmus.expressions.syntax.tree import Node

__all__ = ["parse_text"]

_FLAT: Final = {".", "&", "and", "or"}


def parse_text(text: str) -> Node:
    """The tree of `text` before shaping."""
    if len(text) > MAX_SOURCE or len(text.encode("utf-8", "surrogatepass")) > MAX_SOURCE:
        raise ExpressionError(LIMIT, f"The expression is longer than {MAX_SOURCE} bytes", value=MAX_SOURCE)
    return _Parser(text).whole()


class _Parser(Operators):
    def whole(self) -> Node:
        tree = self.expression(0)
        if self.id != END:
            token = self.token
            raise ExpressionError(
                "S0201", f"Syntax error: {shown(token)}", token.position, token=shown(token)
            )
        return tree

    def expression(self, power: int) -> Node:
        self.depth += 1
        self.operands += 1
        if self.operands > MAX_OPERANDS:
            raise ExpressionError(
                LIMIT, f"The expression has more than {MAX_OPERANDS} operands", self.token.position
            )
        if self.depth > MAX_NESTING:
            raise ExpressionError(
                LIMIT, f"The expression is nested deeper than {MAX_NESTING} levels", self.token.position
            )
        token, start = self.token, self.lexer.start
        self.advance(infix=True)
        left = self.operand(token)
        left.start, left.end = start, self.before
        links = 0
        while power < self.power:
            token = self.token
            self.advance()
            left = self.followed(left, token)
            left.start, left.end = start, self.before
            links += 1
            if links > MAX_NESTING and token.value not in _FLAT:
                raise ExpressionError(
                    LIMIT, f"More than {MAX_NESTING} operators follow each other", token.position
                )
        self.depth -= 1
        return left
