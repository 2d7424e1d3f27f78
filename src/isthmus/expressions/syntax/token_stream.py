"""Hands a parser its tokens, one at a time, and holds the binding powers of operators."""

from __future__ import annotations

from typing import Final

from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.syntax.lexer import END, Lexer, Token
from isthmus.expressions.syntax.tree import Node

__all__ = ["BINDING_POWER", "TokenStream", "format_token"]

BINDING_POWER: Final = {
    "(": 80, "[": 80, "@": 80, "#": 80, ".": 75, "{": 70, "*": 60, "/": 60, "%": 60, "+": 50, "-": 50,
    "&": 50, "=": 40, "!=": 40, "<": 40, "<=": 40, ">": 40, ">=": 40, "^": 40, "~>": 40, "?:": 40,
    "??": 40, "in": 40, "and": 30, "or": 25, "?": 20, ":=": 10,
}  # fmt: skip
_OPERATORS: Final = {*BINDING_POWER, "**", "|", "..", ")", "]", "}", ",", ";", ":"}


class TokenStream:
    """The current token. `symbol` is its operator, `END`, or None; `binding_power` is how tightly it binds
    leftwards."""

    def __init__(self, text: str) -> None:
        self.lexer = Lexer(text)
        self.depth = 0
        self.operand_count = 0
        self.slot_count = 0
        self.token = Token(END, END, 0)
        self.previous_end = 0
        self.symbol: object = END
        self.binding_power = 0
        self.advance()

    def advance(self, expected: str | None = None, *, infix: bool = False) -> None:
        """Go to the next token. Raises S0202 or S0203 if `expected` is set and the current token is another.

        `infix`: the parser expects an operator next, so that `/` divides.
        """
        if expected is not None and self.symbol != expected:
            token = self.token
            if self.symbol == END:
                raise ExpressionError(
                    "S0203", f'Expected "{expected}" before end of expression', token.position, token=END
                )
            raise ExpressionError(
                "S0202",
                f'Expected "{expected}", got "{format_token(token)}"',
                token.position,
                token=format_token(token),
                value=expected,
            )
        self.previous_end = self.token.position
        token = self.token = self.lexer.next_token(infix=infix)
        if token.kind == "operator":
            operator = str(token.value)
            if operator not in _OPERATORS:
                raise ExpressionError(
                    "S0204", f"Unknown operator: {operator}", token.position, token=operator
                )
            self.symbol = operator
            self.binding_power = BINDING_POWER.get(operator, 0)
        else:
            self.symbol = END if token.kind == END else None
            self.binding_power = 0

    def parse_expression(self, power: int) -> Node:
        """Parse one operand, and what follows it as long as that binds more tightly than `power`."""
        raise NotImplementedError


def format_token(token: Token) -> str:
    """Return the token's value as it is written in an expression."""
    if token.value is None:
        return "null"
    if isinstance(token.value, bool):
        return "true" if token.value else "false"
    return str(token.value)
