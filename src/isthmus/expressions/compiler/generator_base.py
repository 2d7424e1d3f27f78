"""The base of the generator: how a node becomes lines of Python, and what its parts offer each other.

`write_value` writes the lines that compute a node and returns an `Operand` for the result; `write_condition`
does so for a condition. The parts write one family of nodes each: `paths`, `tuple_paths`, `objects`,
`operations`, `calls`, `functions`.
"""

from __future__ import annotations

from typing import Final

from isthmus.expressions.compiler.code_writer import CodeWriter, InputContext, VariableBinding
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
_PASS_THROUGH_NODES: Final = (t.Block, t.Condition, t.Default)
"""Nodes whose value is that of another node."""


class GeneratorBase(CodeWriter):
    """The part that all parts of the generator share; declares what they offer each other.

    library: the functions by name.
    survey: the result of `survey_tree`.
    shadowed: names of library functions that bindings replace.
    nesting: levels of the tree inside the current function.
    function_names: Python names of library functions and bindings.
    filter_functions: names of filters that are functions, by the `id` of their node.
    last_call: the call in tail position of the current function.
    is_writing_last_call: the call that is being written is `last_call`.
    has_tail_calls: the current function returns tail calls.
    is_nested: the result of the current function may be a sequence of sequences.
    root_items_context: the context of an object's values at the root, once written.
    """

    def __init__(self, library: Library, survey: Survey, shadowed: frozenset[str]) -> None:
        super().__init__()
        self.library = library
        self.survey = survey
        self.shadowed = shadowed
        self.nesting = 0
        self.function_names: dict[str, str] = {}
        self.filter_functions: dict[int, str] = {}
        self.last_call: t.Call | None = None
        self.is_writing_last_call = False
        self.has_tail_calls = False
        self.is_nested = False
        self.root_items_context: InputContext | None = None

    # Values.

    def make_reusable(self, operand: Operand) -> Operand:
        """Return the operand as one that may be evaluated more than once: assigned to a variable unless it
        is an atom."""
        if operand.is_atom:
            return operand
        name = self.make_name("t")
        self.emit(f"{name} = {operand.code}")
        operand.code = name
        operand.is_atom = True
        return operand

    def assign_to_variable(self, operand: Operand) -> Operand:
        """Return the operand in a new variable of its own, which may be assigned again."""
        name = self.make_name("t")
        self.emit(f"{name} = {operand.code}")
        return Operand(name, operand.kinds, is_pure=operand.is_pure, is_atom=True)

    def make_variable(self, operand: Operand) -> Operand:
        """Work as `make_reusable`, but a constant gets a variable, too: what follows looks at it as at any
        value."""
        operand.is_atom = operand.is_atom and not operand.is_constant
        return self.make_reusable(operand)

    def collapse_operand(self, operand: Operand, *, keep: bool = False, final: bool = False) -> Operand:
        """Return the operand as a value: a sequence of one item or none is collapsed, unless `keep` is
        set."""
        if operand.is_collected:
            return self.collapse_collected(operand, keep=keep, final=final)
        if not operand.is_raw or not operand.can_be(SEQUENCE):
            operand.is_raw = False
            return operand
        held = self.make_reusable(operand)
        function = "keep_sequence" if keep else "collapse"
        self.emit(f"if type({held.code}) is Sequence: {held.code} = {function}({held.code})")
        return Operand(held.code, ANY | operand.kinds & NESTED, is_pure=held.is_pure, is_atom=True)

    def collapse_collected(self, operand: Operand, *, keep: bool, final: bool) -> Operand:
        """Return the list that a loop collected, as a value."""
        name, out = self.make_name("t"), operand.code
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

    def finalize(self, operand: Operand) -> Operand:
        """Return the operand as a part of the result: no sequences, functions or undefined inside."""
        if operand.is_final:
            return operand
        held = self.assign_to_variable(operand)
        if operand.is_pure:
            self.emit(f"if type({held.code}) is Sequence: {held.code} = [*{held.code}]")
        else:
            self.emit(f"if {held.code}.__class__ not in PLAIN: {held.code} = to_result(E, {held.code})")
        held.kinds &= ~(SEQUENCE | FUNCTION)
        held.kinds |= LIST | UNDEF
        held.is_pure = True
        return held

    def finalize_item(self, operand: Operand) -> Operand:
        """Work as `finalize`, for an item of an array: a function is null there."""
        if operand.is_final or operand.is_pure:
            return self.finalize(operand)
        held = self.assign_to_variable(operand)
        self.emit(f"if {held.code}.__class__ not in PLAIN: {held.code} = to_result_item(E, {held.code})")
        return Operand(held.code, ANY & ~(SEQUENCE | FUNCTION), is_pure=True, is_atom=True)

    def mark_uncollapsed(self, operand: Operand) -> Operand:
        """Return a value that may hold nested sequences, marked to be collapsed once more by the node
        around it."""
        if operand.can_be(NESTED) and operand.can_be(SEQUENCE):
            operand = self.assign_to_variable(operand)
            operand.is_raw = True
        return operand

    def collapse_item(self, item: str, operand: Operand) -> str:
        """Return the variable of an item of `operand`, collapsed as a function's parameter has it."""
        if not operand.can_be(NESTED):
            return item
        name = self.make_name("c")
        self.emit(f"{name} = collapse({item}) if type({item}) is Sequence else {item}")
        return name

    # Nodes.

    def write_value(
        self, node: t.Node, context: InputContext, *, final: bool = False, handed_on: bool = False
    ) -> Operand:
        """Write the lines that compute a node, and return its value as an operand; with `final`, its value
        becomes a part of the result, so that no sequence, function or undefined is left in it.

        handed_on: the value is also that of the node around it, which still has to collapse what is nested.
        """
        if self.indent - self.function.indent > _MAX_INDENT or self.loop_depth > _MAX_LOOPS:
            return self.write_outlined(node, context, final=final, handed_on=handed_on)
        self.nesting += 1
        operand = self.write_with_suffixes(node, context, final=final)
        operand = self.collapse_operand(operand, keep=node.keep, final=final)
        self.nesting -= 1
        return self.finalize(operand) if final and not (handed_on and operand.can_be(NESTED)) else operand

    def write_outlined(self, node: t.Node, context: InputContext, *, final: bool, handed_on: bool) -> Operand:
        """Write the code of a node that lies too deep in blocks for Python as a function of its own."""
        name = self.make_name("o")
        with self.define_function(name, [], at_head=True):
            operand = self.write_value(node, context, final=final, handed_on=handed_on)
            self.emit(f"return {operand.code}")
        return Operand(f"{name}()", operand.kinds, is_pure=operand.is_pure)

    def write_with_suffixes(self, node: t.Node, context: InputContext, *, final: bool = False) -> Operand:
        """Write the code of a node with its predicates and grouping; the result is not collapsed."""
        if node.predicates is None and (node.group is None or isinstance(node, t.Path)):
            operand = self.write_node(node, context, final=final)
            return self.mark_uncollapsed(operand) if isinstance(node, _PASS_THROUGH_NODES) else operand
        operand = self.write_node(node, context)
        for predicate in node.predicates or ():
            operand = self.write_filter(operand, predicate, context)
        if node.group is not None and not isinstance(node, t.Path):
            operand = self.write_grouping(operand, node.group, context, final=final)
        return operand

    def write_node(self, node: t.Node, context: InputContext, *, final: bool = False) -> Operand:
        """Write the code of a node without its suffixes; the result is not collapsed."""
        raise NotImplementedError

    def write_filter(self, operand: Operand, filter_node: t.Filter, context: InputContext) -> Operand:
        """Write the code of one filter on a value; the result is not collapsed."""
        raise NotImplementedError

    def write_grouping(
        self, operand: Operand, group: t.Group, context: InputContext, *, final: bool
    ) -> Operand:
        """Write the code of `{key: value}` behind a value; the result is an object."""
        raise NotImplementedError

    def write_condition(self, node: t.Node, context: InputContext) -> str:
        """Return a Python condition for the node's effective boolean; it may be evaluated once."""
        raise NotImplementedError

    # What the parts of the generator offer each other.

    def write_tuple_path(self, node: t.Path, context: InputContext) -> Operand:
        """Write the code of a path whose values carry variables."""
        raise NotImplementedError

    def write_value_or_empty_list(self, operand: Operand, array: str, *, keep: bool) -> Operand:
        """Write the code of `operand`, or of an empty list where the list `array` is empty."""
        raise NotImplementedError

    def is_standard(self, name: str) -> bool:
        """Return whether the name stands for the standard function of that name."""
        raise NotImplementedError

    def open_frame(self, owner: t.Node) -> None:
        """Open a frame for the variables that `owner` binds; the caller closes it."""
        raise NotImplementedError

    def get_variable_code(self, name: str) -> str:
        """Return the Python name of a variable, a library function or a binding."""
        raise NotImplementedError

    def write_bound_function(self, local: VariableBinding, node: t.Lambda, context: InputContext) -> Operand:
        """Write the code of a literal function that one variable always holds."""
        raise NotImplementedError

    def write_intrinsic(
        self, function: Function, node: t.Call, piped: Operand | None, context: InputContext, *, final: bool
    ) -> Operand | None:
        """Write the code of a call of a standard function in place; None if it has to be called."""
        raise NotImplementedError

    def write_arguments(self, node: t.Call, piped: Operand | None, context: InputContext) -> list[Operand]:
        """Write the arguments of a call, `piped` first if there is one; each can be used more than once."""
        raise NotImplementedError

    def find_library_function(self, name: str) -> Function | None:
        """Return the library's function of this name; None if there is none or something hides it."""
        raise NotImplementedError

    def write_library_call(
        self, function: Function, arguments: list[Operand], context: InputContext, position: int
    ) -> Operand:
        """Write the code of a call of a library function through its signature."""
        raise NotImplementedError

    def write_statement(self, node: t.Node, context: InputContext) -> None:
        """Write the code of a node that is evaluated only for what it binds and raises, such as each
        expression of a block but the last. Its value is not used."""
        raise NotImplementedError

    def write_object_context(self, context: InputContext) -> InputContext:
        """Write and return the context of an object's values, which see all items of a list together."""
        raise NotImplementedError

    # Small pieces of code.

    def get_sequence_code(self, operand: Operand) -> str:
        """Return the operand's code where a sequence may stand uncollapsed."""
        if not operand.is_collected:
            return operand.code
        code = f"Sequence({operand.code})"
        return f"(U if {operand.absent} else {code})" if operand.absent else code

    def make_condition_code(self, operand: Operand) -> str:
        """Return a Python condition for the operand's effective boolean."""
        if operand.kinds == BOOL:
            return operand.code
        if not operand.kinds & ~(BOOL | UNDEF):
            return f"({operand.code} is True)"
        if not operand.kinds & ~(BOOL | NULL | TEXT | DICT):
            return operand.code
        if not operand.kinds & ~(BOOL | NULL | TEXT | DICT | UNDEF):
            held = self.make_reusable(operand)
            return f"({held.code} is not U and {held.code})"
        held = self.make_reusable(operand)
        if held.is_constant:
            return f"to_boolean(E, {held.code})"
        return f"({held.code} is True or ({held.code} is not False and to_boolean(E, {held.code})))"

    def make_constant(self, value: object) -> Operand:
        """Return the operand of a constant."""
        kinds = {str: TEXT, bool: BOOL, type(None): NULL, int: NUMBER, float: NUMBER}[type(value)]
        return Operand(
            self.make_constant_code(value), kinds, is_pure=True, is_atom=True, is_constant=True, value=value
        )

    def make_undefined(self) -> Operand:
        """Return the operand of undefined."""
        return Operand("U", UNDEF, is_pure=True, is_atom=True)

    def emit_charge(self, code: str, weight: int) -> None:
        """Charge a loop over the list `code`; a short list that is gone over once is not worth the charge."""
        if self.nesting_level == 0:
            self.emit(f"if len({code}) > 99: E.charge(len({code}) * {weight})")
        else:
            self.emit(f"E.steps_left -= len({code}) * {weight}")
            self.emit("if E.steps_left < 0: E.charge(0)")

    def make_charged_loop_code(self, code: str, weight: int) -> str:
        """Return the list `code` to loop over; the items of a long one are charged one by one, so that
        time is checked."""
        return f"({code} if len({code}) <= {MAX_FREE_ITEMS} else charge_each_input(E, {code}, {weight}))"

    def write_loop_source(self, code: str) -> str:
        """Write the code of what a step iterates over, given the result of the step before it, and return
        the Python variable."""
        name = self.make_name("s")
        if code.endswith(")"):
            self.emit(f"{name} = {code}")
        else:
            self.emit(f"{name} = {code} if type({code}) is list else list_inputs(E, {code})")
        return name

    def merge_operands(self, target: str, operands: list[Operand]) -> Operand:
        """Return the operand of a variable that several branches assigned."""
        kinds = 0
        for one in operands:
            kinds |= one.kinds
        return Operand(target, kinds, is_pure=all(one.is_pure for one in operands), is_atom=True)
