"""The Python text of one program while it is written: blocks, nested functions, unique names, and its
size."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from isthmus.expressions.compiler.input_reads import InputReads, Source
from isthmus.expressions.compiler.operands import Operand
from isthmus.expressions.compiler.python_source import Block, Constants, constant_code
from isthmus.expressions.errors import LIMIT, ExpressionError

__all__ = [
    "MAX_CODE",
    "Callee",
    "CodeWriter",
    "Context",
    "Definition",
    "Local",
    "code_size_error",
    "nesting_error",
]

_MAX_DEPTH: Final = 60
MAX_CODE: Final = 750_000
"""Characters of Python that one expression may become; a mapping of 200 lines becomes about 40,000."""
_NAMES_PER_CHARACTER: Final = 16
"""Python looks at all names around a `def`: so many cost as much as a character."""


@dataclass(slots=True, eq=False)
class Context:
    """What `$` and plain names mean at one place of the expression.

    code: the Python variable. is_root: the root of the input (a list there is one value). is_pure: it is a
    part of the input. no_list: it is known to be no list. source: where its reads are collected; only for
    pure contexts.
    """

    code: str
    is_root: bool = False
    is_pure: bool = False
    no_list: bool = False
    source: Source | None = None


@dataclass(slots=True, eq=False)
class Local:
    """A variable of the expression as a Python variable.

    is_settled: it is bound once, before anything can read it. function: the `def` it lives in. operand: what
    is known of its value. source: the collected reads of it, if it is bound once. code_of: the Python
    function of a literal `function` that it always holds.
    """

    code: str
    function: Definition
    operand: Operand
    source: Source | None = None
    code_of: Callee | None = None
    is_settled: bool = False


@dataclass(slots=True, eq=False)
class Callee:
    """A literal function that a variable always holds, so that it can be called directly.

    may_tail: it may return a tail call. is_open: calls of it count for depth, since it calls itself.
    is_nested: its result may be a sequence of sequences (`operands.NESTED`).
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


class CodeWriter:
    """Writes the lines of one program."""

    def __init__(self) -> None:
        self.constants = Constants()
        self.reads = InputReads(self.constants)
        self.main = Block("def main(E, c0, B):")
        self.block = self.main
        self.main_head = self.main.add_bookmark()
        self.function = Definition(self.main.add_bookmark(), 1)
        self.frames: list[dict[str, Local]] = []
        self.level = 0
        self.loops = 0
        self.indent = 1
        self.name_count = 0
        self.code_size = 0

    def new_name(self, letter: str) -> str:
        """Return a Python name that is not used yet; `letter` says what kind of value it holds."""
        self.name_count += 1
        return f"{letter}{self.name_count}"

    def emit(self, line: str) -> None:
        """Add one line to the current block."""
        self.add_size(len(line))
        self.block.add_line(line)

    def add_size(self, characters: int) -> None:
        """Count code before it is written, so that Python never compiles too much. Raises
        `ExpressionError` beyond `MAX_CODE` characters."""
        self.code_size += characters
        if self.code_size > MAX_CODE:
            raise code_size_error()

    def constant_code(self, value: object) -> str:
        """Return the Python text of a constant."""
        return constant_code(value, self.constants)

    def enter_block(self, header: str) -> _BlockScope:
        """Open a block: `with self.enter_block("for x in y:")`; what is written inside goes into that
        block."""
        return _BlockScope(self, header)

    def make_context(self, code: str, *, is_pure: bool, no_list: bool = False) -> Context:
        """Return a context whose Python variable has just been assigned."""
        made = Context(code, is_pure=is_pure, no_list=no_list)
        if is_pure:
            made.source = self.reads.add_source(code, self.block.add_bookmark(), self.level)
        return made

    def define_function(self, name: str, parameters: list[str], *, at_head: bool = False) -> _FunctionScope:
        """Open a `def`: `with self.define_function("f", ["p1"])`, written here or, with `at_head`, at the
        head of the current one."""
        return _FunctionScope(self, f"def {name}({', '.join(parameters)}):", at_head=at_head)

    def find_variable(self, name: str) -> Local | None:
        """Return the variable of this name in the innermost frame that has one, or None."""
        for frame in reversed(self.frames):
            found = frame.get(name)
            if found is not None:
                return found
        return None

    def declare_nonlocal(self, local: Local) -> None:
        """Declare a variable of an enclosing `def` that is about to be assigned here."""
        if local.function is not self.function and local.code not in self.function.outer:
            self.function.outer.add(local.code)
            self.function.head.add_line(f"nonlocal {local.code}")


class _BlockScope:
    """The context manager of `CodeWriter.enter_block`."""

    def __init__(self, generator: CodeWriter, header: str) -> None:
        self.generator = generator
        self.header = header
        self.before: Block | None = None

    def __enter__(self) -> Block:
        generator = self.generator
        self.before = generator.block
        generator.block = generator.block.add_block(self.header)
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


def nesting_error() -> ExpressionError:
    """Return the error of an expression that is nested too deeply for Python."""
    return ExpressionError(LIMIT, "The expression is nested too deeply")


def code_size_error() -> ExpressionError:
    """Return the error of an expression that would become too much code."""
    return ExpressionError(
        LIMIT, f"The expression would become more than {MAX_CODE} characters of code", value=MAX_CODE
    )


class _FunctionScope:
    """The context manager of `CodeWriter.define_function`."""

    def __init__(self, generator: CodeWriter, header: str, *, at_head: bool) -> None:
        self.generator = generator
        self.header = header
        self.at_head = at_head
        self.before: tuple[Block, Definition, int, int] | None = None

    def __enter__(self) -> Block:
        generator = self.generator
        self.before = (generator.block, generator.function, generator.indent, generator.loops)
        holder = generator.function.head if self.at_head else generator.block
        base = generator.function.indent if self.at_head else generator.indent
        generator.add_size(len(self.header) + generator.name_count // _NAMES_PER_CHARACTER)
        if base > _MAX_DEPTH:
            raise nesting_error()
        generator.block = holder.add_block(self.header)
        generator.indent = base + 1
        generator.function = Definition(generator.block.add_bookmark(), base + 1)
        generator.loops = 0
        generator.level += 1
        return generator.block

    def __exit__(self, *_: object) -> None:
        generator = self.generator
        assert self.before is not None
        generator.block, generator.function, generator.indent, generator.loops = self.before
        generator.level -= 1
