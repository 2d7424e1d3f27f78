"""The pydantic model of an integration definition: `integration.config`, all layers merged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pydantic import Field, JsonValue, field_validator
from pydantic_core import PydanticCustomError

from isthmus.definitions.actions import Action
from isthmus.definitions.authorization import Authorization, choose_default_authorization
from isthmus.definitions.credentials import Credential, normalise_credentials
from isthmus.definitions.field_types import (
    DefinitionModel,
    OptionalExpr,
    OptionalTextTemplate,
    SecretText,
    TemplatesByKey,
)
from isthmus.definitions.methods import MethodDefinition, QueryArrayFormat
from isthmus.definitions.pagination import Pagination
from isthmus.definitions.webhook import Webhook
from isthmus.expressions import Expression

__all__ = ["IntegrationConfig", "RateLimit"]

_MAX_SCHEDULED_NAME: Final = 200
"""Characters: with the account's id it is the name of a schedule."""


class IntegrationConfig(DefinitionModel):
    """Everything optional, as on the wire: without `credentials`, `authorization` or `resources` it is
    stored, and cannot be connected or called."""

    label: str | None = Field(default=None, description="Display name; the row's name where absent.")
    base_url: OptionalTextTemplate = Field(
        default=None,
        description="Prefix of every method's path. A placeholder without a value fails the call.",
    )
    logo: str | None = Field(
        default=None,
        description="Address of a square image, 256 by 256 pixels advised, for the connect page: https, or "
        "`data:image/…`. `isthmus integrations apply` takes logo.svg of the folder where it is absent.",
    )
    icon: str | None = Field(default=None, description="URL of a small monochrome image for lists.")
    headers: TemplatesByKey = Field(
        default={}, description="Default headers; null removes one even if a method sets it."
    )
    required_headers: tuple[str, ...] = Field(
        default=(), description="Names of headers that the caller must send and that are forwarded."
    )
    query: TemplatesByKey = Field(default={}, description="Default query parameters.")
    query_array_format: QueryArrayFormat | None = Field(
        default=None,
        description="How arrays in the query are written: `comma` `a=1,2`, `brackets` `a[]=1`, `indices` "
        "`a[0]=1`, `repeat` `a=1&a=2`; `repeat` where absent.",
    )
    credentials: dict[str, Credential] = Field(
        default={}, description="Ways to connect, by format. One credential object is read as a map of one."
    )
    authorization: Authorization | None = Field(
        default=None,
        description="What requests carry to be let in; follows from the credential where absent.",
    )
    pagination: Pagination | None = Field(
        default=None, description="How lists go on; methods may replace it."
    )
    rate_limit: RateLimit | None = Field(
        default=None, description="How the provider says that calls come too fast."
    )
    resources: dict[str, dict[str, MethodDefinition | None]] = Field(
        default={}, description="Methods by resource. Null hides a method of a layer below."
    )
    webhook: Webhook | None = Field(default=None, description="Inbound webhooks.")
    actions: dict[str, Action] = Field(
        default={}, description="Steps that the account's lifecycle or a caller runs."
    )
    error_expression: OptionalExpr = Field(
        default=None,
        description="Truthy: the answer is an error even at a status below 400. In scope: `response`, "
        "`headers`, `status`, `data`.",
    )
    tool_tags: dict[str, tuple[str, ...]] = Field(default={}, description="Tags of each resource's tools.")
    environment_variables: dict[str, JsonValue] = Field(
        default={}, description="Override layers only: readable as `environment_variables.<name>`."
    )
    secret_environment_variables: dict[str, SecretText] = Field(
        default={}, repr=False, description="Override layers only: the same, never returned by the API."
    )

    @field_validator("credentials", mode="before")
    @classmethod
    def _normalise_credentials(cls, value: Any) -> Any:
        """Makes a map of the credentials. Raises PydanticCustomError for an array."""
        if isinstance(value, list):
            raise PydanticCustomError(
                "credentials_shape", "must be one credential object or a map of them by format, not an array"
            )
        return normalise_credentials(value)

    @field_validator("credentials")
    @classmethod
    def _check_credential_keys(cls, value: dict[str, Credential]) -> dict[str, Credential]:
        """Returns the credentials as they are. Raises ValueError for one under the key of another format."""
        for key, credential in value.items():
            if key != credential.format:
                raise ValueError(f"{key} holds a credential of the format {credential.format}")
        return value

    @field_validator("actions")
    @classmethod
    def _check_schedule_names(cls, value: dict[str, Action]) -> dict[str, Action]:
        """Returns the actions as they are. Raises ValueError for a scheduled one whose name is too long."""
        for name, action in value.items():
            if action.schedule is not None and len(name) > _MAX_SCHEDULED_NAME:
                raise ValueError(
                    f"{name[:20]}… has a schedule and a name of {len(name)} characters; "
                    f"give it one of at most {_MAX_SCHEDULED_NAME}"
                )
        return value

    @field_validator("resources", mode="before")
    @classmethod
    def _read_hidden_resources(cls, value: Any) -> Any:
        """Makes a resource without methods of one that is null: that hides all its methods."""
        if not isinstance(value, Mapping):
            return value
        return {name: {} if methods is None else methods for name, methods in value.items()}

    def find_method(self, resource: str, method: str) -> MethodDefinition | None:
        """Returns the method by exact names; None where there is none, or a layer hides it."""
        return self.resources.get(resource, {}).get(method)

    def choose_authorization(self, method: MethodDefinition, credential_format: str) -> Authorization | None:
        """Returns the authorization block of a method: its own, the integration's, or the default of the
        credential format that the account connected with. None for `no_auth`.
        """
        if method.no_auth:
            return None
        return method.authorization or self.authorization or choose_default_authorization(credential_format)

    def choose_pagination(self, method: MethodDefinition) -> Pagination | None:
        """Returns the pagination block of a method: its own if it has the key at all, else the integration's;
        None for no pagination."""
        return method.pagination if method.declares("pagination") else self.pagination

    def choose_error_expression(self, method: MethodDefinition) -> Expression | None:
        """Returns the error expression of a method: its own if it has the key at all, else the integration's;
        None for none."""
        return method.error_expression if method.declares("error_expression") else self.error_expression

    def choose_query_array_format(self, method: MethodDefinition) -> QueryArrayFormat:
        """Returns the array format of a method's query: its own, the integration's, or `repeat`."""
        return method.query_array_format or self.query_array_format or "repeat"

    def reveal_variables(self) -> dict[str, JsonValue]:
        """Returns both kinds of environment variables, the secret ones in clear. For templates only, never
        for output."""
        secrets = {name: value.reveal() for name, value in self.secret_environment_variables.items()}
        return {**self.environment_variables, **secrets}


class RateLimit(DefinitionModel):
    """All three see `{headers, status}`, header names in lower case."""

    is_rate_limited: OptionalExpr = Field(
        default=None, description="Truthy: this response is throttling, whatever its status."
    )
    retry_after_header_expression: OptionalExpr = Field(default=None, description="Seconds to wait.")
    rate_limit_header_expression: OptionalExpr = Field(
        default=None, description="Epoch seconds at which the allowance refills."
    )
