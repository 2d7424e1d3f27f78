"""The pydantic model of a mapping: how a call of a unified method becomes one of the provider's, and how its
answer becomes unified records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeGuard

from pydantic import Field, Tag

from isthmus.definitions.actions import Step
from isthmus.definitions.field_types import (
    DefinitionModel,
    Expr,
    JsonObject,
    OptionalExpr,
    OptionalMappingField,
    OptionalTemplateField,
)
from isthmus.definitions.methods import BodyFormat
from isthmus.definitions.tagged_unions import discriminate_by_shape
from isthmus.expressions.static_analysis import ENVELOPE

__all__ = ["FileUpload", "MappingConfig", "MethodChoice", "ResourceChoice", "SideLoad", "is_envelope"]


class ResourceChoice(DefinitionModel):
    """The resource is computed; it has to be one of the list."""

    expression: Expr = Field(description="Returns a name. In scope: `query`, `rawQuery`, `body`, `context`.")
    resources: tuple[str, ...] = Field(min_length=1, description="Names it may return.")


class MethodChoice(DefinitionModel):
    """The method is computed; it has to be one of the list."""

    expression: Expr = Field(description="Returns a name. In scope: `query`, `rawQuery`, `body`, `context`.")
    methods: tuple[str, ...] = Field(min_length=1, description="Names it may return.")


def _tag_choice(value: Any) -> str | None:
    """Returns the union branch of a resource or method: `name` for a fixed one, `choice` for a computed one;
    None for neither."""
    if isinstance(value, str):
        return "name"
    return "choice" if isinstance(value, Mapping | DefinitionModel) else None


ResourceName = Annotated[
    Annotated[str, Tag("name")] | Annotated[ResourceChoice, Tag("choice")],
    discriminate_by_shape(
        _tag_choice, "must be a resource's name, or an object with `expression` and `resources`"
    ),
]
MethodName = Annotated[
    Annotated[str, Tag("name")] | Annotated[MethodChoice, Tag("choice")],
    discriminate_by_shape(
        _tag_choice, "must be a method's name, or an object with `expression` and `methods`"
    ),
]


class SideLoad(DefinitionModel):
    """A further call for each record, its mapped answer set as a key of the record."""

    resource: str = Field(min_length=1, description="Proxy resource to call.")
    method: str = Field(default="list", min_length=1, description="Its method.")
    id: OptionalTemplateField = Field(
        default=None,
        description="Path id; `record` (the unified one) and `item` (its `remote_data`) are in scope.",
    )
    query: OptionalTemplateField = Field(
        default=None,
        description="Query; `record` (the unified one) and `item` (its `remote_data`) are in scope.",
    )
    body: OptionalTemplateField = Field(default=None, description="Body.")
    response_mapping: OptionalMappingField = Field(
        default=None, description="Maps the answer. In scope: `response`, `query`, `rawQuery`, `body`."
    )
    run_if: OptionalExpr = Field(default=None, description="Falsy: not for this record.")


class FileUpload(DefinitionModel):
    """The caller's bytes go out as a file."""

    field: str | None = Field(default=None, description="Name of the part.")
    body_format: BodyFormat = Field(default="multipart", description="How they are sent.")


class MappingConfig(DefinitionModel):
    """The mapping of one unified method, all layers merged; every field is optional."""

    resource: ResourceName | None = Field(
        default=None, description="Proxy resource to call; the unified resource's name where absent."
    )
    method: MethodName | None = Field(
        default=None, description="Proxy method to call; the unified method's name where absent."
    )
    query_mapping: OptionalMappingField = Field(
        default=None,
        description="The outbound query; the caller's where absent. In scope: `query`, `body`, `context`, "
        "`before`, `id`.",
    )
    query: OptionalTemplateField = Field(
        default=None,
        description="Default query, under what `query_mapping` or the caller gives; meta output shows it.",
    )
    query_schema: JsonObject | None = Field(
        default=None, description="JSON Schema of the unified query: types, defaults and required names."
    )
    request_body_mapping: OptionalMappingField = Field(
        default=None,
        description="The outbound body; the caller's where absent. In scope: `body`, `context`, `query`, "
        "`rawQuery`, `before`, `id`, and the default body's keys at the root.",
    )
    request_body_schema: JsonObject | None = Field(
        default=None, description="JSON Schema of the unified body, required names marked."
    )
    body: OptionalTemplateField = Field(default=None, description="Default body; meta output shows it.")
    path_mapping: OptionalExpr = Field(
        default=None,
        description="URL path under the base URL; the method's path where absent or undefined. In scope: "
        "`headers`, `body`, `query`, `rawQuery`, `context`, `before`, `id`.",
    )
    request_header_mapping: OptionalMappingField = Field(
        default=None,
        description="Replaces the outbound headers; authorization comes after it. In scope: `headers` "
        "(defaults), `body`, `query`, `rawQuery`, `context`, `requestBody`.",
    )
    response_mapping: OptionalMappingField = Field(
        default=None,
        description="The unified record or records; the data as it is where absent. In scope: `response`, "
        "`query`, `rawQuery`, `context`, `headers`, `body`.",
    )
    response_mapping_method: Literal["array", "item"] = Field(
        default="array", description="`array`: evaluated once over the data; `item`: once for each element."
    )
    response_header_mapping: OptionalMappingField = Field(
        default=None,
        description="Headers returned to the caller. In scope: `headers`, `body`, `query`, `rawQuery`, "
        "`context`, `response`.",
    )
    error_mapping: OptionalMappingField = Field(
        default=None,
        description="The unified error. In scope: `headers`, `error` (the error's parsed body), `body`, "
        "`query`, `rawQuery`, `context`, `before`, `id`.",
    )
    is_partial_expression: OptionalExpr = Field(
        default=None,
        description="Truthy: the page is incomplete. In scope: `data`, `query`, `rawQuery`, `before`, `id`, "
        "`requestBody`, `rawBody`.",
    )
    before: tuple[Step, ...] = Field(default=(), description="Steps before the call.")
    after: tuple[Step, ...] = Field(default=(), description="Steps after the mapping.")
    side_load: dict[str, SideLoad] = Field(default={}, description="Further calls for each record.")
    file_upload: bool | FileUpload = Field(
        default=False, description="Whether the caller's bytes go out as a file."
    )
    documentation_link: str | None = Field(default=None, description="Link that meta output shows.")


def is_envelope(value: object) -> TypeGuard[dict[str, Any]]:  # its values are whatever JSON the mapping made
    """Returns True if the value of a mapping is an envelope around records: an object whose `result` is an
    array, or that has no keys but an envelope's ({} too). JSONata gives an array of one as its item and an
    empty one as nothing, so `result` may be an object or missing."""
    return isinstance(value, dict) and (isinstance(value.get("result"), list) or value.keys() <= ENVELOPE)
