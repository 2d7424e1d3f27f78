"""What names a definition's templates and expressions see (`definitions.md` §0, §3.4), and running them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from isthmus.definitions.paths import BodyPath
from isthmus.engine.calls import NO_BODY
from isthmus.errors import BadRequest, MappingFailed, failure
from isthmus.expressions import (
    LIMIT,
    NOT_CONFIGURED,
    REFUSED,
    UNDEFINED,
    Expression,
    ExpressionError,
    Limits,
    Services,
)
from isthmus.expressions.placeholders import PlaceholderError, UnresolvedPlaceholder

__all__ = [
    "EVALUATIONS",
    "Evaluable",
    "Evaluations",
    "evaluate",
    "evaluate_or_undefined",
    "evaluating",
    "evaluations",
    "find_at_path",
    "mapped",
    "mapped_root",
    "mapping_failed",
    "template_scope",
    "truthy",
    "unresolved",
    "without_undefined",
    "wrong_result",
]

_TELLING: Final = frozenset({LIMIT, NOT_CONFIGURED, REFUSED})

_LOG = logging.getLogger("isthmus.engine")


class Evaluable(Protocol):
    """An `Expression`, or an object whose leaves are some."""

    async def evaluate_async(
        self,
        input: object = ...,
        bindings: Mapping[str, object] | None = ...,
        *,
        limits: Limits | None = ...,
        services: Services | None = ...,
    ) -> object: ...


@dataclass(frozen=True, slots=True)
class Evaluations:
    """How this process evaluates: the limits, and what functions may reach. By default nothing outside."""

    limits: Limits = field(default_factory=Limits)
    services: Services = field(default_factory=Services)


EVALUATIONS: Final[ContextVar[Evaluations]] = ContextVar("evaluations", default=Evaluations())  # noqa: B039
"""What `evaluating` sets; the front door sets it for each request by itself."""


@contextmanager
def evaluating(how: Evaluations) -> Iterator[None]:
    """All evaluations of the engine inside the block, and in tasks started there, are made in this way.

    Whoever begins a call or a job opens it: an evaluation stands at the end of every path of the engine, and
    none of them has anything else to do with it.
    """
    token = EVALUATIONS.set(how)
    try:
        yield
    finally:
        EVALUATIONS.reset(token)


def evaluations() -> Evaluations:
    return EVALUATIONS.get()


def template_scope(context: Mapping[str, Any], *, id: str | None, query: Any, body: Any) -> dict[str, Any]:
    """The scope of everything in an integration's config. A context key never hides a named root."""
    scope = dict(context)
    scope["id"] = UNDEFINED if id is None else id
    scope["query"] = query
    scope["body"] = UNDEFINED if body is NO_BODY else body
    scope["credentials"] = context
    scope["context"] = context
    scope["environment_variables"] = context.get("environment_variables", UNDEFINED)
    return scope


def truthy(value: Any) -> bool:
    """Truthiness as expressions have it: an array is true where one of its items is; undefined is false."""
    if isinstance(value, list):
        return any(truthy(item) for item in value)
    return bool(value)


def without_undefined(scope: Mapping[str, Any]) -> dict[str, Any]:
    """A scope as the root of an expression: an absent name is absent."""
    return {name: value for name, value in scope.items() if value is not UNDEFINED and value is not NO_BODY}


async def mapped(
    field: str,
    expression: Evaluable,
    root: Mapping[str, Any],
    bindings: Mapping[str, object] | None = None,
) -> Any:
    """The value of a mapping's expression. Raises MappingFailed, which tells nothing of the data."""
    return await mapped_root(field, expression, without_undefined(root), bindings)


async def mapped_root(
    field: str,
    expression: Evaluable,
    root: Mapping[str, Any],
    bindings: Mapping[str, object] | None = None,
    *,
    limits: Limits | None = None,
) -> Any:
    """As `mapped`, for a root that holds no UNDEFINED. `limits`: None for the usual ones."""
    how = EVALUATIONS.get()
    try:
        return await expression.evaluate_async(
            root, bindings, limits=limits or how.limits, services=how.services
        )
    except ExpressionError as error:
        raise mapping_failed(field, error) from error


def evaluate(field: str, expression: Expression, root: Any) -> Any:
    """As `mapped`, for a definition's own expressions, in code that `run_in_turns` runs. `root` is any JSON
    value."""
    how = EVALUATIONS.get()
    try:
        return expression.evaluate(root, limits=how.limits, services=how.services)
    except ExpressionError as error:
        raise mapping_failed(field, error) from error


def evaluate_or_undefined(field: str, expression: Expression, root: Any) -> Any:
    """UNDEFINED where the expression fails; the log tells where, never on what."""
    how = EVALUATIONS.get()
    try:
        return expression.evaluate(root, limits=how.limits, services=how.services)
    except ExpressionError as error:
        _LOG.warning("%s failed with %s at position %s and is ignored", field, error.code, error.position)
        return UNDEFINED


def find_at_path(path: BodyPath, body: Any) -> Any:
    """UNDEFINED where nothing is there. Raises ExpressionError."""
    how = EVALUATIONS.get()
    return path.read(body, limits=how.limits, services=how.services)


def mapping_failed(field: str, error: ExpressionError) -> MappingFailed:
    where = "" if error.position is None else f" at position {error.position}"
    # What these say holds names and numbers of ours; other messages may hold the data.
    why = f"{error.code}: {error.message}" if error.code in _TELLING else error.code
    return MappingFailed(
        f"The expression of {field} failed{where} ({why}). Try it on a recorded answer of the "
        f"provider, and correct {field}.",
        field=field,
        position=error.position,
        code=error.code,
    )


def wrong_result(field: str, wanted: str) -> MappingFailed:
    """An expression whose value is not of the kind that its field takes: the definition's fault."""
    return MappingFailed(
        f"{field} must return {wanted}. Try it on a recorded call, and correct {field}.",
        field=field,
        position=None,
        code="wrong_result",
    )


def unresolved(field: str, error: PlaceholderError) -> BadRequest:
    """A placeholder that must have a value and has none, or that cannot be rendered at all."""
    if isinstance(error, UnresolvedPlaceholder):
        text = "{{" + error.name + "}}"
        return BadRequest(
            f"{text} in {field} has no value, so the call was not sent. Send it with the call, or put it "
            "into the account's context.",
            failures=[failure(field, f"{text} has no value", "unresolved_placeholder")],
        )
    return BadRequest(
        f"A placeholder in {field} cannot be rendered: {error.message}.",
        failures=[failure(field, error.message, "bad_placeholder")],
    )
