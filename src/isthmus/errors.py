"""Every error Isthmus raises on purpose, classed by fate: who can mend it, and may it be tried again.

    IsthmusError
    ├── RequestError                  the caller can mend it; nothing was changed
    │   ├── BadRequest                400  malformed or invalid input; `failures` name each field
    │   ├── Unauthorized              401  no token, or one that is unknown, revoked or expired
    │   ├── Forbidden                 403  a known token that may not do this
    │   ├── NotFound                  404  no such row, route, resource or method for this caller
    │   ├── MethodNotAllowed          405  also: a write on a sandbox account
    │   ├── Conflict                  409  uniqueness, or a stale `version`
    │   ├── PayloadTooLarge           413
    │   ├── UnprocessableRequest      422  a key used for another request; more than a batch may do
    │   ├── FailedDependency          424  a node of a batch that waited for one that failed
    │   └── TooManyRequests           429  our own limit; `retry_after` seconds
    ├── AccountError                  the connection needs its owner
    │   ├── AccountNeedsReauth        401  credentials are refused; reconnect
    │   ├── CredentialsRefused        401  a grant or a refresh was refused, just now
    │   └── AccountBlocked            503
    ├── DefinitionError               the author of a definition or mapping can mend it
    │   ├── NotExecutable             501  a field that would change the call and is not executed yet
    │   └── MappingFailed             500  an expression failed while mapping
    ├── UpstreamError                 the third party, or the way to it, failed
    │   ├── RemoteError               its own status: it answered, with an error
    │   ├── UpstreamUnreachable       502  no answer: DNS, connect, TLS, reset
    │   ├── UpstreamTimeout           504
    │   ├── UpstreamInvalid           502  it answered, and the answer cannot be used (garbage, too large)
    │   ├── TokenEndpointFailed       502  no token, for no fault of the credentials
    │   └── EgressDenied              502  the SSRF guard refused the address
    └── SetupError                    the operator can mend it; ends a command, never a request

The wire envelope (`api.md` §1.6) is `to_error_envelope(error)`. Nothing else builds one.
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
    "DefinitionError",
    "EgressDenied",
    "FailedDependency",
    "Forbidden",
    "IsthmusError",
    "MappingFailed",
    "MethodNotAllowed",
    "NotExecutable",
    "NotFound",
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
    """One entry of `details.failures`: where (dotted path), what would be right, and a stable code."""
    return {"path": path, "message": message, "code": code}


_NAMES: Final = {
    413: "Payload Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Entity",
}
"""Names that differ between versions of Python; the wire's do not."""


def get_reason_phrase(status: int) -> str:
    """The standard reason phrase; "Error" for a status that has none."""
    if status in _NAMES:
        return _NAMES[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


class IsthmusError(Exception):
    """`message` is for people and says what to do; `details` is JSON; `headers` go out with the answer."""

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
    status = 400


class BadRequest(RequestError):
    """`failures` is a list of `failure(...)`; it lands in `details.failures`."""

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
    status = 401


class Forbidden(RequestError):
    status = 403


class NotFound(RequestError):
    status = 404


class MethodNotAllowed(RequestError):
    status = 405


class Conflict(RequestError):
    status = 409


class PayloadTooLarge(RequestError):
    status = 413


class UnprocessableRequest(BadRequest):
    """Well-formed, and yet not to be carried out: an idempotency key that stands for another request, or
    more than a batch may do."""

    status = 422


class FailedDependency(RequestError):
    """Not tried, since what it needs is missing (RFC 4918 §11.4). Only inside the answer of a batch."""

    status = 424


class TooManyRequests(RequestError):
    """`retry_after`: whole seconds, at least 1 (clients stop retrying at 0)."""

    status = 429

    def __init__(self, message: str, *, retry_after: int) -> None:
        super().__init__(message, headers={"retry-after": str(max(1, retry_after))})
        self.retry_after = max(1, retry_after)


class AccountError(IsthmusError):
    status = 401


class AccountNeedsReauth(AccountError):
    """The provider refused the credentials before; on the wire it counts as its answer (`connect.md` §9)."""

    status = 401


class CredentialsRefused(AccountError):
    """The provider said no to a grant or a refresh. `code`: its OAuth error code (RFC 6749 §5.2), None where
    it gave none."""

    status = 401

    def __init__(self, message: str, *, code: str | None) -> None:
        super().__init__(message)
        self.code = code


class AccountBlocked(AccountError):
    status = 503


class DefinitionError(IsthmusError):
    status = 500


class NotExecutable(DefinitionError):
    status = 501


class MappingFailed(DefinitionError):
    """An expression of a definition failed. Never carries the data it ran on (`definitions.md` §4.3.7)."""

    ERROR: ClassVar[str] = "Mapping error"

    def __init__(self, message: str, *, field: str, position: int | None, code: str) -> None:
        super().__init__(message, details={"field": field, "expression_position": position, "code": code})


class UpstreamError(IsthmusError):
    status = 502


class RemoteError(UpstreamError):
    """The third party answered, and its answer is an error.

    `raw_response` is its body (JSON where it parses, else text); `headers` are those of its headers that
    are forwarded. `error` replaces the standard status name where an `error_mapping` chose one; `extra`
    are further keys of the envelope it chose.
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


class UpstreamUnreachable(UpstreamError):
    """`may_have_arrived`: the request may have, and only its answer is missing."""

    status = 502

    def __init__(self, message: str, *, may_have_arrived: bool = False) -> None:
        super().__init__(message)
        self.may_have_arrived = may_have_arrived


class UpstreamTimeout(UpstreamError):
    status = 504


class UpstreamInvalid(UpstreamError):
    status = 502


class TokenEndpointFailed(UpstreamError):
    """A token endpoint gave no usable answer, which says nothing of the credentials. `may_retry`: whether the
    same call may do better."""

    status = 502

    def __init__(self, message: str, *, may_retry: bool) -> None:
        super().__init__(message)
        self.may_retry = may_retry


class EgressDenied(UpstreamError):
    status = 502


class SetupError(IsthmusError):
    status = 500


def to_error_envelope(error: IsthmusError) -> dict[str, Any]:
    """The error as it goes over the wire (`api.md` §1.6)."""
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
