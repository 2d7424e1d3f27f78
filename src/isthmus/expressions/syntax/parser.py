"""Tokens to tree: a Pratt parser (top-down operator precedence).

Every token has a binding power. `expression(power)` reads one operand and then goes on as long as the
next token binds more tightly than `power`. `_PREFIX` says what a token means at the start of an
expression, `_INFIX` what it means behind one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from isthmus.expressions.errors import LIMIT, ExpressionError
from isthmus.expressions.limits import MAX_NESTING, MAX_OPERANDS, MAX_SOURCE
from isthmus.expressions.signatures import Signature
from isthmus.expressions.syntax.lexer import END, Lexer, Token
from isthmus.expressions.syntax.tree import (
    Array,
    Block,
    Call,
    Condition,
    Default,
    Descendant,
    GroupBy,
    Infix,
    Lambda,
    Literal,
    Missing,
    Name,
    Negate,
    Node,
    Object,
    Parent,
    Placeholder,
    Regex,
    Slot,
    SortBy,
    Term,
    Transform,
    Variable,
    Wildcard,
)

__all__ = ["parse_text"]

_POWER: Final = {
    "(": 80, "[": 80, "@": 80, "#": 80, ".": 75, "{": 70, "*": 60, "/": 60, "%": 60, "+": 50, "-": 50,
    "&": 50, "=": 40, "!=": 40, "<": 40, "<=": 40, ">": 40, ">=": 40, "^": 40, "~>": 40, "?:": 40,
    "??": 40, "in": 40, "and": 30, "or": 25, "?": 20, ":=": 10,
}  # fmt: skip
_KNOWN: Final = {*_POWER, "**", "|", "..", ")", "]", "}", ",", ";", ":"}


def parse_text(text: str) -> Node:
    """The tree of `text` before shaping."""
    if len(text) > MAX_SOURCE or len(text.encode("utf-8", "surrogatepass")) > MAX_SOURCE:
        raise ExpressionError(LIMIT, f"The expression is longer than {MAX_SOURCE} bytes", value=MAX_SOURCE)
    return _Parser(text).whole()


class _Parser:
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

    def whole(self) -> Node:
        tree = self.expression(0)
        if self.id != END:
            token = self.token
            raise ExpressionError(
                "S0201", f"Syntax error: {_shown(token)}", token.position, token=_shown(token)
            )
        return tree

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
                f'Expected "{expected}", got "{_shown(token)}"',
                token.position,
                token=_shown(token),
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
            self.power = _POWER.get(operator, 0)
        else:
            self.id = END if token.kind == END else None
            self.power = 0

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
            left = _INFIX.get(str(token.value), _Parser.operator)(self, left, token)
            left.start, left.end = start, self.before
            links += 1
            if links > MAX_NESTING and token.value not in _FLAT:
                raise ExpressionError(
                    LIMIT, f"More than {MAX_NESTING} operators follow each other", token.position
                )
        self.depth -= 1
        return left

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

    # What tokens mean at the start of an expression.

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

    # What tokens mean behind an expression.

    def operator(self, left: Node, token: Token) -> Node:
        operator = str(token.value)
        return Infix(token.position, operator, left, self.expression(_POWER[operator]))

    def binding(self, left: Node, token: Token) -> Node:
        if not isinstance(left, Variable):
            raise ExpressionError(
                "S0212",
                "The left side of := must be a variable name (start with $)",
                left.position,
                token=_name_of(left),
            )
        return Infix(token.position, ":=", left, self.expression(_POWER[":="] - 1))

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
            text += _shown(self.token)
        self.advance(">")
        try:
            Signature.of(text)
        except ExpressionError as error:
            raise ExpressionError(
                error.code, error.message, position + (error.position or 0), value=error.value
            ) from None
        return text


_PREFIX: Final[dict[str, Callable[[_Parser, Token], Node]]] = {
    "and": _Parser.keyword_as_name,
    "or": _Parser.keyword_as_name,
    "in": _Parser.keyword_as_name,
    "-": _Parser.negation,
    "*": _Parser.wildcard,
    "**": _Parser.descendant,
    "%": _Parser.parent,
    "(": _Parser.block,
    "[": _Parser.array,
    "{": _Parser.object,
    "|": _Parser.transform,
}
_INFIX: Final[dict[str, Callable[[_Parser, Node, Token], Node]]] = {
    "(": _Parser.call,
    "[": _Parser.predicate,
    "{": _Parser.grouping,
    "^": _Parser.ordering,
    "@": _Parser.variable_binding,
    "#": _Parser.variable_binding,
    "?": _Parser.conditional,
    "?:": _Parser.default,
    "??": _Parser.default,
    ":=": _Parser.binding,
}
_FLAT: Final = {".", "&", "and", "or"}


def _shown(token: Token) -> str:
    if token.value is None:
        return "null"
    if isinstance(token.value, bool):
        return "true" if token.value else "false"
    return str(token.value)


def _name_of(node: Node) -> str | None:
    match node:
        case Name():
            return node.value
        case Variable():
            return node.name
        case Literal():
            return str(node.value)
    return None
