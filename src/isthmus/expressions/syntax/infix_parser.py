"""What a token means behind an expression: operators, predicates, calls, bindings, groupings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.signatures import Signature
from isthmus.expressions.syntax.lexer import END, Token
from isthmus.expressions.syntax.prefix_parser import Operands
from isthmus.expressions.syntax.token_stream import POWER, shown
from isthmus.expressions.syntax.tree import (
    Call,
    Condition,
    Default,
    GroupBy,
    Infix,
    Lambda,
    Literal,
    Name,
    Node,
    Placeholder,
    SortBy,
    Term,
    Variable,
)

__all__ = ["Operators"]


class Operators(Operands):
    def followed(self, left: Node, token: Token) -> Node:
        """`left` with what `token` begins behind it."""
        return _INFIX.get(str(token.value), Operators.operator)(self, left, token)

    def operator(self, left: Node, token: Token) -> Node:
        operator = str(token.value)
        return Infix(token.position, operator, left, self.expression(POWER[operator]))

    def binding(self, left: Node, token: Token) -> Node:
        if not isinstance(left, Variable):
            raise ExpressionError(
                "S0212",
                "The left side of := must be a variable name (start with $)",
                left.position,
                token=_name_of(left),
            )
        return Infix(token.position, ":=", left, self.expression(POWER[":="] - 1))

    def variable_binding(self, left: Node, token: Token) -> Node:
        """`@$name` and `#$name`."""
        right = self.expression(80)
        if not isinstance(right, Variable):
            raise ExpressionError(
                "S0214",
                f'The right side of "{token.value}" must be a variable name (start with $)',
                right.position,
                token=str(token.value),
            )
        return Infix(token.position, str(token.value), left, right)

    def default(self, left: Node, token: Token) -> Node:
        return Default(token.position, str(token.value), left, self.expression(0))

    def conditional(self, left: Node, token: Token) -> Node:
        then = self.expression(0)
        otherwise: Node | None = None
        if self.id == ":":
            self.advance(":")
            otherwise = self.expression(0)
        return Condition(token.position, left, then, otherwise)

    def grouping(self, left: Node, token: Token) -> Node:
        return GroupBy(token.position, left, self.pairs())

    def ordering(self, left: Node, token: Token) -> Node:
        self.advance("(")
        terms: list[Term] = []
        while True:
            descending = self.id == ">"
            if self.id in ("<", ">"):
                self.advance()
            terms.append(Term(self.expression(0), descending))
            if self.id != ",":
                break
            self.advance(",")
        self.advance(")")
        return SortBy(token.position, left, terms)

    def predicate(self, left: Node, token: Token) -> Node:
        if self.id == "]":
            step = left
            while isinstance(step, Infix) and step.operator == "[":
                step = step.left
            step.keep = True
            self.advance("]")
            return left
        right = self.expression(0)
        self.advance("]", infix=True)
        return Infix(token.position, "[", left, right)

    def call(self, left: Node, token: Token) -> Node:
        arguments: list[Node] = []
        is_partial = False
        if self.id != ")":
            while True:
                if self.id == "?":
                    is_partial = True
                    arguments.append(Placeholder(self.token.position))
                    self.advance("?")
                else:
                    arguments.append(self.expression(0))
                if self.id != ",":
                    break
                self.advance(",")
        self.advance(")", infix=True)
        if isinstance(left, Name) and left.value in ("function", "λ"):
            return self.function(token, arguments)
        return Call(token.position, left, arguments, is_partial)

    def function(self, token: Token, parameters: list[Node]) -> Node:
        names: list[str] = []
        for number, parameter in enumerate(parameters, 1):
            if not isinstance(parameter, Variable):
                raise ExpressionError(
                    "S0208",
                    f"Parameter {number} of function definition must be a variable name (start with $)",
                    parameter.position,
                    token=_name_of(parameter),
                    value=number,
                )
            names.append(parameter.name)
        signature = self.signature() if self.id == "<" else None
        self.advance("{")
        body = self.expression(0)
        self.advance("}")
        return Lambda(token.position, names, signature, body)

    def signature(self) -> str:
        """The text of `<…>` between parameters and body; checked here, so that it fails early."""
        position = self.token.position
        depth = 1
        text = "<"
        while depth > 0 and self.id not in ("{", END):
            self.advance()
            if self.id == ">":
                depth -= 1
            elif self.id == "<":
                depth += 1
            text += shown(self.token)
        self.advance(">")
        try:
            Signature.from_text(text)
        except ExpressionError as error:
            raise ExpressionError(
                error.code, error.message, position + (error.position or 0), value=error.value
            ) from None
        return text


_INFIX: Final[dict[str, Callable[[Operators, Node, Token], Node]]] = {
    "(": Operators.call,
    "[": Operators.predicate,
    "{": Operators.grouping,
    "^": Operators.ordering,
    "@": Operators.variable_binding,
    "#": Operators.variable_binding,
    "?": Operators.conditional,
    "?:": Operators.default,
    "??": Operators.default,
    ":=": Operators.binding,
}


def _name_of(node: Node) -> str | None:
    match node:
        case Name():
            return node.value
        case Variable():
            return node.name
        case Literal():
            return str(node.value)
    return None
