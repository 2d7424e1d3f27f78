"""The interface through which the engine sends requests to a provider for one account (`Upstream`), and the
request that it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from isthmus.definitions.authorization import Authorization
from isthmus.definitions.credentials import OAuth1Config
from isthmus.engine.calls import OperationKind
from isthmus.engine.provider_errors import ThrottleDetector
from isthmus.http.messages import HttpRequest, HttpResponse

__all__ = ["AccountFacts", "OAuth1Signature", "Operation", "OutgoingRequest", "Upstream"]


@dataclass(frozen=True, slots=True)
class OAuth1Signature:
    """The authorization of an account that connected by `oauth` where the definition asks for a bearer token
    or nothing: each request is signed."""

    config: OAuth1Config


@dataclass(frozen=True, slots=True)
class Operation:
    """What the request does, in the words of the definition; enough to replay it without sending.

    `id`: the path id, None where there is none. `query`: nested and unencoded, without pagination
    parameters. `cursor`: as the caller sent it, None on the first page. `limit`: page size after
    `default_limit` and `max_limit`, None where nobody asked for one. `body`: before encoding, None for none.
    `sent_body`: the caller's or the mapped one, before the definition's own body is put around it.
    `caller_query`: as the caller sent it; of a unified call, before it was mapped. `remote_query`:
    of the call.
    """

    kind: OperationKind
    resource: str
    method: str
    id: str | None = None
    query: Mapping[str, Any] = field(default_factory=dict)
    cursor: str | None = None
    limit: int | None = None
    body: Any = None
    sent_body: Any = None
    caller_query: Mapping[str, Any] = field(default_factory=dict)
    remote_query: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OutgoingRequest:
    """A request of a method. `http` is complete but for authorization. `authorization`: None where the method
    has `no_auth` or nothing is defined. `throttling`: recognises throttled answers, and tells the wait.
    `scopes`: OAuth scopes that the method needs, to explain a 403. `drop_credentials_on_redirect`: when a
    redirect leaves the origin, every header that authorization builds is dropped, not only `Authorization`.
    `status_of`: the status that an answer means, where the definition recognises errors by more than the
    status (a refusal of the credentials in a 200); None where the status itself tells. `unused`: paths of
    what the caller sent and the request does not hold, for the call log."""

    http: HttpRequest
    operation: Operation
    authorization: Authorization | OAuth1Signature | None = None
    throttling: ThrottleDetector = field(default_factory=ThrottleDetector, compare=False)
    scopes: tuple[str, ...] = ()
    drop_credentials_on_redirect: bool = False
    status_of: Callable[[HttpResponse], int] | None = None
    unused: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What the engine may know of an account. `authentication_method`: the credential format it used, or
    None for an account without credentials. `cursor_key`: seals the cursors of this account's lists that hold
    an address. `product`: what messages call its provider."""

    id: str
    tenant_id: str
    environment_id: str
    is_sandbox: bool = False
    authentication_method: str | None = None
    cursor_key: bytes = field(default=b"", repr=False)
    product: str = "The provider"


class Upstream(Protocol):
    """One account's way to its provider: a gateway, the replay of a sandbox, or a test's own."""

    @property
    def context(self) -> Mapping[str, Any]:
        """The account's decrypted context, with the integration's environment variables. Read anew for each
        request, so that what `update_context` wrote is seen."""
        ...

    @property
    def account(self) -> AccountFacts:
        """The account whose provider this reaches."""
        ...

    async def send(self, request: OutgoingRequest) -> HttpResponse:
        """Authorizes the request (`authorization.authorize`), sends it, and returns whatever the provider
        answered: error statuses are answers. A 401 has been met with one refresh and one resend where that
        can help; a throttled answer (`OutgoingRequest.throttling`) has been waited for where the wait is
        short and the method idempotent, and closes the account until the wait is over.

        Raises `provider_errors.account_closed(seconds)` while the account is closed, AccountError,
        UpstreamUnreachable, UpstreamTimeout, UpstreamInvalid, EgressDenied, and BadRequest for an
        authorization that does not resolve.
        """
        ...

    async def update_context(self, patch: Mapping[str, Any]) -> None:
        """Merges `patch` shallowly into the context and stores it. A sandbox drops it, without an error."""
        ...
