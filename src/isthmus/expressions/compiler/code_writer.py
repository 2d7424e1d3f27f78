"""Writes the Python source of one expression: blocks, nested functions, unique names, and a size limit.

The parts of the generator emit lines through a `CodeWriter`; `iterate_lines` of its `main` block gives the
source of `main(E, c0, B)`: evaluation, input, bindings.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from isthmus.expressions.compiler.input_reads import InputReads, Source
from isthmus.expressions.compiler.operands import Operand
from isthmus.expressions.compiler.python_source import Block, Constants, make_constant_code
from isthmus.expressions.errors import LIMIT, ExpressionError

__all__ = [
    "MAX_CODE",
    "CodeWriter",
    "DirectFunction",
    "FunctionUnderConstruction",
    "InputContext",
    "VariableBinding",
    "make_code_size_error",
    "make_nesting_error",
]

_MAX_DEPTH: Final = 60
MAX_CODE: Final = 750_000
"""Characters of Python that one expression may become; a mapping of 200 lines becomes about 40,000."""
_NAMES_PER_CHARACTER: Final = 16
"""Python looks at all names around a `def`: so many cost as much as a character."""


@dataclass(slots=True, eq=False)
class InputContext:
    """The input at one place of the expression: what `$` and plain names there are read from.

    code: the Python variable that holds it. is_root: it is the root of the input (a list there is one
    value). is_pure: it is a part of the input. is_never_list: it is the root, and no list. source: where its
    reads are collected; only for pure contexts.
    """

    code: str
    is_root: bool = False
    is_pure: bool = False
    is_never_list: bool = False
    source: Source | None = None


@dataclass(slots=True, eq=False)
class VariableBinding:
    """A variable of the expression, and the Python variable that holds its value.

    code: the Python variable. function: the `def` it lives in. operand: what is known of its value. source:
    the collected reads of it, if it is bound once. direct_function: the literal `function` that it always
    holds, if any. is_settled: it is bound once, before anything can read it.
    """

    code: str
    function: FunctionUnderConstruction
    operand: Operand
    source: Source | None = None
    direct_function: DirectFunction | None = None
    is_settled: bool = False


@dataclass(slots=True, eq=False)
class DirectFunction:
    """A literal function that a variable always holds, so that it can be called directly.

    code: its Python name. arity: the number of its parameters. can_return_tail_call: it may return a
    `TailCall`. counts_depth: calls of it count for the depth limit: it calls itself, or is still being
    compiled, so that this is not known yet. is_being_compiled: its body is being written; a call of it now
    makes it recursive. is_nested: its result may be a sequence of sequences (`operands.NESTED`).
    is_recursive: its own body calls it.
    """

    code: str
    arity: int
    can_return_tail_call: bool = True
    counts_depth: bool = True
    is_being_compiled: bool = True
    is_nested: bool = True
    is_recursive: bool = False


@dataclass(slots=True, eq=False)
class FunctionUnderConstruction:
    """One Python `def` under construction.

    head: the place at the start of its body where declarations go. indent: the depth of its body in spaces.
    nonlocal_names: Python variables that it declares `nonlocal` already.
    """

    head: Block
    indent: int
    nonlocal_names: set[str] = field(default_factory=set)


class CodeWriter:
    """Writes the lines of one program.

    main: the block of the whole program; main_head: the place at its start. block: where the next line goes.
    function: the `def` around that place. frames: for each open scope of the expression, its variables by
    name. nesting_level: loops and functions around the place. loop_depth: loops around it in the current
    function. indent: spaces before the next line. name_count: names given out. code_size: characters so far.
    """

    def __init__(self) -> None:
        self.constants = Constants()
        self.reads = InputReads(self.constants)
        self.main = Block("def main(E, c0, B):")
        self.block = self.main
        self.main_head = self.main.add_bookmark()
        self.function = FunctionUnderConstruction(self.main.add_bookmark(), 1)
        self.frames: list[dict[str, VariableBinding]] = []
        self.nesting_level = 0
        self.loop_depth = 0
        self.indent = 1
        self.name_count = 0
        self.code_size = 0

    def make_name(self, letter: str) -> str:
        """Make a Python name that is not used yet. `letter`, its first, tells readers what it holds."""
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
            raise make_code_size_error()

    def make_constant_code(self, value: object) -> str:
        """Return the Python text of a constant."""
        return make_constant_code(value, self.constants)

    def enter_block(self, header: str) -> _BlockScope:
        """Open a block: `with self.enter_block("for x in y:")`; what is written inside goes into that
        block."""
        return _BlockScope(self, header)

    def make_context(self, code: str, *, is_pure: bool) -> InputContext:
        """Return the context of the Python variable `code`, which has just been assigned. `is_pure`: it is a
        part of the input."""
        context = InputContext(code, is_pure=is_pure)
        if is_pure:
            context.source = self.reads.add_source(code, self.block.add_bookmark(), self.nesting_level)
        return context

    def define_function(self, name: str, parameters: list[str], *, at_head: bool = False) -> _FunctionScope:
        """Open a `def`: `with self.define_function("f", ["p1"])`, written here or, with `at_head`, at the
        head of the current one."""
        return _FunctionScope(self, f"def {name}({', '.join(parameters)}):", at_head=at_head)

    def find_variable(self, name: str) -> VariableBinding | None:
        """Return the expression's variable of this name from the innermost frame; None if no frame has it."""
        for frame in reversed(self.frames):
            variable = frame.get(name)
            if variable is not None:
                return variable
        return None

    def declare_nonlocal(self, local: VariableBinding) -> None:
        """Declare a variable of an enclosing `def` that is about to be assigned here."""
        if local.function is not self.function and local.code not in self.function.nonlocal_names:
            self.function.nonlocal_names.add(local.code)
            self.function.head.add_line(f"nonlocal {local.code}")


