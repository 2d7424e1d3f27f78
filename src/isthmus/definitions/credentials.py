"""The models of the `credentials` block: the formats by which an account connects, and their forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args

from pydantic import Field, JsonValue, Tag, field_validator, model_validator

from isthmus.definitions.field_types import (
    DefinitionModel,
    OptionalTextTemplate,
    TemplatesByKey,
    TextTemplate,
)
from isthmus.definitions.tagged_unions import discriminate_by_key
from isthmus.expressions.placeholders import compile_template

__all__ = [
    "CREDENTIAL_FORMATS",
    "ApiKeyConfig",
    "ApiKeyCredential",
    "AuthEndpoints",
    "BaseField",
    "ClientConfig",
    "Credential",
    "CredentialField",
    "CredentialFormat",
    "FieldOption",
    "KekaConfig",
    "KekaCredential",
    "OAuth1Config",
    "OAuth1Credential",
    "OAuth2ClientCredentialsConfig",
    "OAuth2ClientCredentialsCredential",
    "OAuth2Config",
    "OAuth2Credential",
    "Pkce",
    "TokenCallOptions",
    "normalise_credentials",
    "resolve_credential_format",
]

CredentialFormat: TypeAlias = Literal["api_key", "oauth2", "oauth2_client_credentials", "oauth", "keka_oauth"]
CREDENTIAL_FORMATS: Final[tuple[str, ...]] = get_args(CredentialFormat)

_ALIASES: Final = {"basic": "api_key"}


def resolve_credential_format(name: str) -> str:
    """Returns the credential format that a name means: `api_key` for its alias `basic`, any other name as it
    is."""
    return _ALIASES.get(name, name)


class FieldOption(DefinitionModel):
    """One choice of a `single_select` field."""

    label: str = Field(description="Text shown for the choice.")
    value: JsonValue = Field(description="Value written into the context when it is chosen.")


class BaseField(DefinitionModel):
    """What the fields of every form have in common."""

    name: str = Field(
        min_length=1,
        description="Key written into the account's `context`; read as `{{credentials.<name>}}`.",
    )
    label: str | None = Field(default=None, description="Label in the form; the name where it is absent.")
    required: bool = Field(default=False, description="Whether an empty submission is rejected.")
    default: JsonValue = Field(
        default=None, description="Pre-filled value, also used when the submission omits the field."
    )
    format: str | None = Field(
        default=None,
        description="Validation hint: `email`, `number`, `uuid`, `url` or the name of a pattern.",
    )
    transform: Literal["lowercase", "uppercase", "sha256"] | None = Field(
        default=None,
        description="Applied on the server before the value is stored; `sha256`: lower-case hex digest.",
    )
    placeholder: str | None = Field(default=None, description="Example text shown in the empty field.")
    help_text: str | None = Field(default=None, description="Text shown under the field.")
    pattern: str | None = Field(
        default=None,
        description="Regular expression that the whole value has to match, checked on the server too.",
    )
    options: tuple[FieldOption, ...] | None = Field(
        default=None,
        description="The choices of a `single_select` field; the submitted value must be one of them.",
    )


class CredentialField(BaseField):
    """One field of the form a connecting user fills in."""

    type: Literal["text", "password", "single_select"] = Field(
        default="text", description="Widget. The value of a `password` field is treated as a secret."
    )

    @model_validator(mode="after")
    def _require_options(self) -> CredentialField:
        """Returns the field as it is. Raises ValueError for a `single_select` without options."""
        if self.type == "single_select" and not self.options:
            raise ValueError("is a single_select and needs `options`")
        return self


class ClientConfig(DefinitionModel):
    """An OAuth app. An environment's override replaces it for an app of the customer's own."""

    id: OptionalTextTemplate = Field(default=None, description="Client id (OAuth 1: consumer key).")
    secret: OptionalTextTemplate = Field(
        default=None,
        repr=False,
        description="Client secret (OAuth 1: consumer secret). Never returned by the API.",
    )


class AuthEndpoints(DefinitionModel):
    """Where the grants of an OAuth 2 provider are."""

    token_host: TextTemplate = Field(alias="tokenHost", description="Origin of the token endpoint.")
    token_path: TextTemplate = Field(
        default=compile_template("/oauth/token"), alias="tokenPath", description="Path of the token endpoint."
    )
    authorize_host: OptionalTextTemplate = Field(
        default=None,
        alias="authorizeHost",
        description="Origin of the authorize page; `tokenHost` where absent.",
    )
    authorize_path: TextTemplate = Field(
        default=compile_template("/oauth/authorize"),
        alias="authorizePath",
        description="Path of the authorize page.",
    )
    refresh_path: OptionalTextTemplate = Field(
        default=None,
        alias="refreshPath",
        description="Path of the refresh on `tokenHost`; `tokenPath` where absent.",
    )
    revoke_path: OptionalTextTemplate = Field(
        default=None,
        alias="revokePath",
        description="Path called when an account is deleted; not called where absent.",
    )


class TokenCallOptions(DefinitionModel):
    """How token calls are written."""

    authorization_method: Literal["header", "body"] = Field(
        default="header",
        alias="authorizationMethod",
        description="Where client id and secret travel: a Basic header, or form fields.",
    )
    body_format: Literal["form", "json"] = Field(
        default="form", alias="bodyFormat", description="Encoding of the body of token calls."
    )


class Pkce(DefinitionModel):
    """The proof key of the code exchange (RFC 7636)."""

    method: Literal["S256", "plain"] = Field(
        default="S256", description="How the challenge follows from the verifier."
    )


class _FormConfig(DefinitionModel):
    fields: tuple[CredentialField, ...] = Field(default=(), description="The form, in order.")
    documentation_link: str | None = Field(
        default=None, description="Link to help on where to find these values."
    )
    permissions_text: str | None = Field(
        default=None, description="Note about the rights the credentials need."
    )

    @field_validator("fields")
    @classmethod
    def _require_unique_names(cls, value: tuple[CredentialField, ...]) -> tuple[CredentialField, ...]:
        """Returns the fields as they are. Raises ValueError where two have the same name."""
        names = [item.name for item in value]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"has more than one field named {', '.join(twice)}")
        return value


class ApiKeyConfig(_FormConfig):
    """The values of the form land flat in the context."""

    fields: tuple[CredentialField, ...] = Field(
        min_length=1, description="The form, in order; at least one field."
    )


class OAuth2Config(_FormConfig):
    """Authorization code, with refresh."""

    client: ClientConfig = Field(default=ClientConfig(), description="The OAuth app.")
    auth: AuthEndpoints = Field(description="Hosts and paths of the grants.")
    scope: tuple[str, ...] = Field(
        default=(), description="Scopes that are asked for; a link token can replace them."
    )
    scope_separator: str = Field(default=" ", description="What joins the scopes.")
    params: TemplatesByKey = Field(default={}, description="Extra parameters of the authorize URL.")
    token_params: TemplatesByKey = Field(
        default={}, alias="tokenParams", description="Extra form fields of the code exchange."
    )
    refresh_params: TemplatesByKey = Field(
        default={}, alias="refreshParams", description="Extra form fields of the refresh."
    )
    pkce: bool | Pkce = Field(default=True, description="Whether, and how, a proof key is used.")
    options: TokenCallOptions = Field(
        default=TokenCallOptions(), description="Where client id and secret travel, and in what encoding."
    )


class OAuth2ClientCredentialsConfig(_FormConfig):
    """The token is fetched at connect time and again when it expires; there is no refresh token."""

    auth: AuthEndpoints = Field(description="Host and path of the token endpoint.")
    scope: tuple[str, ...] = Field(default=(), description="Scopes that are asked for.")
    scope_separator: str = Field(default=" ", description="What joins the scopes.")
    token_params: TemplatesByKey = Field(
        default={}, alias="tokenParams", description="Extra form fields, for example an audience."
    )
    options: TokenCallOptions = Field(
        default=TokenCallOptions(), description="Where client id and secret travel, and in what encoding."
    )


class OAuth1Config(_FormConfig):
    """OAuth 1.0a, three-legged."""

    request_token_url: TextTemplate = Field(alias="requestTokenUrl", description="First leg: request token.")
    authorize_url: TextTemplate = Field(
        alias="authorizeUrl", description="Second leg: the page the user sees."
    )
    token_url: TextTemplate = Field(alias="tokenUrl", description="Third leg: access token.")
    client: ClientConfig = Field(default=ClientConfig(), description="Consumer key and secret.")
    signature_method: Literal["HMAC-SHA1", "HMAC-SHA256", "PLAINTEXT"] = Field(
        default="HMAC-SHA1", description="How requests are signed."
    )
    realm: OptionalTextTemplate = Field(default=None, description="Realm put into the Authorization header.")
    params: TemplatesByKey = Field(default={}, description="Extra parameters of the authorize URL.")


class KekaConfig(_FormConfig):
    """A form POST with client id, client secret and API key together."""

    auth: AuthEndpoints = Field(description="Host and path of the token endpoint.")
    scope: tuple[str, ...] = Field(default=(), description="Scopes that are asked for.")
    token_params: TemplatesByKey = Field(
        default={}, alias="tokenParams", description="Form fields that win over the built-in."
    )

    @field_validator("scope", mode="before")
    @classmethod
    def _split_scope(cls, value: object) -> object:
        """Splits scopes that are written as one text."""
        return value.split() if isinstance(value, str) else value


class ApiKeyCredential(DefinitionModel):
    """A form of values (keys, tokens, user names)."""

    format: Literal["api_key"] = Field(default="api_key", description="Name of the format.")
    config: ApiKeyConfig = Field(description="The form.")


class OAuth2Credential(DefinitionModel):
    """OAuth 2 authorization code."""

    format: Literal["oauth2"] = Field(default="oauth2", description="Name of the format.")
    config: OAuth2Config = Field(description="The grant.")


class OAuth2ClientCredentialsCredential(DefinitionModel):
    """OAuth 2 client credentials."""

    format: Literal["oauth2_client_credentials"] = Field(
        default="oauth2_client_credentials", description="Name of the format."
    )
    config: OAuth2ClientCredentialsConfig = Field(description="The grant.")


class OAuth1Credential(DefinitionModel):
    """OAuth 1.0a."""

    format: Literal["oauth"] = Field(default="oauth", description="Name of the format.")
    config: OAuth1Config = Field(description="The grant.")


class KekaCredential(DefinitionModel):
    """A grant that asks for an API key beside the client's id and secret."""

    format: Literal["keka_oauth"] = Field(default="keka_oauth", description="Name of the format.")
    config: KekaConfig = Field(description="The grant.")


Credential = Annotated[
    Annotated[ApiKeyCredential, Tag("api_key")]
    | Annotated[OAuth2Credential, Tag("oauth2")]
    | Annotated[OAuth2ClientCredentialsCredential, Tag("oauth2_client_credentials")]
    | Annotated[OAuth1Credential, Tag("oauth")]
    | Annotated[KekaCredential, Tag("keka_oauth")],
    discriminate_by_key("format", CREDENTIAL_FORMATS),
]


def normalise_credentials(value: object) -> object:
    """Returns the `credentials` block as a map, also if it is a single credential. Replaces alias names
    (`basic`) by their format, in keys and in `format`. An entry without `format` takes its key. Leaves
    anything invalid as it is, for the model to refuse."""
    if not isinstance(value, Mapping):
        return value
    if isinstance(value.get("format"), str):
        entry = _set_format(value, str(value["format"]))
        return {entry["format"]: entry}
    return {
        resolve_credential_format(key): _set_format(entry, str(entry.get("format", key)))
        if isinstance(entry, Mapping)
        else entry
        for key, entry in value.items()
    }


def _set_format(entry: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Returns a copy of a credential with this format, an alias resolved."""
    return {**entry, "format": resolve_credential_format(name)}
