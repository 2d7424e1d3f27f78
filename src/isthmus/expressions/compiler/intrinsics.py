"""Generates the code for calls of standard functions, in place or without a check of their signature.

A writer gives the code of one function for arguments of the usual kinds. Anything else goes to the function
itself, which checks its arguments and fails as it should.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from isthmus.expressions.compiler.code_writer import InputContext
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


@dataclass(frozen=True, slots=True)
class _LibraryCall:
    """A call of a library function whose arguments are written."""

    function: Function
    arguments: list[Operand]
    context: InputContext
    position: int

    @property
    def code(self) -> str:
        """The code of the first argument."""
        return self.arguments[0].code


class IntrinsicGenerator(FunctionGenerator):
    """Writes calls of standard functions."""

    def write_intrinsic(
        self, function: Function, node: t.Call, piped: Operand | None, context: InputContext, *, final: bool
    ) -> Operand | None:
        """Write the code of a call of a standard function in place; None if it has to be called.

        `piped` is the first argument that `~>` adds, if any.
        """
        name = function.intrinsic
        if not name:
            return None
        total = len(node.arguments) + (piped is not None)
        inlined = _find_inlined_lambda(node, piped, self.survey.inlined)
        if inlined is not None:
            return self.write_with_lambda(name, inlined, node, piped, context, final=final)
        writer = _WRITERS.get((name, total))
        arguments = self.write_arguments(node, piped, context)
        call = _LibraryCall(function, arguments, context, node.position)
        self.is_writing_last_call = node is self.last_call
        written = writer(self, call) if writer is not None else None
        if written is None:
            written = self.write_unchecked_call(call)
        return written or self.write_library_call(function, arguments, context, node.position)

    def write_unchecked_call(self, call: _LibraryCall) -> Operand | None:
        """Write the code of a direct call of a function of texts and numbers, if its arguments can be of the
        right kinds; else None.

        Arguments of other kinds go to the function through its signature.
        """
        function, arguments = call.function, call.arguments
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
            if not operand.can_be(kinds):
                return None
            if operand.kinds & ~kinds or (kinds & TEXT and not operand.is_constant):
                checks.append(check.format(operand.code))
        argument_codes = [one.code for one in arguments] + ["U"] * (function.arity - len(arguments))
        evaluation = "E, " if function.wants_evaluation else ""
        code = f"{self.constants.add(function.call)}({evaluation}{', '.join(argument_codes)})"
        if checks:
            code = f"{code} if {' and '.join(checks)} else {self.make_slow_call_code(call)}"
        name = self.make_name("t")
        if function.intrinsic in _CANNOT_FAIL:
            self.emit(f"{name} = {code}")
        else:
            with self.enter_block("try:"):
                self.emit(f"{name} = {code}")
            with self.enter_block("except ExpressionError as error:"):
                self.emit(f"add_position(error, {call.position}, {function.name!r})")
                self.emit("raise")
        kinds = _RESULTS.get(function.parsed_signature.result, ANY)
        return Operand(name, kinds, is_pure=kinds != ANY, is_atom=True, is_raw=kinds == ANY)

    def write_with_lambda(
        self,
        name: str,
        inlined: t.Lambda,
        node: t.Call,
        piped: Operand | None,
        context: InputContext,
        *,
        final: bool,
    ) -> Operand:
        """Write the code of `$map`, `$filter` or `$reduce` over a literal function as a loop."""
        rest = [one for one in node.arguments if one is not inlined]
        arguments = [piped] if piped is not None else []
        for argument in rest:
            operand = self.write_value(argument, context)
            arguments.append(operand if operand.is_constant else self.make_reusable(operand))
        if name == "map":
            return self.write_map(arguments, inlined, context, final=final)
        if name == "filter":
            return self.write_filter_call(arguments, inlined, context, final=final)
        for start in arguments[1:]:
            if start.can_be(FUNCTION):
                self.emit(f"check_not_function({start.code}, {node.position})")
        return self.write_reduce([arguments[0], self.make_undefined(), *arguments[1:]], inlined, context)

    def make_slow_call_code(self, call: _LibraryCall, *, collapsed: bool = True) -> str:
        """Return the code of a call through the function's signature.

        It is not `collapsed` as the result of an inlined function, whose caller collapses it.
        """
        arguments = "".join(f"{one.code}, " for one in call.arguments)
        name, where = self.constants.add(call.function), call.context.code or "U"
        argument_codes = f"E, {name}, ({arguments}), {where}, {call.position}"
        return (
            f"call_library_collapsed({argument_codes})" if collapsed else f"call_library({argument_codes}, 1)"
        )

    def write_text_function(self, call: _LibraryCall, fast: str, kinds: int) -> Operand:
        """Write the code of a function of one text: the code `fast` if the argument is a short text, else
        a call."""
        argument, code = call.arguments[0], call.code
        name = self.make_name("t")
        slow = self.make_slow_call_code(call)
        if argument.kinds == TEXT:
            self.emit(f"{name} = {fast} if len({code}) < 1000 else {slow}")
        elif not argument.can_be(TEXT):
            self.emit(f"{name} = {slow}")
        else:
            self.emit(f"{name} = {fast} if type({code}) is str and len({code}) < 1000 else {slow}")
        return Operand(name, kinds, is_pure=True, is_atom=True)

    def write_with_fallback(self, call: _LibraryCall, fast: str, kinds: int) -> Operand:
        """Write the code `fast`, with a call of the function where that gives None."""
        name = self.make_name("t")
        self.emit(f"{name} = {fast}")
        self.emit(f"if {name} is None: {name} = {self.make_slow_call_code(call)}")
        return Operand(name, kinds, is_pure=True, is_atom=True)


def _write_uppercase(generator: IntrinsicGenerator, call: _LibraryCall) -> Operand:
    """Write the code of `$uppercase` in place."""
    return generator.write_text_function(call, f"{call.code}.upper()", TEXT | UNDEF)


def _write_lowercase(generator: IntrinsicGenerator, call: _LibraryCall) -> Operand:
    """Write the code of `$lowercase` in place."""
    return generator.write_text_function(call, f"{call.code}.lower()", TEXT | UNDEF)


def _write_trim(generator: IntrinsicGenerator, call: _LibraryCall) -> Operand:
    """Write the code of `$trim` in place."""
    return generator.write_text_function(call, f"trim({call.code})", TEXT | UNDEF)


def _write_length(generator: IntrinsicGenerator, call: _LibraryCall) -> Operand:
    """Write the code of `$length` in place."""
    return generator.write_text_function(call, f"len({call.code})", NUMBER | UNDEF)


def _write_string(generator: IntrinsicGenerator, call: _LibraryCall) -> Operand:
    """Write the code of `$string` in place."""
    return generator.write_text_function(call, call.code, TEXT | UNDEF)


def _write_exists(generator: IntrinsicGenerator, call: _LibraryCall) -> Operand:
    """Write the code of `$exists` in place."""
    return Operand(f"({call.code} is not U)" if call.arguments[0].can_be(UNDEF) else "True", BOOL)


def _write_not(generator: IntrinsicGenerator, call: _LibraryCall) -> Operand:
    """Write the code of `$not` in place."""
    argument = call.arguments[0]
    if argument.can_be(UNDEF):
        return Operand(
            f"(U if {argument.code} is U else not {generator.make_condition_code(argument)})", BOOL | UNDEF
        )
    return Operand(f"(not {generator.make_condition_code(argument)})", BOOL)


def _write_boolean(generator: IntrinsicGenerator, call: _LibraryCall) -> Operand:
    """Write the code of `$boolean` in place."""
    argument = call.arguments[0]
    truth = f"True if {generator.make_condition_code(argument)} else False"
    return Operand(
        f"(U if {argument.code} is U else {truth})" if argument.can_be(UNDEF) else f"({truth})",
        BOOL | UNDEF,
    )


def _write_count(generator: IntrinsicGenerator, call: _LibraryCall) -> Operand:
    """Write the code of `$count` in place."""
    code = call.code
    single = f"0 if {code} is U else 1" if call.arguments[0].can_be(UNDEF) else "1"
    return Operand(f"(len({code}) if isinstance({code}, list) else {single})", NUMBER, is_pure=True)


def _write_contains(generator: IntrinsicGenerator, call: _LibraryCall) -> Operand | None:
    """Write the code of `$contains` in place; None if its arguments are not of the usual kinds."""
    part = call.arguments[1]
    if not (part.is_constant and part.kinds == TEXT):
        return None
    return generator.write_text_function(call, f"({part.code} in {call.code})", BOOL | UNDEF)


def _write_lookup(generator: IntrinsicGenerator, call: _LibraryCall) -> Operand | None:
    """Write the code of `$lookup` in place; None if its arguments are not of the usual kinds."""
    table, key = call.arguments
    if table.is_constant or (key.is_constant and key.kinds != TEXT):
        return None
    name = generator.make_name("t")
    field = f"{table.code}.get({key.code}, U)"
    slow = generator.make_slow_call_code(call, collapsed=not generator.is_writing_last_call)
    if table.table_kinds:
        if key.is_constant or key.kinds == TEXT:
            return Operand(field, table.table_kinds | UNDEF, is_pure=True)
        generator.emit(f"{name} = {field} if type({key.code}) is str else {slow}")
        return Operand(name, table.table_kinds | UNDEF, is_pure=True, is_atom=True)
    test = f"type({table.code}) is dict" + ("" if key.is_constant else f" and type({key.code}) is str")
    generator.emit(f"{name} = {field} if {test} else {slow}")
    is_last = generator.is_writing_last_call
    return Operand(name, ANY, is_pure=table.is_pure and not is_last, is_atom=True, is_raw=is_last)


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


def _write_sum(generator: IntrinsicGenerator, call: _LibraryCall) -> Operand:
    """Write the code of `$sum` in place."""
    return generator.write_with_fallback(call, f"sum_if_numbers({call.code})", NUMBER | UNDEF)


def _write_join(generator: IntrinsicGenerator, call: _LibraryCall) -> Operand | None:
    """Write the code of `$join` in place; None if its arguments are not of the usual kinds."""
    separators = call.arguments[1:]
    if separators and separators[0].kinds != TEXT:
        return None
    separator = separators[0].code if separators else "''"
    return generator.write_with_fallback(call, f"join_if_texts(E, {call.code}, {separator})", TEXT | UNDEF)


def _write_to_millis(generator: IntrinsicGenerator, call: _LibraryCall) -> Operand:
    """Write the code of `$toMillis` in place."""
    return generator.write_with_fallback(call, f"parse_iso_millis({call.code})", NUMBER | UNDEF)


def _write_from_millis(generator: IntrinsicGenerator, call: _LibraryCall) -> Operand:
    """Write the code of `$fromMillis` in place."""
    return generator.write_with_fallback(call, f"format_iso_millis({call.code})", TEXT | UNDEF)


Writer = Callable[[IntrinsicGenerator, _LibraryCall], Operand | None]
"""Writes a call in place; None if its arguments are not of the usual kinds."""

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


def _find_inlined_lambda(node: t.Call, piped: Operand | None, inlined: set[int]) -> t.Lambda | None:
    """Return the literal function that is a call's second argument, if it may be written in place; else
    None."""
    index = 0 if piped is not None else 1
    if len(node.arguments) <= index:
        return None
    function = node.arguments[index]
    return function if isinstance(function, t.Lambda) and id(function) in inlined else None
