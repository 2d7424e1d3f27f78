"""Turns a whole tree into Python source: sends each kind of node to the part that writes its code."""

from __future__ import annotations

from typing import Final

from isthmus.expressions.compiler.calls import CallGenerator
from isthmus.expressions.compiler.code_writer import MAX_CODE, InputContext, make_code_size_error
from isthmus.expressions.compiler.intrinsics import IntrinsicGenerator
from isthmus.expressions.compiler.objects import ObjectGenerator
from isthmus.expressions.compiler.operands import ANY, FUNCTION, Operand
from isthmus.expressions.compiler.operations import OperationGenerator
from isthmus.expressions.compiler.paths import PathGenerator
from isthmus.expressions.compiler.tuple_paths import TupleGenerator
from isthmus.expressions.runtime.regex import Pattern
from isthmus.expressions.syntax import tree as t

__all__ = ["Generator"]

_PATTERN_SIZE: Final = 500
_PATTERN_ITEM_SIZE: Final = 10
"""What a regular expression takes, and each of its items, in characters of Python."""


class Generator(
    TupleGenerator, PathGenerator, ObjectGenerator, CallGenerator, IntrinsicGenerator, OperationGenerator
):
    """All parts of the generator. With `traced`, the code reports each value to `evaluation.trace`."""

    traced: list[t.Node] | None = None

    def write_program(self, tree: t.Node, *, final: bool, of_list: bool) -> str:
        """Write the program of a tree, and return its Python source.

        `final`: its value leaves the evaluation. `of_list`: the input is a list.
        """
        root = InputContext("c0", is_root=True, is_pure=True, is_never_list=not of_list)
        root.source = self.reads.add_source("c0", self.main.add_bookmark(), 0, is_root=True)
        if not isinstance(tree, (t.Block, t.Lambda)):
            self.open_frame(tree)
        operand = self.write_value(tree, root, final=final)
        self.emit(f"return {operand.code}")
        self.reads.write_reads(self.main)
        source = "\n".join(self.reads.resolve_markers(line) for line in self.main.iterate_lines())
        if len(source) > 2 * MAX_CODE:  # reads, and the indentation
            raise make_code_size_error()
        return source

    def write_value(
        self, node: t.Node, context: InputContext, *, final: bool = False, handed_on: bool = False
    ) -> Operand:
        """Write the lines that compute a node, and with `traced` the line that reports its value."""
        operand = super().write_value(node, context, final=final, handed_on=handed_on)
        if self.traced is None or isinstance(node, t.Literal):
            return operand
        owned = self.assign_to_variable(operand)
        self.emit(f"E.trace({len(self.traced)}, {context.code or 'U'}, {owned.code})")
        self.traced.append(node)
        return owned

    def write_node(self, node: t.Node, context: InputContext, *, final: bool = False) -> Operand:  # noqa: C901  one line a node
        """Write the code of a node, by its kind, without its filters and grouping."""
        match node:
            case t.Path():
                return self.write_path(node, context, final=final)
            case t.Literal():
                return self.make_constant(node.value)
            case t.Variable():
                return self.write_variable(node, context)
            case t.Object():
                return self.write_object(node, context, final=final)
            case t.Array():
                return self.write_array(node, context, final=final)
            case t.Operation():
                return self.write_operation(node, context)
            case t.Chain():
                return self.write_chain(node, context)
            case t.Call():
                return self.write_call(node, context, final=final)
            case t.Block():
                return self.write_block(node, context, final=final)
            case t.Condition():
                return self.write_ternary(node, context, final=final)
            case t.Bind():
                return self.write_binding(node, context)
            case t.Default():
                return self.write_default(node, context, final=final)
            case t.Lambda():
                return self.write_lambda(node, context)
            case t.Apply():
                return self.write_application(node, context, final=final)
            case t.Negate():
                return self.write_negation(node, context)
        return self.write_rare_node(node, context)

    def write_rare_node(self, node: t.Node, context: InputContext) -> Operand:
        """Write the code of a node of a kind that is seldom used."""
        code = context.code or "U"
        match node:
            case t.Wildcard():
                return Operand(f"read_wildcard(E, {code})", ANY, is_pure=False)
            case t.Descendant():
                return Operand(f"read_descendants(E, {code})", ANY)
            case t.Parent():
                local = self.find_variable(node.slot.label)
                return self.make_undefined() if local is None else Operand(local.code, ANY, is_atom=True)
            case t.Regex():
                pattern = Pattern.from_source(node.pattern, node.flags)
                self.add_size(_PATTERN_SIZE + _PATTERN_ITEM_SIZE * pattern.size)
                return Operand(f"Matcher(E, {self.constants.add(pattern)}, {node.position})", FUNCTION)
            case t.Name():
                name = self.make_constant_code(node.value)
                return Operand(f"read_name(E, {code}, {name})", ANY, is_pure=context.is_pure)
            case t.Transform():
                return self.write_transform(node)
        raise AssertionError(f"no code for {type(node).__name__}")

    def write_transform(self, node: t.Transform) -> Operand:
        """Write the code of `|pattern|update,delete|` as a function value."""
        names: list[str] = []
        for part in (node.pattern, node.update, node.delete):
            if part is None:
                names.append("None")
                continue
            name, item = self.make_name("b"), self.make_name("c")
            with self.define_function(name, [item]):
                operand = self.write_value(part, self.make_context(item, is_pure=False))
                self.emit(f"return {operand.code}")
            names.append(name)
        delete = 0 if node.delete is None else node.delete.position
        return Operand(
            f"Transformer(E, {', '.join(names)}, {node.position}, {node.update.position}, {delete})", FUNCTION
        )
