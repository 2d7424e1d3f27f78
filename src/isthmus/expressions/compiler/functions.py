"""Literal functions, and the standard functions that are written in place.

A function becomes a nested Python `def`: its closure is Python's. A call in tail position hands a
`TailCall` back instead of growing the stack. `$map`, `$filter` and `$reduce` over a literal function
become a loop without any function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from isthmus.expressions.compiler.generator import Callee, Context, GeneratorBase, Local
from isthmus.expressions.compiler.kinds import (
    ANY,
    BOOL,
    DICT,
    FUNCTION,
    LIST,
    NUMBER,
    SEQUENCE,
    TEXT,
    UNDEF,
    Operand,
)
from isthmus.expressions.library import Function
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
        signature = "None" if node.signature is None else self.constants.name(Signature.of(node.signature))
        code = f"Lambda(E, {name}, {len(node.parameters)}, {signature})"
        return Operand(code, FUNCTION)

    def written_function(self, name: str, node: t.Lambda, context: Context, callee: Callee | None) -> None:
        parameters = [self.fresh("p") for _ in node.parameters]
        nesting, self.nesting = self.nesting, 0
        before, self.tails = self.tails, False
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
            callee.is_building = False
        self.tails = before
        self.nesting = nesting

    def tail(self, node: t.Node, context: Context) -> None:
        """Write the node as the end of a function: its value is returned."""
        self.nesting += 1
        if isinstance(node, t.Condition) and _is_bare(node) and self.indent - self.function.indent < 20:
            with self.inside(f"if {self.truth(node.condition, context)}:"):
                self.tail(node.then, context)
            if node.otherwise is None:
                self.emit("return U")
            else:
                self.tail(node.otherwise, context)
        elif isinstance(node, t.Block) and _is_bare(node) and node.expressions:
            self.open_frame(node)
            for one in node.expressions[:-1]:
                self.statement(one, context)
            self.tail(node.expressions[-1], context)
            self.frames.pop()
        elif isinstance(node, t.Call) and _is_bare(node) and self.hands_back(node):
            self.tail_call(node, context)
        else:
            self.nesting -= 1
            self.emit(f"return {self.sequence(self.tail_value(node, context))}")
            self.nesting += 1
        self.nesting -= 1

    def tail_value(self, node: t.Node, context: Context) -> Operand:
        """A value in tail position: what a function of the library gave there is not collapsed yet."""
        if isinstance(node, t.Call) and _is_bare(node) and not node.is_partial:
            self.nesting += 1
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
        frame: dict[str, Local] = {}
        for at, variable in enumerate(node.parameters):
            operand = values[at] if at < len(values) else self.undefined()
            local = Local(operand.code, self.function, operand, is_settled=True)
            if operand.is_pure and operand.may(DICT):
                local.source = self.reads.source(operand.code, self.block.here(), self.level)
            frame[variable] = local
        self.frames.append(frame)
        self.open_frame(node)
        if isinstance(node.body, t.Call):
            operand = self.tail_value(node.body, context)
            operand = Operand(self.sequence(operand), operand.kinds | SEQUENCE, is_pure=operand.is_pure)
        else:
            operand = self.value(node.body, context, final=final)
        self.frames.pop()
        self.frames.pop()
        return operand

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
        self, node: t.Lambda, source: str, item: str, *, is_pure: bool
    ) -> tuple[str, list[Operand]]:
        """The head of a loop over `source`, and what the function's parameters are in it."""
        values = [Operand(item, ANY, is_pure=is_pure, is_atom=True)]
        going = self.going(source, max(3, self.survey.weights.get(id(node), 1)))
        if len(node.parameters) < 2:
            return f"for {item} in {going}:", values
        at = self.fresh("i")
        values.append(Operand(at, NUMBER, is_pure=True, is_atom=True))
        values.append(Operand(source, LIST, is_pure=is_pure, is_atom=True))
        return f"for {at}, {item} in enumerate({going}):", values

    def mapped(self, arguments: list[Operand], node: t.Lambda, context: Context, *, final: bool) -> Operand:
        """`$map(array, function…)`."""
        given = arguments[0]
        source = self.listed_source(given)
        out, item = self.fresh("a"), self.fresh("c")
        self.emit(f"{out} = []")
        with self.inside(f"if {source} is not U:"):
            self.charge(source, max(3, self.survey.weights.get(id(node), 1)))
            self.emit(f"if len({source}) > 9999: items(E, {source})")
            header, values = self.loop_values(node, source, item, is_pure=given.is_pure)
            with self.inside(header):
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
        )

    def selected(self, arguments: list[Operand], node: t.Lambda, context: Context, *, final: bool) -> Operand:
        """`$filter(array, function…)`."""
        given = arguments[0]
        source = self.listed_source(given)
        out, item = self.fresh("a"), self.fresh("c")
        self.emit(f"{out} = []")
        with self.inside(f"if {source} is not U:"):
            self.charge(source, max(3, self.survey.weights.get(id(node), 1)))
            header, values = self.loop_values(node, source, item, is_pure=given.is_pure)
            with self.inside(header):
                if id(node) in self.survey.closures or self.survey.bound.get(id(node)):
                    condition = self.truth_of(self.called_body(node, values, context))
                else:
                    condition = self.inlined_truth(node, values, context)
                self.emit(f"if {condition}: {out}.append({item})")
        return Operand(
            out, ANY & ~SEQUENCE, is_pure=given.is_pure, is_atom=True, is_raw=True, is_collected=True
        )

    def inlined_truth(self, node: t.Lambda, values: list[Operand], context: Context) -> str:
        frame: dict[str, Local] = {}
        for at, variable in enumerate(node.parameters):
            operand = values[at] if at < len(values) else self.undefined()
            local = Local(operand.code, self.function, operand, is_settled=True)
            if operand.is_pure and operand.may(DICT):
                local.source = self.reads.source(operand.code, self.block.here(), self.level)
            frame[variable] = local
        self.frames.append(frame)
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
        self.emit(f"{result}, {rest}, {at} = reduction({source}, {first})")
        self.charge(rest, max(3, self.survey.weights.get(id(node), 1)))
        going = self.going(rest, max(3, self.survey.weights.get(id(node), 1)))
        with self.inside(f"for {item} in {going}:"):
            values = [
                Operand(result, ANY, is_atom=True),
                Operand(item, ANY, is_pure=arguments[0].is_pure, is_atom=True),
                Operand(at, NUMBER, is_atom=True),
                Operand(source, ANY, is_atom=True),
            ]
            operand = self.called_body(node, values, context)
            self.emit(f"{result} = {operand.code}")
            self.emit(f"{at} += 1")
        return Operand(result, ANY, is_atom=True)

    # Well-known functions.

    def intrinsic(
        self, function: Function, node: t.Call, given: Operand | None, context: Context, *, final: bool
    ) -> Operand | None:
        name = function.intrinsic
        if not name:
            return None
        total = len(node.arguments) + (given is not None)
        inlined = _literal_function(node, given, self.survey.inlined)
        if inlined is not None and name in ("map", "filter", "reduce"):
            return self.with_function(name, inlined, node, given, context, final=final)
        writer = _WRITERS.get((name, total))
        arguments = self.arguments(node, given, context)
        written = writer(self, function, arguments, context, node.position) if writer is not None else None
        if written is None:
            written = self.checked_in_place(function, arguments, context, node.position)
        return written or self.library_call(function, arguments, context, node.position)

    def checked_in_place(
        self, function: Function, arguments: list[Operand], context: Context, position: int
    ) -> Operand | None:
        """A function of texts and numbers, called at once where its arguments are of the right kinds."""
        if function.checked is None or function.is_variadic or len(arguments) > function.arity:
            return None
        parameters = function.checked.parameters
        if any(one.takes_context or not one.pattern.endswith("?") for one in parameters[len(arguments) :]):
            return None
        checks: list[str] = []
        for operand, parameter in zip(arguments, parameters, strict=False):
            if parameter.kind == "(sf)" and operand.kinds == FUNCTION:
                continue
            kinds, check = _CHECKS.get(parameter.kind, (0, ""))
            if not operand.may(kinds):
                return None
            if operand.kinds & ~kinds:
                checks.append(check.format(operand.code))
        given = [one.code for one in arguments] + ["U"] * (function.arity - len(arguments))
        evaluation = "E, " if function.wants_evaluation else ""
        code = f"{self.constants.name(function.call)}({evaluation}{', '.join(given)})"
        if checks:
            code = (
                f"{code} if {' and '.join(checks)} else {self.slow(function, arguments, context, position)}"
            )
        name = self.fresh("t")
        if function.intrinsic in _CANNOT_FAIL:
            self.emit(f"{name} = {code}")
        else:
            with self.inside("try:"):
                self.emit(f"{name} = {code}")
            with self.inside("except ExpressionError as error:"):
                self.emit(f"placed(error, {position}, {function.name!r})")
                self.emit("raise")
        kinds = _RESULTS.get(function.checked.result, ANY)
        return Operand(name, kinds, is_pure=kinds != ANY, is_atom=True, is_raw=kinds == ANY)

    def with_function(
        self,
        name: str,
        inlined: t.Lambda,
        node: t.Call,
        given: Operand | None,
        context: Context,
        *,
        final: bool,
    ) -> Operand | None:
        rest = [one for one in node.arguments if one is not inlined]
        arguments = [given] if given is not None else []
        for argument in rest:
            operand = self.value(argument, context)
            arguments.append(operand if operand.is_constant else self.held(operand))
        if name == "map" and len(arguments) == 1:
            return self.mapped(arguments, inlined, context, final=final)
        if name == "filter" and len(arguments) == 1:
            return self.selected(arguments, inlined, context, final=final)
        if name == "reduce" and len(arguments) <= 2 and len(inlined.parameters) >= 2:
            return self.reduced([arguments[0], self.undefined(), *arguments[1:]], inlined, context)
        return None

    def slow(self, function: Function, arguments: list[Operand], context: Context, position: int) -> str:
        listed = "".join(f"{one.code}, " for one in arguments)
        return (
            f"settled_call(E, {self.constants.name(function)}, ({listed}), {context.code or 'U'}, {position})"
        )

    def text_method(
        self,
        function: Function,
        arguments: list[Operand],
        fast: str,
        kinds: int,
        context: Context,
        position: int,
    ) -> Operand:
        """A function of one text: in place if it is one, called if not."""
        code = arguments[0].code
        name = self.fresh("t")
        slow = self.slow(function, arguments, context, position)
        if arguments[0].kinds == TEXT:
            self.emit(f"{name} = {fast}")
        elif not arguments[0].may(TEXT):
            self.emit(f"{name} = {slow}")
        else:
            self.emit(f"{name} = {fast} if type({code}) is str else {slow}")
        return Operand(name, kinds, is_pure=True, is_atom=True)


