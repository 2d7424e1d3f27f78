"""The names that generated code may use: this table and nothing else (`__builtins__` is cut down too)."""

from __future__ import annotations

from typing import Any, Final

from isthmus.expressions.callables import Lambda, Matcher, Native, TailCall, bounce
from isthmus.expressions.runtime import calls, operators, paths, shapes
from isthmus.expressions.runtime.evaluating import evaluate_text
from isthmus.expressions.standard.strings import trim
from isthmus.expressions.values import UNDEFINED, ConsArray, Sequence, Stream, UndefinedType, collapse

__all__ = ["RUNTIME"]

_BUILTINS: Final = {
    name: __builtins__[name] if isinstance(__builtins__, dict) else getattr(__builtins__, name)
    for name in ("bool", "dict", "enumerate", "int", "isinstance", "len", "list", "str", "type")
}

RUNTIME: Final[dict[str, Any]] = {
    "__builtins__": _BUILTINS,
    "U": UNDEFINED,
    "SAFE": operators.SAFE,
    "PLAIN": frozenset({str, int, float, bool, type(None), UndefinedType}),
    "Sequence": Sequence,
    "Stream": Stream,
    "ConsArray": ConsArray,
    "collapse": collapse,
    "Lambda": Lambda,
    "Native": Native,
    "Matcher": Matcher,
    "TailCall": TailCall,
    "bounce": bounce,
    "evaluate_text": evaluate_text,
    "trimmed": trim,
    **{
        name: getattr(operators, name)
        for name in (
            "add", "bounded", "compare", "divide", "equals", "includes", "make_range", "modulo", "multiply",
            "negate", "normal", "piece", "subtract", "truth", "unequal",
        )
    },
    **{
        name: getattr(paths, name)
        for name in (
            "context_items", "descendants", "field", "flat", "getter", "group_items", "grown", "index", "inner",
            "items", "kept", "last", "last_field", "leaf_getter", "literal_context", "named", "picked",
            "plain_field", "plain_getter", "plain_leaf_getter", "plain_root_field", "plain_root_getter",
            "root_field", "root_getter", "root_inner", "wildcard",
        )
    },
    **{
        name: getattr(shapes, name)
        for name in (
            "append_to", "filter_by", "finish", "group", "group_tuples", "new_key", "order", "reduction", "same_key", "transformer",
        )
    },
    **{name: getattr(calls, name) for name in ("apply", "call", "enter", "library_call", "partial", "settled_call")},
}  # fmt: skip
