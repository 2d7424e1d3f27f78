"""Standard functions that are written in place, or called without a check of their signature.

A writer gives the code of one function for arguments of the usual kinds. Anything else goes to the function
itself, which checks its arguments and fails as it should.
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
    def write_intrinsic(
        self, function: Function, node: t.Call, given: Operand | None, context: Context, *, final: bool
    ) -> Operand | None:
        name = function.intrinsic
        if not name:
            return None
        total = len(node.arguments) + (given is not None)
        inlined = _find_inlined_lambda(node, given, self.survey.inlined)
        if inlined is not None and name in ("map", "filter", "reduce"):
            return self.write_with_lambda(name, inlined, node, given, context, final=final)
        writer = _WRITERS.get((name, total))
        arguments = self.write_arguments(node, given, context)
        self.is_last = node is self.last_call
        written = writer(self, function, arguments, context, node.position) if writer is not None else None
        if written is None:
            written = self.write_unchecked_call(function, arguments, context, node.position)
        return written or self.write_library_call(function, arguments, context, node.position)

    def write_unchecked_call(
        self, function: Function, arguments: list[Operand], context: Context, position: int
    ) -> Operand | None:
        """Write a direct call of a function of texts and numbers, if its arguments can be of the right kinds;
        else None.

        Arguments of other kinds go to the function through its signature.
        """
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
            if not operand.may_be(kinds):
                return None
            if operand.kinds & ~kinds or (kinds & TEXT and not operand.is_constant):
                checks.append(check.format(operand.code))
        given = [one.code for one in arguments] + ["U"] * (function.arity - len(arguments))
        evaluation = "E, " if function.wants_evaluation else ""
        code = f"{self.constants.name_of(function.call)}({evaluation}{', '.join(given)})"
        if checks:
            slow = self.slow_call_code(function, arguments, context, position)
            code = f"{code} if {' and '.join(checks)} else {slow}"
        name = self.new_name("t")
        if function.intrinsic in _CANNOT_FAIL:
            self.emit(f"{name} = {code}")
        else:
            with self.enter_block("try:"):
                self.emit(f"{name} = {code}")
            with self.enter_block("except ExpressionError as error:"):
                self.emit(f"add_position(error, {position}, {function.name!r})")
                self.emit("raise")
        kinds = _RESULTS.get(function.parsed_signature.result, ANY)
        return Operand(name, kinds, is_pure=kinds != ANY, is_atom=True, is_raw=kinds == ANY)

    def write_with_lambda(
        self,
        name: str,
        inlined: t.Lambda,
        node: t.Call,
        given: Operand | None,
        context: Context,
        *,
        final: bool,
    ) -> Operand | None:
        """Write `$map`, `$filter` or `$reduce` over a literal function as a loop; None if it has to be
        called."""
        rest = [one for one in node.arguments if one is not inlined]
        arguments = [given] if given is not None else []
        for argument in rest:
            operand = self.write_value(argument, context)
            arguments.append(operand if operand.is_constant else self.make_reusable(operand))
        if name == "map" and len(arguments) == 1:
            return self.write_map(arguments, inlined, context, final=final)
        if name == "filter" and len(arguments) == 1:
            return self.write_filter_call(arguments, inlined, context, final=final)
        if name == "reduce" and len(arguments) <= 2 and len(inlined.parameters) >= 2:
            for start in arguments[1:]:
                if start.may_be(FUNCTION):
                    self.emit(f"check_not_function({start.code}, {node.position})")
            return self.write_reduce([arguments[0], self.make_undefined(), *arguments[1:]], inlined, context)
        return None

    def slow_call_code(
        self, function: Function, arguments: list[Operand], context: Context, position: int
    ) -> str:
        """The code of a call through the function's signature, collapsed."""
        listed = "".join(f"{one.code}, " for one in arguments)
        name, where = self.constants.name_of(function), context.code or "U"
        return f"call_library_collapsed(E, {name}, ({listed}), {where}, {position})"

    def uncollapsed_call_code(
        self, function: Function, arguments: list[Operand], context: Context, position: int
    ) -> str:
        """As `slow_call_code`, not collapsed: the result of an inlined function, which its caller
        collapses."""
        slow = self.slow_call_code(function, arguments, context, position)
        return f"call_library{slow.removeprefix('call_library_collapsed').removesuffix(')')}, 1)"

    def write_text_function(
        self,
        function: Function,
        arguments: list[Operand],
        fast: str,
        kinds: int,
        context: Context,
        position: int,
    ) -> Operand:
        """Write a function of one text: the code `fast` if the argument is a short text, else a call."""
        code = arguments[0].code
        name = self.new_name("t")
        slow = self.slow_call_code(function, arguments, context, position)
        if arguments[0].kinds == TEXT:
            self.emit(f"{name} = {fast} if len({code}) < 1000 else {slow}")
        elif not arguments[0].may_be(TEXT):
            self.emit(f"{name} = {slow}")
        else:
            self.emit(f"{name} = {fast} if type({code}) is str and len({code}) < 1000 else {slow}")
        return Operand(name, kinds, is_pure=True, is_atom=True)


