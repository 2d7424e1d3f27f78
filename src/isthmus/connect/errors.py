"""What can end a flow, in words for the person in front of it (`connect.md` §3.5)."""

from __future__ import annotations

from typing import ClassVar, Final, Literal

__all__ = [
    "PAGE_EXPIRED",
    "ConnectProblem",
    "ConnectionFailed",
    "ErrorType",
    "Forged",
    "InvalidIntegration",
    "InvalidToken",
    "RapidFormFailed",
    "SessionEnded",
    "capped",
]

ErrorType = Literal[
    "invalid_token",
    "invalid_integration",
    "connection_error",
    "post_install_error",
    "validation_error",
    "rapid_form_error",
]
_LONGEST = 500

PAGE_EXPIRED: Final = "This page has expired. Ask for a new one where you came from."


def capped(text: str) -> str:
    """What a page shows of a text that may be a provider's (`connect.md` §11.7)."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


class ConnectProblem(Exception):
    """`message`: for a person who is no engineer, at most 500 characters. `status`: of the page's answer.
    `redirect_uri`: where a flow without a session ends, None for nowhere."""

    type: ClassVar[ErrorType] = "connection_error"
    status: ClassVar[int] = 400

    def __init__(self, message: str, *, redirect_uri: str | None = None) -> None:
        super().__init__(message)
        self.redirect_uri = redirect_uri
        self.message = capped(message)


class InvalidToken(ConnectProblem):
    """The link is unknown, used up or too old."""

    type = "invalid_token"
    status = 410


class SessionEnded(InvalidToken):
    """The page was left alone too long, or belongs to another browser."""


class InvalidIntegration(ConnectProblem):
    type = "invalid_integration"
    status = 404


class ConnectionFailed(ConnectProblem):
    """The credentials did not do; the person may try again."""

    status = 422


class RapidFormFailed(ConnectProblem):
    type = "rapid_form_error"
    status = 422


class Forged(ConnectProblem):
    """A request that did not come from the page it should have come from."""

    status = 403
