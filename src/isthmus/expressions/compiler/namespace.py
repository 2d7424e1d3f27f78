"""Builds the namespace that generated code runs in: these names and nothing else (few builtins, too).

What each module of the runtime offers to generated code stands in its `__all__`.
"""

from __future__ import annotations

import builtins
from types import ModuleType
from typing import Any, Final

from isthmus.expressions.callables import Lambda, Matcher, Native, TailCall, add_position, run_tail_calls
from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.runtime import (
    calls,
    field_lookup,
    list_operations,
    operators,
    path_steps,
    results,
    transform,
)
from isthmus.expressions.standard.dates import format_iso_millis, parse_iso_millis
from isthmus.expressions.standard.numbers import sum_if_numbers
from isthmus.expressions.standard.strings import join_if_texts, trim
from isthmus.expressions.values import (
    UNDEFINED,
    ConsArray,
    Sequence,
    Stream,
    UndefinedType,
    collapse,
    keep_as_list,
)

__all__ = ["RUNTIME"]

_BUILTINS: Final = {
    name: getattr(builtins, name)
    for name in ("bool", "dict", "enumerate", "float", "int", "isinstance", "len", "list", "str", "type")
}


def _collect_exports(*modules: ModuleType) -> dict[str, Any]:
    """Return the functions and constants that the modules export, by name."""
    return {name: getattr(module, name) for module in modules for name in module.__all__}


RUNTIME: Final[dict[str, Any]] = {
    "__builtins__": _BUILTINS,
    "U": UNDEFINED,
    "SCALARS": frozenset({str, int, float, bool}),
    "PLAIN": frozenset({str, int, float, bool, type(None), UndefinedType}),
    **{
        each.__name__: each
        for each in (
            ExpressionError, add_position, Sequence, Stream, ConsArray, collapse, keep_as_list, Lambda,
            Native, Matcher, TailCall, run_tail_calls, trim, sum_if_numbers, join_if_texts,
            parse_iso_millis, format_iso_millis,
        )
    },
    **_collect_exports(calls, field_lookup, list_operations, operators, path_steps, results, transform),
}  # fmt: skip
