"""Every error that Isthmus raises on purpose, grouped by who can fix it, and the body of error responses.

    IsthmusError
    ├── RequestError                  the caller can fix it; nothing was changed
    │   ├── BadRequest                400  malformed or invalid input; `failures` name each field
    │   ├── Unauthorized              401  no token, or one that is unknown, revoked or expired
    │   ├── Forbidden                 403  a known token that may not do this
    │   ├── NotFound                  404  no such row, route, resource or method for this caller
    │   ├── MethodNotAllowed          405  also: a write on a read-only account
    │   ├── Conflict                  409  uniqueness, or a stale `version`
    │   │   └── OutcomeUnknown        409  a repeated key whose first request may have been carried out
    │   ├── PayloadTooLarge           413
    │   ├── UnprocessableRequest      422  a key used for another request; more than a batch may do
    │   ├── FailedDependency          424  a node of a batch that waited for one that failed
    │   └── TooManyRequests           429  our own limit; `retry_after` seconds
    ├── AccountError                  the connection needs its owner
    │   ├── AccountNeedsReauth        401  credentials are refused; reconnect
    │   ├── CredentialsRefused        401  a grant or a refresh was refused, just now
    │   └── AccountBlocked            503
    ├── DefinitionError               the author of a definition or mapping can fix it
    │   ├── NotExecutable             501  a field that would change the call and is not executed yet
    │   └── MappingFailed             500  an expression failed while mapping
    ├── UpstreamError                 the provider, or the connection to it, failed
    │   ├── RemoteError               the provider's status: it answered with an error
    │   ├── UpstreamUnreachable       502  no answer: DNS, connect, TLS, reset
    │   │   └── NoFreeConnection      503  not sent: all connections that it may use are in use
    │   ├── UpstreamTimeout           504
    │   ├── UpstreamInvalid           502  it answered, and the answer cannot be used (garbage, too large)
    │   ├── TokenEndpointFailed       502  no token, though the credentials may be valid
    │   └── EgressDenied              502  the SSRF guard refused the address
    ├── DatabaseUnavailable           503  our own database; a repetition may succeed
    └── SetupError                    the operator can fix it; ends a command, never a request

The body of every error response is made by `to_error_envelope(error)` and by nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, ClassVar, Final

__all__ = [
    "AccountBlocked",
    "AccountError",
    "AccountNeedsReauth",
    "BadRequest",
    "Conflict",
    "CredentialsRefused",
    "DatabaseUnavailable",
    "DefinitionError",
    "EgressDenied",
    "FailedDependency",
    "Forbidden",
    "IsthmusError",
    "MappingFailed",
    "MethodNotAllowed",
    "NoFreeConnection",
    "NotExecutable",
    "NotFound",
    "OutcomeUnknown",
    "PayloadTooLarge",
    "RemoteError",
    "RequestError",
    "SetupError",
    "TokenEndpointFailed",
    "TooManyRequests",
    "Unauthorized",
    "UnprocessableRequest",
    "UpstreamError",
    "UpstreamInvalid",
    "UpstreamTimeout",
    "UpstreamUnreachable",
    "failure",
    "get_reason_phrase",
    "to_error_envelope",
]


def failure(path: str, message: str, code: str) -> dict[str, str]:
    """Returns one entry of `details.failures`. `path`: the field (a dotted path). `message`: what would be
    valid. `code`: stable, for programs."""
    return {"path": path, "message": message, "code": code}


_REASON_PHRASES: Final = {
    413: "Payload Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Entity",
}
"""Reason phrases that differ between versions of Python, as they are sent on every version."""


def get_reason_phrase(status: int) -> str:
    """Returns the standard reason phrase of an HTTP status; "Error" if it has none."""
    if status in _REASON_PHRASES:
        return _REASON_PHRASES[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


class IsthmusError(Exception):
    """The base of all errors. `message`: for people, says what to do. `details`, `insight`: JSON for the
    response body. `headers`: of the response. `status`: of the response."""

    status: int = 500

    def __init__(
        self,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        insight: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = dict(details) if details else {}
        self.insight = dict(insight) if insight else {}
        self.headers = dict(headers) if headers else {}


class RequestError(IsthmusError):
    """The caller can fix it; nothing was changed."""

    status = 400


class BadRequest(RequestError):
    """Malformed or invalid input. `failures`: a list of `failure(...)`, sent as `details.failures`."""

    def __init__(
        self,
        message: str,
        *,
        failures: list[dict[str, str]] | None = None,
        details: Mapping[str, Any] | None = None,
        insight: Mapping[str, Any] | None = None,
    ) -> None:
        merged = dict(details or {})
        if failures:
            merged["failures"] = failures
        super().__init__(message, details=merged, insight=insight)


class Unauthorized(RequestError):
    """The token is missing, unknown, revoked or expired."""

    status = 401


class Forbidden(RequestError):
    """The token is known, but may not do this."""

    status = 403


class NotFound(RequestError):
    """There is no such row, route, resource or method for this caller."""

    status = 404


class MethodNotAllowed(RequestError):
    """The method is not allowed here, such as a write on a sandbox account."""

    status = 405


class Conflict(RequestError):
    """The request conflicts with what is stored: a name that is taken, or a stale `version`."""

    status = 409


class OutcomeUnknown(Conflict):
    """An earlier call with the same idempotency key sent its request, and it is not known what came of it."""


class PayloadTooLarge(RequestError):
    """The body is larger than allowed."""

    status = 413


class UnprocessableRequest(BadRequest):
    """Well-formed input that cannot be processed: an idempotency key that was used for another request, or a
    batch above its limits."""

    status = 422


class FailedDependency(RequestError):
    """A node of a batch that was not run, because one that it depends on failed (RFC 4918 §11.4)."""

    status = 424


class TooManyRequests(RequestError):
    """The caller exceeded our rate limit. `retry_after`: whole seconds, at least 1 (clients stop retrying at
    0)."""

    status = 429

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message, headers={"retry-after": str(max(1, retry_after))})
        self.retry_after = max(1, retry_after)


class AccountError(IsthmusError):
    """The connected account needs its owner."""

    status = 401


class AccountNeedsReauth(AccountError):
    """The provider has refused the credentials before, so the account must be reconnected. The response body
    marks it as an error of the provider."""

    status = 401


class CredentialsRefused(AccountError):
    """The provider refused a grant or a token refresh. `code`: its OAuth error code (RFC 6749 §5.2), None if
    it sent none. `reason`: its explanation, without a full stop; "" if it sent none."""

    status = 401

    def __init__(self, message: str, *, code: str | None, reason: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


class AccountBlocked(AccountError):
    """The account is on the block list of the server."""

    status = 503


class DefinitionError(IsthmusError):
    """The author of a definition or mapping can fix it."""

    status = 500


class NotExecutable(DefinitionError):
    """The definition has a field that would change the call and is not executed yet."""

    status = 501


class MappingFailed(DefinitionError):
    """An expression of a definition failed. It never holds the data that the expression was evaluated on."""

    ERROR: ClassVar[str] = "Mapping error"

    def __init__(self, message: str, *, field: str, position: int | None, code: str) -> None:
        super().__init__(message, details={"field": field, "expression_position": position, "code": code})


_ANY_PRODUCT: Final = "The provider"


class UpstreamError(IsthmusError):
    """The provider, or the connection to it, failed. `is_possibly_delivered`: True if the request may have
    been carried out, and the provider's answer was lost or cannot be used."""

    status = 502
    is_possibly_delivered = False

    def name_product(self, product: str) -> None:
        """Makes the message name the product, where it does not yet: in place of the words "The provider",
        else before the message."""
        if self.message.startswith(_ANY_PRODUCT):
            self.message = f"{product}{self.message.removeprefix(_ANY_PRODUCT)}"
        elif not self.message.startswith(product):
            self.message = f"{product}: {self.message}"
        self.args = (self.message,)


