"""The pydantic model of a method: one operation of a provider's resource, its request and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from pydantic import Field, field_validator, model_validator

from isthmus.definitions.authorization import Authorization
from isthmus.definitions.body_path import BodyPath
from isthmus.definitions.field_types import (
    DefinitionModel,
    JsonObject,
    OptionalExpr,
    OptionalTemplateOrExpr,
    OptionalTemplatesByKey,
    OptionalTextTemplate,
    TextTemplate,
)
from isthmus.definitions.pagination import Pagination
from isthmus.expressions.placeholders import Template

__all__ = [
    "STANDARD_METHODS",
    "BodyFormat",
    "BodyFormatConfig",
    "HttpVerb",
    "MethodDefinition",
    "MethodExamples",
    "QueryArrayFormat",
    "ResponseFormat",
]

HttpVerb: TypeAlias = Literal["get", "post", "put", "patch", "delete"]
BodyFormat: TypeAlias = Literal["json", "form", "multipart", "raw", "xml"]
QueryArrayFormat: TypeAlias = Literal["comma", "brackets", "indices", "repeat"]
ResponseFormat: TypeAlias = Literal["json", "text", "xml", "csv", "binary"]

STANDARD_METHODS = ("list", "get", "create", "update", "delete")


class BodyFormatConfig(DefinitionModel):
    """Options of a body format; each belongs to the formats it names."""

    array_format: QueryArrayFormat | None = Field(
        default=None,
        description="`form`: how arrays are written; the effective `query_array_format` where absent.",
    )
    boundary: str | None = Field(
        default=None, description="`multipart`: the boundary; made at random where absent."
    )
    file_fields: tuple[str, ...] | None = Field(
        default=None, description="`multipart`: names of the file parts."
    )
    content_type: str | None = Field(
        default=None,
        description="`raw`: content type; `application/octet-stream` where neither this nor a header says.",
    )
    root: str | None = Field(default=None, description="`xml`: name of the outermost element.")
    attribute_prefix: str = Field(
        default="@", description="`xml`: what a key begins with that is an attribute."
    )
    text_key: str = Field(default="#text", description="`xml`: the key of an element's own text.")
    declaration: bool | None = Field(
        default=None, description="`xml`: whether the document begins with a declaration."
    )


class MethodExamples(DefinitionModel):
    """Samples for documentation and tool descriptions: text, never evaluated."""

    response: str | None = Field(default=None, description="A sample answer.")
    query: str | None = Field(default=None, description="Sample query parameters.")
    body: str | None = Field(default=None, description="A sample body.")


def _is_path_template(path: Template) -> bool:
    """Returns True if a `pagination_path` is the path of later pages, false if it is the root of cursor
    look-ups."""
    text = str(path.source)
    return text.startswith(("/", "http")) or "{{" in text


class MethodDefinition(DefinitionModel):
    """How a method's request is made and its answer read."""

    path: TextTemplate = Field(
        description="Appended to the base URL with exactly one `/` between. Values from `id`, `query` and "
        "`body` are percent-encoded; one without a value fails the call. What it reads of `query` stays in "
        "the query too; a mapping leaves it out by `path_mapping`."
    )
    method: HttpVerb = Field(default="get", description="HTTP verb, in any case.")
    base_url: OptionalTextTemplate = Field(
        default=None, description="Replaces the integration's base URL for this method."
    )
    headers: OptionalTemplatesByKey = Field(
        default=None,
        description="Merged over the integration's headers; null removes one. Templates, or one expression.",
    )
    query: OptionalTemplatesByKey = Field(
        default=None,
        description="Merged over the integration's query, under the caller's. Templates, or one expression.",
    )
    query_array_format: QueryArrayFormat | None = Field(
        default=None, description="How arrays in the query are written; the integration's where absent."
    )
    body: OptionalTemplateOrExpr = Field(
        default=None,
        description="The whole outbound body. The caller's body goes out as it is where this is absent; "
        '`"$truto_merge": "{{body:json}}"` keeps its fields.',
    )
    body_format: BodyFormat = Field(default="json", description="How the body is encoded.")
    body_format_config: BodyFormatConfig = Field(
        default=BodyFormatConfig(), description="Options of the body format."
    )
    query_schema: JsonObject | str | None = Field(
        default=None,
        description="JSON Schema of the query. Agents' toolsets send the parameters that it names.",
    )
    body_schema: JsonObject | str | None = Field(
        default=None,
        description="JSON Schema of the body, as callers send it. Agents' toolsets send the fields that it "
        "names.",
    )
    response_schema: JsonObject | str | None = Field(
        default=None, description="JSON Schema of one record after `response_path`; documentation."
    )
    response_path: OptionalExpr = Field(
        default=None,
        description="JSONata path to the data inside the body; the whole body where absent. Of a list in "
        "XML: to the element that repeats.",
    )
    pagination_path: OptionalTextTemplate = Field(
        default=None,
        description="A value that begins with `/` or `http` or holds a placeholder is the path of every page "
        "after the first; any other is the root of cursor look-ups.",
    )
    pagination: Pagination | None = Field(
        default=None, description="Replaces the integration's pagination; an explicit null switches it off."
    )
    authorization: Authorization | None = Field(
        default=None, description="Replaces the integration's authorization whole."
    )
    add_query_to_body: bool = Field(
        default=False,
        description="The caller's query goes into the body of post, put and patch instead of the URL.",
    )
    ignore_body_in_pagination: bool = Field(default=False, description="No body on pages after the first.")
    ignore_body: bool = Field(default=False, description="Send no body at all; wins over `set_body_to_null`.")
    set_body_to_null: bool = Field(default=False, description="Send the JSON literal null.")
    no_auth: bool = Field(default=False, description="Send the request without authorization.")
    ignore_credentials_on_redirect: bool = Field(
        default=False,
        description="On a redirect to another host, every header of `authorization` is removed.",
    )
    api_response_format: ResponseFormat | None = Field(
        default=None, description="Forces the parser of the answer; its content type decides where absent."
    )
    throw_error_on_parse_error: bool | None = Field(
        default=None,
        description='False: the data of an unparseable answer is `{"raw", "parse_error"}`. Else it is a 502.',
    )
    error_expression: OptionalExpr = Field(
        default=None,
        description="Replaces the integration's error expression; an explicit null switches it off.",
    )
    description: str | None = Field(
        default=None, description="What the method does; agents choose tools by it."
    )
    api_documentation_url: str | None = Field(default=None, description="The provider's page about it.")
    scopes: tuple[str, ...] = Field(
        default=(), description="OAuth scopes it needs; feeds `missing_scopes` on a 403."
    )
    examples: MethodExamples | None = Field(default=None, description="Samples for documentation.")
    timeout_seconds: float = Field(default=60, gt=0, description="How long the provider may take to answer.")
    paginate_in_body: bool = Field(
        default=False,
        description="Pagination parameters go into the body; by a dotted name (`variables.after`) into an "
        "object in it.",
    )

    @model_validator(mode="before")
    @classmethod
    def _drop_empty_error_expression(cls, value: Any) -> Any:
        """Leaves out an empty error expression: empty text counts as absent, as in every expression. Null
        does not."""
        text = value.get("error_expression") if isinstance(value, Mapping) else None
        if not isinstance(text, str) or text.strip():
            return value
        return {key: item for key, item in value.items() if key != "error_expression"}

    @field_validator("pagination_path")
    @classmethod
    def _check_cursor_root(cls, value: Template | None) -> Template | None:
        """Returns the template as it is. Raises PydanticCustomError for a root of cursor look-ups that does
        not compile."""
        if value is not None and value.source and not _is_path_template(value):
            BodyPath(str(value.source))
        return value

    @property
    def later_path(self) -> Template | None:
        """The path of every page after the first; None where it is that of the first."""
        path = self.pagination_path
        return path if path is not None and path.source and _is_path_template(path) else None

    @property
    def cursor_root(self) -> BodyPath | None:
        """The path in the body where cursors are looked up; None for the whole body."""
        path = self.pagination_path
        return (
            BodyPath(str(path.source))
            if path is not None and path.source and not _is_path_template(path)
            else None
        )

    @field_validator("method", mode="before")
    @classmethod
    def _lower_verb(cls, value: Any) -> Any:
        """Puts the verb into lower case."""
        return value.lower() if isinstance(value, str) else value

    def declares(self, field: str) -> bool:
        """Returns True if the definition has the field, even with null: null is not the same as absent for
        `pagination` and `error_expression`."""
        return field in self.model_fields_set
