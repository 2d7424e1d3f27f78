"""The heart of the compiler: each node of the tree to lines of Python.

`value` writes the lines that compute a node and gives an `Operand` for the result. `truth` does so for a
condition. Nodes of one family are written by the classes this one is made of: `paths`, `tuples`,
`objects`, `operations`, `calls`, `functions`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from isthmus.expressions.compiler.kinds import (
    ANY,
    BOOL,
    DICT,
    FUNCTION,
    LIST,
    NULL,
    NUMBER,
    SEQUENCE,
    TEXT,
    UNDEF,
    Operand,
)
from isthmus.expressions.compiler.reads import Reads, Source
from isthmus.expressions.compiler.scopes import Survey
from isthmus.expressions.compiler.source import Block, Constants, literal
from isthmus.expressions.errors import LIMIT, ExpressionError
from isthmus.expressions.library import Function, Library
from isthmus.expressions.syntax import tree as t

__all__ = ["Context", "GeneratorBase", "Local"]

_MAX_LOOPS: Final = 12
_MAX_DEPTH: Final = 60
_MAX_INDENT: Final = 30
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
    """

    code: str
    arity: int
    may_tail: bool = True
    is_open: bool = True
    is_building: bool = True
    is_recursive: bool = False


@dataclass(slots=True, eq=False)
class Definition:
    """One Python `def` under construction."""

    head: Block
    indent: int
    outer: set[str] = field(default_factory=set)


