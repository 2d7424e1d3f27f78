"""What an expression may call: functions by name, and the members of host values.

A function is a plain typed Python callable, registered once:

    def wrap(evaluation: Evaluation, value: object, start: object, end: object) -> object: ...
    Function("wrap", wrap, wants_evaluation=True)

Calling rule: the callable receives exactly as many positional arguments as it declares; missing ones are
`UNDEFINED` (defaults in Python are never used for them), surplus ones are dropped; `*args` takes all. With
`wants_evaluation` the `Evaluation` comes first. With a `signature` (JSONata's notation, `<s-b?:s>`) arguments
are checked, wrapped and taken from the context before the call.

Values arrive and leave as `values.py` says. Lists that arrive may be subclasses of `list`; a `list` that is
returned is an array, a `values.Sequence` is a sequence. Functions of the expression arrive as a `Callback`. A
coroutine function (`is_async`) is awaited; it runs in the caller's event loop.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Protocol, runtime_checkable

from isthmus.expressions.errors import LIMIT
from isthmus.expressions.limits import DEFAULT_OUTPUT_CHARS, Limits
from isthmus.expressions.meter import Meter
from isthmus.expressions.signatures import Signature
from isthmus.expressions.values import UNDEFINED
from isthmus.kit.clock import Clock, SystemClock

__all__ = ["Callback", "Evaluation", "Fetcher", "Function", "HostType", "Library", "Services"]


@runtime_checkable
class Callback(Protocol):
    """A function of the expression (lambda, partial application, built-in) given as an argument.

    `arity` is the number of parameters it declares. Arguments it does not declare are dropped. A call
    may raise `ExpressionError`. From a coroutine function use `await callback.call_async(...)`, which
    also works when the function itself awaits something.
    """

    @property
    def arity(self) -> int:
        """The number of parameters that it declares."""
        ...

    def __call__(self, *arguments: Any) -> Any: ...

    async def call_async(self, *arguments: Any) -> Any:
        """Call it from a coroutine function, also if it awaits something itself."""
        ...


class Fetcher(Protocol):
    """Sends one request outside for a function; implemented above this room, with the SSRF guard."""

    async def __call__(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        seconds: float,
        max_bytes: int,
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send the request, and return status, headers and body of the response.

        `seconds`: the time that it may take. `max_bytes`: the size that the body of the response may have.
        """
        ...


@dataclass(frozen=True, slots=True)
class Services:
    """What an evaluation takes from the world, handed in.

    `settings`: switches of functions (`strict_compat`, `documents.mode`, …), read by their names.
    `fetch`: None means that no function may reach outside.
    """

    clock: Clock = field(default_factory=SystemClock)
    random: random.Random = field(default_factory=random.SystemRandom)
    fetch: Fetcher | None = None
    settings: Mapping[str, object] = field(default_factory=dict)


class Evaluation(Meter):
    """One evaluation, as generated code and a function that asks for it see it.

    `bindings` are the evaluation's variables by name without `$`.
    """

    context: object = UNDEFINED
    _now: datetime | None = None

    def __init__(
        self, library: Library, limits: Limits, services: Services, bindings: Mapping[str, object]
    ) -> None:
        self.library = library
        self.limits = limits
        self.services = services
        self.bindings = bindings
        self.depth_left = limits.depth
        if limits.output_chars != DEFAULT_OUTPUT_CHARS:
            self.result_chars_left = limits.output_chars

    @property
    def now(self) -> datetime:
        """The time of this evaluation, in UTC, with milliseconds; the same for all its functions."""
        if self._now is None:
            moment = self.services.clock.now()
            self._now = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        return self._now

    @property
    def limit_code(self) -> str:
        """The code of errors of time and depth."""
        return self.library.limit_code