def _write_uppercase(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    return g.write_text_function(f, a, f"{a[0].code}.upper()", TEXT | UNDEF, c, p)


def _write_lowercase(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    return g.write_text_function(f, a, f"{a[0].code}.lower()", TEXT | UNDEF, c, p)


def _write_trim(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    return g.write_text_function(f, a, f"trim({a[0].code})", TEXT | UNDEF, c, p)


def _write_length(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    return g.write_text_function(f, a, f"len({a[0].code})", NUMBER | UNDEF, c, p)


def _write_string(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    return g.write_text_function(f, a, a[0].code, TEXT | UNDEF, c, p)


def _write_exists(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    return Operand(f"({a[0].code} is not U)" if a[0].may_be(UNDEF) else "True", BOOL)


def _write_not(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    if a[0].may_be(UNDEF):
        return Operand(f"(U if {a[0].code} is U else not {g.condition_code(a[0])})", BOOL | UNDEF)
    return Operand(f"(not {g.condition_code(a[0])})", BOOL)


def _write_boolean(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    truth = f"True if {g.condition_code(a[0])} else False"
    return Operand(
        f"(U if {a[0].code} is U else {truth})" if a[0].may_be(UNDEF) else f"({truth})", BOOL | UNDEF
    )


def _write_count(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    code = a[0].code
    single = f"0 if {code} is U else 1" if a[0].may_be(UNDEF) else "1"
    return Operand(f"(len({code}) if isinstance({code}, list) else {single})", NUMBER, is_pure=True)


def _write_contains(
    g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int
) -> Operand | None:
    if not (a[1].is_constant and a[1].kinds == TEXT):
        return None
    return g.write_text_function(f, a, f"({a[1].code} in {a[0].code})", BOOL | UNDEF, c, p)


def _write_lookup(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand | None:
    table, key = a[0].code, a[1].code
    if a[0].is_constant or (a[1].is_constant and a[1].kinds != TEXT):
        return None
    name = g.new_name("t")
    slow = g.uncollapsed_call_code(f, a, c, p) if g.is_last else g.slow_call_code(f, a, c, p)
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


def _write_with_fallback(
    g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int, *, fast: str, kinds: int
) -> Operand:
    """Write the code `fast`, with a call of the function where that gives None."""
    name = g.new_name("t")
    g.emit(f"{name} = {fast}")
    g.emit(f"if {name} is None: {name} = {g.slow_call_code(f, a, c, p)}")
    return Operand(name, kinds, is_pure=True, is_atom=True)


def _write_sum(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    return _write_with_fallback(g, f, a, c, p, fast=f"sum_if_numbers({a[0].code})", kinds=NUMBER | UNDEF)


def _write_join(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand | None:
    if len(a) > 1 and a[1].kinds != TEXT:
        return None
    between = a[1].code if len(a) > 1 else "''"
    return _write_with_fallback(
        g, f, a, c, p, fast=f"join_if_texts(E, {a[0].code}, {between})", kinds=TEXT | UNDEF
    )


def _write_to_millis(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    return _write_with_fallback(g, f, a, c, p, fast=f"parse_iso_millis({a[0].code})", kinds=NUMBER | UNDEF)


def _write_from_millis(g: IntrinsicGenerator, f: Function, a: list[Operand], c: Context, p: int) -> Operand:
    return _write_with_fallback(g, f, a, c, p, fast=f"format_iso_millis({a[0].code})", kinds=TEXT | UNDEF)


Writer = Callable[[IntrinsicGenerator, Function, list[Operand], Context, int], Operand | None]
_WRITERS: Final[dict[tuple[str, int], Writer]] = {
    ("uppercase", 1): _write_uppercase,
    ("lowercase", 1): _write_lowercase,
    ("trim", 1): _write_trim,
    ("length", 1): _write_length,
    ("string", 1): _write_string,
    ("exists", 1): _write_exists,
    ("not", 1): _write_not,
    ("boolean", 1): _write_boolean,
    ("count", 1): _write_count,
    ("contains", 2): _write_contains,
    ("lookup", 2): _write_lookup,
    ("sum", 1): _write_sum,
    ("join", 1): _write_join,
    ("join", 2): _write_join,
    ("toMillis", 1): _write_to_millis,
    ("fromMillis", 1): _write_from_millis,
}


def _find_inlined_lambda(node: t.Call, given: Operand | None, inlined: set[int]) -> t.Lambda | None:
    """The literal function that is a call's second argument, if it may be written in place; else None."""
    at = 0 if given is not None else 1
    if len(node.arguments) <= at:
        return None
    function = node.arguments[at]
    return function if isinstance(function, t.Lambda) and id(function) in inlined else None
