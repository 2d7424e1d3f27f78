"""The heart of the compiler: each node of the tree to lines of Python.

`value` writes the lines that compute a node and gives an `Operand` for the result. `truth` does so for a
condition. Nodes of one family are written by the classes this one is made of: `paths`, `tuples`,
`objects`, `operations`, `calls`, `functions`.
"""

from __future__ import annotations

from typing import Final

from isthmus.expressions.compiler.code_writer import Context, Lines, Local
from isthmus.expressions.compiler.operands import (
    ANY,
    BOOL,
    DICT,
    FUNCTION,
    LIST,
    NESTED,
    NULL,
    NUMBER,
    SEQUENCE,
    TEXT,
    UNDEF,
    Operand,
)
from isthmus.expressions.compiler.scopes import Survey
from isthmus.expressions.library import Function, Library
from isthmus.expressions.meter import MAX_FREE_ITEMS
from isthmus.expressions.syntax import tree as t

__all__ = ["GeneratorBase"]

_MAX_LOOPS: Final = 12
_MAX_INDENT: Final = 30
_HANDING_ON: Final = (t.Block, t.Condition, t.Default)
"""Nodes whose value is that of another node."""


class GeneratorBase(Lines):
    def __init__(self, library: Library, survey: Survey, shadowed: frozenset[str]) -> None:
        super().__init__()
        self.library = library
        self.survey = survey
        self.shadowed = shadowed
        self.nesting = 0
        self.natives: dict[str, str] = {}
        self.tests: dict[int, str] = {}
        self.last_call: t.Call | None = None
        self.is_last = False
        self.tails = False
        self.is_nested = False
        self.unwrapped: Context | None = None

    # Values.

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
        function = "keep_sequence" if keep else "collapse"
        self.emit(f"if type({held.code}) is Sequence: {held.code} = {function}({held.code})")
        return Operand(held.code, ANY | operand.kinds & NESTED, is_pure=held.is_pure, is_atom=True)

    def collapsed(self, operand: Operand, *, keep: bool, final: bool) -> Operand:
        """What was collected, as a value."""
        name, out = self.fresh("t"), operand.code
        self.emit(f"if len({out}) > {MAX_FREE_ITEMS}: check_size(E, {out})")
        if keep and final and operand.is_pure:
            self.emit(f"{name} = {out} if {out} else U")
        elif keep:
            self.emit(f"{name} = keep_as_list({out}) if {out} else U")
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
            self.emit(f"if {held.code}.__class__ not in PLAIN: {held.code} = to_result(E, {held.code})")
        held.kinds &= ~(SEQUENCE | FUNCTION)
        held.kinds |= LIST | UNDEF
        held.is_pure = True
        return held

    def final_item(self, operand: Operand) -> Operand:
        """As `final`, for an item of an array: what cannot leave is null there."""
        if operand.is_final or operand.is_pure:
            return self.final(operand)
        held = self.owned(operand)
        self.emit(f"if {held.code}.__class__ not in PLAIN: {held.code} = to_result_item(E, {held.code})")
        return Operand(held.code, ANY & ~(SEQUENCE | FUNCTION), is_pure=True, is_atom=True)

    def unsettled(self, operand: Operand) -> Operand:
        """A value as one that is handed on: to be collapsed once more if there is something to collapse."""
        if operand.may(NESTED) and operand.may(SEQUENCE):
            operand = self.owned(operand)
            operand.is_raw = True
        return operand

    def item_of(self, item: str, operand: Operand) -> str:
        """The variable of an item of `operand`, as a function's parameter has it."""
        if not operand.may(NESTED):
            return item
        name = self.fresh("c")
        self.emit(f"{name} = collapse({item}) if type({item}) is Sequence else {item}")
        return name

    # Nodes.

    def value(
        self, node: t.Node, context: Context, *, final: bool = False, handed_on: bool = False
    ) -> Operand:
        """Write what computes the node; with `final` the value is part of the result.

        handed_on: it is the value of the node around it, too, which still has to collapse what is nested.
        """
        if self.indent - self.function.indent > _MAX_INDENT or self.loops > _MAX_LOOPS:
            return self.outlined(node, context, final=final, handed_on=handed_on)
        self.nesting += 1
        operand = self.suffixed(node, context, final=final)
        operand = self.settled(operand, keep=node.keep, final=final)
        self.nesting -= 1
        return self.final(operand) if final and not (handed_on and operand.may(NESTED)) else operand

    def outlined(self, node: t.Node, context: Context, *, final: bool, handed_on: bool) -> Operand:
        """A node that lies too deep in blocks for Python, as a function of its own."""
        name = self.fresh("o")
        with self.define(name, [], at_head=True):
            operand = self.value(node, context, final=final, handed_on=handed_on)
            self.emit(f"return {operand.code}")
        return Operand(f"{name}()", operand.kinds, is_pure=operand.is_pure)

    def suffixed(self, node: t.Node, context: Context, *, final: bool = False) -> Operand:
        """The node with its predicates and grouping, uncollapsed."""
        if node.predicates is None and (node.group is None or isinstance(node, t.Path)):
            operand = self.raw(node, context, final=final)
            return self.unsettled(operand) if isinstance(node, _HANDING_ON) else operand
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

    def or_empty(self, operand: Operand, array: str, *, keep: bool) -> Operand:
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
            return f"to_boolean(E, {held.code})"
        return f"({held.code} is True or ({held.code} is not False and to_boolean(E, {held.code})))"

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
            self.emit(f"E.steps_left -= len({code}) * {weight}")
            self.emit("if E.steps_left < 0: E.charge(0)")

    def going(self, code: str, weight: int) -> str:
        """A list to loop over: a long one is accounted for item by item, so that time is looked at."""
        return f"({code} if len({code}) <= {MAX_FREE_ITEMS} else charge_each_input(E, {code}, {weight}))"

    def over(self, code: str) -> str:
        """The variable of what a step goes over, from what the step before it gave."""
        name = self.fresh("s")
        if code.endswith(")"):
            self.emit(f"{name} = {code}")
        else:
            self.emit(f"{name} = {code} if type({code}) is list else list_inputs(E, {code})")
        return name

    def merge(self, target: str, operands: list[Operand]) -> Operand:
        """The variable that branches assigned, with what is known of all of them."""
        kinds = 0
        for one in operands:
            kinds |= one.kinds
        return Operand(target, kinds, is_pure=all(one.is_pure for one in operands), is_atom=True)
