"""The models of steps: those of an integration's actions, and those before and after a mapped call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field, GetJsonSchemaHandler, Tag, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from isthmus.definitions.credentials import BaseField
from isthmus.definitions.field_types import (
    DefinitionModel,
    Expr,
    OptionalExpr,
    OptionalTemplateField,
    TemplateField,
)
from isthmus.definitions.methods import MethodDefinition
from isthmus.definitions.tagged_unions import discriminate_by_key, discriminate_by_shape
from isthmus.expressions import Expression
from isthmus.kit.cron import CronError, check_cron

__all__ = [
    "LIFECYCLE_ACTIONS",
    "RESERVED_ACTIONS",
    "STEP_SCOPES",
    "STEP_TYPES",
    "Action",
    "ExpressionConfig",
    "FormField",
    "FormStep",
    "GetContextStep",
    "PathConfig",
    "RequestStep",
    "ResourceCall",
    "Schedule",
    "SetContextStep",
    "Step",
    "TransformStep",
    "UpdateContextStep",
]

LIFECYCLE_ACTIONS: Final[Mapping[str, str]] = {
    "post_install": "Once an account is connected, before its validation. A step that fails is a "
    "`post_install_error`.",
    "validation": "After `post_install`, after new credentials, and every `validation_interval_hours`. The "
    "account is active if the last result is truthy; a step that fails, or a falsy result, is a "
    "`validation_error`. Without it an account is active whatever its key.",
    "post_connect_user_form": "When the form of an active account is opened: the steps before its `form` "
    "step. What is submitted is merged into the context; then the steps after it run.",
    "refresh_token": "In place of the standard OAuth grant, when a token expires or is refused. Its "
    "steps store the new token themselves, with `update_context`; if they leave none, the refresh failed.",
}
"""The actions that an account's lifecycle runs by itself: when it does, and what comes of it."""

RESERVED_ACTIONS: Final = tuple(LIFECYCLE_ACTIONS)
_CALL_NAMES: Final[Mapping[str, str]] = {
    "id": "the caller's id; undefined without one",
    "query": "the caller's query",
    "body": "the caller's body; undefined without one",
    "context": "the account's context as it is by then, with `environment_variables`",
}
STEP_SCOPES: Final[Mapping[str, Mapping[str, str]]] = {
    "actions": {
        **_CALL_NAMES,
        "credentials": "another name of `context`",
        "environment_variables": "the definition's variables",
        "previous": "the result of the step before, also as `$previous`; undefined before the first",
        "steps": "the results of the steps before, by their `name`, else `step_<index>`",
        "account": "`{id, tenant_id, is_sandbox}`",
    },
    "before": {**_CALL_NAMES, "step": "the result of the step before; undefined before the first"},
    "after": {
        **_CALL_NAMES,
        "step": "the result of the step before; undefined before the first",
        "data": "the mapped record, or list of records; a `transform` step replaces it",
    },
}
"""The names that steps see by the place that holds them, and what they are."""

STEP_TYPES: Final = ("request", "transform", "update_context", "set_context", "get_context", "form")


class ResourceCall(DefinitionModel):
    """A call of a method that the integration defines."""

    resource: str = Field(min_length=1, description="Name of the resource.")
    method: str = Field(min_length=1, description="Name of its method.")
    id: OptionalTemplateField = Field(default=None, description="Path id.")
    query: OptionalTemplateField = Field(default=None, description="Query parameters.")
    body: OptionalTemplateField = Field(default=None, description="Body.")


def _tag_request(value: Any) -> str | None:
    """Returns the union branch of a request step's config: `expression`, `call` or `method`; None for none of
    them."""
    if isinstance(value, str | Expression):
        return "expression"
    if isinstance(value, Mapping):
        return "call" if "resource" in value else "method"
    if isinstance(value, ResourceCall):
        return "call"
    return "method" if isinstance(value, MethodDefinition) else None


RequestConfig = Annotated[
    Annotated[Expr, Tag("expression")]
    | Annotated[ResourceCall, Tag("call")]
    | Annotated[MethodDefinition, Tag("method")],
    discriminate_by_shape(
        _tag_request,
        "must be a method object, an object with `resource` and `method`, or an expression that returns one",
    ),
]


class ExpressionConfig(DefinitionModel):
    """An expression, alone in its object or written in the object's place."""

    expression: OptionalExpr = Field(default=None, description="The expression.")

    @model_validator(mode="before")
    @classmethod
    def _accept_bare(cls, value: Any) -> Any:
        """Puts an expression that is written alone into an object."""
        return {"expression": value} if isinstance(value, str | Expression) else value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [handler(schema), {"type": "string", "format": "jsonata"}]}


class PathConfig(DefinitionModel):
    """A key path, alone in its object or written in the object's place; empty: the whole context."""

    path: str = Field(default="", description="Dotted path below `context`.")

    @model_validator(mode="before")
    @classmethod
    def _accept_bare(cls, value: Any) -> Any:
        """Puts a path that is written alone into an object; null is the empty path."""
        if value is None:
            return {}
        return {"path": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [handler(schema), {"type": "string"}]}


class _Step(DefinitionModel):
    name: str | None = Field(
        default=None,
        min_length=1,
        description="Name its result is read by; `step_<index>` in a mapping where absent.",
    )
    run_if: OptionalExpr = Field(default=None, description="Falsy: the step is skipped.")
    ignore_error: bool = Field(
        default=False, description="A failure of this step of a mapping does not end the call."
    )


