"""The gateway: sends the requests of one connected account to its provider.

wait for the account's throttle -> refresh credentials that are about to expire -> authorize -> send
    -> after a 401, refresh the credentials and send once more
    -> after a rate limit, close the account; a read waits and is sent once more
    -> after 401, 403 or a success, update the account's state; write one line to the call log
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from isthmus.accounts.connections.account_states import AccountStates, make_forbidden_error
from isthmus.accounts.connections.call_log import CallLog, CallRecord
from isthmus.accounts.connections.throttle import MAX_WAIT_SECONDS, AccountThrottle
from isthmus.accounts.credentials.refresh_store import RefreshedCredentials, RefreshTarget
from isthmus.accounts.credentials.refresher import Refresher
from isthmus.accounts.credentials.token_refresh import (
    TokenLife,
    get_access_token,
    get_token_life,
    is_refreshable,
)
from isthmus.accounts.egress import Sender, SharedSender
from isthmus.definitions.integration import IntegrationConfig
from isthmus.engine.authorization.flows import add_authorization
from isthmus.engine.provider_errors import find_missing_scopes
from isthmus.engine.upstream import AccountFacts, OutgoingRequest
from isthmus.engine.urls import parse_origin
from isthmus.errors import AccountNeedsReauth, IsthmusError, RemoteError, UpstreamError
from isthmus.expressions import run_in_turns
from isthmus.http.messages import HttpResponse
from isthmus.kit.clock import Clock

__all__ = ["AfterWrite", "BeforeWrite", "Gateway", "GatewayAccount", "GatewayParts", "UpdateContext"]

_BAD_REQUEST: Final = 400
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_SERVER_ERROR: Final = 500
_READ_METHODS: Final = frozenset({"list", "get"})
_READ_VERBS: Final = frozenset({"GET", "HEAD"})

UpdateContext = Callable[["GatewayAccount", Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Stores a patch of an account's context and returns its new effective context."""

AfterWrite = Callable[[int], None]
"""Called with the effective status of the answer to a write."""

BeforeWrite = Callable[[OutgoingRequest], Awaitable[AfterWrite]]
"""Awaited right before a request that may change something is sent; what it raises ends the call, unsent. The
function that it returns is called if an answer comes."""


@dataclass(frozen=True, slots=True)
class GatewayParts:
    """What all gateways of a process share. `max_wait_seconds`: how long a provider may make an account
    wait."""

    http: SharedSender
    clock: Clock
    states: AccountStates
    call_log: CallLog
    update_context: UpdateContext
    refresher: Refresher
    max_wait_seconds: float


@dataclass(slots=True)
class GatewayAccount:
    """The state of one account that its gateways share until its row is read again.

    `context`: the effective context. `revision`: of the row that it was read from. `last_forbidden`: the
    resource and method of the last 403, None without one. `token_life`: when the access token ends; None if
    that is unknown or the token cannot be refreshed. `http`: sends through the static gate `gate_id`, or
    directly.
    """

    facts: AccountFacts
    integration: str
    definition: IntegrationConfig
    context: Mapping[str, Any]
    revision: int
    throttle: AccountThrottle
    http: Sender
    gate_id: str | None = None
    last_forbidden: tuple[str, str] | None = None
    token_life: TokenLife | None = None

    def __post_init__(self) -> None:
        self.set_context(self.context, self.revision)

    def set_context(self, context: Mapping[str, Any], revision: int) -> None:
        """Replace the context by the one of this revision of the row."""
        self.context, self.revision = context, revision
        life = get_token_life(context)
        self.token_life = life if life is not None and self.is_refreshable else None

    @property
    def is_refreshable(self) -> bool:
        """True if the credentials can be refreshed."""
        return is_refreshable(self.definition, self.facts.authentication_method, self.context)


