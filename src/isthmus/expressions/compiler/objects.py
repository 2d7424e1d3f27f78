"""Generates the code for objects, arrays and groupings."""

from __future__ import annotations

from isthmus.expressions.compiler.code_writer import InputContext
from isthmus.expressions.compiler.generator_base import GeneratorBase
from isthmus.expressions.compiler.operands import (
    BOOL,
    DICT,
    FUNCTION,
    HOST,
    LIST,
    NESTED,
    NULL,
    NUMBER,
    SEQUENCE,
    TEXT,
    UNDEF,
    Operand,
)
from isthmus.expressions.syntax import tree as t
from isthmus.expressions.values import ConstantTable

__all__ = ["ObjectGenerator"]

_SINGLE_KINDS = NULL | BOOL | NUMBER | TEXT | DICT | FUNCTION | HOST


class ObjectGenerator(GeneratorBase):
    """Writes objects, arrays and groupings."""

    def write_object(self, node: t.Object, context: InputContext, *, final: bool) -> Operand:
        """Write the code of an object constructor."""
        if not node.pairs:
            return Operand("{}", DICT, is_pure=True)
        if all(_is_literal_key(key) for key, _ in node.pairs):
            return self.write_literal_object(node, context, final=final)
        if context.is_root:
            return self.write_computed_object(node, self.write_object_context(context), final=final)
        over = f"list_group_inputs({context.code})"
        return self.write_group_call(over, node.pairs, node.position, context, final=final)

    def write_literal_object(self, node: t.Object, context: InputContext, *, final: bool) -> Operand:
        """Write the code of an object whose keys are literals: a dict display, from which undefined values
        are removed again."""
        keys: list[str] = []
        seen: set[str] = set()
        double: str | None = None
        for key, _ in node.pairs:
            assert isinstance(key, t.Literal)
            name = str(key.value)
            if double is None and name in seen:
                double = name
            seen.add(name)
            keys.append(name)
        if double is not None:
            self.emit(f"raise_duplicate_key({self.make_constant_code(double)}, {node.position})")
        constants = [value for _, value in node.pairs if isinstance(value, t.Literal) and t.is_bare(value)]
        if not final and double is None and len(constants) == len(keys):
            kinds = 0
            for one in constants:
                kinds |= self.make_constant(one.value).kinds
            table = ConstantTable(zip(keys, [one.value for one in constants], strict=True))
            return Operand(self.constants.add(table), DICT, is_atom=True, table_kinds=kinds)
        inner = self.write_object_context(context)
        shown: list[str] = []
        missing: list[str] = []
        is_final = True
        name = self.make_name("d")
        for field, (_, value) in zip(keys, node.pairs, strict=True):
            operand = self.write_value(value, inner, final=final)
            if operand.can_be(UNDEF):
                operand = self.make_reusable(operand)
                missing.append(f"if {operand.code} is U: del {name}[{self.make_constant_code(field)}]")
            elif not operand.is_atom and not operand.is_constant:
                operand = self.make_reusable(operand)
            is_final = is_final and operand.is_final
            shown.append(f"{self.make_constant_code(field)}: {operand.code}")
        self.emit(f"{name} = {{{', '.join(shown)}}}")
        for line in missing if double is None else ():
            self.emit(line)
        return Operand(name, DICT, is_pure=is_final, is_atom=True)

    def write_object_context(self, context: InputContext) -> InputContext:
        """Return the context of an object's values: where the context is a list, they see all its items
        together.

        A list at the root is one value to the object, but to what is inside it a list like any other.
        """
        if context.is_never_list:
            return context
        if context.is_root:
            if self.root_items_context is None:
                self.root_items_context = InputContext(context.code, is_pure=True)
                self.root_items_context.source = self.reads.add_source(context.code, self.main_head, 0)
            return self.root_items_context
        code = self.make_name("c")
        old = context.code
        self.emit(f"{code} = {old} if type({old}) is dict else merge_context_items(E, {old})")
        return self.make_context(code, is_pure=context.is_pure)

    def write_computed_object(self, node: t.Object, context: InputContext, *, final: bool) -> Operand:
        """Write the code of an object with computed keys for one context: keys first, then values, as the
        reference does."""
        names: list[str] = []
        taken = self.make_name("d")
        self.emit(f"{taken} = {{}}")
        for key, _ in node.pairs:
            operand = self.make_reusable(self.write_value(key, context))
            name = self.make_name("k")
            self.emit(f"{name} = {operand.code}")
            self.emit(f"if {name} is not U: add_key({taken}, {name}, {node.position})")
            names.append(name)
        target = self.make_name("d")
        self.emit(f"{target} = {{}}")
        is_final = True
        for name, (_, value) in zip(names, node.pairs, strict=True):
            with self.enter_block(f"if {name} is not U:"):
                operand = self.make_reusable(self.write_value(value, context, final=final))
                is_final = is_final and operand.is_final
                put = f"{target}[{name}] = {operand.code}"
                self.emit(f"if {operand.code} is not U: {put}" if operand.can_be(UNDEF) else put)
        return Operand(target, DICT, is_pure=is_final, is_atom=True)

    def write_grouping(
        self, operand: Operand, group: t.Group, context: InputContext, *, final: bool
    ) -> Operand:
        """Write the code of `path{…}`: an object with one field a key, its value computed over all items
        of that key."""
        held = self.make_reusable(operand)
        return self.write_group_call(
            f"list_group_inputs({held.code})",
            group.pairs,
            group.position,
            InputContext("", is_pure=held.is_pure),
            final=final,
        )

    def write_group_call(
        self,
        over: str,
        pairs: list[tuple[t.Node, t.Node]],
        position: int,
        context: InputContext,
        *,
        final: bool,
    ) -> Operand:
        """Write the key and value functions of a grouping, and the call that groups the items of `over`."""
        functions: list[str] = []
        for key, value in pairs:
            names: list[str] = []
            for part in (key, value):
                name, item = self.make_name("b"), self.make_name("c")
                with self.define_function(name, [item]):
                    inner = self.make_context(item, is_pure=context.is_pure)
                    operand = self.write_value(part, inner, final=final and part is value)
                    self.emit(f"return {operand.code}")
                names.append(name)
            functions.append(f"({names[0]}, {names[1]})")
        target = self.make_name("d")
        self.emit(f"{target} = build_groups(E, {over}, ({', '.join(functions)},), {position})")
        return Operand(target, DICT, is_pure=final, is_atom=True)

    def write_array(self, node: t.Array, context: InputContext, *, final: bool) -> Operand:
        """Write the code of an array: the items of lists in it one by one, unless they are arrays that
        were written there."""
        if len(node.items) == 1 and isinstance(node.items[0], t.Operation) and node.items[0].operator == "..":
            return self.write_range_array(node, node.items[0], context, final=final)
        if len(node.items) == 1 and not node.items[0].keep and not node.keeps_nesting:
            operand = self.write_with_suffixes(
                node.items[0], context, final=final and _is_never_function(node.items[0])
            )
            if operand.is_collected and not operand.kinds & (LIST | SEQUENCE):
                return Operand(operand.code, LIST, is_pure=operand.is_pure, is_atom=True)
            operand = self.collapse_operand(operand, final=final and _is_never_function(node.items[0]))
            return self.write_single_item_array(
                self.finalize_item(operand) if final else operand, node.items[0]
            )
        operands: list[Operand] = []
        can_show = True
        name = self.make_name("l")
        lines: list[str] = []
        for item in node.items:
            if final and not item.keep:
                early = _is_never_function(item)
                operand = self.write_with_suffixes(item, context, final=early)
                operand = self.finalize_item(self.collapse_operand(operand, final=early))
            else:
                operand = self.write_value(item, context, final=final)
            if not operand.is_constant:
                operand = self.make_reusable(operand)
            operands.append(operand)
            if isinstance(item, t.Array) or not operand.kinds & ~_SINGLE_KINDS:
                lines.append(f"{name}.append({operand.code})")
            else:
                can_show = False
                lines.append(f"append_items(E, {name}, {operand.code})")
        is_pure = all((one.is_pure and not one.can_be(SEQUENCE)) or one.is_final for one in operands)
        if can_show:
            shown = ", ".join(one.code for one in operands)
            self.emit(f"{name} = [{shown}]")
        else:
            self.emit(f"{name} = []")
            for line in lines:
                self.emit(line)
            is_pure = all(one.is_pure for one in operands)
        if node.keeps_nesting and not final:
            self.emit(f"{name} = ConsArray({name})")
        return Operand(name, LIST, is_pure=is_pure, is_atom=True)

    def write_single_item_array(self, operand: Operand, item: t.Node) -> Operand:
        """Write the code of `[x]`: the items of a list, nothing for undefined."""
        held = operand if operand.is_constant else self.make_reusable(operand)
        name, code = self.make_name("l"), held.code
        if isinstance(item, t.Array) or not held.kinds & ~_SINGLE_KINDS:
            self.emit(f"{name} = [{code}]")
            return Operand(name, LIST, is_pure=held.is_pure, is_atom=True)
        short = f"isinstance({code}, list) and len({code}) < 99"
        self.emit(f"{name} = [*{code}] if {short} else copy_items(E, {code})")
        return Operand(name, LIST | held.kinds & NESTED, is_pure=held.is_pure, is_atom=True)

    def write_range_array(
        self, node: t.Array, ends: t.Operation, context: InputContext, *, final: bool
    ) -> Operand:
        """Write the code of `[left..right]`, a lazy range."""
        left = self.write_value(ends.left, context)
        right = self.write_value(ends.right, context)
        name = self.make_name("l")
        self.emit(f"{name} = make_range(E, {left.code}, {right.code}, {ends.position})")
        self.emit(f"if {name} is U: {name} = []")
        if node.keeps_nesting and not final:
            self.emit(f"{name} = ConsArray(list_inputs(E, {name}))")
        if final:
            self.emit(f"{name} = to_result(E, {name})")
        is_range = not final and not node.keeps_nesting
        return Operand(name, LIST, is_pure=not is_range, is_range=is_range, is_atom=True)


def _is_never_function(node: t.Node) -> bool:
    """Return whether the node's value is surely no function, so that it can be finalized at once."""
    if isinstance(node, t.Path):
        last = node.steps[-1]
        return isinstance(last, (t.Object, t.Array)) or all(isinstance(one, t.Name) for one in node.steps)
    return isinstance(node, (t.Object, t.Array, t.Chain, t.Operation))


def _is_literal_key(node: t.Node) -> bool:
    """Return whether a key is a string literal that is not reserved."""
    return (
        isinstance(node, t.Literal)
        and isinstance(node.value, str)
        and node.predicates is None
        and node.group is None
        and node.value not in ("_jsonata_lambda", "_jsonata_function")
    )
