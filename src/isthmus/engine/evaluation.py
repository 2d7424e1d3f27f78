"""Evaluates the expressions of definitions, and makes the names that their templates and expressions see.

How they are evaluated (limits, and what functions may reach) is a setting of the context: see
`use_evaluation_settings`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from isthmus.definitions.body_path import BodyPath
from isthmus.engine.calls import NO_BODY
from isthmus.errors import BadRequest, MappingFailed, failure
from isthmus.expressions import (
    UNDEFINED,
    Expression,
    ExpressionError,
    Limits,
    Services,
    explain_without_data,
)
from isthmus.expressions.placeholders import PlaceholderError, Template, UnresolvedPlaceholder

__all__ = [
    "EVALUATION_SETTINGS",
    "Evaluable",
    "EvaluationSettings",
    "drop_undefined",
    "evaluate",
    "evaluate_mapping",
    "evaluate_mapping_on_clean_root",
    "evaluate_or_undefined",
    "find_at_path",
    "get_evaluation_settings",
    "is_truthy",
    "make_mapping_error",
    "make_template_scope",
    "make_unresolved_placeholder_error",
    "make_wrong_result_error",
    "render",
    "render_or_undefined",
    "render_strict",
    "require_object",
    "use_evaluation_settings",
]

_LOG = logging.getLogger("isthmus.engine")


class Evaluable(Protocol):
    """An `Expression`, or an `ObjectMapping`, whose leaves are expressions."""

    async def evaluate_async(
        self,
        input: object = ...,
        bindings: Mapping[str, object] | None = ...,
        *,
        limits: Limits | None = ...,
        services: Services | None = ...,
    ) -> object:
        """Returns the value for an input. Raises ExpressionError."""
        ...


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """The limits of an evaluation, and what its functions may reach: by default nothing outside."""

    limits: Limits = field(default_factory=Limits)
    services: Services = field(default_factory=Services)


_DEFAULT_SETTINGS: Final = EvaluationSettings()
EVALUATION_SETTINGS: Final[ContextVar[EvaluationSettings]] = ContextVar(
    "evaluation_settings", default=_DEFAULT_SETTINGS
)
"""The settings in force. The front door sets it for each request by itself."""


@contextmanager
def use_evaluation_settings(settings: EvaluationSettings) -> Iterator[None]:
    """Makes all evaluations of the engine inside the block, and in tasks started there, use these settings.

    Whoever begins a call or a job opens the block. The settings are not handed down as parameters, because
    every path through the engine ends with an evaluation, and no other part of it uses them.
    """
    token = EVALUATION_SETTINGS.set(settings)
    try:
        yield
    finally:
        EVALUATION_SETTINGS.reset(token)


def get_evaluation_settings() -> EvaluationSettings:
    """Returns the settings in force: those of the block around, else the defaults."""
    return EVALUATION_SETTINGS.get()


def make_template_scope(
    context: Mapping[str, Any], *, id: str | None, query: Any, body: Any
) -> dict[str, Any]:
    """Returns the names that the templates of an integration's config see: those of the account's context,
    and the fixed names, which a key of the context never hides."""
    scope = dict(context)
    scope["id"] = UNDEFINED if id is None else id
    scope["query"] = query
    scope["body"] = UNDEFINED if body is NO_BODY else body
    scope["credentials"] = context
    scope["context"] = context
    scope["environment_variables"] = context.get("environment_variables", UNDEFINED)
    return scope


def is_truthy(value: Any) -> bool:
    """Returns True if expressions take the value for true: an array is true where one of its items is;
    undefined is false."""
    if isinstance(value, list):
        return any(is_truthy(item) for item in value)
    return bool(value)


def drop_undefined(scope: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a copy of a scope without the names that have no value (UNDEFINED, NO_BODY): the root of an
    expression."""
    return {name: value for name, value in scope.items() if value is not UNDEFINED and value is not NO_BODY}


async def evaluate_mapping(
    field: str,
    expression: Evaluable,
    root: Mapping[str, Any],
    bindings: Mapping[str, object] | None = None,
) -> Any:
    """Returns the value of a mapping's expression. `field`: where it stands, for messages. Raises
    MappingFailed, whose message contains none of the data."""
    return await evaluate_mapping_on_clean_root(field, expression, drop_undefined(root), bindings)


