"""The form of a credential format: what is shown, and what is made of what was sent (`connect.md` §4.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from isthmus.accounts.rows.credential_form import validate_form
from isthmus.connect.screens import Choice, Field, Form, Offered
from isthmus.definitions.credentials import Credential, CredentialField, OAuth1Credential, OAuth2Credential

__all__ = ["FORMAT_LABELS", "Entered", "draw_form", "enter", "goes_to_provider"]

FORMAT_LABELS: Final = {
    "api_key": "API key",
    "oauth2": "Sign in",
    "oauth2_client_credentials": "Client ID and secret",
    "oauth": "Sign in",
    "keka_oauth": "Client ID, secret and API key",
}
_PATH: Final = "context."


@dataclass(frozen=True, slots=True)
class Entered:
    """`values`: of the form's fields, as they are stored. `errors`: by field, why it does not do."""

    values: Mapping[str, Any] = field(repr=False)
    errors: Mapping[str, str]


def goes_to_provider(credential: Credential) -> bool:
    return isinstance(credential, OAuth2Credential | OAuth1Credential)


def asked(credential: Credential, given: Mapping[str, Any]) -> tuple[CredentialField, ...]:
    """The fields that a person has to fill in: what the link gives already is not asked for."""
    return tuple(each for each in credential.config.fields if given.get(each.name) is None)


def enter(credential: Credential, sent: Mapping[str, str], given: Mapping[str, Any]) -> Entered:
    """`sent`: as the browser sent it, all texts; keys that are no field are dropped."""
    fields = asked(credential, given)
    chosen = {each.name: _chosen(each, sent[each.name]) for each in fields if each.name in sent}
    errors: dict[str, str] = {}

    def report(path: str, message: str, _: str) -> None:
        errors.setdefault(path.removeprefix(_PATH), _sentence(message))

    whole = validate_form(credential.config.fields, {**chosen, **given}, report, complete=True)
    names = {each.name for each in fields}
    return Entered({name: value for name, value in whole.items() if name in names}, errors)


def draw_form(
    integration: Offered,
    credential: Credential,
    formats: tuple[tuple[str, str], ...],
    given: Mapping[str, Any],
    *,
    can_go_back: bool,
    sent: Mapping[str, Any] | None = None,
    errors: Mapping[str, str] | None = None,
    error: str | None = None,
) -> Form:
    """`sent`: what was typed before; a password is never shown again."""
    fields = tuple(_field(each, sent or {}, errors or {}) for each in asked(credential, given))
    return Form(
        integration=integration,
        format=credential.format,
        formats=formats,
        fields=fields,
        goes_to_provider=goes_to_provider(credential),
        can_go_back=can_go_back,
        documentation_link=_safe_link(credential.config.documentation_link),
        permissions_text=credential.config.permissions_text,
        error=error,
    )


def _field(spec: CredentialField, sent: Mapping[str, Any], errors: Mapping[str, str]) -> Field:
    value = sent.get(spec.name, spec.default)
    drawn = Field(
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
        return drawn
    shown = "" if value is None else str(value)
    options = tuple(
        Choice(str(option.value), option.label, is_chosen=str(option.value) == shown)
        for option in spec.options
    )
    return replace(drawn, choices=options)


def _chosen(spec: CredentialField, text: str) -> Any:
    """An option by its text: a browser sends only texts, and an option may be a number or true."""
    for option in spec.options or ():
        if str(option.value) == text:
            return option.value
    return text


def _sentence(message: str) -> str:
    """`must be a number` -> `It must be a number.`; a required field says only that."""
    if message.startswith("is required"):
        return "Please fill this in."
    if message.startswith("must match the pattern"):
        return "This does not look right."
    return f"It {message}."


def _safe_link(link: str | None) -> str | None:
    return link if link is not None and link.startswith(("https://", "http://")) else None
