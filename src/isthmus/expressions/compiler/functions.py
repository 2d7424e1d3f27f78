"""Generates the code for literal functions, and for `$map`, `$filter` and `$reduce` over them.

A function becomes a nested Python `def`: its closure is Python's. A call in tail position returns a
`TailCall` instead of growing the stack. `$map`, `$filter` and `$reduce` over a literal function become a loop
without any function.
"""

from __future__ import annotations

from isthmus.expressions.compiler.code_writer import DirectFunction, InputContext, VariableBinding
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
    """Writes literal functions, and the loops that they become."""

    # Literal functions.

    def write_lambda(self, node: t.Lambda, context: InputContext) -> Operand:
        """Write the code of a literal function as a value."""
        name = self.make_name("f")
        self.write_function_definition(name, node, context, None)
        return self.make_lambda_operand(name, node)

    def write_bound_function(self, local: VariableBinding, node: t.Lambda, context: InputContext) -> Operand:
        """Write the code of a function that one variable always holds; calls of it need no look at the
        variable."""
        name = self.make_name("f")
        callee = DirectFunction(name, len(node.parameters))
        if node.signature is None:
            local.direct_function = callee
        self.write_function_definition(name, node, context, callee)
        return self.make_lambda_operand(name, node)

    def make_lambda_operand(self, name: str, node: t.Lambda) -> Operand:
        """Return the operand of a `Lambda` value around the Python function `name`."""
        signature = (
            "None" if node.signature is None else self.constants.add(Signature.from_text(node.signature))
        )
        code = f"Lambda(E, {name}, {len(node.parameters)}, {signature})"
        return Operand(code, FUNCTION)

    def write_function_definition(
        self, name: str, node: t.Lambda, context: InputContext, callee: DirectFunction | None
    ) -> None:
        """Write the `def` of a literal function, and note in `callee` what is known of it."""
        parameters = [self.make_name("p") for _ in node.parameters]
        nesting, self.nesting = self.nesting, 0
        before, self.has_tail_calls, self.is_nested = (self.has_tail_calls, self.is_nested), False, False
        with self.define_function(name, parameters):
            frame = {
                variable: VariableBinding(code, self.function, Operand(code, ANY))
                for variable, code in zip(node.parameters, parameters, strict=True)
            }
            self.frames.append(frame)
            self.open_frame(node)
            self.write_tail(node.body, context)
            self.frames.pop()
            self.frames.pop()
        if callee is not None:
            callee.can_return_tail_call = self.has_tail_calls
            callee.counts_depth = callee.is_recursive
            callee.is_nested = self.is_nested or self.has_tail_calls
            callee.is_being_compiled = False
        self.has_tail_calls, self.is_nested = before
        self.nesting = nesting

    def write_tail(self, node: t.Node, context: InputContext) -> None:
        """Write the code of the node as the end of a function, which returns its value."""
        self.nesting += 1
        if isinstance(node, t.Condition) and t.is_bare(node) and self.indent - self.function.indent < 20:
            with self.enter_block(f"if {self.write_condition(node.condition, context)}:"):
                self.write_tail(node.then, context)
            if node.otherwise is None:
                self.emit("return U")
            else:
                self.write_tail(node.otherwise, context)
        elif isinstance(node, t.Block) and t.is_bare(node) and node.expressions:
            self.open_frame(node)
            for statement in node.expressions[:-1]:
                self.write_statement(statement, context)
            self.write_tail(node.expressions[-1], context)
            self.frames.pop()
        elif isinstance(node, t.Call) and t.is_bare(node) and self.needs_tail_call(node):
            self.write_tail_call(node, context)
        else:
            self.nesting -= 1
            operand = self.write_tail_value(node, context)
            self.is_nested = self.is_nested or operand.can_be(NESTED)
            self.emit(f"return {self.get_sequence_code(operand)}")
            self.nesting += 1
        self.nesting -= 1

    def write_tail_value(self, node: t.Node, context: InputContext) -> Operand:
        """Write the code of a value in tail position: the result of a library function there is not
        collapsed yet."""
        if isinstance(node, t.Call) and t.is_bare(node) and not node.is_partial:
            self.nesting += 1
            self.last_call = node
            operand = self.write_with_suffixes(node, context)
            self.nesting -= 1
            return operand
        return self.write_value(node, context)

    def needs_tail_call(self, node: t.Call) -> bool:
        """Return True if the call may reach this function again, so that it must not grow the stack.

        That is any call except a partial application or a call of a library function.
        """
        if node.is_partial:
            return False
        procedure = node.procedure
        if isinstance(procedure, t.Variable) and procedure.predicates is None:
            return self.find_library_function(procedure.name) is None
        return True

    def write_tail_call(self, node: t.Call, context: InputContext) -> None:
        """Write the code of a call at the end of a function: the function returns the `TailCall`."""
        self.has_tail_calls = True
        called = self.make_reusable(self.write_value(node.procedure, context))
        arguments = "".join(f"{one.code}, " for one in self.write_arguments(node, None, context))
        token = node.procedure.name if isinstance(node.procedure, t.Variable) else None
        self.emit(
            f"return TailCall({called.code}, ({arguments}), {context.code or 'U'}, {node.position}, "
            f"{self.make_constant_code(token)})"
        )

    # Functions with a literal function, in place.

    def write_inlined_body(
        self, node: t.Lambda, values: list[Operand], context: InputContext, *, final: bool = False
    ) -> Operand:
        """Write the code of the body of a literal function in place, its parameters standing for `values`."""
        self.open_parameters(node, values)
        self.open_frame(node)
        operand = self.write_inlined_result(node.body, context, final=final)
        self.frames.pop()
        self.frames.pop()
        return operand

    def open_parameters(self, node: t.Lambda, values: list[Operand]) -> None:
        """Open a frame in which the parameters of a function stand for `values`; the caller closes it."""
        frame: dict[str, VariableBinding] = {}
        for index, variable in enumerate(node.parameters):
            operand = values[index] if index < len(values) else self.make_undefined()
            local = VariableBinding(operand.code, self.function, operand, is_settled=True)
            if operand.is_pure and operand.can_be(DICT):
                local.source = self.reads.add_source(
                    operand.code, self.block.add_bookmark(), self.nesting_level
                )
            frame[variable] = local
        self.frames.append(frame)

    def write_inlined_result(self, node: t.Node, context: InputContext, *, final: bool) -> Operand:
        """Write the code of the body of an inlined function; as in `write_tail`, the result of a call at
        its end is not collapsed."""
        if isinstance(node, t.Call):
            operand = self.write_tail_value(node, context)
            if not operand.is_raw and not operand.is_collected:
                return operand
            kinds = operand.kinds | SEQUENCE | NESTED | UNDEF
            return Operand(self.get_sequence_code(operand), kinds, is_pure=operand.is_pure)
        if not self.ends_with_sequence(node):
            return self.write_value(node, context, final=final)
        if isinstance(node, t.Block):
            self.open_frame(node)
            for statement in node.expressions[:-1]:
                self.write_statement(statement, context)
            operand = self.write_inlined_result(node.expressions[-1], context, final=final)
            self.frames.pop()
            return operand
        assert isinstance(node, t.Condition)
        target = self.make_name("t")
        operands = [self.make_undefined()]
        self.emit(f"{target} = U")
        with self.enter_block(f"if {self.write_condition(node.condition, context)}:"):
            operands.append(self.write_inlined_result(node.then, context, final=final))
            self.emit(f"{target} = {operands[-1].code}")
        if node.otherwise is not None:
            with self.enter_block("else:"):
                operands.append(self.write_inlined_result(node.otherwise, context, final=final))
                self.emit(f"{target} = {operands[-1].code}")
        return self.merge_operands(target, operands)

    def ends_with_sequence(self, node: t.Node) -> bool:
        """Return whether the node ends with a call that may return a sequence."""
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
        function = self.find_library_function(procedure.name) if isinstance(procedure, t.Variable) else None
        return (
            function is None
            or function.parsed_signature is None
            or function.parsed_signature.result not in _SINGLE_VALUE_RESULTS
        )

    def write_loop_body(
        self, node: t.Lambda, values: list[Operand], context: InputContext, *, final: bool = False
    ) -> Operand:
        """Work as `write_inlined_body`, but a body that makes functions becomes a Python function of its
        own."""
        if id(node) not in self.survey.closures:
            return self.write_inlined_body(node, values, context, final=final)
        name = self.make_name("b")
        codes = [self.make_name("p") for _ in values]
        with self.define_function(name, codes):
            inner = [
                Operand(c, v.kinds, is_pure=v.is_pure, is_atom=True)
                for c, v in zip(codes, values, strict=True)
            ]
            operand = self.write_inlined_body(node, inner, context, final=final)
            self.emit(f"return {operand.code}")
        argument_codes = ", ".join(value.code for value in values)
        return self.make_reusable(
            Operand(f"{name}({argument_codes})", operand.kinds, is_pure=operand.is_pure)
        )

    def write_array_source(self, operand: Operand) -> str:
        """Write an argument that must be an array, and return the Python variable, which holds a list or
        U."""
        held = self.make_variable(operand)
        if held.kinds == LIST:
            return held.code
        name = self.make_name("s")
        code = held.code
        self.emit(f"{name} = {code} if isinstance({code}, list) or {code} is U else [{code}]")
        return name

    def make_loop_header(
        self, node: t.Lambda, source: str, item: str, array: Operand
    ) -> tuple[str, list[Operand]]:
        """Return the `for` line of a loop, and the operands of the function's parameters in it.

        `source`: the Python variable that is gone over. `item`: that of an item. `array`: the list.
        """
        kinds = NUMBER if array.is_range else ANY
        values = [Operand(item, kinds, is_pure=array.has_pure_items, is_atom=True)]
        going = self.make_charged_loop_code(source, max(3, self.survey.weights.get(id(node), 1)))
        if len(node.parameters) < 2:
            return f"for {item} in {going}:", values
        index = self.make_name("i")
        values.append(Operand(index, NUMBER, is_pure=True, is_atom=True))
        values.append(Operand(source, LIST, is_pure=array.is_pure, is_atom=True))
        return f"for {index}, {item} in enumerate({going}):", values

    def write_map(
        self, arguments: list[Operand], node: t.Lambda, context: InputContext, *, final: bool
    ) -> Operand:
        """Write the code of `$map(array, function…)` as a loop."""
        array = arguments[0]
        source = self.write_array_source(array)
        out, item = self.make_name("a"), self.make_name("c")
        self.emit(f"{out} = []")
        with self.enter_block(f"if {source} is not U:"):
            self.emit_charge(source, max(3, self.survey.weights.get(id(node), 1)))
            self.emit(f"if len({source}) > {MAX_FREE_ITEMS}: list_inputs(E, {source})")
            header, values = self.make_loop_header(node, source, item, array)
            with self.enter_block(header):
                values[0].code = self.collapse_item(item, array)
                operand = self.write_loop_body(node, values, context, final=final)
                if operand.can_be(UNDEF):
                    operand = self.make_reusable(operand)
                    self.emit(f"if {operand.code} is not U: {out}.append({operand.code})")
                else:
                    self.emit(f"{out}.append({operand.code})")
        is_final = final and operand.is_final
        return Operand(
            out,
            operand.kinds & ~UNDEF,
            is_pure=is_final or (operand.is_pure and not operand.can_be(SEQUENCE)),
            is_atom=True,
            is_raw=True,
            is_collected=True,
            absent=f"{source} is U",
        )

    def write_filter_call(
        self, arguments: list[Operand], node: t.Lambda, context: InputContext, *, final: bool
    ) -> Operand:
        """Write the code of `$filter(array, function…)` as a loop."""
        array = arguments[0]
        source = self.write_array_source(array)
        out, item = self.make_name("a"), self.make_name("c")
        self.emit(f"{out} = []")
        with self.enter_block(f"if {source} is not U:"):
            self.emit_charge(source, max(3, self.survey.weights.get(id(node), 1)))
            header, values = self.make_loop_header(node, source, item, array)
            with self.enter_block(header):
                values[0].code = self.collapse_item(item, array)
                if id(node) in self.survey.closures or self.survey.bound.get(id(node)):
                    condition = self.make_condition_code(self.write_loop_body(node, values, context))
                else:
                    condition = self.write_inlined_condition(node, values, context)
                self.emit(f"if {condition}: {out}.append({item})")
        return Operand(
            out,
            ANY & ~SEQUENCE | array.kinds & NESTED,
            is_pure=array.has_pure_items,
            is_atom=True,
            is_raw=True,
            is_collected=True,
            absent=f"{source} is U",
        )

    def write_inlined_condition(self, node: t.Lambda, values: list[Operand], context: InputContext) -> str:
        """Write the code of the body of a literal function in place, as a Python condition."""
        self.open_parameters(node, values)
        condition = self.write_condition(node.body, context)
        self.frames.pop()
        return condition

    def write_reduce(self, arguments: list[Operand], node: t.Lambda, context: InputContext) -> Operand:
        """Write the code of `$reduce(array, function…, init?)` as a loop."""
        source = self.write_array_source(arguments[0])
        result, rest, item, index = (
            self.make_name("r"),
            self.make_name("s"),
            self.make_name("c"),
            self.make_name("i"),
        )
        first = self.make_reusable(arguments[2]).code if len(arguments) > 2 else "U"
        self.emit(f"{result}, {rest}, {index} = start_reduction({source}, {first})")
        self.emit_charge(rest, max(3, self.survey.weights.get(id(node), 1)))
        going = self.make_charged_loop_code(rest, max(3, self.survey.weights.get(id(node), 1)))
        with self.enter_block(f"for {item} in {going}:"):
            head = self.block.add_bookmark()
            collapsed = self.collapse_item(item, arguments[0])
            values = [
                Operand(result, ANY, is_atom=True),
                Operand(collapsed, ANY, is_pure=arguments[0].has_pure_items, is_atom=True),
                Operand(index, NUMBER, is_atom=True),
                Operand(source, ANY, is_atom=True),
            ]
            operand = self.write_loop_body(node, values, context)
            if (operand.kinds | arguments[0].kinds) & NESTED:
                head.add_line(f"if type({result}) is Sequence: {result} = collapse({result})")
            self.emit(f"{result} = {operand.code}")
            self.emit(f"{index} += 1")
        kinds = ANY | (operand.kinds | arguments[0].kinds) & NESTED
        return Operand(result, kinds, is_atom=True, is_raw=True)


_SINGLE_VALUE_RESULTS = ("s", "n", "b")
"""Results, in the notation of signatures, that are no sequences."""
