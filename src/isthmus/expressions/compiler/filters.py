"""Filters behind a step or a value: a position, a condition, or a predicate that may be either."""

from __future__ import annotations

from isthmus.expressions.compiler.code_writer import Context
from isthmus.expressions.compiler.generator_base import GeneratorBase
from isthmus.expressions.compiler.operands import ANY, NESTED, SEQUENCE, Operand
from isthmus.expressions.syntax import tree as t

__all__ = ["FilterGenerator", "is_short"]

_CONDITIONS = {"exists", "not", "boolean", "contains"}
_SHORT = 40


class FilterGenerator(GeneratorBase):
    def filtered(self, operand: Operand, one: t.Filter, context: Context) -> Operand:
        """Apply one filter; the operand is uncollapsed. A missing value is filtered, too."""
        expression = one.expression
        held = self.variable_of(operand)
        if isinstance(expression, t.Literal) and type(expression.value) in (int, float):
            assert isinstance(expression.value, (int, float))
            return self.at_index(held, int(expression.value // 1))
        source, out, item = self.fresh("s"), self.fresh("q"), self.fresh("c")
        code = held.code
        if held.is_collected:
            source = code
        else:
            self.emit(f"{source} = {code} if type({code}) is list or isinstance({code}, list) else ({code},)")
        weight = max(2, self.survey.weights.get(id(expression), 1))
        self.charge(source, weight)
        self.emit(f"{out} = []")
        test = self.tests.get(id(expression))
        if test is None and id(expression) in self.survey.closures:
            test = self.filter_function(expression, item, is_pure=held.has_pure_items)
        if test is not None:
            self.emit(f"filter_items(E, {source}, {test}, {out})")
        elif self.is_condition(expression):
            with self.inside(f"for {item} in {self.going(source, weight)}:"):
                inner = self.context(item, is_pure=held.has_pure_items)
                condition = self.truth(expression, inner)
                self.emit(f"if {condition}: {out}.append({item})")
        else:
            at = self.fresh("i")
            with self.inside(f"for {at}, {item} in enumerate({self.going(source, weight)}):"):
                inner = self.context(item, is_pure=held.has_pure_items)
                found = self.value(expression, inner)
                times = self.fresh("n")
                self.emit(f"{times} = count_selections(E, {found.code}, {at}, len({source}))")
                self.emit(f"if {times}: {out}.extend([{item}] * {times})")
        kinds = ANY & ~SEQUENCE | held.kinds & NESTED
        is_pure = held.has_pure_items
        return Operand(out, kinds, is_pure=is_pure, is_atom=True, is_raw=True, is_collected=True)

    def at_index(self, held: Operand, at: int) -> Operand:
        """`[n]`; an array that lies there stays the array it is."""
        name = self.fresh("t")
        code = held.code
        if 0 <= at < 1_000:
            test = (
                f"type({code}) is list and len({code}) > {at}" if at else f"type({code}) is list and {code}"
            )
            self.emit(f"{name} = {code}[{at}] if {test} else get_at_index({code}, {at})")
        else:
            self.emit(f"{name} = get_at_index({code}, {at})")
        is_pure = held.has_pure_items
        kinds = (ANY & ~SEQUENCE if is_pure else ANY) | held.kinds & NESTED
        return Operand(name, kinds, is_pure=is_pure, is_atom=True, is_raw=held.may(NESTED))

    def filter_function(self, expression: t.Node, item: str, *, is_pure: bool, at_head: bool = False) -> str:
        name = self.fresh("b")
        with self.define(name, [item], at_head=at_head):
            context = self.context(item, is_pure=is_pure)
            operand = self.value(expression, context)
            self.emit(f"return {operand.code}")
        return name

    def is_condition(self, node: t.Node) -> bool:
        """Is the node's value surely no number and no list?"""
        if node.predicates is not None or node.group is not None:
            return False
        if isinstance(node, t.Operation):
            return node.operator in ("=", "!=", "<", "<=", ">", ">=", "in")
        if isinstance(node, t.Run):
            return True
        if isinstance(node, t.Literal):
            return type(node.value) not in (int, float)
        if isinstance(node, t.Call) and isinstance(node.procedure, t.Variable) and not node.is_partial:
            name = node.procedure.name
            return name in _CONDITIONS and self.is_standard(name)
        return False


def is_short(predicate: t.Node) -> bool:
    """May the predicate be written twice? Not if it holds one itself: code would double with each level."""
    pending = [predicate]
    seen = 0
    while pending:
        node = pending.pop()
        seen += 1
        filters = [one for one in node.stages or () if isinstance(one, t.Filter)]
        if seen > _SHORT or not all(
            isinstance(one.expression, t.Literal) for one in [*filters, *(node.predicates or ())]
        ):
            return False
        pending.extend(t.children(node))
    return True
