"""Operators, conditions, blocks and bindings."""

from __future__ import annotations

from isthmus.expressions.compiler.code_writer import Context, Local
from isthmus.expressions.compiler.generator_base import GeneratorBase
from isthmus.expressions.compiler.operands import (
    ANY,
    BOOL,
    DICT,
    NESTED,
    NULL,
    NUMBER,
    TEXT,
    UNDEF,
    Operand,
)
from isthmus.expressions.syntax import tree as t

__all__ = ["OperationGenerator"]

_ARITHMETIC = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "modulo"}


class OperationGenerator(GeneratorBase):
    def run(self, node: t.Run, context: Context) -> Operand:
        if node.operator == "&":
            return self.concatenation(node, context)
        return Operand(f"(True if {self.logical(node, context)} else False)", BOOL)

    def operation(self, node: t.Operation, context: Context) -> Operand:
        operator = node.operator
        left = self.value(node.left, context)
        if operator == "in" and _texts(node.right) is not None and not left.is_constant:
            left = self.held(left)
            known = self.constants.name(_texts(node.right))
            return Operand(f"(type({left.code}) is str and {left.code} in {known})", BOOL)
        if operator in _ARITHMETIC:
            left = self.held(left)
            return self.arithmetic(operator, left, self.held(self.value(node.right, context)), node.position)
        if not left.is_constant:
            left = self.held(left)
        right = self.value(node.right, context)
        if operator in ("=", "!="):
            return Operand(self.equality(operator, left, right), BOOL)
        if operator == "in":
            return Operand(f"is_in(E, {left.code}, {right.code})", BOOL)
        if operator == "..":
            return Operand(f"make_range(E, {left.code}, {right.code}, {node.position})", ANY)
        return self.comparison(operator, left, self.held(right), node.position)

    def arithmetic(self, operator: str, left: Operand, right: Operand, position: int) -> Operand:
        name = self.fresh("n")
        a, b = left.code, right.code
        slow = f"{_ARITHMETIC[operator]}({a}, {b}, {position})"
        if operator in "+-" and (left.may(NUMBER) and right.may(NUMBER)):
            checks = [f"type({one.code}) is int" for one in (left, right) if not one.is_constant]
            whole = all(type(one.value) is int for one in (left, right) if one.is_constant)
            if whole and checks:
                self.emit(f"{name} = {a} {operator} {b} if {' and '.join(checks)} else {slow}")
                is_unsafe = f"{name}.__class__ is int and not -MAX_SAFE <= {name} <= MAX_SAFE"
                self.emit(f"if {is_unsafe}: {name} = normalize_number({name})")
                return Operand(name, NUMBER | UNDEF, is_pure=True, is_atom=True)
        self.emit(f"{name} = {slow}")
        return Operand(name, NUMBER | UNDEF, is_pure=True, is_atom=True)

    def equality(self, operator: str, left: Operand, right: Operand) -> str:
        """`=` and `!=` as a condition; against a text, Python's own comparison is exact."""
        for one, other in ((left, right), (right, left)):
            if not one.is_constant or other.is_constant:
                continue
            if one.kinds == TEXT:
                if operator == "=":
                    return f"({other.code} == {one.code})"
                held = self.held(other)
                return f"({held.code} != {one.code} and {held.code} is not U)"
            if one.kinds in (NULL, BOOL):
                if operator == "=":
                    return f"({other.code} is {one.code})"
                held = self.held(other)
                return f"({held.code} is not {one.code} and {held.code} is not U)"
        function = "are_equal" if operator == "=" else "are_unequal"
        return f"{function}(E, {left.code}, {right.code})"

    def comparison(self, operator: str, left: Operand, right: Operand, position: int) -> Operand:
        slow = f"compare(E, {operator!r}, {left.code}, {right.code}, {position})"
        for one, other in ((left, right), (right, left)):
            if one.is_constant and one.kinds == NUMBER and not other.is_constant:
                code = f"({left.code} {operator} {right.code} if type({other.code}) is int else {slow})"
                return Operand(code, BOOL | UNDEF)
        return Operand(slow, BOOL | UNDEF)

    # Text.

    def concatenation(self, node: t.Run, context: Context) -> Operand:
        """A run of `&` as one f-string."""
        pieces: list[str] = []
        may_grow = self.loops > 0 or self.level > 0 or len(node.sides) > 50
        first = [self.value(node.sides[0], context)]
        if not first[0].is_constant:
            first = [self.held(first[0])]
        for part, position in zip(node.sides, [node.positions[0], *node.positions], strict=True):
            if part is node.sides[0]:
                # The second side is worked out before the first one is made text, as the reference does.
                second = self.value(node.sides[1], context)
                waiting = [second if second.is_constant else self.held(second)]
                operand = first[0]
            else:
                operand = waiting.pop() if waiting else self.value(part, context)
            if operand.is_constant and operand.kinds == TEXT:
                pieces.append(self.shown(operand))
            elif operand.kinds == TEXT:
                pieces.append(f"{{{self.held(operand).code}}}")
            else:
                code = self.held(operand).code
                name = self.fresh("x")
                self.emit(
                    f"{name} = {code} if type({code}) is str else operand_to_text(E, {code}, {position})"
                )
                pieces.append(f"{{{name}}}")
            may_grow = may_grow or isinstance(part, (t.Variable, t.Call, t.Block, t.Condition))
        name = self.fresh("x")
        self.emit(f'{name} = f"{"".join(pieces)}"')
        if may_grow:
            self.emit(f"if len({name}) > 99: charge_concatenation(E, {name})")
        return Operand(name, TEXT, is_pure=True, is_atom=True)

    def shown(self, operand: Operand) -> str:
        """A constant text inside an f-string: spelled if it is harmless there, else by its name."""
        text = operand.value
        assert isinstance(text, str)
        if (
            len(text) < 100
            and all(char.isalnum() or char in " -_./:,;@#+" for char in text)
            and text.isascii()
        ):
            return text
        return f"{{{self.constants.name(text)}}}"

    # Conditions.

    def truth(self, node: t.Node, context: Context) -> str:
        if node.predicates is None and node.group is None and not node.keep:
            if isinstance(node, t.Run) and node.operator != "&":
                return self.logical(node, context)
            if isinstance(node, t.Operation) and node.operator in ("=", "!="):
                return self.operation(node, context).code
        return self.truth_of(self.value(node, context))

    def logical(self, node: t.Run, context: Context) -> str:
        """A run of `and` or `or`; a side that needs lines of its own is only run if it is reached."""
        operator, sides = node.operator, node.sides
        condition = self.truth(sides[0], context)
        for side in sides[1:]:
            before = self.block
            probe = type(before)()
            self.block = probe
            text = self.truth(side, context)
            self.block = before
            if probe.is_empty() and len(condition) < 4_000:
                self.block.parts.append(probe)
                condition = f"({condition} {operator} {text})"
                continue
            name = self.fresh("t")
            self.emit(f"{name} = {condition}")
            nested = self.block.nest(f"if {name}:" if operator == "and" else f"if not {name}:")
            nested.parts.append(probe)
            nested.add(f"{name} = {text}")
            condition = name
        return condition

    def condition(self, node: t.Condition, context: Context, *, final: bool) -> Operand:
        target = self.fresh("t")
        test = self.truth(node.condition, context)
        operands: list[Operand] = []
        with self.inside(f"if {test}:"):
            operands.append(self.assigned(target, node.then, context, final=final))
        with self.inside("else:"):
            if node.otherwise is None:
                self.emit(f"{target} = U")
                operands.append(self.undefined())
            else:
                operands.append(self.assigned(target, node.otherwise, context, final=final))
        return self.merge(target, operands)

    def assigned(self, target: str, node: t.Node, context: Context, *, final: bool) -> Operand:
        operand = self.value(node, context, final=final, handed_on=True)
        self.emit(f"{target} = {operand.code}")
        return operand

    def default(self, node: t.Default, context: Context, *, final: bool) -> Operand:
        """`?:` and `??`. What cannot leave, like a function, is there all the same, so it is tested first."""
        target = self.fresh("t")
        is_ready = final and context.is_pure and _is_of_names(node.left)
        left = self.value(node.left, context, final=is_ready, handed_on=True)
        self.emit(f"{target} = {left.code}")
        held = Operand(target, left.kinds, is_pure=left.is_pure, is_atom=True)
        test = f"{target} is U" if node.operator == "??" else f"not {self.truth_of(held)}"
        with self.inside(f"if {test}:"):
            right = self.assigned(target, node.right, context, final=final)
        kept = Operand("", left.kinds & ~UNDEF, is_pure=left.is_pure)
        if final and not held.is_final and not held.may(NESTED):
            with self.inside("else:"):
                kept = self.final(held)
                self.emit(f"{target} = {kept.code}")
        return self.merge(target, [kept, right])

    def negation(self, node: t.Negate, context: Context) -> Operand:
        operand = self.value(node.operand, context)
        return Operand(f"negate({operand.code}, {node.position})", NUMBER | UNDEF, is_pure=True)

    # Blocks and bindings.

    def block_value(self, node: t.Block, context: Context, *, final: bool) -> Operand:
        if not node.expressions:
            return self.undefined()
        self.open_frame(node)
        for one in node.expressions[:-1]:
            self.statement(one, context)
        operand = self.value(node.expressions[-1], context, final=final, handed_on=True)
        self.frames.pop()
        return operand

    def open_frame(self, owner: t.Node) -> None:
        """Make the Python variables of a frame; those that may be read early start with the outer value."""
        frame: dict[str, Local] = {}
        late = self.survey.late.get(id(owner), set())
        for name, times in self.survey.bound.get(id(owner), {}).items():
            once = times == 1 and name not in late
            local = Local(self.fresh("v"), self.function, Operand("", ANY), is_settled=once)
            if name in late:
                self.emit(f"{local.code} = {self.variable_code(name)}")
            frame[name] = local
        self.frames.append(frame)

    def statement(self, node: t.Node, context: Context) -> None:
        """A value nobody takes; still evaluated, for its bindings and errors."""
        operand = self.value(node, context)
        if not operand.is_atom:
            self.emit(operand.code)

    def bind(self, node: t.Bind, context: Context) -> Operand:
        local = self.find(node.name)
        assert local is not None
        if local.is_settled and isinstance(node.value, t.Lambda) and t.is_bare(node.value):
            operand = self.bound_function(local, node.value, context)
        else:
            operand = self.value(node.value, context)
            operand = self.settled(self.unsettled(operand))  # as whoever reads the variable sees it
        self.outer(local)
        self.emit(f"{local.code} = {operand.code}")
        known = Operand(
            local.code,
            operand.kinds,
            is_pure=operand.is_pure,
            is_atom=True,
            table_kinds=operand.table_kinds,
        )
        if local.is_settled:
            local.operand = known
            if operand.is_pure and local.function is self.function and operand.may(DICT):
                local.source = self.reads.source(local.code, self.block.here(), self.level)
        return known


def _is_of_names(node: t.Node) -> bool:
    """Does it give nothing but what lies in its context?"""
    return (
        isinstance(node, t.Path)
        and node.group is None
        and all(isinstance(step, t.Name) and step.group is None for step in node.steps)
    )


def _texts(node: t.Node) -> frozenset[str] | None:
    """The texts of an array that holds only such."""
    if not isinstance(node, t.Array) or not t.is_bare(node):
        return None
    found = [one.value for one in node.items if isinstance(one, t.Literal) and isinstance(one.value, str)]
    return frozenset(found) if len(found) == len(node.items) else None
