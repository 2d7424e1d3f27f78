"""The models of the `authorization` block: how requests carry the credentials of an account."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, Tag, model_validator

from isthmus.definitions.field_types import DefinitionModel, OptionalExpr, OptionalTextTemplate, TextTemplate
from isthmus.definitions.tagged_unions import discriminate_by_key
from isthmus.expressions.placeholders import compile_template

__all__ = [
    "Authorization",
    "BasicAuthorization",
    "BasicConfig",
    "BearerAuthorization",
    "BearerConfig",
    "HeaderAuthorization",
    "HeaderConfig",
    "choose_default_authorization",
]


class BearerConfig(DefinitionModel):
    """Optional: where the token comes from."""

    token: OptionalTextTemplate = Field(
        default=None,
        repr=False,
        description="The token. Where absent: the first non-empty of the context's "
        "`oauth.token.access_token`, `access_token`, `token`, `api_key`.",
    )


class BearerAuthorization(DefinitionModel):
    """`Authorization: Bearer <token>`."""

    format: Literal["bearer"] = Field(default="bearer", description="Name of the format.")
    config: BearerConfig = Field(default=BearerConfig(), description="Where the token comes from.")


class HeaderConfig(DefinitionModel):
    """One header, or an expression that returns several."""

    header_name: str | None = Field(default=None, description="Name of the header.")
    header_value: OptionalTextTemplate = Field(default=None, repr=False, description="Value of the header.")
    expression: OptionalExpr = Field(
        default=None,
        description="Returns an object of header names to values, undefined and null ones dropped; wins over "
        "`header_name`. In scope: `url`, `requestOptions`, `context`.",
    )

    @model_validator(mode="after")
    def _require_header(self) -> HeaderConfig:
        """Returns the config as it is. Raises ValueError where it has no expression, and not both
        `header_name` and `header_value`."""
        if self.expression is None and (not self.header_name or self.header_value is None):
            raise ValueError("needs `header_name` and `header_value`, or an `expression`")
        return self


class HeaderAuthorization(DefinitionModel):
    """Headers of the provider's own."""

    format: Literal["header"] = Field(default="header", description="Name of the format.")
    config: HeaderConfig = Field(description="The header or headers.")


class BasicConfig(DefinitionModel):
    """User name and password; a placeholder without a value counts as empty."""

    username: TextTemplate = Field(default=compile_template(""), description="User name.")
    password: TextTemplate = Field(default=compile_template(""), repr=False, description="Password.")


class BasicAuthorization(DefinitionModel):
    """`Authorization: Basic …`, RFC 7617 with UTF-8."""

    format: Literal["basic"] = Field(default="basic", description="Name of the format.")
    config: BasicConfig = Field(description="User name and password.")


Authorization = Annotated[
    Annotated[BearerAuthorization, Tag("bearer")]
    | Annotated[HeaderAuthorization, Tag("header")]
    | Annotated[BasicAuthorization, Tag("basic")],
    discriminate_by_key("format", ("bearer", "header", "basic")),
]

_OAUTH_DEFAULT = BearerAuthorization()
_KEY_DEFAULT = HeaderAuthorization.model_validate(
    {"config": {"header_name": "Authorization", "header_value": "Bearer {{credentials.api_key}}"}}
)


def choose_default_authorization(credential_format: str) -> BearerAuthorization | HeaderAuthorization:
    """Returns the authorization of a definition without the block: a bearer token for the OAuth formats, the
    API key as a bearer token for `api_key`."""
    return _KEY_DEFAULT if credential_format == "api_key" else _OAUTH_DEFAULT