class GeneratorBase:
    def __init__(self, library: Library, survey: Survey, shadowed: frozenset[str]) -> None:
        self.library = library
        self.survey = survey
        self.shadowed = shadowed
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
        self.nesting = 0
        self.count = 0
        self.natives: dict[str, str] = {}
        self.tests: dict[int, str] = {}
        self.size = 0
        self.last_call: t.Call | None = None
        self.is_last = False
        self.tails = False
        self.unwrapped: Context | None = None

    # Names and lines.

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

    def held(self, operand: Operand) -> Operand:
        """The operand as something that may be evaluated more than once."""
        if operand.is_atom:
            return operand
        name = self.fresh("t")
        self.emit(f"{name} = {operand.code}")
        operand.code = name
        operand.is_atom = True
        return operand

    def owned(self, operand: Operand) -> Operand:
        """The operand in a variable of its own, which may be assigned again."""
        name = self.fresh("t")
        self.emit(f"{name} = {operand.code}")
        return Operand(name, operand.kinds, is_pure=operand.is_pure, is_atom=True)

    def variable_of(self, operand: Operand) -> Operand:
        """As `held`, but a constant gets a variable, too: what follows looks at it as at any value."""
        operand.is_atom = operand.is_atom and not operand.is_constant
        return self.held(operand)

    def settled(self, operand: Operand, *, keep: bool = False, final: bool = False) -> Operand:
        """The operand as a value: a sequence of one or none collapsed."""
        if operand.is_collected:
            return self.collapsed(operand, keep=keep, final=final)
        if not operand.is_raw or not operand.may(SEQUENCE):
            operand.is_raw = False
            return operand
        held = self.held(operand)
        function = "kept" if keep else "collapse"
        self.emit(f"if type({held.code}) is Sequence: {held.code} = {function}({held.code})")
        return Operand(held.code, ANY, is_pure=held.is_pure, is_atom=True)

    def collapsed(self, operand: Operand, *, keep: bool, final: bool) -> Operand:
        """What was collected, as a value."""
        name, out = self.fresh("t"), operand.code
        self.emit(f"if len({out}) > 9999: grown(E, {out})")
        if keep and final and operand.is_pure:
            self.emit(f"{name} = {out} if {out} else U")
        elif keep:
            self.emit(f"{name} = keeping({out}) if {out} else U")
        elif final and operand.is_pure:
            self.emit(f"{name} = {out} if len({out}) > 1 else {out}[0] if {out} else U")
        else:
            self.emit(f"{name} = Sequence({out}) if len({out}) > 1 else {out}[0] if {out} else U")
        kinds = (operand.kinds & ~SEQUENCE) | LIST | UNDEF
        if not (final and operand.is_pure):
            kinds |= SEQUENCE
        return Operand(name, kinds, is_pure=operand.is_pure, is_atom=True)

    def final(self, operand: Operand) -> Operand:
        """The operand as a part of the result: no sequences, functions or undefined inside."""
        if operand.is_final:
            return operand
        held = self.owned(operand)
        if operand.is_pure:
            self.emit(f"if type({held.code}) is Sequence: {held.code} = [*{held.code}]")
        else:
            self.emit(f"if {held.code}.__class__ not in PLAIN: {held.code} = finish(E, {held.code})")
        held.kinds &= ~(SEQUENCE | FUNCTION)
        held.kinds |= LIST | UNDEF
        held.is_pure = True
        return held

    def final_item(self, operand: Operand) -> Operand:
        """As `final`, for an item of an array: what cannot leave is null there."""
        if operand.is_final or operand.is_pure:
            return self.final(operand)
        held = self.owned(operand)
        self.emit(f"if {held.code}.__class__ not in PLAIN: {held.code} = finish_item(E, {held.code})")
        return Operand(held.code, ANY & ~(SEQUENCE | FUNCTION), is_pure=True, is_atom=True)

    # Blocks.

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

    # Nodes.

    def value(self, node: t.Node, context: Context, *, final: bool = False) -> Operand:
        """Write what computes the node; with `final` the value is part of the result."""
        if self.indent - self.function.indent > _MAX_INDENT or self.loops > _MAX_LOOPS:
            return self.outlined(node, context, final=final)
        self.nesting += 1
        operand = self.suffixed(node, context, final=final)
        operand = self.settled(operand, keep=node.keep, final=final)
        self.nesting -= 1
        return self.final(operand) if final else operand

    def outlined(self, node: t.Node, context: Context, *, final: bool) -> Operand:
        """A node that lies too deep in blocks for Python, as a function of its own."""
        name = self.fresh("o")
        with self.define(name, [], at_head=True):
            operand = self.value(node, context, final=final)
            self.emit(f"return {operand.code}")
        return Operand(f"{name}()", operand.kinds, is_pure=operand.is_pure)

    def suffixed(self, node: t.Node, context: Context, *, final: bool = False) -> Operand:
        """The node with its predicates and grouping, uncollapsed."""
        if node.predicates is None and (node.group is None or isinstance(node, t.Path)):
            return self.raw(node, context, final=final)
        operand = self.raw(node, context)
        for one in node.predicates or ():
            operand = self.filtered(operand, one, context)
        if node.group is not None and not isinstance(node, t.Path):
            operand = self.grouped(operand, node.group, context, final=final)
        return operand

    def raw(self, node: t.Node, context: Context, *, final: bool = False) -> Operand:
        raise NotImplementedError

    def filtered(self, operand: Operand, one: t.Filter, context: Context) -> Operand:
        raise NotImplementedError

    def grouped(self, operand: Operand, group: t.Group, context: Context, *, final: bool) -> Operand:
        raise NotImplementedError

    def truth(self, node: t.Node, context: Context) -> str:
        """A Python condition for the node's effective boolean; may be evaluated once."""
        raise NotImplementedError

    # What the parts of the generator offer each other.

    def tuple_path(self, node: t.Path, context: Context) -> Operand:
        raise NotImplementedError

    def is_standard(self, name: str) -> bool:
        raise NotImplementedError

    def open_frame(self, owner: t.Node) -> None:
        raise NotImplementedError

    def variable_code(self, name: str) -> str:
        raise NotImplementedError

    def bound_function(self, local: Local, node: t.Lambda, context: Context) -> Operand:
        raise NotImplementedError

    def intrinsic(
        self, function: Function, node: t.Call, given: Operand | None, context: Context, *, final: bool
    ) -> Operand | None:
        """Write a call of a well-known function in place; None if it has to be called."""
        raise NotImplementedError

    def arguments(self, node: t.Call, given: Operand | None, context: Context) -> list[Operand]:
        raise NotImplementedError

    def library_function(self, name: str) -> Function | None:
        raise NotImplementedError

    def library_call(
        self, function: Function, arguments: list[Operand], context: Context, position: int
    ) -> Operand:
        raise NotImplementedError

    def statement(self, node: t.Node, context: Context) -> None:
        raise NotImplementedError

    def object_context(self, context: Context) -> Context:
        raise NotImplementedError

    # Small pieces of code.

    def sequence(self, operand: Operand) -> str:
        """The operand where a sequence may stand uncollapsed."""
        if not operand.is_collected:
            return operand.code
        made = f"Sequence({operand.code})"
        return f"(U if {operand.absent} else {made})" if operand.absent else made

    def truth_of(self, operand: Operand) -> str:
        if operand.kinds == BOOL:
            return operand.code
        if not operand.kinds & ~(BOOL | UNDEF):
            return f"({operand.code} is True)"
        if not operand.kinds & ~(BOOL | NULL | TEXT | DICT):
            return operand.code
        if not operand.kinds & ~(BOOL | NULL | TEXT | DICT | UNDEF):
            held = self.held(operand)
            return f"({held.code} is not U and {held.code})"
        held = self.held(operand)
        if held.is_constant:
            return f"truth(E, {held.code})"
        return f"({held.code} is True or ({held.code} is not False and truth(E, {held.code})))"

    def known(self, value: object) -> Operand:
        """A constant."""
        kinds = {str: TEXT, bool: BOOL, type(None): NULL, int: NUMBER, float: NUMBER}[type(value)]
        return Operand(self.const(value), kinds, is_pure=True, is_atom=True, is_constant=True, value=value)

    def undefined(self) -> Operand:
        return Operand("U", UNDEF, is_pure=True, is_atom=True)

    def charge(self, code: str, weight: int) -> None:
        """Account for a loop over the list `code`; a short one that runs once is not worth the trouble."""
        if self.level == 0:
            self.emit(f"if len({code}) > 99: E.charge(len({code}) * {weight})")
        else:
            self.emit(f"E.left -= len({code}) * {weight}")
            self.emit("if E.left < 0: E.charge(0)")

    def going(self, code: str, weight: int) -> str:
        """A list to loop over: a long one is accounted for item by item, so that time is looked at."""
        return f"({code} if len({code}) < 9999 else slowly(E, {code}, {weight}))"

    def over(self, code: str) -> str:
        """The variable of what a step goes over, from what the step before it gave."""
        name = self.fresh("s")
        if code.endswith(")"):
            self.emit(f"{name} = {code}")
        else:
            self.emit(f"{name} = {code} if type({code}) is list else items(E, {code})")
        return name

    def merge(self, target: str, operands: list[Operand]) -> Operand:
        """The variable that branches assigned, with what is known of all of them."""
        kinds = 0
        for one in operands:
            kinds |= one.kinds
        return Operand(target, kinds, is_pure=all(one.is_pure for one in operands), is_atom=True)


class _Inside:
    def __init__(self, generator: GeneratorBase, header: str) -> None:
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
    def __init__(self, generator: GeneratorBase, header: str, *, at_head: bool) -> None:
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