class Gateway:
    """An `engine.upstream.Upstream` that sends over HTTP, for one call of one account. `can_refresh`: False
    for the requests that refresh its credentials. `before_write`: None if nobody has to know."""

    __slots__ = ("_account", "_before_write", "_can_refresh", "_parts", "_request_id", "account")

    def __init__(
        self,
        parts: GatewayParts,
        account: GatewayAccount,
        request_id: str,
        *,
        can_refresh: bool = True,
        before_write: BeforeWrite | None = None,
    ) -> None:
        self._before_write = before_write
        self._parts = parts
        self._account = account
        self._request_id = request_id
        self._can_refresh = can_refresh
        self.account = account.facts

    @property
    def context(self) -> Mapping[str, Any]:
        """The effective context of the account, as it is now."""
        return self._account.context

    def with_before_write(self, before_write: BeforeWrite) -> Gateway:
        """Return a gateway of the same call that awaits `before_write`."""
        return Gateway(self._parts, self._account, self._request_id, before_write=before_write)

    async def send(self, request: OutgoingRequest) -> HttpResponse:
        """Send the request and return the provider's response, whatever its status. Raises RemoteError with
        status 429 while the account is closed, AccountNeedsReauth, UpstreamError."""
        started = self._parts.clock.monotonic()
        attempt = _CallAttempt()
        try:
            response = await self._send_and_record_state(request, attempt)
        except IsthmusError as failed:
            attempt.error = type(failed).__name__
            raise
        finally:
            self._log_call(request, attempt, started)
        return response

    async def update_context(self, patch: Mapping[str, Any]) -> None:
        """Store a patch of the account's context; later requests use the new context."""
        account = self._account
        account.context = await self._parts.update_context(account, patch)

    async def _send_and_record_state(self, request: OutgoingRequest, attempt: _CallAttempt) -> HttpResponse:
        """Wait for the throttle, send, send a rate limited read once more, update the account's state, and
        return the response."""
        throttle = self._account.throttle
        is_repeatable = _is_repeatable(request)
        if not throttle.is_unthrottled:
            await throttle.wait_for_turn(waits_while_closed=is_repeatable)
        response, wait = await self._send_through_throttle(request, attempt)
        if wait is not None and wait <= MAX_WAIT_SECONDS and is_repeatable:
            try:
                await throttle.wait_for_turn(waits_while_closed=True)
            except RemoteError:  # the wait would be too long: return the provider's own response
                return response
            await _close_stream(response)
            attempt.retries += 1
            response, wait = await self._send_through_throttle(request, attempt)
        if wait is None:
            await self.update_account_state(request, response, attempt.revision)
        return response

    async def _send_through_throttle(
        self, request: OutgoingRequest, attempt: _CallAttempt
    ) -> tuple[HttpResponse, float | None]:
        """Send once, and tell the throttle how it went. Return (response, seconds to wait); the second is
        None if the provider did not throttle the request.

        If anything fails, the next call is let through and the response is closed.
        """
        throttle = self._account.throttle
        response = None
        try:
            attempt.host = urlsplit(request.http.url).hostname
            response = await self.send_with_refresh(request, attempt)
            attempt.status = response.status
            wait = await request.throttling.find_wait(
                response, self._parts.clock, longest=self._parts.max_wait_seconds
            )
        except BaseException:
            throttle.record_failure()
            if response is not None:
                await _close_stream(response)
            raise
        if wait is None and response.status < _SERVER_ERROR:
            throttle.record_success()
        elif wait is None:
            throttle.record_failure()
        elif throttle.close(wait):
            until = await self._parts.states.record_rate_limit_wait(self._account.facts, wait)
            if until is not None:
                throttle.record_stored_wait(until)
        return response, wait

    async def send_with_refresh(self, request: OutgoingRequest, attempt: _CallAttempt) -> HttpResponse:
        """Send with credentials that are not about to expire and, after a 401, once more with refreshed ones;
        return the response."""
        account = self._account
        if account.token_life is not None and self._can_refresh:
            await self._refresh_if_expiring(account.token_life)
        response = await self._send_authorized(request, attempt)
        while (
            self._can_refresh
            and await effective_status(request, response) == _UNAUTHORIZED
            and not _was_redirected_elsewhere(request, response)
        ):
            if attempt.token is None or not account.is_refreshable:
                break
            try:
                refreshed = await self.refresh(attempt.token)
            except AccountNeedsReauth:
                break  # return the provider's own response; the account's state says why the refresh failed
            except BaseException:
                await _close_stream(response)
                raise
            if not request.http.can_repeat:
                break
            await _close_stream(response)
            attempt.retries += 1
            response = await self._send_authorized(request, attempt)
            if refreshed.is_new:
                break
        return response

    async def _refresh_if_expiring(self, life: TokenLife) -> None:
        """Refresh the token if it is about to expire. Raises AccountNeedsReauth if the provider refuses, even
        while the token is valid; UpstreamError if the provider is unavailable and the token has expired
        already."""
        now = self._parts.clock.now().timestamp()
        if now <= life.refresh_at:
            return
        try:
            await self.refresh(None)
        except UpstreamError:
            if now >= life.expires_at:
                raise
            # The token is still valid for this call.

    async def refresh(self, rejected_token: str | None, *, force: bool = False) -> RefreshedCredentials:
        """Refresh the credentials as `Refresher.refresh` does. Later calls of this process use the
        new ones."""
        without_refresh = Gateway(self._parts, self._account, self._request_id, can_refresh=False)
        account = self._account
        target = RefreshTarget(
            account.facts, account.definition, account.http.send, without_refresh, account.gate_id
        )
        refreshed = await self._parts.refresher.refresh(target, rejected_token, force=force)
        if refreshed.revision >= self._account.revision:
            self._account.set_context(refreshed.context, refreshed.revision)
        return refreshed

    async def _send_authorized(self, request: OutgoingRequest, attempt: _CallAttempt) -> HttpResponse:
        """Add the account's authorization and send; return the response. Notes in `attempt` which credentials
        were used."""
        http, context = self._account.http, self._account.context
        attempt.revision, attempt.token = self._account.revision, get_access_token(context)
        authorized = await add_authorization(request, context, http.send)
        if self._before_write is None or _is_read(request):
            return await http.send(authorized)
        note_answer = await self._before_write(request)
        response = await http.send(authorized)
        note_answer(await effective_status(request, response))
        return response

    async def update_account_state(
        self, request: OutgoingRequest, response: HttpResponse, revision: int
    ) -> None:
        """Record what a response means for the account: 401 sets `needs_reauth`, 403 is noted, a success
        clears a noted 403 of the same method. `revision`: of the credentials that were sent."""
        account, operation = self._account, request.operation
        names = (operation.resource, operation.method)
        status = await effective_status(request, response)
        if status == _UNAUTHORIZED:
            if _was_redirected_elsewhere(request, response) or not self._can_refresh:
                return
            await self._parts.states.mark_needs_reauth(
                account.facts, revision, _describe_refusal(response, names)
            )
        elif status == _FORBIDDEN:
            if account.last_forbidden != names:
                account.last_forbidden = names
                missing = find_missing_scopes(request.scopes, account.context)
                record = make_forbidden_error(*names, missing, self._parts.clock.now())
                await self._parts.states.record_forbidden(account.facts, record)
        elif status < _BAD_REQUEST and account.last_forbidden == names:
            account.last_forbidden = None
            await self._parts.states.clear_forbidden(account.facts)

    def _log_call(self, request: OutgoingRequest, attempt: _CallAttempt, started: float) -> None:
        """Write the call to the call log. `started`: when it began, by `clock.monotonic()`."""
        account, operation = self._account, request.operation
        self._parts.call_log.record(
            CallRecord(
                request_id=self._request_id,
                environment_id=account.facts.environment_id,
                integrated_account_id=account.facts.id,
                integration=account.integration,
                resource=operation.resource,
                method=operation.method,
                verb=request.http.method,
                host=attempt.host,
                status=attempt.status,
                milliseconds=(self._parts.clock.monotonic() - started) * 1000,
                retries=attempt.retries,
                error=attempt.error,
                unused=request.unused,
            )
        )