class RemoteError(UpstreamError):
    """The provider answered with an error.

    `raw_response`: its body, as JSON if it can be parsed, else as text. `headers`: those of its headers that
    are forwarded. `error`: replaces the reason phrase if an `error_mapping` sets one; `extra`: further keys
    of the response body that it sets.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        raw_response: Any,
        error: str | None = None,
        extra: Mapping[str, Any] | None = None,
        details: Any = None,
        insight: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, insight=insight, headers=headers)
        self.status = status
        self.error = error
        self.raw_response = raw_response
        self.extra = dict(extra) if extra else {}
        self.remote_details = details


_NO_CONNECTION_RETRY_SECONDS: Final = 5


class UpstreamUnreachable(UpstreamError):
    """No answer came."""

    status = 502

    def __init__(self, message: str, *, is_possibly_delivered: bool = False) -> None:
        super().__init__(message)
        self.is_possibly_delivered = is_possibly_delivered


class NoFreeConnection(UpstreamUnreachable):
    """All connections that the request may use were in use for too long; the provider knows nothing of it."""

    status = 503

    def __init__(self, message: str, *, is_possibly_delivered: bool = False) -> None:
        super().__init__(message, is_possibly_delivered=is_possibly_delivered)
        self.headers["retry-after"] = str(_NO_CONNECTION_RETRY_SECONDS)


class UpstreamTimeout(UpstreamError):
    """The provider did not answer in time."""

    status = 504
    is_possibly_delivered = True


class UpstreamInvalid(UpstreamError):
    """The provider answered, but the answer cannot be used: garbage, or too large."""

    status = 502
    is_possibly_delivered = True


class TokenEndpointFailed(UpstreamError):
    """A token endpoint gave no usable answer, so it is not known whether the credentials are valid.
    `is_retryable`: True if the same request may succeed later."""

    status = 502

    def __init__(self, message: str, *, is_retryable: bool) -> None:
        super().__init__(message)
        self.is_retryable = is_retryable


class EgressDenied(UpstreamError):
    """The SSRF guard refused the address."""

    status = 502


_DATABASE_RETRY_SECONDS: Final = 5


class DatabaseUnavailable(IsthmusError):
    """The server's own database cannot be used now. `reason`: what is wrong with it, in words that callers
    may read."""

    status = 503

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"the database of this server cannot be used now ({reason}). Repeat the request after "
            "`Retry-After` seconds; the server's operator finds more in its log.",
            headers={"retry-after": str(_DATABASE_RETRY_SECONDS)},
        )
        self.reason = reason


class SetupError(IsthmusError):
    """The operator can fix it. Raised by commands and at the start, never by a request."""

    status = 500


def to_error_envelope(error: IsthmusError) -> dict[str, Any]:
    """Returns the JSON body of the response for an error."""
    body: dict[str, Any] = {
        "statusCode": error.status,
        "error": get_reason_phrase(error.status),
        "message": error.message,
    }
    if isinstance(error, MappingFailed):
        body["error"] = MappingFailed.ERROR
    if isinstance(error, RemoteError):
        body.update(error.extra)
        if error.error is not None:
            body["error"] = error.error
        body["truto_is_remote_error"] = True
        body["raw_response"] = error.raw_response
        if error.remote_details is not None:
            body["details"] = error.remote_details
    elif error.details:
        body["details"] = error.details
    if isinstance(error, AccountNeedsReauth):
        body["truto_is_remote_error"] = True
        body["integrated_account_needs_reauth"] = True
    if error.insight:
        body["truto_error_insight"] = error.insight
    return body
