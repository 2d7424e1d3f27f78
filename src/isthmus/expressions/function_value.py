"""What every function that is a value has in common, and how one is told from other values."""

from __future__ import annotations

from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, Final

from isthmus.expressions.suspension import run_async
from isthmus.expressions.values import UNDEFINED

__all__ = ["PYTHON_CALLABLES", "FunctionValue", "is_function"]

PYTHON_CALLABLES: Final = (FunctionType, MethodType, BuiltinFunctionType)


class FunctionValue:
    """`call(arguments, context)` applies it; calling the value itself passes no context."""

    __slots__ = ()

    @property
    def arity(self) -> int:
        raise NotImplementedError

    def call(self, arguments: tuple[Any, ...], context: Any) -> Any:
        raise NotImplementedError

    def __call__(self, *arguments: Any) -> Any:
        return self.call(arguments, UNDEFINED)

    async def call_async(self, *arguments: Any) -> Any:
        return await run_async(self, *arguments)


def is_function(value: object) -> bool:
    return isinstance(value, (FunctionValue, *PYTHON_CALLABLES))