def _upper(g: FunctionGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    return g.text_method(f, a, f"{a[0].code}.upper()", TEXT | UNDEF, c, p)


def _lower(g: FunctionGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    return g.text_method(f, a, f"{a[0].code}.lower()", TEXT | UNDEF, c, p)


def _trim(g: FunctionGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    return g.text_method(f, a, f"trimmed({a[0].code})", TEXT | UNDEF, c, p)


def _length(g: FunctionGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    return g.text_method(f, a, f"len({a[0].code})", NUMBER | UNDEF, c, p)


def _string(g: FunctionGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    return g.text_method(f, a, a[0].code, TEXT | UNDEF, c, p)


def _exists(g: FunctionGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    return Operand(f"({a[0].code} is not U)" if a[0].may(UNDEF) else "True", BOOL)


def _not(g: FunctionGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    if a[0].may(UNDEF):
        return Operand(f"(U if {a[0].code} is U else not {g.truth_of(a[0])})", BOOL | UNDEF)
    return Operand(f"(not {g.truth_of(a[0])})", BOOL)


def _boolean(g: FunctionGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    truth = f"True if {g.truth_of(a[0])} else False"
    return Operand(f"(U if {a[0].code} is U else {truth})" if a[0].may(UNDEF) else f"({truth})", BOOL | UNDEF)


def _count(g: FunctionGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    code = a[0].code
    single = f"0 if {code} is U else 1" if a[0].may(UNDEF) else "1"
    return Operand(f"(len({code}) if isinstance({code}, list) else {single})", NUMBER, is_pure=True)


def _contains(g: FunctionGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand | None:
    if not (a[1].is_constant and a[1].kinds == TEXT):
        return None
    return g.text_method(f, a, f"({a[1].code} in {a[0].code})", BOOL | UNDEF, c, p)


def _lookup(g: FunctionGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand | None:
    table, key = a[0].code, a[1].code
    if a[0].is_constant or (a[1].is_constant and a[1].kinds != TEXT):
        return None
    name = g.fresh("t")
    slow = g.slow(f, a, c, p)
    if a[0].table_kinds:
        if a[1].is_constant or a[1].kinds == TEXT:
            return Operand(f"{table}.get({key}, U)", a[0].table_kinds | UNDEF, is_pure=True)
        g.emit(f"{name} = {table}.get({key}, U) if type({key}) is str else {slow}")
        return Operand(name, a[0].table_kinds | UNDEF, is_pure=True, is_atom=True)
    test = f"type({table}) is dict" + ("" if a[1].is_constant else f" and type({key}) is str")
    g.emit(f"{name} = {table}.get({key}, U) if {test} else {slow}")
    return Operand(name, ANY, is_pure=a[0].is_pure, is_atom=True)


_CHECKS: Final = {
    "s": (TEXT, "type({0}) is str"),
    "(sf)": (TEXT, "type({0}) is str"),
    "n": (NUMBER, "(type({0}) is int or type({0}) is float)"),
    "b": (BOOL, "type({0}) is bool"),
    "(nsb)": (TEXT | NUMBER | BOOL, "type({0}) in SCALARS"),
}
_RESULTS: Final = {"s": TEXT | UNDEF, "n": NUMBER | UNDEF, "b": BOOL | UNDEF, "a<s>": LIST | UNDEF}
_CANNOT_FAIL: Final = {
    "substring",
    "substringBefore",
    "substringAfter",
    "base64encode",
    "floor",
    "ceil",
    "abs",
}


def _or_called(
    g: FunctionGenerator, f: Function, a: list[Operand], c: Context, p: int, *, fast: str, kinds: int
) -> Operand:
    """`fast` gives None where the function itself has to look at the arguments."""
    name = g.fresh("t")
    g.emit(f"{name} = {fast}")
    g.emit(f"if {name} is None: {name} = {g.slow(f, a, c, p)}")
    return Operand(name, kinds, is_pure=True, is_atom=True)


def _sum(g: FunctionGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    return _or_called(g, f, a, c, p, fast=f"sum_in_place({a[0].code})", kinds=NUMBER | UNDEF)


def _join(g: FunctionGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand | None:
    if len(a) > 1 and a[1].kinds != TEXT:
        return None
    between = a[1].code if len(a) > 1 else "''"
    return _or_called(g, f, a, c, p, fast=f"join_in_place(E, {a[0].code}, {between})", kinds=TEXT | UNDEF)


def _to_millis(g: FunctionGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    return _or_called(g, f, a, c, p, fast=f"iso_millis({a[0].code})", kinds=NUMBER | UNDEF)


def _from_millis(g: FunctionGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    return _or_called(g, f, a, c, p, fast=f"iso_text({a[0].code})", kinds=TEXT | UNDEF)


Writer = Callable[[FunctionGenerator, Function, list[Operand], Context, int], Operand | None]
_WRITERS: Final[dict[tuple[str, int], Writer]] = {
    ("uppercase", 1): _upper,
    ("lowercase", 1): _lower,
    ("trim", 1): _trim,
    ("length", 1): _length,
    ("string", 1): _string,
    ("exists", 1): _exists,
    ("not", 1): _not,
    ("boolean", 1): _boolean,
    ("count", 1): _count,
    ("contains", 2): _contains,
    ("lookup", 2): _lookup,
    ("sum", 1): _sum,
    ("join", 1): _join,
    ("join", 2): _join,
    ("toMillis", 1): _to_millis,
    ("fromMillis", 1): _from_millis,
}


def _is_bare(node: t.Node) -> bool:
    return node.predicates is None and node.group is None and not node.keep


def _literal_function(node: t.Call, given: Operand | None, inlined: set[int]) -> t.Lambda | None:
    """The literal function that is a call's second argument and may be written in place."""
    at = 0 if given is not None else 1
    if len(node.arguments) <= at:
        return None
    function = node.arguments[at]
    return function if isinstance(function, t.Lambda) and id(function) in inlined else None
