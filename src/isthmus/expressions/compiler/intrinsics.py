"""Standard functions that are written in place, or called without a look at their signature.

A writer gives the code of one function where its arguments are of the usual kind; anything else goes to the
function itself, which checks and fails as it should.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from isthmus.expressions.compiler.code_writer import Context
from isthmus.expressions.compiler.functions import FunctionGenerator
from isthmus.expressions.compiler.operands import (
    ANY,
    BOOL,
    FUNCTION,
    LIST,
    NUMBER,
    TEXT,
    UNDEF,
    Operand,
)
from isthmus.expressions.library import Function
from isthmus.expressions.syntax import tree as t

__all__ = ["IntrinsicGenerator"]


class IntrinsicGenerator(FunctionGenerator):
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
        self.is_last = node is self.last_call
        written = writer(self, function, arguments, context, node.position) if writer is not None else None
        if written is None:
            written = self.checked_in_place(function, arguments, context, node.position)
        return written or self.library_call(function, arguments, context, node.position)

    def checked_in_place(
        self, function: Function, arguments: list[Operand], context: Context, position: int
    ) -> Operand | None:
        """A function of texts and numbers, called at once where its arguments are of the right kinds."""
        if function.parsed_signature is None or function.is_variadic or len(arguments) > function.arity:
            return None
        parameters = function.parsed_signature.parameters
        if any(one.takes_context or not one.pattern.endswith("?") for one in parameters[len(arguments) :]):
            return None
        checks: list[str] = []
        for operand, parameter in zip(arguments, parameters, strict=False):
            if parameter.kind == "(sf)" and operand.kinds == FUNCTION:
                continue
            kinds, check = _CHECKS.get(parameter.kind, (0, ""))
            if not operand.may(kinds):
                return None
            if operand.kinds & ~kinds or (kinds & TEXT and not operand.is_constant):
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
                self.emit(f"add_position(error, {position}, {function.name!r})")
                self.emit("raise")
        kinds = _RESULTS.get(function.parsed_signature.result, ANY)
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
            for start in arguments[1:]:
                if start.may(FUNCTION):
                    self.emit(f"check_not_function({start.code}, {node.position})")
            return self.reduced([arguments[0], self.undefined(), *arguments[1:]], inlined, context)
        return None

    def slow(self, function: Function, arguments: list[Operand], context: Context, position: int) -> str:
        listed = "".join(f"{one.code}, " for one in arguments)
        name, where = self.constants.name(function), context.code or "U"
        return f"call_library_collapsed(E, {name}, ({listed}), {where}, {position})"

    def unsettled_call(
        self, function: Function, arguments: list[Operand], context: Context, position: int
    ) -> str:
        """As `slow`, as the value of a function: what it gives is collapsed by who calls that function."""
        slow = self.slow(function, arguments, context, position)
        return f"call_library{slow.removeprefix('call_library_collapsed').removesuffix(')')}, 1)"

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
            self.emit(f"{name} = {fast} if len({code}) < 1000 else {slow}")
        elif not arguments[0].may(TEXT):
            self.emit(f"{name} = {slow}")
        else:
            self.emit(f"{name} = {fast} if type({code}) is str and len({code}) < 1000 else {slow}")
        return Operand(name, kinds, is_pure=True, is_atom=True)


def _upper(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    return g.text_method(f, a, f"{a[0].code}.upper()", TEXT | UNDEF, c, p)


def _lower(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    return g.text_method(f, a, f"{a[0].code}.lower()", TEXT | UNDEF, c, p)


def _trim(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    return g.text_method(f, a, f"trim({a[0].code})", TEXT | UNDEF, c, p)


def _length(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    return g.text_method(f, a, f"len({a[0].code})", NUMBER | UNDEF, c, p)


def _string(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    return g.text_method(f, a, a[0].code, TEXT | UNDEF, c, p)


def _exists(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    return Operand(f"({a[0].code} is not U)" if a[0].may(UNDEF) else "True", BOOL)


def _not(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    if a[0].may(UNDEF):
        return Operand(f"(U if {a[0].code} is U else not {g.truth_of(a[0])})", BOOL | UNDEF)
    return Operand(f"(not {g.truth_of(a[0])})", BOOL)


def _boolean(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    truth = f"True if {g.truth_of(a[0])} else False"
    return Operand(f"(U if {a[0].code} is U else {truth})" if a[0].may(UNDEF) else f"({truth})", BOOL | UNDEF)


def _count(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    code = a[0].code
    single = f"0 if {code} is U else 1" if a[0].may(UNDEF) else "1"
    return Operand(f"(len({code}) if isinstance({code}, list) else {single})", NUMBER, is_pure=True)


def _contains(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand | None:
    if not (a[1].is_constant and a[1].kinds == TEXT):
        return None
    return g.text_method(f, a, f"({a[1].code} in {a[0].code})", BOOL | UNDEF, c, p)


def _lookup(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand | None:
    table, key = a[0].code, a[1].code
    if a[0].is_constant or (a[1].is_constant and a[1].kinds != TEXT):
        return None
    name = g.fresh("t")
    slow = g.unsettled_call(f, a, c, p) if g.is_last else g.slow(f, a, c, p)
    if a[0].table_kinds:
        if a[1].is_constant or a[1].kinds == TEXT:
            return Operand(f"{table}.get({key}, U)", a[0].table_kinds | UNDEF, is_pure=True)
        g.emit(f"{name} = {table}.get({key}, U) if type({key}) is str else {slow}")
        return Operand(name, a[0].table_kinds | UNDEF, is_pure=True, is_atom=True)
    test = f"type({table}) is dict" + ("" if a[1].is_constant else f" and type({key}) is str")
    g.emit(f"{name} = {table}.get({key}, U) if {test} else {slow}")
    return Operand(name, ANY, is_pure=a[0].is_pure and not g.is_last, is_atom=True, is_raw=g.is_last)


_CHECKS: Final = {
    "s": (TEXT, "type({0}) is str and len({0}) < 1000"),
    "(sf)": (TEXT, "type({0}) is str and len({0}) < 1000"),
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
    g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int, *, fast: str, kinds: int
) -> Operand:
    """`fast` gives None where the function itself has to look at the arguments."""
    name = g.fresh("t")
    g.emit(f"{name} = {fast}")
    g.emit(f"if {name} is None: {name} = {g.slow(f, a, c, p)}")
    return Operand(name, kinds, is_pure=True, is_atom=True)


def _sum(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    return _or_called(g, f, a, c, p, fast=f"sum_if_numbers({a[0].code})", kinds=NUMBER | UNDEF)


def _join(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand | None:
    if len(a) > 1 and a[1].kinds != TEXT:
        return None
    between = a[1].code if len(a) > 1 else "''"
    return _or_called(g, f, a, c, p, fast=f"join_if_texts(E, {a[0].code}, {between})", kinds=TEXT | UNDEF)


def _to_millis(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    return _or_called(g, f, a, c, p, fast=f"parse_iso_millis({a[0].code})", kinds=NUMBER | UNDEF)


def _from_millis(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    return _or_called(g, f, a, c, p, fast=f"format_iso_millis({a[0].code})", kinds=TEXT | UNDEF)


Writer = Callable[[IntrinsicGenerator, Function, list[Operand], Context, int], Operand | None]
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


def _literal_function(node: t.Call, given: Operand | None, inlined: set[int]) -> t.Lambda | None:
    """The literal function that is a call's second argument and may be written in place."""
    at = 0 if given is not None else 1
    if len(node.arguments) <= at:
        return None
    function = node.arguments[at]
    return function if isinstance(function, t.Lambda) and id(function) in inlined else None