Getter = Callable[[Any], object]


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """One `$function`. `name` is without `$`; see the module for how `call` is called.

    `signature` in JSONata's notation. `is_async`: `call` is a coroutine function. `wants_evaluation`:
    the `Evaluation` is the first argument, before those of the expression.

    `is_repeatable`: whether a second call does no more than the first. A long evaluation may begin again, so
    one that calls another function is run where it can be interrupted, which costs some microseconds.

    `intrinsic`: names a form that the compiler may write in place of a call; the form must give what
    the function gives (only for the standard library's own functions and those that agree with them).

    Worked out: `arity` (parameters), `declared_arity` (those without a default in Python: what `$map` and
    others go by when they decide how many values to pass), `parsed_signature` (the parsed signature).
    """

    name: str
    call: Callable[..., Any]
    signature: str | None = None
    is_async: bool = False
    wants_evaluation: bool = False
    is_repeatable: bool = False
    intrinsic: str = ""
    arity: int = field(init=False)
    is_variadic: bool = field(init=False)
    declared_arity: int = field(init=False)
    parsed_signature: Signature | None = field(init=False)

    def __post_init__(self) -> None:
        parameters = inspect.signature(self.call).parameters.values()
        kinds = [p.kind for p in parameters]
        positional = kinds.count(inspect.Parameter.POSITIONAL_OR_KEYWORD) + kinds.count(
            inspect.Parameter.POSITIONAL_ONLY
        )
        object.__setattr__(self, "arity", positional - (1 if self.wants_evaluation else 0))
        object.__setattr__(self, "is_variadic", inspect.Parameter.VAR_POSITIONAL in kinds)
        optional = sum(p.default is not inspect.Parameter.empty for p in parameters)
        object.__setattr__(self, "declared_arity", self.arity - optional)
        object.__setattr__(
            self, "parsed_signature", None if self.signature is None else Signature.from_text(self.signature)
        )


@dataclass(frozen=True, slots=True)
class HostType:
    """Which members the values of one Python class show to expressions. Nothing else is reachable.

    `properties`: name -> getter of the value. `methods`: name -> `Function` whose first argument (after
    the `Evaluation`, if wanted) is the host value itself. Members are hidden from `*`, `$keys`, `$spread`.
    `to_result`: the value as the result of an evaluation, at any depth (a date-time's ISO text); None keeps
    the host value. `to_json`: the value inside `$string` and wherever JSON text is made; without it
    `to_result`, else `{}`.
    A registered class and its values must be immutable as far as expressions can tell.
    """

    python_type: type
    properties: Mapping[str, Getter] = field(default_factory=dict)
    methods: Mapping[str, Function] = field(default_factory=dict)
    to_result: Getter | None = None
    to_json: Getter | None = None


class Library:
    """A set of functions and host types. Immutable; `extend` makes a new one.

    `limit_code`: the code of errors of time and depth.
    """

    def __init__(
        self,
        functions: Iterable[Function] = (),
        hosts: Iterable[HostType] = (),
        *,
        name: str,
        limit_code: str = LIMIT,
    ) -> None:
        self.name = name
        self.limit_code = limit_code
        self.functions: Mapping[str, Function] = MappingProxyType({f.name: f for f in functions})
        self.hosts: Mapping[type, HostType] = MappingProxyType({h.python_type: h for h in hosts})

    def extend(
        self,
        functions: Iterable[Function] = (),
        hosts: Iterable[HostType] = (),
        *,
        name: str,
        limit_code: str | None = None,
    ) -> Library:
        """Return a new library: this one with more (or replaced) functions and host types."""
        return Library(
            [*self.functions.values(), *functions],
            [*self.hosts.values(), *hosts],
            name=name,
            limit_code=limit_code or self.limit_code,
        )

    def find_host_type(self, value: object) -> HostType | None:
        """Return the host type of a value by its class or the nearest registered base; None if there is
        none."""
        for python_type in type(value).__mro__:
            host_type = self.hosts.get(python_type)
            if host_type is not None:
                return host_type
        return None
