"""Parses what an expression starts with: names, literals, and what brackets hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.syntax.lexer import Token
from isthmus.expressions.syntax.token_stream import TokenStream
from isthmus.expressions.syntax.tree import (
    Array,
    Block,
    Descendant,
    Infix,
    Literal,
    MissingOperand,
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

__all__ = ["PrefixParser"]


class PrefixParser(TokenStream):
    """Parses expressions that start with the token at hand."""

    def parse_prefix(self, token: Token) -> Node:
        """Return the node that starts with `token`. Raises S0211 for an operator that cannot start an
        expression."""
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
                known = _PREFIX_PARSERS.get(str(token.value))
                if known is not None:
                    return known(self, token)
                raise ExpressionError(
                    "S0211",
                    f'The symbol "{token.value}" cannot be used as a unary operator',
                    token.position,
                    token=str(token.value),
                )
        return MissingOperand(token.position)

    def parse_keyword_as_name(self, token: Token) -> Node:
        """Return a keyword (`and`, `or`, `in`) as the name of a field."""
        return Name(token.position, str(token.value))

    def parse_negation(self, token: Token) -> Node:
        """Parse `-operand`; of a number, the negative number."""
        operand = self.parse_expression(70)
        if isinstance(operand, Literal) and type(operand.value) in (int, float):
            assert operand.value is not None
            operand.value = -operand.value  # type: ignore[operator]  # a number, as just checked
            return operand
        return Negate(token.position, operand)

    def parse_wildcard(self, token: Token) -> Node:
        """Return the node of `*`."""
        return Wildcard(token.position)

    def parse_descendant(self, token: Token) -> Node:
        """Return the node of `**`."""
        return Descendant(token.position)

    def parse_parent(self, token: Token) -> Node:
        """Return the node of `%`, with a new slot."""
        self.slot_count += 1
        return Parent(token.position, Slot(f"!{self.slot_count}"))

    def parse_block(self, token: Token) -> Node:
        """Parse `(a; b; c)`, from behind the bracket."""
        expressions: list[Node] = []
        while self.symbol != ")":
            expressions.append(self.parse_expression(0))
            if self.symbol != ";":
                break
            self.advance(";")
        self.advance(")", infix=True)
        return Block(token.position, expressions)

    def parse_array(self, token: Token) -> Node:
        """Parse `[a, b..c]`, from behind the bracket."""
        items: list[Node] = []
        if self.symbol != "]":
            while True:
                item = self.parse_expression(0)
                if self.symbol == "..":
                    position = self.token.position
                    self.advance("..")
                    item = Infix(position, "..", item, self.parse_expression(0))
                items.append(item)
                if self.symbol != ",":
                    break
                self.advance(",")
        self.advance("]", infix=True)
        return Array(token.position, items)

    def parse_pairs(self) -> list[tuple[Node, Node]]:
        """Return the keys and values up to a closing brace."""
        pairs: list[tuple[Node, Node]] = []
        if self.symbol != "}":
            while True:
                key = self.parse_expression(0)
                self.advance(":")
                pairs.append((key, self.parse_expression(0)))
                if self.symbol != ",":
                    break
                self.advance(",")
        self.advance("}", infix=True)
        return pairs

    def parse_object(self, token: Token) -> Node:
        """Parse `{key: value}`, from behind the brace."""
        return Object(token.position, self.parse_pairs())

    def parse_transform(self, token: Token) -> Node:
        """Parse `|pattern|update,delete|`"""
        pattern = self.parse_expression(0)
        self.advance("|")
        update = self.parse_expression(0)
        delete: Node | None = None
        if self.symbol == ",":
            self.advance(",")
            delete = self.parse_expression(0)
        self.advance("|")
        return Transform(token.position, pattern, update, delete)


_PREFIX_PARSERS: Final[dict[str, Callable[[PrefixParser, Token], Node]]] = {
    "and": PrefixParser.parse_keyword_as_name,
    "or": PrefixParser.parse_keyword_as_name,
    "in": PrefixParser.parse_keyword_as_name,
    "-": PrefixParser.parse_negation,
    "*": PrefixParser.parse_wildcard,
    "**": PrefixParser.parse_descendant,
    "%": PrefixParser.parse_parent,
    "(": PrefixParser.parse_block,
    "[": PrefixParser.parse_array,
    "{": PrefixParser.parse_object,
    "|": PrefixParser.parse_transform,
}
