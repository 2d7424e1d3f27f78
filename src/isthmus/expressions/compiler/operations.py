"""Generates the code for operators, conditions, blocks and bindings."""

from __future__ import annotations

from isthmus.expressions.compiler.code_writer import InputContext, VariableBinding
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
    """Writes operators, conditions, blocks and bindings. `final`, `handed_on`: see
    `GeneratorBase.write_value`."""

    def write_chain(self, node: t.Chain, context: InputContext) -> Operand:
        """Write the code of a chain of `&`, `and` or `or`."""
        if node.operator == "&":
            return self.write_concatenation(node, context)
        return Operand(f"(True if {self.make_logical_code(node, context)} else False)", BOOL)

    def write_operation(self, node: t.Operation, context: InputContext) -> Operand:
        """Write the code of an operator between two values."""
        operator = node.operator
        left = self.write_value(node.left, context)
        if operator == "in" and _get_literal_texts(node.right) is not None and not left.is_constant:
            left = self.make_reusable(left)
            known = self.constants.add(_get_literal_texts(node.right))
            return Operand(f"(type({left.code}) is str and {left.code} in {known})", BOOL)
        if operator in _ARITHMETIC:
            left = self.make_reusable(left)
            return self.write_arithmetic(
                operator, left, self.make_reusable(self.write_value(node.right, context)), node.position
            )
        if not left.is_constant:
            left = self.make_reusable(left)
        right = self.write_value(node.right, context)
        if operator in ("=", "!="):
            return Operand(self.make_equality_code(operator, left, right), BOOL)
        if operator == "in":
            return Operand(f"is_in(E, {left.code}, {right.code})", BOOL)
        if operator == "..":
            return Operand(f"make_range(E, {left.code}, {right.code}, {node.position})", ANY)
        return self.write_comparison(operator, left, self.make_reusable(right), node.position)

    def write_arithmetic(self, operator: str, left: Operand, right: Operand, position: int) -> Operand:
        """Write the code of an arithmetic operator; `+` and `-` of integers in place."""
        name = self.make_name("n")
        a, b = left.code, right.code
        slow = f"{_ARITHMETIC[operator]}({a}, {b}, {position})"
        if operator in "+-" and (left.can_be(NUMBER) and right.can_be(NUMBER)):
            checks = [f"type({one.code}) is int" for one in (left, right) if not one.is_constant]
            whole = all(type(one.value) is int for one in (left, right) if one.is_constant)
            if whole and checks:
                self.emit(f"{name} = {a} {operator} {b} if {' and '.join(checks)} else {slow}")
                is_unsafe = f"{name}.__class__ is int and not -MAX_SAFE <= {name} <= MAX_SAFE"
                self.emit(f"if {is_unsafe}: {name} = normalize_number({name})")
                return Operand(name, NUMBER | UNDEF, is_pure=True, is_atom=True)
        self.emit(f"{name} = {slow}")
        return Operand(name, NUMBER | UNDEF, is_pure=True, is_atom=True)

    def make_equality_code(self, operator: str, left: Operand, right: Operand) -> str:
        """Write the lines that it needs, and return a Python condition for `=` and `!=`; against a text,
        Python's own comparison is exact."""
        for side, other in ((left, right), (right, left)):
            if not side.is_constant or other.is_constant:
                continue
            if side.kinds == TEXT:
                if operator == "=":
                    return f"({other.code} == {side.code})"
                held = self.make_reusable(other)
                return f"({held.code} != {side.code} and {held.code} is not U)"
            if side.kinds in (NULL, BOOL):
                if operator == "=":
                    return f"({other.code} is {side.code})"
                held = self.make_reusable(other)
                return f"({held.code} is not {side.code} and {held.code} is not U)"
        function = "are_equal" if operator == "=" else "are_unequal"
        return f"{function}(E, {left.code}, {right.code})"

    def write_comparison(self, operator: str, left: Operand, right: Operand, position: int) -> Operand:
        """Write the code of `<`, `<=`, `>` or `>=`; against a constant number, integers are compared in
        place."""
        slow = f"compare(E, {operator!r}, {left.code}, {right.code}, {position})"
        for side, other in ((left, right), (right, left)):
            if side.is_constant and side.kinds == NUMBER and not other.is_constant:
                code = f"({left.code} {operator} {right.code} if type({other.code}) is int else {slow})"
                return Operand(code, BOOL | UNDEF)
        return Operand(slow, BOOL | UNDEF)

    # Text.

    def write_concatenation(self, node: t.Chain, context: InputContext) -> Operand:
        """Write the code of a run of `&` as one f-string."""
        pieces: list[str] = []
        may_grow = self.loop_depth > 0 or self.nesting_level > 0 or len(node.sides) > 50
        first = [self.write_value(node.sides[0], context)]
        if not first[0].is_constant:
            first = [self.make_reusable(first[0])]
        for part, position in zip(node.sides, [node.positions[0], *node.positions], strict=True):
            if part is node.sides[0]:
                # The second side is worked out before the first one is made text, as the reference does.
                second = self.write_value(node.sides[1], context)
                waiting = [second if second.is_constant else self.make_reusable(second)]
                operand = first[0]
            else:
                operand = waiting.pop() if waiting else self.write_value(part, context)
            if operand.is_constant and operand.kinds == TEXT:
                pieces.append(self.make_f_string_part(operand))
            elif operand.kinds == TEXT:
                pieces.append(f"{{{self.make_reusable(operand).code}}}")
            else:
                code = self.make_reusable(operand).code
                name = self.make_name("x")
                self.emit(f"{name} = {code} if type({code}) is str else cast_text(E, {code}, {position})")
                pieces.append(f"{{{name}}}")
            may_grow = may_grow or isinstance(part, (t.Variable, t.Call, t.Block, t.Condition))
        name = self.make_name("x")
        self.emit(f'{name} = f"{"".join(pieces)}"')
        if may_grow:
            self.emit(f"if len({name}) > 99: charge_concatenation(E, {name})")
        return Operand(name, TEXT, is_pure=True, is_atom=True)

    def make_f_string_part(self, operand: Operand) -> str:
        """Return a constant text inside an f-string: spelled if it is harmless there, else by its name."""
        text = operand.value
        assert isinstance(text, str)
        if (
            len(text) < 100
            and all(char.isalnum() or char in " -_./:,;@#+" for char in text)
            and text.isascii()
        ):
            return text
        return f"{{{self.constants.add(text)}}}"

    # Conditions.

    def write_condition(self, node: t.Node, context: InputContext) -> str:
        """Write the code of a node, and return a Python condition for its effective boolean."""
        if node.predicates is None and node.group is None and not node.keep:
            if isinstance(node, t.Chain) and node.operator != "&":
                return self.make_logical_code(node, context)
            if isinstance(node, t.Operation) and node.operator in ("=", "!="):
                return self.write_operation(node, context).code
        return self.make_condition_code(self.write_value(node, context))

    def make_logical_code(self, node: t.Chain, context: InputContext) -> str:
        """Write the lines that it needs, and return a Python condition for a run of `and` or `or`; a side
        that needs lines of its own runs only if it is reached."""
        operator, sides = node.operator, node.sides
        condition = self.write_condition(sides[0], context)
        for side in sides[1:]:
            before = self.block
            probe = type(before)()
            self.block = probe
            text = self.write_condition(side, context)
            self.block = before
            if probe.is_empty() and len(condition) < 4_000:
                self.block.parts.append(probe)
                condition = f"({condition} {operator} {text})"
                continue
            name = self.make_name("t")
            self.emit(f"{name} = {condition}")
            nested = self.block.add_block(f"if {name}:" if operator == "and" else f"if not {name}:")
            nested.parts.append(probe)
            nested.add_line(f"{name} = {text}")
            condition = name
        return condition

    def write_ternary(self, node: t.Condition, context: InputContext, *, final: bool) -> Operand:
        """Write the code of `condition ? then : otherwise`."""
        target = self.make_name("t")
        test = self.write_condition(node.condition, context)
        operands: list[Operand] = []
        with self.enter_block(f"if {test}:"):
            operands.append(self.write_assignment(target, node.then, context, final=final))
        with self.enter_block("else:"):
            if node.otherwise is None:
                self.emit(f"{target} = U")
                operands.append(self.make_undefined())
            else:
                operands.append(self.write_assignment(target, node.otherwise, context, final=final))
        return self.merge_operands(target, operands)

    def write_assignment(self, target: str, node: t.Node, context: InputContext, *, final: bool) -> Operand:
        """Write the code of a branch, and assign its value to `target`."""
        operand = self.write_value(node, context, final=final, handed_on=True)
        self.emit(f"{target} = {operand.code}")
        return operand

    def write_default(self, node: t.Default, context: InputContext, *, final: bool) -> Operand:
        """Write the code of `?:` or `??`. The left side is tested before it is finalized: a function on the
        left counts as a value, although finalizing drops it."""
        target = self.make_name("t")
        is_ready = final and context.is_pure and _is_name_path(node.left)
        left = self.write_value(node.left, context, final=is_ready, handed_on=True)
        self.emit(f"{target} = {left.code}")
        held = Operand(target, left.kinds, is_pure=left.is_pure, is_atom=True)
        test = f"{target} is U" if node.operator == "??" else f"not {self.make_condition_code(held)}"
        with self.enter_block(f"if {test}:"):
            right = self.write_assignment(target, node.right, context, final=final)
        kept = Operand("", left.kinds & ~UNDEF, is_pure=left.is_pure)
        if final and not held.is_final and not held.can_be(NESTED):
            with self.enter_block("else:"):
                kept = self.finalize(held)
                self.emit(f"{target} = {kept.code}")
        return self.merge_operands(target, [kept, right])

    def write_negation(self, node: t.Negate, context: InputContext) -> Operand:
        """Write the code of `-value`."""
        operand = self.write_value(node.operand, context)
        return Operand(f"negate({operand.code}, {node.position})", NUMBER | UNDEF, is_pure=True)

    # Blocks and bindings.

    def write_block(self, node: t.Block, context: InputContext, *, final: bool) -> Operand:
        """Write the code of `(a; b; c)`, whose value is that of the last expression."""
        if not node.expressions:
            return self.make_undefined()
        self.open_frame(node)
        for statement in node.expressions[:-1]:
            self.write_statement(statement, context)
        operand = self.write_value(node.expressions[-1], context, final=final, handed_on=True)
        self.frames.pop()
        return operand

    def open_frame(self, owner: t.Node) -> None:
        """Open the frame of a block or function; a variable that may be read early starts with the outer
        value."""
        frame: dict[str, VariableBinding] = {}
        late = self.survey.late.get(id(owner), set())
        for name, times in self.survey.bound.get(id(owner), {}).items():
            once = times == 1 and name not in late
            local = VariableBinding(self.make_name("v"), self.function, Operand("", ANY), is_settled=once)
            if name in late:
                self.emit(f"{local.code} = {self.get_variable_code(name)}")
            frame[name] = local
        self.frames.append(frame)

    def write_statement(self, node: t.Node, context: InputContext) -> None:
        """Write the code of a node whose value is not used; it is evaluated for its bindings and errors."""
        operand = self.write_value(node, context)
        if not operand.is_atom:
            self.emit(operand.code)

    def write_binding(self, node: t.Bind, context: InputContext) -> Operand:
        """Write the code of `$name := value`; the operand is that of the variable."""
        local = self.find_variable(node.name)
        assert local is not None
        if local.is_settled and isinstance(node.value, t.Lambda) and t.is_bare(node.value):
            operand = self.write_bound_function(local, node.value, context)
        else:
            operand = self.write_value(node.value, context)
            operand = self.collapse_operand(
                self.mark_uncollapsed(operand)
            )  # as whoever reads the variable sees it
        self.declare_nonlocal(local)
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
            if operand.is_pure and local.function is self.function and operand.can_be(DICT):
                local.source = self.reads.add_source(
                    local.code, self.block.add_bookmark(), self.nesting_level
                )
        return known


def _is_name_path(node: t.Node) -> bool:
    """Return whether the node is a path of plain names, which gives nothing but parts of its context."""
    return (
        isinstance(node, t.Path)
        and node.group is None
        and all(isinstance(step, t.Name) and step.group is None for step in node.steps)
    )


def _get_literal_texts(node: t.Node) -> frozenset[str] | None:
    """Return the texts of an array that holds only string literals; None for any other node."""
    if not isinstance(node, t.Array) or not t.is_bare(node):
        return None
    texts = [one.value for one in node.items if isinstance(one, t.Literal) and isinstance(one.value, str)]
    return frozenset(texts) if len(texts) == len(node.items) else None
