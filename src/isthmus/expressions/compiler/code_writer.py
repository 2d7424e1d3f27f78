"""Where lines go: blocks, nested `def`s, names that nobody else has, and how much has been written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from isthmus.expressions.compiler.input_reads import Reads, Source
from isthmus.expressions.compiler.operands import Operand
from isthmus.expressions.compiler.python_source import Block, Constants, literal
from isthmus.expressions.errors import LIMIT, ExpressionError

__all__ = ["MAX_CODE", "Callee", "Context", "Definition", "Lines", "Local", "too_large", "too_nested"]

_MAX_DEPTH: Final = 60
MAX_CODE: Final = 750_000
"""Characters of Python that one expression may become; a mapping of 200 lines becomes about 40,000."""
_NAMES_A_CHARACTER: Final = 16
"""Python looks at all names around a `def`: so many cost as much as a character."""


@dataclass(slots=True, eq=False)
class Context:
    """What `$` and plain names mean at one place.

    code: the Python variable. is_root: the root of the input (a list there is one value).
    is_pure: it is a part of the input. no_list: it is known to be no list.
    source: where its reads are gathered; only for pure contexts.
    """

    code: str
    is_root: bool = False
    is_pure: bool = False
    no_list: bool = False
    source: Source | None = None


@dataclass(slots=True, eq=False)
class Local:
    """A variable of the expression as a Python variable.

    is_settled: it is bound once, before anything can read it.
    function: the `def` it lives in. operand: what is known of its value. source: gathered reads of it, if
    it is bound once. code_of: the Python function of a literal `function` that it always holds.
    """

    code: str
    function: Definition
    operand: Operand
    source: Source | None = None
    code_of: Callee | None = None
    is_settled: bool = False


@dataclass(slots=True, eq=False)
class Callee:
    """A literal function that a variable always holds: it can be called directly.

    may_tail: it may hand a tail call back. is_open: calls of it count for depth, since it calls itself.
    is_nested: what it gives may be a sequence of sequences (`kinds.NESTED`).
    """

    code: str
    arity: int
    may_tail: bool = True
    is_open: bool = True
    is_building: bool = True
    is_nested: bool = True
    is_recursive: bool = False


@dataclass(slots=True, eq=False)
class Definition:
    """One Python `def` under construction."""

    head: Block
    indent: int
    outer: set[str] = field(default_factory=set)


class Lines:
    """The text of one program while it is written."""

    def __init__(self) -> None:
        self.constants = Constants()
        self.reads = Reads(self.constants)
        self.main = Block("def main(E, c0, B):")
        self.block = self.main
        self.main_head = self.main.here()
        self.function = Definition(self.main.here(), 1)
        self.frames: list[dict[str, Local]] = []
        self.level = 0
        self.loops = 0
        self.indent = 1
        self.count = 0
        self.size = 0

    def fresh(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def emit(self, line: str) -> None:
        self.grow(len(line))
        self.block.add(line)

    def grow(self, characters: int) -> None:
        """Account for code before it is written, so that nobody waits for Python to compile too much."""
        self.size += characters
        if self.size > MAX_CODE:
            raise too_large()

    def const(self, value: object) -> str:
        return literal(value, self.constants)

    def inside(self, header: str) -> _Inside:
        """`with self.inside("for x in y:")`: what is written goes into that block."""
        return _Inside(self, header)

    def context(self, code: str, *, is_pure: bool, no_list: bool = False) -> Context:
        """A context whose variable has just been assigned."""
        made = Context(code, is_pure=is_pure, no_list=no_list)
        if is_pure:
            made.source = self.reads.source(code, self.block.here(), self.level)
        return made

    def define(self, name: str, parameters: list[str], *, at_head: bool = False) -> _Define:
        """`with self.define("f", ["p1"]):` writes a Python function here, or at the head of this one."""
        return _Define(self, f"def {name}({', '.join(parameters)}):", at_head=at_head)

    def find(self, name: str) -> Local | None:
        for frame in reversed(self.frames):
            found = frame.get(name)
            if found is not None:
                return found
        return None

    def outer(self, local: Local) -> None:
        """A variable of an enclosing `def` is about to be assigned here."""
        if local.function is not self.function and local.code not in self.function.outer:
            self.function.outer.add(local.code)
            self.function.head.add(f"nonlocal {local.code}")


class _Inside:
    def __init__(self, generator: Lines, header: str) -> None:
        self.generator = generator
        self.header = header
        self.before: Block | None = None

    def __enter__(self) -> Block:
        generator = self.generator
        self.before = generator.block
        generator.block = generator.block.nest(self.header)
        generator.indent += 1
        if self.header.startswith("for "):
            generator.level += 1
            generator.loops += 1
        return generator.block

    def __exit__(self, *_: object) -> None:
        generator = self.generator
        assert self.before is not None
        generator.block = self.before
        generator.indent -= 1
        if self.header.startswith("for "):
            generator.level -= 1
            generator.loops -= 1


def too_nested() -> ExpressionError:
    return ExpressionError(LIMIT, "The expression is nested too deeply")


def too_large() -> ExpressionError:
    return ExpressionError(
        LIMIT, f"The expression would become more than {MAX_CODE} characters of code", value=MAX_CODE
    )


class _Define:
    def __init__(self, generator: Lines, header: str, *, at_head: bool) -> None:
        self.generator = generator
        self.header = header
        self.at_head = at_head
        self.before: tuple[Block, Definition, int, int] | None = None

    def __enter__(self) -> Block:
        generator = self.generator
        self.before = (generator.block, generator.function, generator.indent, generator.loops)
        holder = generator.function.head if self.at_head else generator.block
        base = generator.function.indent if self.at_head else generator.indent
        generator.grow(len(self.header) + generator.count // _NAMES_A_CHARACTER)
        if base > _MAX_DEPTH:
            raise too_nested()
        generator.block = holder.nest(self.header)
        generator.indent = base + 1
        generator.function = Definition(generator.block.here(), base + 1)
        generator.loops = 0
        generator.level += 1
        return generator.block

    def __exit__(self, *_: object) -> None:
        generator = self.generator
        assert self.before is not None
        generator.block, generator.function, generator.indent, generator.loops = self.before
        generator.level -= 1
