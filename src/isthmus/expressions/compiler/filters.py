"""Generates the code for filters: an index, a condition, or a predicate that may be either."""

from __future__ import annotations

from isthmus.expressions.compiler.code_writer import InputContext
from isthmus.expressions.compiler.generator_base import GeneratorBase
from isthmus.expressions.compiler.operands import ANY, NESTED, SEQUENCE, Operand
from isthmus.expressions.syntax import tree as t

__all__ = ["FilterGenerator", "is_short_filter"]

_BOOLEAN_FUNCTIONS = {"exists", "not", "boolean", "contains"}
_MAX_SHORT_NODES = 40


class FilterGenerator(GeneratorBase):
    """Writes filters."""

    def write_filter(self, operand: Operand, filter_node: t.Filter, context: InputContext) -> Operand:
        """Write the code of a filter. The operand is not collapsed; a missing value is filtered,
        too."""
        expression = filter_node.expression
        held = self.make_variable(operand)
        if isinstance(expression, t.Literal) and type(expression.value) in (int, float):
            assert isinstance(expression.value, (int, float))
            return self.write_index(held, int(expression.value // 1))
        source, out, item = self.make_name("s"), self.make_name("q"), self.make_name("c")
        code = held.code
        if held.is_collected:
            source = code
        else:
            self.emit(f"{source} = {code} if type({code}) is list or isinstance({code}, list) else ({code},)")
        weight = max(2, self.survey.weights.get(id(expression), 1))
        self.emit_charge(source, weight)
        self.emit(f"{out} = []")
        test = self.filter_functions.get(id(expression))
        if test is None and id(expression) in self.survey.closures:
            test = self.write_filter_function(expression, item, is_pure=held.has_pure_items)
        if test is not None:
            self.emit(f"filter_items(E, {source}, {test}, {out})")
        elif self.is_boolean(expression):
            with self.enter_block(f"for {item} in {self.make_charged_loop_code(source, weight)}:"):
                inner = self.make_context(item, is_pure=held.has_pure_items)
                condition = self.write_condition(expression, inner)
                self.emit(f"if {condition}: {out}.append({item})")
        else:
            at = self.make_name("i")
            with self.enter_block(
                f"for {at}, {item} in enumerate({self.make_charged_loop_code(source, weight)}):"
            ):
                inner = self.make_context(item, is_pure=held.has_pure_items)
                selection = self.write_value(expression, inner)
                times = self.make_name("n")
                self.emit(f"{times} = count_selections(E, {selection.code}, {at}, len({source}))")
                self.emit(f"if {times}: {out}.extend([{item}] * {times})")
        kinds = ANY & ~SEQUENCE | held.kinds & NESTED
        is_pure = held.has_pure_items
        return Operand(out, kinds, is_pure=is_pure, is_atom=True, is_raw=True, is_collected=True)

    def write_index(self, held: Operand, index: int) -> Operand:
        """Write the code of `[n]`; an array at that index stays as it is."""
        name = self.make_name("t")
        code = held.code
        if 0 <= index < 1_000:
            test = (
                f"type({code}) is list and len({code}) > {index}"
                if index
                else f"type({code}) is list and {code}"
            )
            self.emit(f"{name} = {code}[{index}] if {test} else get_at_index({code}, {index})")
        else:
            self.emit(f"{name} = get_at_index({code}, {index})")
        is_pure = held.has_pure_items
        kinds = (ANY & ~SEQUENCE if is_pure else ANY) | held.kinds & NESTED
        return Operand(name, kinds, is_pure=is_pure, is_atom=True, is_raw=held.can_be(NESTED))

    def write_filter_function(
        self, expression: t.Node, item: str, *, is_pure: bool, at_head: bool = False
    ) -> str:
        """Write the code of a filter as a Python function of the item, and return the function's name."""
        name = self.make_name("b")
        with self.define_function(name, [item], at_head=at_head):
            context = self.make_context(item, is_pure=is_pure)
            operand = self.write_value(expression, context)
            self.emit(f"return {operand.code}")
        return name

    def is_boolean(self, node: t.Node) -> bool:
        """Return whether the node's value is surely neither a number nor a list, so that the filter is a
        condition."""
        if node.predicates is not None:
            return False
        if isinstance(node, t.Operation):
            return node.operator in ("=", "!=", "<", "<=", ">", ">=", "in")
        if isinstance(node, t.Chain):
            return True
        if isinstance(node, t.Literal):
            return type(node.value) not in (int, float)
        if isinstance(node, t.Call) and isinstance(node.procedure, t.Variable) and not node.is_partial:
            name = node.procedure.name
            return name in _BOOLEAN_FUNCTIONS and self.is_standard(name)
        return False


def is_short_filter(predicate: t.Node) -> bool:
    """Return whether a predicate may be written twice.

    It may not if it is long or holds a filter that is no constant: the code would double with each level.
    """
    pending = [predicate]
    seen = 0
    while pending:
        node = pending.pop()
        seen += 1
        filters = [one for one in node.stages or () if isinstance(one, t.Filter)]
        if seen > _MAX_SHORT_NODES or not all(
            isinstance(one.expression, t.Literal) for one in [*filters, *(node.predicates or ())]
        ):
            return False
        pending.extend(t.iterate_children(node))
    return True
