"""The values an expression works on.

Plain Python JSON values (`None`, `bool`, `int`, `float`, `str`, `list`, `dict`), and beside them:

- `UNDEFINED`: nothing is there. JSONata keeps it apart from `null` (`None`).
- `Sequence`: a list that a path or a function collected. One item stands for itself and none for
  `UNDEFINED` wherever a value is handed on (`collapse`).
- functions (`library.Function`, lambdas, regular expressions), and host values, whose members are
  registered in a `library.Library`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, Final, SupportsIndex, final

from isthmus.expressions.errors import LIMIT, ExpressionError
from isthmus.expressions.suspension import run_async

__all__ = [
    "PYTHON_CALLABLES",
    "UNDEFINED",
    "ConsArray",
    "ConstantTable",
    "FunctionValue",
    "LazyRange",
    "Sequence",
    "Stream",
    "UndefinedType",
    "collapse",
    "is_function",
    "keep_as_list",
]


@final
class UndefinedType:
    """The type of `UNDEFINED`; there is one value, which is falsy and survives copying and pickling."""

    __slots__ = ()
    _single: UndefinedType | None = None

    def __new__(cls) -> UndefinedType:
        if cls._single is None:
            cls._single = super().__new__(cls)
        return cls._single

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "UNDEFINED"

    def __copy__(self) -> UndefinedType:
        return self

    def __deepcopy__(self, memo: object) -> UndefinedType:
        return self

    def __reduce__(self) -> str:
        return "UNDEFINED"


UNDEFINED: Final = UndefinedType()


class Sequence(list[Any]):
    """A list that a path or a function collected, in contrast to an array that an author wrote.

    `keep`: a single item stays a list, since the author wrote `[]`; see `keep_as_list`.
    """

    keep = False


def keep_as_list(items: Iterable[Any]) -> Sequence:
    """Return a sequence whose single item stays a list."""
    sequence = Sequence(items)
    sequence.keep = True
    return sequence


def collapse(items: Sequence) -> Any:
    """Return a sequence as a value: undefined for no item, the item for one, the sequence itself for more."""
    if len(items) > 1 or (items and items.keep):
        return items
    return items[0] if items else UNDEFINED


class ConsArray(list[Any]):
    """An array written as first or last step of a path: the steps around it do not flatten it."""

    __slots__ = ()


class ConstantTable(dict[str, Any]):
    """An object of constants that all evaluations share; it leaves an evaluation as a copy."""

    __slots__ = ()


class Stream(list[Any]):
    """The values of a step before they are handed on as a value; never leaves the runtime."""

    __slots__ = ()


class LazyRange(list[Any]):
    """`[first..last]`, whose numbers are made when they are read.

    A list by type only: its C storage stays empty, so it must be read through Python's protocols. Iterating
    over more than `max_items` numbers raises `ExpressionError`; code that charges each number may iterate
    over `numbers`.
    """

    __slots__ = ("max_items", "numbers")

    def __init__(self, numbers: range, max_items: int) -> None:
        super().__init__()
        self.numbers = numbers
        self.max_items = max_items

    def __len__(self) -> int:
        return len(self.numbers)

    def __bool__(self) -> bool:
        return bool(self.numbers)

    def __iter__(self) -> Iterator[int]:
        self._check_size()
        return iter(self.numbers)

    def __reversed__(self) -> Iterator[int]:
        self._check_size()
        return reversed(self.numbers)

    def __getitem__(self, index: SupportsIndex | slice) -> Any:
        selected = self.numbers[index]
        return LazyRange(selected, self.max_items) if isinstance(selected, range) else selected

    def __contains__(self, value: object) -> bool:
        self._check_size()
        return value in self.numbers

    def _check_size(self) -> None:
        """Raise `ExpressionError` for more numbers than may be iterated over."""
        if len(self.numbers) > self.max_items:
            raise ExpressionError(
                LIMIT,
                f"The numbers of a range went over the limit items = {self.max_items}",
                value=self.max_items,
            )


PYTHON_CALLABLES: Final = (FunctionType, MethodType, BuiltinFunctionType)


class FunctionValue:
    """A function as a value. `call(arguments, context)` applies it; calling the value itself passes no
    context."""

    __slots__ = ()

    @property
    def arity(self) -> int:
        """The number of arguments that the function takes."""
        raise NotImplementedError

    def call(self, arguments: tuple[Any, ...], context: Any) -> Any:
        """Return the result for these arguments; `context` stands in for a missing first argument."""
        raise NotImplementedError

    def __call__(self, *arguments: Any) -> Any:
        return self.call(arguments, UNDEFINED)

    async def call_async(self, *arguments: Any) -> Any:
        """Return the result, from a coroutine: the function may await something."""
        return await run_async(self, *arguments)


def is_function(value: object) -> bool:
    """Return whether the value is a function: of the expression, of the library, or a Python one."""
    return isinstance(value, (FunctionValue, *PYTHON_CALLABLES))
