"""Expressions and data made from a seed: small, mostly sensible, now and then wrong on purpose."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

__all__ = ["Generator"]

NAMES = ["a", "b", "c", "id", "name", "items", "kind", "n"]
TEXTS = ["", "a", "b", "x y", "Ab", "2", "10", "-3.5", "2024-01-31", "aa,bb,,c", "é", "2024-02-29T10:20:30Z"]
NUMBERS: list[float] = [0, 1, 2, 3, -1, 10, 0.5, 2.5, -7, 100, 1e3, 3.14159]
REGEXES = ["/a/", "/[a-z]+/i", "/(a)(b)?/", "/,/", r"/\\d+/".replace("\\\\", "\\"), "/^x/", r"/\s/"]


class Generator:
    """`expression()` and `data()` draw from one source, so that a seed and a number name a case."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        self.variables: list[str] = []
        self.functions: list[tuple[str, int]] = []

    # Data.

    def data(self, depth: int = 3) -> Any:
        """Generates the input of an expression."""
        if self.random.random() < 0.1:
            return [self.value(depth - 1) for _ in range(self.random.randrange(4))]
        return {name: self.value(depth) for name in self.random.sample(NAMES, self.random.randrange(3, 7))}

    def value(self, depth: int) -> Any:
        """Generates a JSON value, nested at most `depth` levels."""
        kind = self.random.random()
        if depth <= 0 or kind < 0.45:
            return self.scalar()
        if kind < 0.7:
            shape = self.random.random()
            size = self.random.randrange(4)
            if shape < 0.6:
                return [self.record(depth - 1) for _ in range(size)]
            return [self.value(depth - 1) if shape < 0.7 else self.scalar() for _ in range(size)]
        return self.record(depth - 1)

    def record(self, depth: int) -> dict[str, Any]:
        """Generates an object."""
        return {name: self.value(depth) for name in self.random.sample(NAMES, self.random.randrange(4))}

    def scalar(self) -> Any:
        """Generates a text, number, boolean or null."""
        return self.random.choice(
            [
                self.random.choice(TEXTS),
                self.random.choice(NUMBERS),
                True,
                False,
                None,
                self.random.choice(TEXTS),
            ]
        )

    # Expressions.

    def expression(self) -> str:
        """Generates the text of an expression."""
        self.variables = []
        self.functions = []
        return self.node(self.random.randrange(1, 5))

    def node(self, depth: int) -> str:
        """Generates any part of an expression, nested at most `depth` levels."""
        if depth <= 0:
            return self.leaf()
        return self.random.choices(_MAKERS, _WEIGHTS)[0](self, depth - 1)

    def leaf(self) -> str:
        """Generates a part without parts: a literal, a name or a variable."""
        kind = self.random.random()
        if kind < 0.5:
            return self.name()
        if kind < 0.6 and self.variables:
            return "$" + self.random.choice(self.variables)
        if kind < 0.65:
            return "$"
        return self.literal()

    def name(self) -> str:
        """Generates the name of a field."""
        return self.random.choice(NAMES)

    def literal(self) -> str:
        """Generates a literal."""
        kind = self.random.random()
        if kind < 0.4:
            return '"' + self.random.choice(TEXTS) + '"'
        if kind < 0.85:
            number = self.random.choice(NUMBERS)
            return f"({number})" if number < 0 else str(number)
        return self.random.choice(["true", "false", "null"])

    def path(self, depth: int) -> str:
        """Generates a path of steps."""
        first = self.name()
        if self.random.random() < 0.2:
            first = self.random.choice(
                ["$", "$$", f"({self.node(depth)})", *(f"${v}" for v in self.variables)]
            )
        steps = [first + self.suffix(depth)]
        for _ in range(self.random.randrange(1, 4)):
            kind = self.random.random()
            if kind < 0.75:
                step = self.name()
            elif kind < 0.8:
                step = self.random.choice(["*", "**", "%"])
            elif kind < 0.88:
                step = f"({self.node(depth)})"
            elif kind < 0.94:
                step = self.object(depth)
            else:
                step = f"[{self.node(depth)}]"
            steps.append(step + self.suffix(depth))
        return ".".join(steps)

    def suffix(self, depth: int) -> str:
        """Generates what can follow a step, such as an index, a filter or a variable; mostly nothing."""
        kind = self.random.random()
        if kind < 0.7:
            return ""
        if kind < 0.78:
            return f"[{self.random.choice([0, 1, -1, 2])}]"
        if kind < 0.88:
            return f"[{self.comparison(depth)}]"
        if kind < 0.92:
            return "[]"
        if kind < 0.95:
            return f"[{self.node(depth)}]"
        if kind < 0.98:
            return f"^({self.random.choice(['', '<', '>'])}{self.name()})"
        name = f"v{len(self.variables)}"
        self.variables.append(name)
        return f"{self.random.choice('@#')}${name}"

    def group(self, depth: int) -> str:
        """Generates a grouping."""
        key = self.random.choice([self.name(), f"$string({self.name()})"])
        return f"{self.path(depth)}{{{key}: {self.node(depth)}}}"

    def object(self, depth: int) -> str:
        """Generates an object constructor."""
        names = self.random.sample(NAMES, self.random.randrange(1, 4))
        return "{" + ", ".join(f'"{name}": {self.node(depth)}' for name in names) + "}"

    def array(self, depth: int) -> str:
        """Generates an array constructor."""
        if self.random.random() < 0.2:
            return f"[{self.random.randrange(3)}..{self.random.randrange(5)}]"
        return "[" + ", ".join(self.node(depth) for _ in range(self.random.randrange(4))) + "]"

    def comparison(self, depth: int) -> str:
        """Generates a comparison."""
        operator = self.random.choice(["=", "!=", "<", "<=", ">", ">=", "in", "=", "="])
        return f"{self.node(depth)} {operator} {self.node(depth)}"

    def arithmetic(self, depth: int) -> str:
        """Generates a calculation."""
        return f"{self.number(depth)} {self.random.choice('+-*/%')} {self.number(depth)}"

    def number(self, depth: int) -> str:
        """Generates a part that is a number, mostly."""
        kind = self.random.random()
        if kind < 0.3:
            return self.random.choice(["n", "id", "a.n"])
        if kind < 0.6:
            return self.literal() if kind < 0.35 else f"({self.random.choice(NUMBERS)})"
        if kind < 0.7:
            return f"$count({self.node(depth)})"
        return self.node(depth)

    def concatenation(self, depth: int) -> str:
        """Generates a concatenation of texts."""
        return " & ".join(self.node(depth) for _ in range(self.random.randrange(2, 4)))

    def logical(self, depth: int) -> str:
        """Generates `and` or `or`."""
        return f"{self.comparison(depth)} {self.random.choice(['and', 'or'])} {self.node(depth)}"

    def condition(self, depth: int) -> str:
        """Generates a conditional."""
        kind = self.random.random()
        if kind < 0.15:
            return f"({self.node(depth)} {self.random.choice(['?:', '??'])} {self.node(depth)})"
        test = self.comparison(depth) if kind < 0.6 else self.node(depth)
        return (
            f"({test} ? {self.node(depth)} : {self.node(depth)})"
            if kind < 0.9
            else f"({test} ? {self.node(depth)})"
        )

    def block(self, depth: int) -> str:
        """Generates a block with variables."""
        before, functions = list(self.variables), list(self.functions)
        parts: list[str] = []
        for _ in range(self.random.randrange(1, 3)):
            name = f"v{len(self.variables)}"
            if self.random.random() < 0.3:
                arity = self.random.randrange(1, 3)
                parts.append(f"${name} := {self.function(depth, arity)}")
                self.functions.append((name, arity))
            else:
                parts.append(f"${name} := {self.node(depth)}")
            self.variables.append(name)
        parts.append(self.node(depth))
        self.variables, self.functions = before, functions
        return "(" + "; ".join(parts) + ")"

    def function(self, depth: int, arity: int) -> str:
        """Generates a function with so many parameters."""
        before = list(self.variables)
        names = [f"p{len(self.variables) + at}" for at in range(arity)]
        self.variables += names
        body = self.node(depth)
        self.variables = before
        return f"function({', '.join('$' + name for name in names)}) {{ {body} }}"

    def call(self, depth: int) -> str:
        """Generates a call of a library function."""
        if self.functions and self.random.random() < 0.4:
            name, arity = self.random.choice(self.functions)
            return f"${name}({', '.join(self.node(depth) for _ in range(arity))})"
        name, arguments = self.random.choice(_CALLS)
        given = [self.argument(one, depth) for one in arguments]
        if given and self.random.random() < 0.1:
            return f"{given[0]} ~> ${name}({', '.join(given[1:])})"
        return f"${name}({', '.join(given)})"

    def argument(self, kind: str, depth: int) -> str:
        """Generates an argument. `kind`: what the function takes there."""
        if self.random.random() < 0.06:
            return self.node(depth)
        if kind == "s":
            return self.random.choice(
                [f'"{self.random.choice(TEXTS)}"', self.name(), f"$string({self.node(depth)})"]
            )
        if kind == "n":
            return self.random.choice([f"({self.random.choice(NUMBERS)})", "n", self.arithmetic(depth)])
        if kind == "i":
            return f"({self.random.choice([0, 1, 2, 3, -1, -2, 5])})"
        if kind == "r":
            return self.random.choice(REGEXES)
        if kind.startswith("f"):
            return self.function(depth, int(kind[1:] or 1))
        if kind == "a":
            return self.random.choice([self.array(depth), self.path(depth), self.name()])
        if kind == "o":
            return self.random.choice([self.object(depth), self.name(), "$"])
        return self.node(depth)

    def transform(self, depth: int) -> str:
        """Generates a transform."""
        delete = self.random.choice(["", f', "{self.name()}"'])
        of = self.random.choice(["$", self.name()])
        return f"{of} ~> |{self.name()}|{self.object(depth)}{delete}|"

    def negated(self, depth: int) -> str:
        """Generates a negated number."""
        return f"-{self.random.choice([self.name(), self.literal(), f'({self.arithmetic(depth)})'])}"


