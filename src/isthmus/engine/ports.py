"""The one door out: what the engine is given to reach a third party on behalf of one account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from isthmus.engine.messages import OutgoingRequest
from isthmus.http.messages import HttpResponse

__all__ = ["AccountFacts", "Upstream"]


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What the engine may know of an account. `authentication_method`: the credential format it used, or
    None for an account without credentials. `cursor_key`: seals the cursors of this account's lists that hold
    an address."""

    id: str
    tenant_id: str
    environment_id: str
    is_sandbox: bool = False
    authentication_method: str | None = None
    cursor_key: bytes = field(default=b"", repr=False)


class Upstream(Protocol):
    """One account's way to its third party: a gateway, a sandbox's replay, a test's own."""

    @property
    def context(self) -> Mapping[str, Any]:
        """The account's decrypted context with the virtual keys of `definitions.md` §1.3.7. Read anew for
        each request, so that what `update_context` wrote is seen."""
        ...

    @property
    def account(self) -> AccountFacts: ...

    async def send(self, request: OutgoingRequest) -> HttpResponse:
        """Authorize (`authorization.authorize`), send, and hand back whatever the third party answered:
        error statuses are answers. A 401 has been met with one refresh and one resend where that can help;
        a throttled answer (`OutgoingRequest.throttling`) has been waited for where the wait is short and the
        method idempotent, and closes the account until the wait is over.

        Raises `rate_limits.closed(seconds)` while the account is closed, AccountError, UpstreamUnreachable,
        UpstreamTimeout, UpstreamInvalid, EgressDenied, and BadRequest for an authorization that does not
        resolve.
        """
        ...

    async def update_context(self, patch: Mapping[str, Any]) -> None:
        """Merge `patch` shallowly into the context and keep it. A sandbox drops it, without an error."""
        ...