async def evaluate_mapping_on_clean_root(
    field: str,
    expression: Evaluable,
    root: Mapping[str, Any],
    bindings: Mapping[str, object] | None = None,
    *,
    limits: Limits | None = None,
) -> Any:
    """Returns the value of a mapping's expression, as `evaluate_mapping` does, for a root that holds no
    UNDEFINED. `limits`: None for those of the settings."""
    settings = EVALUATION_SETTINGS.get()
    try:
        return await expression.evaluate_async(
            root, bindings, limits=limits or settings.limits, services=settings.services
        )
    except ExpressionError as error:
        raise make_mapping_error(field, error) from error


def evaluate(field: str, expression: Expression, root: Any) -> Any:
    """Returns the value of an expression, as `evaluate_mapping` does, for synchronous code that
    `run_in_turns` runs. `root`: any JSON value."""
    settings = EVALUATION_SETTINGS.get()
    try:
        return expression.evaluate(root, limits=settings.limits, services=settings.services)
    except ExpressionError as error:
        raise make_mapping_error(field, error) from error


def evaluate_or_undefined(field: str, expression: Expression, root: Any) -> Any:
    """Returns the value of an expression; UNDEFINED where it fails, which is logged without the data."""
    settings = EVALUATION_SETTINGS.get()
    try:
        return expression.evaluate(root, limits=settings.limits, services=settings.services)
    except ExpressionError as error:
        _LOG.warning("%s failed with %s at position %s and is ignored", field, error.code, error.position)
        return UNDEFINED


def render(template: Template, scope: Mapping[str, Any], field: str) -> Any:
    """Returns the value of a template, as `Template.render` gives it; `field`: where it stands, for messages.
    Raises BadRequest for a placeholder that cannot be rendered."""
    try:
        return template.render(scope)
    except PlaceholderError as error:
        raise make_unresolved_placeholder_error(field, error) from error


def render_or_undefined(template: Template, scope: Mapping[str, Any], field: str) -> Any:
    """Returns the value of a template, as `render` does, but leaves out what has a placeholder without a
    value; UNDEFINED where that is the whole."""
    try:
        return template.render_or_undefined(scope)
    except PlaceholderError as error:
        raise make_unresolved_placeholder_error(field, error) from error


def render_strict(template: Template, scope: Mapping[str, Any], field: str) -> Any:
    """Returns the value of a template, as `render` does; raises BadRequest also for a placeholder without a
    value."""
    try:
        return template.render_strict(scope)
    except PlaceholderError as error:
        raise make_unresolved_placeholder_error(field, error) from error


def require_object(value: Any, field: str) -> dict[str, Any]:
    """Returns the object that an expression returned; empty for undefined and null. Raises MappingFailed for
    anything else."""
    if value is UNDEFINED or value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise make_wrong_result_error(field, "an object")


def find_at_path(field: str, path: BodyPath, body: Any) -> Any:
    """Returns the value at a path of a body; UNDEFINED where there is none. `field`: where the path stands,
    for messages. Raises MappingFailed for an expression that fails."""
    settings = EVALUATION_SETTINGS.get()
    try:
        return path.read(body, limits=settings.limits, services=settings.services)
    except ExpressionError as error:
        raise make_mapping_error(field, error) from error


def make_mapping_error(field: str, error: ExpressionError) -> MappingFailed:
    """Returns the error for an expression that failed. `field`: where it, or the object that holds it, stands
    in the definition."""
    if error.path:
        field = f"{field}.{error.path}"
    where = "" if error.position is None else f" at position {error.position}"
    meaning = explain_without_data(error)
    why = f"({error.code}): {meaning[:1].lower()}{meaning[1:]}" if meaning else f"({error.code})"
    return MappingFailed(
        f"The expression of {field} failed{where} {why}. Try it on a recorded answer of the provider, and "
        f"correct {field}.",
        field=field,
        position=error.position,
        code=error.code,
    )


def make_wrong_result_error(field: str, expected_kind: str) -> MappingFailed:
    """Returns the error for an expression whose value is not of the kind that its field takes.
    `expected_kind`: that kind, with its article ("an object")."""
    return MappingFailed(
        f"{field} must return {expected_kind}. Try it on a recorded call, and correct {field}.",
        field=field,
        position=None,
        code="wrong_result",
    )


def make_unresolved_placeholder_error(field: str, error: PlaceholderError) -> BadRequest:
    """Returns the error for a placeholder that must have a value and has none, or that cannot be rendered at
    all."""
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
