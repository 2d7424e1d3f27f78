"""Variables, calls, partial applications and `~>`."""

from __future__ import annotations

from isthmus.expressions.compiler.code_writer import Callee, Context
from isthmus.expressions.compiler.generator_base import GeneratorBase
from isthmus.expressions.compiler.operands import ANY, FUNCTION, NESTED, SEQUENCE, Operand
from isthmus.expressions.library import Function
from isthmus.expressions.syntax import tree as t

__all__ = ["CallGenerator"]


class CallGenerator(GeneratorBase):
    # Variables.

    def variable(self, node: t.Variable, context: Context) -> Operand:
        name = node.name
        if name == "":
            kinds = ANY & ~(SEQUENCE | FUNCTION) if context.is_pure else ANY
            return Operand(context.code, kinds, is_pure=context.is_pure, is_atom=True)
        if name == "$":
            return Operand("c0", ANY & ~(SEQUENCE | FUNCTION), is_pure=True, is_atom=True)
        local = self.find(name)
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
        is_function = self.library_function(name) is not None
        return Operand(self.variable_code(name), FUNCTION if is_function else ANY, is_atom=True)

    def variable_code(self, name: str) -> str:
        """A variable as Python text: a local, a function of the library, or a binding."""
        local = self.find(name)
        if local is not None:
            return local.code
        function = self.library_function(name)
        code = self.natives.get(name)
        if code is None:
            code = self.natives[name] = f"x_{len(self.natives)}"
            if function is None:
                self.main_head.add(f"{code} = B.get({self.const(name)}, U)")
            else:
                self.main_head.add(f"{code} = Native(E, {self.constants.name(function)})")
        return code

    def library_function(self, name: str) -> Function | None:
        """The library's function of this name, if nothing hides it."""
        if name in self.shadowed or self.find(name) is not None:
            return None
        return self.library.functions.get(name)

    def is_standard(self, name: str) -> bool:
        """Does the name stand for the well-known function?"""
        function = self.library_function(name)
        return function is not None and function.intrinsic == name

    # Calls.

    def call(self, node: t.Call, context: Context, *, final: bool) -> Operand:
        if node.is_partial:
            return self.partial(node, context)
        return self.applied(node, None, context, final=final)

    def applied(
        self, node: t.Call, given: Operand | None, context: Context, *, final: bool = False
    ) -> Operand:
        """A call; `given` is a first argument that `~>` adds."""
        procedure = node.procedure
        if isinstance(procedure, t.Variable) and t.is_bare(procedure):
            function = self.library_function(procedure.name)
            if function is not None:
                written = self.intrinsic(function, node, given, context, final=final)
                if written is not None:
                    return written
                if function.name == "eval":
                    return self.evaluating(node, given, context)
                return self.library_call(
                    function, self.arguments(node, given, context), context, node.position
                )
            local = self.find(procedure.name)
            if local is not None and local.code_of is not None:
                return self.direct_call(local.code_of, node, given, context)
        called = self.held(self.procedure(procedure, context))
        arguments = self.arguments(node, given, context)
        token = self.token(procedure)
        hint = self.const(self.hint(procedure))
        code = (
            f"call_value(E, {called.code}, ({self.listed(arguments)}), {context.code or 'U'}, "
            f"{node.position}, {self.const(token)}, {max(1, self.nesting)}, {hint})"
        )
        name = self.fresh("t")
        self.emit(f"{name} = {code}")
        return Operand(name, ANY | NESTED, is_atom=True, is_raw=True)

    def procedure(self, node: t.Node, context: Context) -> Operand:
        return self.value(node, context)

    def token(self, procedure: t.Node) -> str | None:
        if isinstance(procedure, t.Variable):
            return procedure.name
        if isinstance(procedure, t.Path) and isinstance(procedure.steps[0], t.Name):
            return procedure.steps[0].value
        return None

    def hint(self, procedure: t.Node) -> bool:
        """Is there a function of that name, so that only the `$` was forgotten?"""
        token = self.token(procedure)
        if token is None or not isinstance(procedure, t.Path):
            return False
        return self.find(token) is not None or token in self.library.functions

    def arguments(self, node: t.Call, given: Operand | None, context: Context) -> list[Operand]:
        found = [given] if given is not None else []
        for argument in node.arguments:
            operand = self.value(argument, context)
            found.append(operand if operand.is_constant else self.held(operand))
        return found

    def listed(self, arguments: list[Operand]) -> str:
        return "".join(f"{one.code}, " for one in arguments).rstrip() if arguments else ""

    def library_call(
        self, function: Function, arguments: list[Operand], context: Context, position: int
    ) -> Operand:
        name = self.fresh("t")
        self.emit(
            f"{name} = call_library(E, {self.constants.name(function)}, ({self.listed(arguments)}), "
            f"{context.code or 'U'}, {position}, {max(1, self.nesting)})"
        )
        nested = NESTED if _calls_back(function) or any(one.may(NESTED) for one in arguments) else 0
        return Operand(name, ANY | nested, is_atom=True, is_raw=True)

    def direct_call(self, callee: Callee, node: t.Call, given: Operand | None, context: Context) -> Operand:
        """A call of a literal function that is known by its Python name."""
        callee.is_recursive = callee.is_recursive or callee.is_building
        arguments = [self.item_of(one.code, one) for one in self.arguments(node, given, context)]
        arguments = arguments[: callee.arity]
        arguments += ["U"] * (callee.arity - len(arguments))
        name = self.fresh("t")
        weight = max(1, self.nesting)
        if callee.is_open:
            self.emit(f"enter_call(E, {weight})")
        self.emit(f"{name} = {callee.code}({', '.join(arguments)})")
        if callee.may_tail:
            self.emit(f"if type({name}) is TailCall: {name} = run_tail_calls({name}, E)")
        if callee.is_open:
            self.emit(f"E.depth_left += {weight}")
        kinds = ANY | NESTED if callee.is_nested else ANY
        return Operand(name, kinds, is_atom=True, is_raw=True)

    def evaluating(self, node: t.Call, given: Operand | None, context: Context) -> Operand:
        """`$eval`: it sees the variables around the call."""
        arguments = self.arguments(node, given, context)
        seen: dict[str, str] = {}
        for frame in self.frames:
            for variable, local in frame.items():
                if not variable.startswith("!"):
                    seen[variable] = local.code
        shown = ", ".join(f"{self.const(variable)}: {code}" for variable, code in seen.items())
        name = self.fresh("t")
        self.emit(
            f"{name} = evaluate_text(E, ({self.listed(arguments)}), {context.code or 'U'}, "
            f"{{**B, {shown}}}, {node.position})"
        )
        return Operand(name, ANY, is_atom=True, is_raw=True)

    def partial(self, node: t.Call, context: Context) -> Operand:
        codes: list[str] = []
        holes: list[str] = []
        for at, argument in enumerate(node.arguments):
            if isinstance(argument, t.Placeholder):
                holes.append(str(at))
                codes.append("U")
            else:
                codes.append(self.held(self.value(argument, context)).code)
        procedure = self.value(node.procedure, context)
        name = self.fresh("t")
        self.emit(
            f"{name} = make_partial(E, {procedure.code}, ({', '.join(codes)},), ({', '.join(holes)},), "
            f"{node.position}, {self.const(self.token(node.procedure))}, {self.hint(node.procedure)})"
        )
        return Operand(name, FUNCTION, is_atom=True)

    def application(self, node: t.Apply, context: Context, *, final: bool) -> Operand:
        """`left ~> right`."""
        left = self.held(self.value(node.left, context))
        right = node.right
        if (
            isinstance(right, t.Call)
            and not right.is_partial
            and right.predicates is None
            and right.group is None
        ):
            return self.applied(right, left, context, final=final)
        function = self.value(right, context)
        name = self.fresh("t")
        self.emit(
            f"{name} = apply_function(E, {left.code}, {function.code}, {context.code or 'U'}, "
            f"{node.position}, {max(1, self.nesting)})"
        )
        return Operand(name, ANY | NESTED, is_atom=True, is_raw=True)


def _calls_back(function: Function) -> bool:
    """May it give what a function that it was given gave?"""
    checked = function.parsed_signature
    return checked is not None and any("f" in one.kind for one in checked.parameters)
