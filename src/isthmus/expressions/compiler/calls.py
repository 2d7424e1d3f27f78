"""Generates the code for variables, calls, partial applications and `~>`."""

from __future__ import annotations

from isthmus.expressions.compiler.code_writer import DirectFunction, InputContext
from isthmus.expressions.compiler.generator_base import GeneratorBase
from isthmus.expressions.compiler.operands import ANY, FUNCTION, NESTED, SEQUENCE, Operand
from isthmus.expressions.library import Function
from isthmus.expressions.syntax import tree as t

__all__ = ["CallGenerator"]


class CallGenerator(GeneratorBase):
    """Writes variables and calls."""

    # Variables.

    def write_variable(self, node: t.Variable, context: InputContext) -> Operand:
        """Return the operand of a variable, of `$` or of `$$`."""
        name = node.name
        if name == "":
            kinds = ANY & ~(SEQUENCE | FUNCTION) if context.is_pure else ANY
            return Operand(context.code, kinds, is_pure=context.is_pure, is_atom=True)
        if name == "$":
            return Operand("c0", ANY & ~(SEQUENCE | FUNCTION), is_pure=True, is_atom=True)
        local = self.find_variable(name)
        if local is not None:
            known = local.operand
            kinds = known.kinds if local.is_settled else ANY
            return Operand(
                local.code,
                kinds,
                is_pure=local.is_settled and known.is_pure,
                is_atom=True,
                table_kinds=known.table_kinds if local.is_settled else 0,
            )
        is_function = self.find_library_function(name) is not None
        return Operand(self.get_variable_code(name), FUNCTION if is_function else ANY, is_atom=True)

    def get_variable_code(self, name: str) -> str:
        """Return the Python name of a variable: a local, a function of the library, or a binding."""
        local = self.find_variable(name)
        if local is not None:
            return local.code
        function = self.find_library_function(name)
        code = self.function_names.get(name)
        if code is None:
            code = self.function_names[name] = f"x_{len(self.function_names)}"
            if function is None:
                self.main_head.add_line(f"{code} = B.get({self.make_constant_code(name)}, U)")
            else:
                self.main_head.add_line(f"{code} = Native(E, {self.constants.add(function)})")
        return code

    def find_library_function(self, name: str) -> Function | None:
        """Return the library's function of this name; None if there is none, or a variable or binding
        hides it."""
        if name in self.shadowed or self.find_variable(name) is not None:
            return None
        return self.library.functions.get(name)

    def is_standard(self, name: str) -> bool:
        """Return whether the name stands for the standard function."""
        function = self.find_library_function(name)
        return function is not None and function.intrinsic == name

    # Calls.

    def write_call(self, node: t.Call, context: InputContext, *, final: bool) -> Operand:
        """Write the code of a call or a partial application."""
        if node.is_partial:
            return self.write_partial(node, context)
        return self.write_call_with(node, None, context, final=final)

    def write_call_with(
        self, node: t.Call, piped: Operand | None, context: InputContext, *, final: bool = False
    ) -> Operand:
        """Write the code of a call; `piped` is the first argument that `~>` adds, if any."""
        procedure = node.procedure
        if isinstance(procedure, t.Variable) and t.is_bare(procedure):
            function = self.find_library_function(procedure.name)
            if function is not None:
                written = self.write_intrinsic(function, node, piped, context, final=final)
                if written is not None:
                    return written
                if function.name == "eval":
                    return self.write_eval_call(node, piped, context)
                return self.write_library_call(
                    function, self.write_arguments(node, piped, context), context, node.position
                )
            local = self.find_variable(procedure.name)
            if local is not None and local.direct_function is not None:
                return self.write_direct_call(local.direct_function, node, piped, context)
        called = self.make_reusable(self.write_value(procedure, context))
        arguments = self.write_arguments(node, piped, context)
        token = self.get_called_name(procedure)
        hint = self.make_constant_code(self.lacks_dollar(procedure))
        code = (
            f"call_value(E, {called.code}, ({self.join_arguments(arguments)}), {context.code or 'U'}, "
            f"{node.position}, {self.make_constant_code(token)}, {max(1, self.nesting)}, {hint})"
        )
        name = self.make_name("t")
        self.emit(f"{name} = {code}")
        return Operand(name, ANY | NESTED, is_atom=True, is_raw=True)

    def get_called_name(self, procedure: t.Node) -> str | None:
        """Return the name of what is called, for error messages; None if it has none."""
        if isinstance(procedure, t.Variable):
            return procedure.name
        if isinstance(procedure, t.Path) and isinstance(procedure.steps[0], t.Name):
            return procedure.steps[0].value
        return None

    def lacks_dollar(self, procedure: t.Node) -> bool:
        """Return whether a function has the name that is called, so that only the `$` was forgotten."""
        token = self.get_called_name(procedure)
        if token is None or not isinstance(procedure, t.Path):
            return False
        return self.find_variable(token) is not None or token in self.library.functions

    def write_arguments(self, node: t.Call, piped: Operand | None, context: InputContext) -> list[Operand]:
        """Write the arguments of a call, `piped` first if there is one; each can be used more than once."""
        arguments = [piped] if piped is not None else []
        for argument in node.arguments:
            operand = self.write_value(argument, context)
            arguments.append(operand if operand.is_constant else self.make_reusable(operand))
        return arguments

    def join_arguments(self, arguments: list[Operand]) -> str:
        """Return the arguments as the items of a Python tuple."""
        return "".join(f"{one.code}, " for one in arguments).rstrip() if arguments else ""

    def write_library_call(
        self, function: Function, arguments: list[Operand], context: InputContext, position: int
    ) -> Operand:
        """Write the code of a call of a library function through its signature; the result is not
        collapsed."""
        name = self.make_name("t")
        called, argument_codes = self.constants.add(function), self.join_arguments(arguments)
        self.emit(
            f"{name} = call_library(E, {called}, ({argument_codes}), {context.code or 'U'}, {position}, "
            f"{max(1, self.nesting)})"
        )
        nested = (
            NESTED
            if _can_return_callback_result(function) or any(one.can_be(NESTED) for one in arguments)
            else 0
        )
        return Operand(name, ANY | nested, is_atom=True, is_raw=True)

    def write_direct_call(
        self, callee: DirectFunction, node: t.Call, piped: Operand | None, context: InputContext
    ) -> Operand:
        """Write the code of a call of a literal function that is known by its Python name."""
        callee.is_recursive = callee.is_recursive or callee.is_being_compiled
        arguments = [self.collapse_item(one.code, one) for one in self.write_arguments(node, piped, context)]
        arguments = arguments[: callee.arity]
        arguments += ["U"] * (callee.arity - len(arguments))
        name = self.make_name("t")
        weight = max(1, self.nesting)
        if callee.counts_depth:
            self.emit(f"enter_call(E, {weight})")
        self.emit(f"{name} = {callee.code}({', '.join(arguments)})")
        if callee.can_return_tail_call:
            self.emit(f"if type({name}) is TailCall: {name} = run_tail_calls({name}, E)")
        if callee.counts_depth:
            self.emit(f"E.depth_left += {weight}")
        kinds = ANY | NESTED if callee.is_nested else ANY
        return Operand(name, kinds, is_atom=True, is_raw=True)

    def write_eval_call(self, node: t.Call, piped: Operand | None, context: InputContext) -> Operand:
        """Write the code of a call of `$eval`, which sees the variables around it."""
        arguments = self.write_arguments(node, piped, context)
        seen: dict[str, str] = {}
        for frame in self.frames:
            for variable, local in frame.items():
                if not variable.startswith("!"):
                    seen[variable] = local.code
        shown = ", ".join(f"{self.make_constant_code(variable)}: {code}" for variable, code in seen.items())
        name = self.make_name("t")
        self.emit(
            f"{name} = evaluate_text(E, ({self.join_arguments(arguments)}), {context.code or 'U'}, "
            f"{{**B, {shown}}}, {node.position})"
        )
        return Operand(name, ANY, is_atom=True, is_raw=True)

    def write_partial(self, node: t.Call, context: InputContext) -> Operand:
        """Write the code of a partial application, such as `$f(1, ?)`."""
        codes: list[str] = []
        holes: list[str] = []
        for at, argument in enumerate(node.arguments):
            if isinstance(argument, t.ArgumentPlaceholder):
                holes.append(str(at))
                codes.append("U")
            else:
                codes.append(self.make_reusable(self.write_value(argument, context)).code)
        procedure = self.write_value(node.procedure, context)
        name, token = self.make_name("t"), self.make_constant_code(self.get_called_name(node.procedure))
        self.emit(
            f"{name} = make_partial(E, {procedure.code}, ({', '.join(codes)},), ({', '.join(holes)},), "
            f"{node.position}, {token}, {self.lacks_dollar(node.procedure)})"
        )
        return Operand(name, FUNCTION, is_atom=True)

    def write_application(self, node: t.Apply, context: InputContext, *, final: bool) -> Operand:
        """Write the code of `left ~> right`."""
        left = self.make_reusable(self.write_value(node.left, context))
        right = node.right
        if (
            isinstance(right, t.Call)
            and not right.is_partial
            and right.predicates is None
            and right.group is None
        ):
            return self.write_call_with(right, left, context, final=final)
        function = self.write_value(right, context)
        name = self.make_name("t")
        self.emit(
            f"{name} = apply_function(E, {left.code}, {function.code}, {context.code or 'U'}, "
            f"{node.position}, {max(1, self.nesting)})"
        )
        return Operand(name, ANY | NESTED, is_atom=True, is_raw=True)


def _can_return_callback_result(function: Function) -> bool:
    """Return whether the function takes a function, and so may return what that returned."""
    checked = function.parsed_signature
    return checked is not None and any("f" in one.kind for one in checked.parameters)
