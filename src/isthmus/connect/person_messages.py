"""The texts about errors for the person in front of a connect page, who is no engineer and can change no
definition. What its author needs to know is in the log and with the account."""

from __future__ import annotations

from isthmus.accounts.lifecycle.causes import FailureCause
from isthmus.errors import (
    AccountError,
    BadRequest,
    CredentialsRefused,
    EgressDenied,
    IsthmusError,
    RemoteError,
    UpstreamError,
)

__all__ = [
    "describe_exchange_failure",
    "describe_form_failure",
    "describe_missing_app",
    "describe_stage_failure",
]


def describe_stage_failure(label: str, cause: FailureCause | None, message: str) -> str:
    """Returns the text about post-install or a validation that failed. `label`: of the product. `cause`: None
    where it is not known. `message`: of the error."""
    match cause:
        case "credentials":
            return f"{label} did not accept the credentials. Check what you entered."
        case "connection":
            return _describe_silence(label)
        case "definition":
            return _describe_definition(label)
        case "provider" | "check":
            return message
        case _:
            return f"{label} could not be connected. Try again, or tell whoever sent you the link."


def describe_exchange_failure(label: str, error: IsthmusError, *, has_own_client: bool = False) -> str:
    """Returns the text about credentials or an authorization that could not be exchanged for a token.
    `has_own_client`: True if the client id and secret belong to the person, not to an app of the operator."""
    match error:
        case CredentialsRefused(code="invalid_client" | "unauthorized_client") if not has_own_client:
            return f"{label} does not know the app that asks for access. Tell who runs this page."
        case CredentialsRefused():
            said = f" It said: {error.reason}." if error.reason else ""
            return f"{label} did not accept this.{said} Check what you entered, then try again."
        case EgressDenied() | BadRequest(details={"failures": [{"code": "bad_address"}, *_]}):
            return f"That address of {label} cannot be used. Check what you entered."
        case UpstreamError():
            return _describe_silence(label)
        case _:
            return _describe_definition(label)


def describe_form_failure(error: IsthmusError) -> str:
    """Returns the text about the form of an account that cannot be shown or stored."""
    match error:
        case AccountError():
            return "The account must be reconnected before its settings can be changed."
        case RemoteError():
            return f"The choices could not be fetched: {error.message}"
        case UpstreamError():
            return "The choices could not be fetched. Try again in a moment."
        case _:
            return "The form of this product is not set up correctly. Tell whoever sent you the link."


def describe_missing_app(label: str) -> str:
    """Returns the text about a product whose OAuth app the operator has not set up."""
    return f"{label} cannot be connected here yet: its sign-in is not set up. Tell whoever sent you the link."


def _describe_silence(label: str) -> str:
    """Returns the text about a provider that gives no usable answer."""
    return f"{label} could not be reached, or did not answer as it should. Try again in a moment."


def _describe_definition(label: str) -> str:
    """Returns the text about what only the author of the definition can fix."""
    return f"{label} is not set up correctly here, which is not your fault. Tell whoever sent you the link."
