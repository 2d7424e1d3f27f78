"""Builds the form of a credential format, and parses what was submitted with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from isthmus.accounts.rows.credential_form import validate_form
from isthmus.connect.screens import Choice, Field, Form, IntegrationSummary
from isthmus.definitions.credentials import Credential, CredentialField, OAuth1Credential, OAuth2Credential

__all__ = [
    "FORMAT_LABELS",
    "FormValues",
    "build_form",
    "parse_form",
    "redirects_to_provider",
    "select_fields_to_fill",
]

FORMAT_LABELS: Final = {  # `oauth` is OAuth 1.0a
    "api_key": "API key",
    "oauth2": "Sign in",
    "oauth2_client_credentials": "Client ID and secret",
    "oauth": "Sign in",
    "keka_oauth": "Client ID, secret and API key",
}
_CONTEXT_PREFIX: Final = "context."


@dataclass(frozen=True, slots=True)
class FormValues:
    """A submitted form, parsed. `values`: as they are stored, if there are no `errors`. `errors`: messages by
    field."""

    values: Mapping[str, Any] = field(repr=False)
    errors: Mapping[str, str]


def redirects_to_provider(credential: Credential) -> bool:
    """True if the person grants access on the provider's own page."""
    return isinstance(credential, OAuth2Credential | OAuth1Credential)


def select_fields_to_fill(
    credential: Credential, link_context: Mapping[str, Any]
) -> tuple[CredentialField, ...]:
    """Returns the fields that the person has to fill in. `link_context`: the link's context, whose fields are
    left out."""
    return tuple(spec for spec in credential.config.fields if link_context.get(spec.name) is None)


def parse_form(
    credential: Credential, sent_texts: Mapping[str, str], link_context: Mapping[str, Any]
) -> FormValues:
    """Parses and checks a submitted form. `sent_texts`: as the browser sends them; keys that are no field
    are dropped. `link_context`: the link's context, which wins."""
    fields = select_fields_to_fill(credential, link_context)
    parsed = {
        spec.name: _parse_option(spec, sent_texts[spec.name]) for spec in fields if spec.name in sent_texts
    }
    errors: dict[str, str] = {}

    def report(path: str, message: str, _: str) -> None:
        """Keeps the first message of a field. `path`: with the prefix of the context."""
        errors.setdefault(path.removeprefix(_CONTEXT_PREFIX), _to_sentence(message))

    checked = validate_form(credential.config.fields, {**parsed, **link_context}, report, complete=True)
    names = {spec.name for spec in fields}
    return FormValues({name: value for name, value in checked.items() if name in names}, errors)


def build_form(
    integration: IntegrationSummary,
    credential: Credential,
    formats: tuple[tuple[str, str], ...],
    link_context: Mapping[str, Any],
    *,
    can_go_back: bool,
    sent: Mapping[str, Any] | None = None,
    errors: Mapping[str, str] | None = None,
    error: str | None = None,
) -> Form:
    """Builds the form to show. `formats`: name and label of the formats to choose from. `sent`: values by
    field that were typed before; a password is never shown again. `errors`: messages by field. `error`:
    message about the whole form."""
    fields = tuple(
        _build_field(spec, sent or {}, errors or {})
        for spec in select_fields_to_fill(credential, link_context)
    )
    return Form(
        integration=integration,
        format=credential.format,
        formats=formats,
        fields=fields,
        goes_to_provider=redirects_to_provider(credential),
        can_go_back=can_go_back,
        documentation_link=_keep_web_link(credential.config.documentation_link),
        permissions_text=credential.config.permissions_text,
        error=error,
    )


def _build_field(spec: CredentialField, sent: Mapping[str, Any], errors: Mapping[str, str]) -> Field:
    """Builds the field to show, with what was typed or its default. `errors`: messages by field."""
    value = sent.get(spec.name, spec.default)
    built = Field(
        name=spec.name,
        label=spec.label or spec.name,
        type=spec.type,
        is_required=spec.required,
        value=None if spec.type == "password" else value,
        placeholder=spec.placeholder,
        help_text=spec.help_text,
        format=spec.format,
        pattern=spec.pattern,
        error=errors.get(spec.name),
    )
    if spec.options is None:
        return built
    current = "" if value is None else str(value)
    options = tuple(
        Choice(str(option.value), option.label, is_chosen=str(option.value) == current)
        for option in spec.options
    )
    return replace(built, choices=options)


def _parse_option(spec: CredentialField, text: str) -> Any:
    """Returns the value of the option with this text, otherwise the text: a browser sends texts, and an
    option may be a number or true."""
    for option in spec.options or ():
        if str(option.value) == text:
            return option.value
    return text


def _to_sentence(message: str) -> str:
    """Turns a check's message into a sentence: `must be a number` -> `It must be a number.`"""
    if message.startswith("is required"):
        return "Please fill this in."
    if message.startswith("must match the pattern"):
        return "This does not look right."
    return f"It {message}."


def _keep_web_link(link: str | None) -> str | None:
    """Returns the link if it is https or http, otherwise None."""
    return link if link is not None and link.startswith(("https://", "http://")) else None
