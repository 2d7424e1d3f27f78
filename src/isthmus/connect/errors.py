"""Errors that end a connection attempt, with messages for the person in front of the page."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

__all__ = [
    "PAGE_EXPIRED",
    "ConnectError",
    "ConnectionFailed",
    "ErrorType",
    "ForgedRequest",
    "InvalidIntegration",
    "InvalidToken",
    "RapidFormFailed",
    "SessionEnded",
    "truncate_message",
]

ErrorType = Literal[
    "invalid_token",
    "invalid_integration",
    "connection_error",
    "post_install_error",
    "validation_error",
    "rapid_form_error",
]
MAX_MESSAGE_LENGTH: Final = 500

PAGE_EXPIRED: Final = "This page has expired. Ask for a new one where you came from."


def truncate_message(text: str) -> str:
    """Returns the text, cut to MAX_MESSAGE_LENGTH characters: it may come from a provider."""
    return text if len(text) <= MAX_MESSAGE_LENGTH else text[: MAX_MESSAGE_LENGTH - 1] + "…"


class ConnectError(Exception):
    """`message`: for a person who is no engineer, at most 500 characters. `type`: for the page that embeds
    this one. `status`: of the HTTP response. `redirect_uri`: where the browser goes when the page is closed
    and there is no session, None for nowhere."""

    type: ClassVar[ErrorType] = "connection_error"
    status: ClassVar[int] = 400

    def __init__(self, message: str, *, redirect_uri: str | None = None) -> None:
        super().__init__(message)
        self.redirect_uri = redirect_uri
        self.message = truncate_message(message)


class InvalidToken(ConnectError):
    """The link token is unknown, used or expired."""

    type = "invalid_token"
    status = 410


class SessionEnded(InvalidToken):
    """The session has expired, or belongs to another browser."""


class InvalidIntegration(ConnectError):
    """The integration does not exist, or must not be connected with this link."""

    type = "invalid_integration"
    status = 404


class ConnectionFailed(ConnectError):
    """The provider refused the credentials, or could not be reached; the person may try again."""

    status = 422


class RapidFormFailed(ConnectError):
    """The account's own form cannot be shown or stored."""

    type = "rapid_form_error"
    status = 422


class ForgedRequest(ConnectError):
    """The request was not sent by the page that it should come from (cross-site request forgery)."""

    status = 403
