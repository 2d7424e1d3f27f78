"""Literal functions, and the standard functions that are written in place.

A function becomes a nested Python `def`: its closure is Python's. A call in tail position hands a
`TailCall` back instead of growing the stack. `$map`, `$filter` and `$reduce` over a literal function
become a loop without any function.
"""

from __future__ import annotations

from isthmus.expressions.compiler.code_writer import Callee, Context, Local
from isthmus.expressions.compiler.generator_base import GeneratorBase
from isthmus.expressions.compiler.operands import (
    ANY,
    DICT,
    FUNCTION,
    LIST,
    NESTED,
    NUMBER,
    SEQUENCE,
    UNDEF,
    Operand,
)
from isthmus.expressions.meter import MAX_FREE_ITEMS
from isthmus.expressions.signatures import Signature
from isthmus.expressions.syntax import tree as t

__all__ = ["FunctionGenerator"]


class FunctionGenerator(GeneratorBase):
    # Literal functions.

    def function_value(self, node: t.Lambda, context: Context) -> Operand:
        name = self.fresh("f")
        self.written_function(name, node, context, None)
        return self.function_operand(name, node)

    def bound_function(self, local: Local, node: t.Lambda, context: Context) -> Operand:
        """A function that one variable always holds; calls of it need no look at the variable."""
        name = self.fresh("f")
        callee = Callee(name, len(node.parameters))
        if node.signature is None:
            local.code_of = callee
        self.written_function(name, node, context, callee)
        return self.function_operand(name, node)

    def function_operand(self, name: str, node: t.Lambda) -> Operand:
        signature = (
            "None" if node.signature is None else self.constants.name(Signature.from_text(node.signature))
        )
        code = f"Lambda(E, {name}, {len(node.parameters)}, {signature})"
        return Operand(code, FUNCTION)

    def written_function(self, name: str, node: t.Lambda, context: Context, callee: Callee | None) -> None:
        parameters = [self.fresh("p") for _ in node.parameters]
        nesting, self.nesting = self.nesting, 0
        before, self.tails, self.is_nested = (self.tails, self.is_nested), False, False
        with self.define(name, parameters):
            frame = {
                variable: Local(code, self.function, Operand(code, ANY))
                for variable, code in zip(node.parameters, parameters, strict=True)
            }
            self.frames.append(frame)
            self.open_frame(node)
            self.tail(node.body, context)
            self.frames.pop()
            self.frames.pop()
        if callee is not None:
            callee.may_tail = self.tails
            callee.is_open = callee.is_recursive
            callee.is_nested = self.is_nested or self.tails
            callee.is_building = False
        self.tails, self.is_nested = before
        self.nesting = nesting

    def tail(self, node: t.Node, context: Context) -> None:
        """Write the node as the end of a function: its value is returned."""
        self.nesting += 1
        if isinstance(node, t.Condition) and t.is_bare(node) and self.indent - self.function.indent < 20:
            with self.inside(f"if {self.truth(node.condition, context)}:"):
                self.tail(node.then, context)
            if node.otherwise is None:
                self.emit("return U")
            else:
                self.tail(node.otherwise, context)
        elif isinstance(node, t.Block) and t.is_bare(node) and node.expressions:
            self.open_frame(node)
            for one in node.expressions[:-1]:
                self.statement(one, context)
            self.tail(node.expressions[-1], context)
            self.frames.pop()
        elif isinstance(node, t.Call) and t.is_bare(node) and self.hands_back(node):
            self.tail_call(node, context)
        else:
            self.nesting -= 1
            operand = self.tail_value(node, context)
            self.is_nested = self.is_nested or operand.may(NESTED)
            self.emit(f"return {self.sequence(operand)}")
            self.nesting += 1
        self.nesting -= 1

    def tail_value(self, node: t.Node, context: Context) -> Operand:
        """A value in tail position: what a function of the library gave there is not collapsed yet."""
        if isinstance(node, t.Call) and t.is_bare(node) and not node.is_partial:
            self.nesting += 1
            self.last_call = node
            operand = self.suffixed(node, context)
            self.nesting -= 1
            return operand
        return self.value(node, context)

    def hands_back(self, node: t.Call) -> bool:
        """Is it a call that might come back here? Calls of the library cannot."""
        if node.is_partial:
            return False
        procedure = node.procedure
        if isinstance(procedure, t.Variable) and procedure.predicates is None:
            return self.library_function(procedure.name) is None
        return True

    def tail_call(self, node: t.Call, context: Context) -> None:
        self.tails = True
        called = self.held(self.value(node.procedure, context))
        arguments = "".join(f"{one.code}, " for one in self.arguments(node, None, context))
        token = node.procedure.name if isinstance(node.procedure, t.Variable) else None
        self.emit(
            f"return TailCall({called.code}, ({arguments}), {context.code or 'U'}, {node.position}, "
            f"{self.const(token)})"
        )

    # Functions with a literal function, in place.

    def inlined_body(
        self, node: t.Lambda, values: list[Operand], context: Context, *, final: bool = False
    ) -> Operand:
        """The body of a literal function with its parameters standing for `values`."""
        self.open_parameters(node, values)
        self.open_frame(node)
        operand = self.last_value(node.body, context, final=final)
        self.frames.pop()
        self.frames.pop()
        return operand

    def open_parameters(self, node: t.Lambda, values: list[Operand]) -> None:
        """Make the parameters of a function visible as `values`; the caller closes the frame."""
        frame: dict[str, Local] = {}
        for at, variable in enumerate(node.parameters):
            operand = values[at] if at < len(values) else self.undefined()
            local = Local(operand.code, self.function, operand, is_settled=True)
            if operand.is_pure and operand.may(DICT):
                local.source = self.reads.source(operand.code, self.block.here(), self.level)
            frame[variable] = local
        self.frames.append(frame)

    def last_value(self, node: t.Node, context: Context, *, final: bool) -> Operand:
        """The body of a function in place; as in `tail`, a call at its end gives what is not collapsed."""
        if isinstance(node, t.Call):
            operand = self.tail_value(node, context)
            if not operand.is_raw and not operand.is_collected:
                return operand
            kinds = operand.kinds | SEQUENCE | NESTED | UNDEF
            return Operand(self.sequence(operand), kinds, is_pure=operand.is_pure)
        if not self.ends_with_sequence(node):
            return self.value(node, context, final=final)
        if isinstance(node, t.Block):
            self.open_frame(node)
            for one in node.expressions[:-1]:
                self.statement(one, context)
            operand = self.last_value(node.expressions[-1], context, final=final)
            self.frames.pop()
            return operand
        assert isinstance(node, t.Condition)
        target = self.fresh("t")
        operands = [self.undefined()]
        self.emit(f"{target} = U")
        with self.inside(f"if {self.truth(node.condition, context)}:"):
            operands.append(self.last_value(node.then, context, final=final))
            self.emit(f"{target} = {operands[-1].code}")
        if node.otherwise is not None:
            with self.inside("else:"):
                operands.append(self.last_value(node.otherwise, context, final=final))
                self.emit(f"{target} = {operands[-1].code}")
        return self.merge(target, operands)

    def ends_with_sequence(self, node: t.Node) -> bool:
        """Is a call at the end of the node that may give a sequence?"""
        if not t.is_bare(node):
            return False
        if isinstance(node, t.Block):
            return bool(node.expressions) and self.ends_with_sequence(node.expressions[-1])
        if isinstance(node, t.Condition):
            arms = [node.then, *([] if node.otherwise is None else [node.otherwise])]
            return any(self.ends_with_sequence(one) for one in arms)
        if not isinstance(node, t.Call) or node.is_partial:
            return False
        procedure = node.procedure
        function = self.library_function(procedure.name) if isinstance(procedure, t.Variable) else None
        return (
            function is None
            or function.parsed_signature is None
            or function.parsed_signature.result not in _SINGLE
        )

    def called_body(
        self, node: t.Lambda, values: list[Operand], context: Context, *, final: bool = False
    ) -> Operand:
        """As `inlined_body`; a body that makes functions becomes a function itself."""
        if id(node) not in self.survey.closures:
            return self.inlined_body(node, values, context, final=final)
        name = self.fresh("b")
        codes = [self.fresh("p") for _ in values]
        with self.define(name, codes):
            inner = [
                Operand(c, v.kinds, is_pure=v.is_pure, is_atom=True)
                for c, v in zip(codes, values, strict=True)
            ]
            operand = self.inlined_body(node, inner, context, final=final)
            self.emit(f"return {operand.code}")
        given = ", ".join(value.code for value in values)
        return self.held(Operand(f"{name}({given})", operand.kinds, is_pure=operand.is_pure))

    def listed_source(self, operand: Operand) -> str:
        """An argument that must be an array: the variable of a list, or U."""
        held = self.variable_of(operand)
        if held.kinds == LIST:
            return held.code
        name = self.fresh("s")
        code = held.code
        self.emit(f"{name} = {code} if isinstance({code}, list) or {code} is U else [{code}]")
        return name

    def loop_values(
        self, node: t.Lambda, source: str, item: str, given: Operand
    ) -> tuple[str, list[Operand]]:
        """The head of a loop over `source`, and what the function's parameters are in it."""
        kinds = NUMBER if given.is_range else ANY
        values = [Operand(item, kinds, is_pure=given.has_pure_items, is_atom=True)]
        going = self.going(source, max(3, self.survey.weights.get(id(node), 1)))
        if len(node.parameters) < 2:
            return f"for {item} in {going}:", values
        at = self.fresh("i")
        values.append(Operand(at, NUMBER, is_pure=True, is_atom=True))
        values.append(Operand(source, LIST, is_pure=given.is_pure, is_atom=True))
        return f"for {at}, {item} in enumerate({going}):", values

    def mapped(self, arguments: list[Operand], node: t.Lambda, context: Context, *, final: bool) -> Operand:
        """`$map(array, function…)`."""
        given = arguments[0]
        source = self.listed_source(given)
        out, item = self.fresh("a"), self.fresh("c")
        self.emit(f"{out} = []")
        with self.inside(f"if {source} is not U:"):
            self.charge(source, max(3, self.survey.weights.get(id(node), 1)))
            self.emit(f"if len({source}) > {MAX_FREE_ITEMS}: list_inputs(E, {source})")
            header, values = self.loop_values(node, source, item, given)
            with self.inside(header):
                values[0].code = self.item_of(item, given)
                operand = self.called_body(node, values, context, final=final)
                if operand.may(UNDEF):
                    operand = self.held(operand)
                    self.emit(f"if {operand.code} is not U: {out}.append({operand.code})")
                else:
                    self.emit(f"{out}.append({operand.code})")
        is_final = final and operand.is_final
        return Operand(
            out,
            operand.kinds & ~UNDEF,
            is_pure=is_final or (operand.is_pure and not operand.may(SEQUENCE)),
            is_atom=True,
            is_raw=True,
            is_collected=True,
            absent=f"{source} is U",
        )

    def selected(self, arguments: list[Operand], node: t.Lambda, context: Context, *, final: bool) -> Operand:
        """`$filter(array, function…)`."""
        given = arguments[0]
        source = self.listed_source(given)
        out, item = self.fresh("a"), self.fresh("c")
        self.emit(f"{out} = []")
        with self.inside(f"if {source} is not U:"):
            self.charge(source, max(3, self.survey.weights.get(id(node), 1)))
            header, values = self.loop_values(node, source, item, given)
            with self.inside(header):
                values[0].code = self.item_of(item, given)
                if id(node) in self.survey.closures or self.survey.bound.get(id(node)):
                    condition = self.truth_of(self.called_body(node, values, context))
                else:
                    condition = self.inlined_truth(node, values, context)
                self.emit(f"if {condition}: {out}.append({item})")
        return Operand(
            out,
            ANY & ~SEQUENCE | given.kinds & NESTED,
            is_pure=given.has_pure_items,
            is_atom=True,
            is_raw=True,
            is_collected=True,
            absent=f"{source} is U",
        )

    def inlined_truth(self, node: t.Lambda, values: list[Operand], context: Context) -> str:
        self.open_parameters(node, values)
        condition = self.truth(node.body, context)
        self.frames.pop()
        return condition

    def reduced(self, arguments: list[Operand], node: t.Lambda, context: Context) -> Operand | None:
        """`$reduce(array, function…, init?)`."""
        if len(node.parameters) < 2:
            return None
        source = self.listed_source(arguments[0])
        result, rest, item, at = self.fresh("r"), self.fresh("s"), self.fresh("c"), self.fresh("i")
        first = self.held(arguments[2]).code if len(arguments) > 2 else "U"
        self.emit(f"{result}, {rest}, {at} = start_reduction({source}, {first})")
        self.charge(rest, max(3, self.survey.weights.get(id(node), 1)))
        going = self.going(rest, max(3, self.survey.weights.get(id(node), 1)))
        with self.inside(f"for {item} in {going}:"):
            head = self.block.here()
            given = self.item_of(item, arguments[0])
            values = [
                Operand(result, ANY, is_atom=True),
                Operand(given, ANY, is_pure=arguments[0].has_pure_items, is_atom=True),
                Operand(at, NUMBER, is_atom=True),
                Operand(source, ANY, is_atom=True),
            ]
            operand = self.called_body(node, values, context)
            if (operand.kinds | arguments[0].kinds) & NESTED:
                head.add(f"if type({result}) is Sequence: {result} = collapse({result})")
            self.emit(f"{result} = {operand.code}")
            self.emit(f"{at} += 1")
        kinds = ANY | (operand.kinds | arguments[0].kinds) & NESTED
        return Operand(result, kinds, is_atom=True, is_raw=True)


_SINGLE = ("s", "n", "b")
"""Results, in the notation of signatures, that are no sequences."""
