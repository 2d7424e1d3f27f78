"""The names that generated code may use: this table and nothing else (`__builtins__` is cut down too)."""

from __future__ import annotations

import builtins
from typing import Any, Final

from isthmus.expressions.callables import Lambda, Matcher, Native, TailCall, bounce, placed
from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.runtime import calls, finishing, operators, paths, shapes, steps, transforming
from isthmus.expressions.runtime.evaluating import evaluate_text
from isthmus.expressions.standard.dates import iso_millis, iso_text
from isthmus.expressions.standard.numbers import number, sum_in_place
from isthmus.expressions.standard.strings import join_in_place, trim
from isthmus.expressions.values import (
    UNDEFINED,
    ConsArray,
    Sequence,
    Stream,
    UndefinedType,
    collapse,
    keeping,
)

__all__ = ["RUNTIME"]

_BUILTINS: Final = {
    name: getattr(builtins, name)
    for name in ("bool", "dict", "enumerate", "float", "int", "isinstance", "len", "list", "str", "type")
}

RUNTIME: Final[dict[str, Any]] = {
    "__builtins__": _BUILTINS,
    "U": UNDEFINED,
    "ExpressionError": ExpressionError,
    "placed": placed,
    "SCALARS": frozenset({str, int, float, bool}),
    "SAFE": operators.SAFE,
    "PLAIN": frozenset({str, int, float, bool, type(None), UndefinedType}),
    "Sequence": Sequence,
    "Stream": Stream,
    "ConsArray": ConsArray,
    "collapse": collapse,
    "keeping": keeping,
    "Lambda": Lambda,
    "Native": Native,
    "Matcher": Matcher,
    "TailCall": TailCall,
    "bounce": bounce,
    "evaluate_text": evaluate_text,
    "trimmed": trim,
    "number_of": number,
    "sum_in_place": sum_in_place,
    "join_in_place": join_in_place,
    "iso_millis": iso_millis,
    "iso_text": iso_text,
    **{
        name: getattr(operators, name)
        for name in (
            "add",
            "bounded",
            "compare",
            "divide",
            "equals",
            "includes",
            "make_range",
            "modulo",
            "multiply",
            "negate",
            "normal",
            "piece",
            "subtract",
            "truth",
            "unequal",
        )
    },
    **{
        name: getattr(paths, name)
        for name in (
            "context_every",
            "every",
            "field",
            "getter",
            "inner",
            "last_field",
            "leaf_getter",
            "named",
            "plain_field",
            "plain_getter",
            "plain_leaf_getter",
            "plain_root_field",
            "plain_root_getter",
            "root_every",
            "root_field",
            "root_getter",
            "root_inner",
        )
    },
    **{
        name: getattr(steps, name)
        for name in (
            "collapsed",
            "context_items",
            "descendants",
            "extend",
            "flat",
            "group_items",
            "grown",
            "index",
            "items",
            "kept",
            "kept_path",
            "last",
            "last_raw",
            "listed",
            "literal_context",
            "picked",
            "plain",
            "slowly",
            "wildcard",
        )
    },
    **{
        name: getattr(shapes, name)
        for name in (
            "append_to",
            "filter_by",
            "group",
            "group_tuples",
            "new_key",
            "not_function",
            "order",
            "reduction",
            "same_key",
        )
    },
    "finish": finishing.finish,
    "finish_item": finishing.finish_item,
    "transformer": transforming.transformer,
    **{
        name: getattr(calls, name)
        for name in ("apply", "call", "enter", "library_call", "partial", "settled_call")
    },
}