Maker = Callable[[Generator, int], str]
_CHOICES: list[tuple[Maker, int]] = [
    (Generator.path, 26),
    (Generator.call, 20),
    (Generator.object, 7),
    (Generator.array, 6),
    (Generator.comparison, 6),
    (Generator.arithmetic, 6),
    (Generator.concatenation, 5),
    (Generator.logical, 4),
    (Generator.condition, 6),
    (Generator.block, 7),
    (Generator.group, 3),
    (Generator.transform, 2),
    (Generator.negated, 1),
]
_MAKERS = [maker for maker, _ in _CHOICES]
_WEIGHTS = [weight for _, weight in _CHOICES]
_CALLS: list[tuple[str, list[str]]] = [
    ("string", ["x"]),
    ("length", ["s"]),
    ("uppercase", ["s"]),
    ("lowercase", ["s"]),
    ("trim", ["s"]),
    ("substring", ["s", "i"]),
    ("substring", ["s", "i", "i"]),
    ("substringBefore", ["s", "s"]),
    ("substringAfter", ["s", "s"]),
    ("contains", ["s", "s"]),
    ("contains", ["s", "r"]),
    ("split", ["s", "s"]),
    ("split", ["s", "r"]),
    ("split", ["s", "s", "i"]),
    ("join", ["a", "s"]),
    ("join", ["a"]),
    ("pad", ["s", "i"]),
    ("pad", ["s", "i", "s"]),
    ("match", ["s", "r"]),
    ("replace", ["s", "s", "s"]),
    ("replace", ["s", "r", "s"]),
    ("number", ["s"]),
    ("number", ["x"]),
    ("abs", ["n"]),
    ("floor", ["n"]),
    ("ceil", ["n"]),
    ("round", ["n"]),
    ("round", ["n", "i"]),
    ("power", ["n", "i"]),
    ("sqrt", ["n"]),
    ("sum", ["a"]),
    ("max", ["a"]),
    ("min", ["a"]),
    ("average", ["a"]),
    ("count", ["x"]),
    ("boolean", ["x"]),
    ("not", ["x"]),
    ("exists", ["x"]),
    ("append", ["x", "x"]),
    ("reverse", ["a"]),
    ("distinct", ["a"]),
    ("zip", ["a", "a"]),
    ("sort", ["a"]),
    ("sort", ["a", "f2"]),
    ("map", ["a", "f1"]),
    ("map", ["a", "f2"]),
    ("filter", ["a", "f1"]),
    ("filter", ["a", "f2"]),
    ("single", ["a", "f1"]),
    ("reduce", ["a", "f2"]),
    ("reduce", ["a", "f2", "x"]),
    ("each", ["o", "f1"]),
    ("each", ["o", "f2"]),
    ("sift", ["o", "f1"]),
    ("sift", ["o", "f2"]),
    ("keys", ["o"]),
    ("lookup", ["o", "s"]),
    ("spread", ["o"]),
    ("merge", ["a"]),
    ("type", ["x"]),
    ("formatNumber", ["n", "s"]),
    ("formatBase", ["n", "i"]),
    ("base64encode", ["s"]),
    ("encodeUrlComponent", ["s"]),
    ("toMillis", ["s"]),
    ("fromMillis", ["n"]),
    ("error", ["s"]),
    ("assert", ["x", "s"]),
    ("clone", ["o"]),
]
