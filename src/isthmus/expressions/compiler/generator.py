"""The generator of programs: which of its parts writes the code of which kind of node."""

from __future__ import annotations

from typing import Final

from isthmus.expressions.compiler.calls import CallGenerator
from isthmus.expressions.compiler.code_writer import MAX_CODE, Context, too_large
from isthmus.expressions.compiler.intrinsics import IntrinsicGenerator
from isthmus.expressions.compiler.objects import ObjectGenerator
from isthmus.expressions.compiler.operands import ANY, FUNCTION, Operand
from isthmus.expressions.compiler.operations import OperationGenerator
from isthmus.expressions.compiler.paths import PathGenerator
from isthmus.expressions.compiler.tuple_paths import TupleGenerator
from isthmus.expressions.runtime.regex import Pattern
from isthmus.expressions.syntax import tree as t

__all__ = ["Generator"]

_PATTERN: Final = 500
_PATTERN_ITEM: Final = 10
"""What a regular expression takes, and each of its items, in characters of Python."""


class Generator(
    TupleGenerator, PathGenerator, ObjectGenerator, CallGenerator, IntrinsicGenerator, OperationGenerator
):
    traced: list[t.Node] | None = None

    def program(self, tree: t.Node, *, final: bool, of_list: bool) -> str:
        root = Context("c0", is_root=True, is_pure=True, no_list=not of_list)
        root.source = self.reads.source("c0", self.main.here(), 0, is_root=True)
        if not isinstance(tree, (t.Block, t.Lambda)):
            self.open_frame(tree)
        operand = self.value(tree, root, final=final)
        self.emit(f"return {operand.code}")
        self.reads.settle(self.main)
        source = "\n".join(self.reads.resolve(line) for line in self.main.lines())
        if len(source) > 2 * MAX_CODE:  # reads, and the indentation
            raise too_large()
        return source

    def value(
        self, node: t.Node, context: Context, *, final: bool = False, handed_on: bool = False
    ) -> Operand:
        operand = super().value(node, context, final=final, handed_on=handed_on)
        if self.traced is None or isinstance(node, t.Literal):
            return operand
        owned = self.owned(operand)
        self.emit(f"E.trace({len(self.traced)}, {context.code or 'U'}, {owned.code})")
        self.traced.append(node)
        return owned

    def raw(self, node: t.Node, context: Context, *, final: bool = False) -> Operand:  # noqa: C901  one line a node
        match node:
            case t.Path():
                return self.path(node, context, final=final)
            case t.Literal():
                return self.known(node.value)
            case t.Variable():
                return self.variable(node, context)
            case t.Object():
                return self.object(node, context, final=final)
            case t.Array():
                return self.array(node, context, final=final)
            case t.Operation():
                return self.operation(node, context)
            case t.Run():
                return self.run(node, context)
            case t.Call():
                return self.call(node, context, final=final)
            case t.Block():
                return self.block_value(node, context, final=final)
            case t.Condition():
                return self.condition(node, context, final=final)
            case t.Bind():
                return self.bind(node, context)
            case t.Default():
                return self.default(node, context, final=final)
            case t.Lambda():
                return self.function_value(node, context)
            case t.Apply():
                return self.application(node, context, final=final)
            case t.Negate():
                return self.negation(node, context)
        return self.rare(node, context)

    def rare(self, node: t.Node, context: Context) -> Operand:
        code = context.code or "U"
        match node:
            case t.Wildcard():
                return Operand(f"read_wildcard(E, {code})", ANY, is_pure=False)
            case t.Descendant():
                return Operand(f"read_descendants(E, {code})", ANY)
            case t.Parent():
                local = self.find(node.slot.label)
                return self.undefined() if local is None else Operand(local.code, ANY, is_atom=True)
            case t.Regex():
                pattern = Pattern.from_source(node.pattern, node.flags)
                self.grow(_PATTERN + _PATTERN_ITEM * pattern.size)
                return Operand(f"Matcher(E, {self.constants.name(pattern)}, {node.position})", FUNCTION)
            case t.Name():
                name = self.const(node.value)
                return Operand(f"read_name(E, {code}, {name})", ANY, is_pure=context.is_pure)
            case t.Transform():
                return self.transform(node)
        raise AssertionError(f"no code for {type(node).__name__}")

    def transform(self, node: t.Transform) -> Operand:
        names: list[str] = []
        for part in (node.pattern, node.update, node.delete):
            if part is None:
                names.append("None")
                continue
            name, item = self.fresh("b"), self.fresh("c")
            with self.define(name, [item]):
                operand = self.value(part, self.context(item, is_pure=False))
                self.emit(f"return {operand.code}")
            names.append(name)
        delete = 0 if node.delete is None else node.delete.position
        return Operand(
            f"Transformer(E, {', '.join(names)}, {node.position}, {node.update.position}, {delete})", FUNCTION
        )
