"""The models of the `webhook` block: inbound webhooks of a provider."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, Tag, model_validator

from isthmus.definitions.field_types import DefinitionModel, OptionalExpr, TextTemplate
from isthmus.definitions.tagged_unions import discriminate_by_key

__all__ = [
    "BasicSignature",
    "BasicSignatureConfig",
    "ClerkSignature",
    "ClerkSignatureConfig",
    "HmacSignature",
    "HmacSignatureConfig",
    "JwtSignature",
    "JwtSignatureConfig",
    "SignatureVerification",
    "Webhook",
]


class _Routed(DefinitionModel):
    context_lookup_field_name: str | None = Field(
        default=None, description="Context field that tells the account where the URL names none."
    )
    context_lookup_field_value: str | None = Field(
        default=None, description="Its value in the request: tokens (`$header.x`, …) or JSONata."
    )
    verification_content: str | None = Field(
        default=None, description="The signed content, written out; used instead of `parts`."
    )


class HmacSignatureConfig(_Routed):
    """A keyed digest over parts of the request."""

    algorithm: Literal["sha1", "sha256", "sha384", "sha512", "md5"] = Field(description="Digest.")
    secret: TextTemplate = Field(repr=False, description="Key; usually `{{credentials.webhook_secret}}`.")
    parts: tuple[str, ...] = Field(
        default=(),
        description="Signed content in order, without a separator: literals and the tokens `$body` (raw "
        "bytes), `$header.<name>`, `$query.<name>`, `$url`, `$method`.",
    )
    compare_with: str = Field(
        description="The expected value: the same tokens, perhaps after a literal prefix."
    )
    string_type: Literal["hex", "base64", "base64url"] = Field(
        default="hex", description="Text form of the digest."
    )

    @model_validator(mode="after")
    def _require_signed_content(self) -> HmacSignatureConfig:
        """Returns the config as it is. Raises ValueError where nothing is signed."""
        if not self.parts and not self.verification_content:
            raise ValueError("needs `parts` (or `verification_content`): what is signed")
        return self


class BasicSignatureConfig(_Routed):
    """User name and password in the request's Basic header."""

    username: TextTemplate = Field(description="User name.")
    password: TextTemplate = Field(repr=False, description="Password.")


class JwtSignatureConfig(_Routed):
    """A signed token; `exp` and `nbf` are enforced with 60 s of leeway."""

    algorithm: str = Field(min_length=1, description="`HS256`, `RS256`, … (RFC 7518).")
    secret: TextTemplate = Field(repr=False, description="Key, or public key.")
    compare_with: str | None = Field(
        default=None, description="Where the token is; the bearer token where absent."
    )


class ClerkSignatureConfig(_Routed):
    """The Svix scheme: id, timestamp and raw body, signed with a `whsec_` key."""

    secret: TextTemplate = Field(repr=False, description="Key, with its `whsec_`.")


class HmacSignature(DefinitionModel):
    """A keyed digest."""

    format: Literal["hmac"] = Field(default="hmac", description="Name of the format.")
    config: HmacSignatureConfig = Field(description="What is signed, and how.")


class BasicSignature(DefinitionModel):
    """A Basic header."""

    format: Literal["basic"] = Field(default="basic", description="Name of the format.")
    config: BasicSignatureConfig = Field(description="What the header has to hold.")


class JwtSignature(DefinitionModel):
    """A signed token."""

    format: Literal["jwt"] = Field(default="jwt", description="Name of the format.")
    config: JwtSignatureConfig = Field(description="How the token is verified.")


class ClerkSignature(DefinitionModel):
    """The Svix scheme."""

    format: Literal["clerk"] = Field(default="clerk", description="Name of the format.")
    config: ClerkSignatureConfig = Field(description="The key.")


SignatureVerification = Annotated[
    Annotated[HmacSignature, Tag("hmac")]
    | Annotated[BasicSignature, Tag("basic")]
    | Annotated[JwtSignature, Tag("jwt")]
    | Annotated[ClerkSignature, Tag("clerk")],
    discriminate_by_key("format", ("hmac", "basic", "jwt", "clerk")),
]


class Webhook(DefinitionModel):
    """Expressions see the inbound request `{body, headers, query, method, path, rawBody}` as their root."""

    handle_verification: OptionalExpr = Field(
        default=None,
        description="Answers a handshake: an object `{statusCode, body, headers?}` is the reply and ends it.",
    )
    signature_verification: SignatureVerification | None = Field(
        default=None, description="How the request proves where it comes from; a failure is a 401."
    )
    payload_transform: OptionalExpr = Field(
        default=None,
        description="Turns the request into events `{event_type, resource_id, resource_type?, raw?, …}`.",
    )
