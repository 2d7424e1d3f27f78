"""Parses what stands behind an expression: operators, predicates, calls, bindings, groupings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.signatures import Signature
from isthmus.expressions.syntax.lexer import END, Token
from isthmus.expressions.syntax.prefix_parser import PrefixParser
from isthmus.expressions.syntax.token_stream import BINDING_POWER, format_token
from isthmus.expressions.syntax.tree import (
    ArgumentPlaceholder,
    Call,
    Condition,
    Default,
    GroupBy,
    Infix,
    Lambda,
    Literal,
    Name,
    Node,
    SortBy,
    SortTerm,
    Variable,
)

__all__ = ["InfixParser"]


class InfixParser(PrefixParser):
    """Parses what follows an expression."""

    def parse_infix(self, left: Node, token: Token) -> Node:
        """Return the node that `left` and what `token` starts behind it make."""
        return _INFIX_PARSERS.get(str(token.value), InfixParser.parse_operator)(self, left, token)

    def parse_operator(self, left: Node, token: Token) -> Node:
        """Parse the right side of a binary operator."""
        operator = str(token.value)
        return Infix(token.position, operator, left, self.parse_expression(BINDING_POWER[operator]))

    def parse_binding(self, left: Node, token: Token) -> Node:
        """Parse `$name := value`. Raises S0212 if `left` is no variable."""
        if not isinstance(left, Variable):
            raise ExpressionError(
                "S0212",
                "The left side of := must be a variable name (start with $)",
                left.position,
                token=_get_node_name(left),
            )
        return Infix(token.position, ":=", left, self.parse_expression(BINDING_POWER[":="] - 1))

    def parse_step_binding(self, left: Node, token: Token) -> Node:
        """Parse `@$name` or `#$name` behind a step."""
        right = self.parse_expression(80)
        if not isinstance(right, Variable):
            raise ExpressionError(
                "S0214",
                f'The right side of "{token.value}" must be a variable name (start with $)',
                right.position,
                token=str(token.value),
            )
        return Infix(token.position, str(token.value), left, right)

    def parse_default(self, left: Node, token: Token) -> Node:
        """Parse the right side of `??` or `?:`."""
        return Default(token.position, str(token.value), left, self.parse_expression(0))

    def parse_condition(self, left: Node, token: Token) -> Node:
        """Parse `condition ? then : otherwise`, from behind the `?`."""
        then = self.parse_expression(0)
        otherwise: Node | None = None
        if self.symbol == ":":
            self.advance(":")
            otherwise = self.parse_expression(0)
        return Condition(token.position, left, then, otherwise)

    def parse_grouping(self, left: Node, token: Token) -> Node:
        """Parse `{key: value}` behind an expression."""
        return GroupBy(token.position, left, self.parse_pairs())

    def parse_ordering(self, left: Node, token: Token) -> Node:
        """Parse `^(<a, >b)` behind an expression."""
        self.advance("(")
        terms: list[SortTerm] = []
        while True:
            descending = self.symbol == ">"
            if self.symbol in ("<", ">"):
                self.advance()
            terms.append(SortTerm(self.parse_expression(0), descending))
            if self.symbol != ",":
                break
            self.advance(",")
        self.advance(")")
        return SortBy(token.position, left, terms)

    def parse_predicate(self, left: Node, token: Token) -> Node:
        """Parse a filter, or `[]`, which keeps a single item a list."""
        if self.symbol == "]":
            step = left
            while isinstance(step, Infix) and step.operator == "[":
                step = step.left
            step.keep = True
            self.advance("]")
            return left
        right = self.parse_expression(0)
        self.advance("]", infix=True)
        return Infix(token.position, "[", left, right)

    def parse_call(self, left: Node, token: Token) -> Node:
        """Parse a call, a partial application, or the parameters of a literal function."""
        arguments: list[Node] = []
        is_partial = False
        if self.symbol != ")":
            while True:
                if self.symbol == "?":
                    is_partial = True
                    arguments.append(ArgumentPlaceholder(self.token.position))
                    self.advance("?")
                else:
                    arguments.append(self.parse_expression(0))
                if self.symbol != ",":
                    break
                self.advance(",")
        self.advance(")", infix=True)
        if isinstance(left, Name) and left.value in ("function", "λ"):
            return self.parse_function(token, arguments)
        return Call(token.position, left, arguments, is_partial)

    def parse_function(self, token: Token, parameters: list[Node]) -> Node:
        """Parse a literal function, from behind its parameters."""
        names: list[str] = []
        for number, parameter in enumerate(parameters, 1):
            if not isinstance(parameter, Variable):
                raise ExpressionError(
                    "S0208",
                    f"Parameter {number} of function definition must be a variable name (start with $)",
                    parameter.position,
                    token=_get_node_name(parameter),
                    value=number,
                )
            names.append(parameter.name)
        signature = self.parse_signature() if self.symbol == "<" else None
        self.advance("{")
        body = self.parse_expression(0)
        self.advance("}")
        return Lambda(token.position, names, signature, body)

    def parse_signature(self) -> str:
        """Return the text of `<…>` between the parameters and the body of a function; checked here, so
        that it fails early."""
        position = self.token.position
        depth = 1
        text = "<"
        while depth > 0 and self.symbol not in ("{", END):
            self.advance()
            if self.symbol == ">":
                depth -= 1
            elif self.symbol == "<":
                depth += 1
            text += format_token(self.token)
        self.advance(">")
        try:
            Signature.from_text(text)
        except ExpressionError as error:
            raise ExpressionError(
                error.code, error.message, position + (error.position or 0), value=error.value
            ) from None
        return text


_INFIX_PARSERS: Final[dict[str, Callable[[InfixParser, Node, Token], Node]]] = {
    "(": InfixParser.parse_call,
    "[": InfixParser.parse_predicate,
    "{": InfixParser.parse_grouping,
    "^": InfixParser.parse_ordering,
    "@": InfixParser.parse_step_binding,
    "#": InfixParser.parse_step_binding,
    "?": InfixParser.parse_condition,
    "?:": InfixParser.parse_default,
    "??": InfixParser.parse_default,
    ":=": InfixParser.parse_binding,
}


def _get_node_name(node: Node) -> str | None:
    """Return the name or text of a node, for error messages; None if it has none."""
    match node:
        case Name():
            return node.value
        case Variable():
            return node.name
        case Literal():
            return str(node.value)
    return None
