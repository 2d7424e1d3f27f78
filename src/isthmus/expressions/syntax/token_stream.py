"""Where the parser is in the text: the token at hand, what it is to the parser, and how to go on."""

from __future__ import annotations

from typing import Final

from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.syntax.lexer import END, Lexer, Token
from isthmus.expressions.syntax.tree import Node

__all__ = ["POWER", "Cursor", "shown"]

POWER: Final = {
    "(": 80, "[": 80, "@": 80, "#": 80, ".": 75, "{": 70, "*": 60, "/": 60, "%": 60, "+": 50, "-": 50,
    "&": 50, "=": 40, "!=": 40, "<": 40, "<=": 40, ">": 40, ">=": 40, "^": 40, "~>": 40, "?:": 40,
    "??": 40, "in": 40, "and": 30, "or": 25, "?": 20, ":=": 10,
}  # fmt: skip
_KNOWN: Final = {*POWER, "**", "|", "..", ")", "]", "}", ",", ";", ":"}


class Cursor:
    """`token` is at hand: `id` is its operator, `END`, or None; `power` is how it binds to the left."""

    def __init__(self, text: str) -> None:
        self.lexer = Lexer(text)
        self.depth = 0
        self.operands = 0
        self.slots = 0
        self.token = Token(END, END, 0)
        self.before = 0
        self.id: object = END
        self.power = 0
        self.advance()

    def advance(self, expected: str | None = None, *, infix: bool = False) -> None:
        """Go to the next token; with `expected`, the current one must be that."""
        if expected is not None and self.id != expected:
            token = self.token
            if self.id == END:
                raise ExpressionError(
                    "S0203", f'Expected "{expected}" before end of expression', token.position, token=END
                )
            raise ExpressionError(
                "S0202",
                f'Expected "{expected}", got "{shown(token)}"',
                token.position,
                token=shown(token),
                value=expected,
            )
        self.before = self.token.position
        token = self.token = self.lexer.next(infix=infix)
        if token.kind == "operator":
            operator = str(token.value)
            if operator not in _KNOWN:
                raise ExpressionError(
                    "S0204", f"Unknown operator: {operator}", token.position, token=operator
                )
            self.id = operator
            self.power = POWER.get(operator, 0)
        else:
            self.id = END if token.kind == END else None
            self.power = 0

    def expression(self, power: int) -> Node:
        """One operand, and what follows it as long as that binds more tightly than `power`."""
        raise NotImplementedError


def shown(token: Token) -> str:
    if token.value is None:
        return "null"
    if isinstance(token.value, bool):
        return "true" if token.value else "false"
    return str(token.value)