class _BlockScope:
    """The context manager of `CodeWriter.enter_block`."""

    def __init__(self, writer: CodeWriter, header: str) -> None:
        self.writer = writer
        self.header = header
        self.before: Block | None = None

    def __enter__(self) -> Block:
        writer = self.writer
        self.before = writer.block
        writer.block = writer.block.add_block(self.header)
        writer.indent += 1
        if self.header.startswith("for "):
            writer.nesting_level += 1
            writer.loop_depth += 1
        return writer.block

    def __exit__(self, *_: object) -> None:
        writer = self.writer
        assert self.before is not None
        writer.block = self.before
        writer.indent -= 1
        if self.header.startswith("for "):
            writer.nesting_level -= 1
            writer.loop_depth -= 1


def make_nesting_error() -> ExpressionError:
    """Return the error of an expression that is nested too deeply for Python."""
    return ExpressionError(LIMIT, "The expression is nested too deeply")


def make_code_size_error() -> ExpressionError:
    """Return the error of an expression that would become too much code."""
    return ExpressionError(
        LIMIT, f"The expression would become more than {MAX_CODE} characters of code", value=MAX_CODE
    )


class _FunctionScope:
    """The context manager of `CodeWriter.define_function`."""

    def __init__(self, writer: CodeWriter, header: str, *, at_head: bool) -> None:
        self.writer = writer
        self.header = header
        self.at_head = at_head
        self.before: tuple[Block, FunctionUnderConstruction, int, int] | None = None

    def __enter__(self) -> Block:
        writer = self.writer
        self.before = (writer.block, writer.function, writer.indent, writer.loop_depth)
        holder = writer.function.head if self.at_head else writer.block
        base = writer.function.indent if self.at_head else writer.indent
        writer.add_size(len(self.header) + writer.name_count // _NAMES_PER_CHARACTER)
        if base > _MAX_DEPTH:
            raise make_nesting_error()
        writer.block = holder.add_block(self.header)
        writer.indent = base + 1
        writer.function = FunctionUnderConstruction(writer.block.add_bookmark(), base + 1)
        writer.loop_depth = 0
        writer.nesting_level += 1
        return writer.block

    def __exit__(self, *_: object) -> None:
        writer = self.writer
        assert self.before is not None
        writer.block, writer.function, writer.indent, writer.loop_depth = self.before
        writer.nesting_level -= 1
