"""What goes to an `Upstream`: a request that is complete but for its authorization."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from isthmus.engine.rate_limits import Throttling
from isthmus.http.messages import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from isthmus.definitions import Authorization
    from isthmus.engine.authorization.oauth1 import OAuth1Signature

__all__ = ["Operation", "OperationKind", "OutgoingRequest"]

OperationKind = Literal["list", "get", "create", "update", "delete", "custom"]


@dataclass(frozen=True, slots=True)
class Operation:
    """What the request does, in the words of the definition; enough to replay it without sending.

    `id`: the path id, None where there is none. `query`: nested and unencoded, without pagination
    parameters. `cursor`: as the caller sent it, None on the first page. `limit`: page size after
    `default_limit` and `max_limit`, None where nobody asked for one. `body`: before encoding, None for none.
    """

    kind: OperationKind
    resource: str
    method: str
    id: str | None = None
    query: Mapping[str, Any] = field(default_factory=dict)
    cursor: str | None = None
    limit: int | None = None
    body: Any = None


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """`http` is complete but for authorization. `authorization`: None where the method has `no_auth` or
    nothing is defined. `throttling`: which answers to it are, and for how long. `scopes`: OAuth scopes that
    the method needs, for the account of a 403. `drop_credentials_on_redirect`: `definitions.md` §1.8
    `ignore_credentials_on_redirect`: every header that authorization builds is dropped, not only
    `Authorization`, when a redirect leaves the origin. `status_of`: what an answer means, where the
    definition tells errors by more than the status (a refusal of the credentials in a 200); None: the status
    says it."""

    http: HttpRequest
    operation: Operation
    authorization: Authorization | OAuth1Signature | None = None
    throttling: Throttling = field(default_factory=Throttling, compare=False)
    scopes: tuple[str, ...] = ()
    drop_credentials_on_redirect: bool = False
    status_of: Callable[[HttpResponse], int] | None = None

    @property
    def is_idempotent(self) -> bool:
        """Whether the same request may be sent twice (RFC 9110 §9.2.2)."""
        return self.http.method in {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}