class RequestStep(_Step):
    """Calls the provider; its result is the data after `response_path`."""

    type: Literal["request"] = Field(description="Kind of step.")
    config: RequestConfig = Field(description="The call.")


class TransformStep(_Step):
    """Evaluates an expression; its value is the result."""

    type: Literal["transform"] = Field(description="Kind of step.")
    config: ExpressionConfig = Field(description="The expression.")


class UpdateContextStep(_Step):
    """Merges an object shallowly into the context and stores it."""

    type: Literal["update_context"] = Field(description="Kind of step.")
    config: ExpressionConfig = Field(
        default=ExpressionConfig(), description="Returns the object; the result before where absent."
    )


class SetContextStep(_Step):
    """Merges a fixed object shallowly into the context and stores it."""

    type: Literal["set_context"] = Field(description="Kind of step.")
    config: TemplateField = Field(description="The object; templates.")


class GetContextStep(_Step):
    """Reads the context."""

    type: Literal["get_context"] = Field(description="Kind of step.")
    config: PathConfig = Field(default=PathConfig(), description="What is read.")


def _tag_form(value: Any) -> str | None:
    """Returns the union branch of a form step's config: `expression` or `fields`; None for neither."""
    if isinstance(value, str | Expression):
        return "expression"
    return "fields" if isinstance(value, list | tuple) else None


class FormField(BaseField):
    """One field of an account's own form: as of a credential form, and lists whose
    options come from the provider."""

    type: Literal[
        "text",
        "password",
        "single_select",
        "multi_select",
        "checkbox",
        "number",
        "textarea",
        "resource_select",
    ] = Field(default="text", description="Widget.")
    multiple: bool = Field(default=False, description="`resource_select`: whether several may be chosen.")
    resource: str | None = Field(
        default=None, description="`resource_select`: the resource whose list gives the options."
    )
    method: str = Field(default="list", description="`resource_select`: its method.")
    query: OptionalTemplateField = Field(
        default=None,
        description="`resource_select`: query parameters. In scope beside the context: `form`, what is "
        "chosen so far.",
    )
    value_path: OptionalExpr = Field(
        default=None, description="`resource_select`: the value of an option; `id` where absent."
    )
    label_path: OptionalExpr = Field(
        default=None, description="`resource_select`: its label; `name` where absent."
    )
    depends_on: tuple[str, ...] = Field(
        default=(), description="Fields that have to be filled in before the options are fetched."
    )
    store: Literal["value", "object"] = Field(
        default="value", description="What is kept of a choice: its value, or `{label, value}`."
    )

    @model_validator(mode="after")
    def _require_source(self) -> FormField:
        """Returns the field as it is. Raises ValueError where its type needs `options` or `resource`, and it
        lacks them."""
        if self.type == "single_select" and not self.options:
            raise ValueError("is a single_select and needs `options`")
        if self.type == "multi_select" and not self.options:
            raise ValueError("is a multi_select and needs `options`")
        if self.type == "resource_select" and not self.resource:
            raise ValueError("is a resource_select and needs `resource`")
        return self

    @property
    def is_multiple(self) -> bool:
        """True if several values may be chosen."""
        return self.type == "multi_select" or (self.type == "resource_select" and self.multiple)


class FormStep(_Step):
    """Shows a form and waits; the submission is the result."""

    type: Literal["form"] = Field(description="Kind of step.")
    config: Annotated[
        Annotated[Expr, Tag("expression")] | Annotated[tuple[FormField, ...], Tag("fields")],
        discriminate_by_shape(_tag_form, "must be a list of fields, or an expression that returns one"),
    ] = Field(description="The fields, or an expression that returns them.")


Step = Annotated[
    Annotated[RequestStep, Tag("request")]
    | Annotated[TransformStep, Tag("transform")]
    | Annotated[UpdateContextStep, Tag("update_context")]
    | Annotated[SetContextStep, Tag("set_context")]
    | Annotated[GetContextStep, Tag("get_context")]
    | Annotated[FormStep, Tag("form")],
    discriminate_by_key("type", STEP_TYPES),
]


def _check_cron(expression: str) -> str:
    """Returns the expression as it is. Raises PydanticCustomError where it is not valid."""
    try:
        check_cron(expression, "UTC")
    except CronError as wrong:
        raise PydanticCustomError("cron", "{reason}", {"reason": str(wrong)}) from None
    return expression


class Schedule(DefinitionModel):
    """When an action runs by itself."""

    cron: Annotated[str, AfterValidator(_check_cron)] = Field(description="Five-field cron expression, UTC.")
    run_if: OptionalExpr = Field(
        default=None, description="Falsy: not for this account. The context is its root."
    )


class Action(DefinitionModel):
    """Steps under a name; four names are run by the account's lifecycle."""

    steps: tuple[Step, ...] = Field(default=(), description="What runs, in order.")
    schedule: Schedule | None = Field(default=None, description="When it runs by itself.")
    revalidate: bool = Field(
        default=False,
        description="`post_connect_user_form`: whether `validation` runs again after the form was sent.",
    )
    validation_interval_hours: float | None = Field(
        default=None, gt=0, description="`validation`: hours between two runs; only on connect where absent."
    )
