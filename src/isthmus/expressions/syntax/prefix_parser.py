"""What a token means at the start of an expression: names, literals, and what brackets hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.syntax.lexer import Token
from isthmus.expressions.syntax.token_stream import Cursor
from isthmus.expressions.syntax.tree import (
    Array,
    Block,
    Descendant,
    Infix,
    Literal,
    Missing,
    Name,
    Negate,
    Node,
    Object,
    Parent,
    Regex,
    Slot,
    Transform,
    Variable,
    Wildcard,
)

__all__ = ["Operands"]


class Operands(Cursor):
    def operand(self, token: Token) -> Node:
        """What `token` means at the start of an expression."""
        match token.kind:
            case "name":
                return Name(token.position, str(token.value))
            case "variable":
                return Variable(token.position, str(token.value))
            case "string" | "number" | "value":
                return Literal(token.position, token.value)
            case "regex":
                flags, _, pattern = str(token.value).partition("/")
                return Regex(token.position, pattern, flags)
            case "operator":
                known = _PREFIX.get(str(token.value))
                if known is not None:
                    return known(self, token)
                raise ExpressionError(
                    "S0211",
                    f'The symbol "{token.value}" cannot be used as a unary operator',
                    token.position,
                    token=str(token.value),
                )
        return Missing(token.position)

    def keyword_as_name(self, token: Token) -> Node:
        return Name(token.position, str(token.value))

    def negation(self, token: Token) -> Node:
        operand = self.expression(70)
        if isinstance(operand, Literal) and type(operand.value) in (int, float):
            assert operand.value is not None
            operand.value = -operand.value  # type: ignore[operator]  # a number, as just checked
            return operand
        return Negate(token.position, operand)

    def wildcard(self, token: Token) -> Node:
        return Wildcard(token.position)

    def descendant(self, token: Token) -> Node:
        return Descendant(token.position)

    def parent(self, token: Token) -> Node:
        self.slots += 1
        return Parent(token.position, Slot(f"!{self.slots}"))

    def block(self, token: Token) -> Node:
        expressions: list[Node] = []
        while self.id != ")":
            expressions.append(self.expression(0))
            if self.id != ";":
                break
            self.advance(";")
        self.advance(")", infix=True)
        return Block(token.position, expressions)

    def array(self, token: Token) -> Node:
        items: list[Node] = []
        if self.id != "]":
            while True:
                item = self.expression(0)
                if self.id == "..":
                    position = self.token.position
                    self.advance("..")
                    item = Infix(position, "..", item, self.expression(0))
                items.append(item)
                if self.id != ",":
                    break
                self.advance(",")
        self.advance("]", infix=True)
        return Array(token.position, items)

    def pairs(self) -> list[tuple[Node, Node]]:
        found: list[tuple[Node, Node]] = []
        if self.id != "}":
            while True:
                key = self.expression(0)
                self.advance(":")
                found.append((key, self.expression(0)))
                if self.id != ",":
                    break
                self.advance(",")
        self.advance("}", infix=True)
        return found

    def object(self, token: Token) -> Node:
        return Object(token.position, self.pairs())

    def transform(self, token: Token) -> Node:
        pattern = self.expression(0)
        self.advance("|")
        update = self.expression(0)
        delete: Node | None = None
        if self.id == ",":
            self.advance(",")
            delete = self.expression(0)
        self.advance("|")
        return Transform(token.position, pattern, update, delete)


_PREFIX: Final[dict[str, Callable[[Operands, Token], Node]]] = {
    "and": Operands.keyword_as_name,
    "or": Operands.keyword_as_name,
    "in": Operands.keyword_as_name,
    "-": Operands.negation,
    "*": Operands.wildcard,
    "**": Operands.descendant,
    "%": Operands.parent,
    "(": Operands.block,
    "[": Operands.array,
    "{": Operands.object,
    "|": Operands.transform,
}