@dataclass(slots=True)
class _CallAttempt:
    """What the call log will say about a call that is running. `token`, `revision`: the credentials that were
    sent."""

    host: str | None = None
    status: int | None = None
    retries: int = 0
    error: str | None = None
    token: str | None = field(default=None, repr=False)
    revision: int = 0


def _is_repeatable(request: OutgoingRequest) -> bool:
    """Return True for a read, which can be delayed and sent again."""
    return _is_read(request) and request.http.can_repeat


def _is_read(request: OutgoingRequest) -> bool:
    """Return True if the request changes nothing. Reads are told by their method or their HTTP verb, since
    some providers list by POST."""
    return request.operation.kind in _READ_METHODS or request.http.method in _READ_VERBS


async def _close_stream(response: HttpResponse) -> None:
    """Close a response whose body is not wanted."""
    if response.stream is not None:
        await response.stream.close()


async def effective_status(request: OutgoingRequest, response: HttpResponse) -> int:
    """Return the status of a response: the one that the definition reads from its body, if it does, else that
    of the status line. A 401 in the status line always counts."""
    if response.status == _UNAUTHORIZED or request.status_of is None:
        return response.status
    return await run_in_turns(request.status_of, response)


def _was_redirected_elsewhere(request: OutgoingRequest, response: HttpResponse) -> bool:
    """Return True if a redirect led to another origin. Credentials are not sent there, so a 401 of it says
    nothing about them."""
    return response.url != request.http.url and parse_origin(response.url) != parse_origin(request.http.url)


def _describe_refusal(response: HttpResponse, operation: tuple[str, str]) -> str:
    """Return the message for credentials that a 401 refused. `operation`: the resource and the method."""
    host = urlsplit(response.url).hostname
    resource, method = operation
    return f"{host} refused the credentials (401) at {resource}.{method}. Reconnect, or send new credentials."
