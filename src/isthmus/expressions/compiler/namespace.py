"""The names that generated code may use: this table and nothing else (`__builtins__` is cut down too).

What the modules of the runtime export stands in their own `__all__`.
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
    keep_as_list,
)

__all__ = ["RUNTIME"]

_BUILTINS: Final = {
    name: getattr(builtins, name)
    for name in ("bool", "dict", "enumerate", "float", "int", "isinstance", "len", "list", "str", "type")
}


def _exported(*modules: ModuleType) -> dict[str, Any]:
    """What these modules say that they are for, by name."""
    return {name: getattr(module, name) for module in modules for name in module.__all__}


RUNTIME: Final[dict[str, Any]] = {
    "__builtins__": _BUILTINS,
    "U": UNDEFINED,
    "ExpressionError": ExpressionError,
    "placed": add_position,
    "SCALARS": frozenset({str, int, float, bool}),
    "PLAIN": frozenset({str, int, float, bool, type(None), UndefinedType}),
    "Sequence": Sequence,
    "Stream": Stream,
    "ConsArray": ConsArray,
    "collapse": collapse,
    "keeping": keep_as_list,
    "Lambda": Lambda,
    "Native": Native,
    "Matcher": Matcher,
    "TailCall": TailCall,
    "bounce": run_tail_calls,
    "trimmed": trim,
    "number_of": number,
    "sum_in_place": sum_in_place,
    "join_in_place": join_in_place,
    "iso_millis": iso_millis,
    "iso_text": iso_text,
    **_exported(calls, field_lookup, list_operations, operators, path_steps, results, transform),
}
