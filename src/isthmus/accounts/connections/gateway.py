"""The one way out for a connected account: credentials, pace, sending, what the answer does to the account.

renew what is about to end -> authorize -> turnstile -> send -> throttled? wait once, or close
    -> 401? renew and send once more -> 401, 403, success: the account's state
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from isthmus.accounts.connections.account_states import AccountStates, forbidden_record
from isthmus.accounts.connections.call_log import CallLog, CallRecord
from isthmus.accounts.connections.throttle import PATIENCE, Turnstile
from isthmus.accounts.credentials.refresh_writes import EARLY, Renewable, Renewed
from isthmus.accounts.credentials.refresher import Refresher
from isthmus.accounts.credentials.token_refresh import access_token, expires_at, is_renewable
from isthmus.accounts.egress import Sender
from isthmus.definitions.integration import IntegrationConfig
from isthmus.engine.authorization.flows import authorized
from isthmus.engine.provider_errors import missing_scopes
from isthmus.engine.upstream import AccountFacts, OutgoingRequest
from isthmus.engine.urls import origin
from isthmus.errors import AccountNeedsReauth, IsthmusError, RemoteError, UpstreamError
from isthmus.expressions import run_in_turns
from isthmus.http.messages import HttpResponse
from isthmus.kit.clock import Clock

__all__ = ["Gateway", "GatewayAccount", "GatewayParts", "UpdateContext"]

_ERROR: Final = 400
_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_SERVER_ERROR: Final = 500
_READS: Final = frozenset({"list", "get"})
_READING_VERBS: Final = frozenset({"GET", "HEAD"})

UpdateContext = Callable[["GatewayAccount", Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Stores a patch of an account's context; returns the whole new context with its virtual keys."""


@dataclass(frozen=True, slots=True)
class GatewayParts:
    """What the gateways of a process share."""

    http: Sender
    clock: Clock
    states: AccountStates
    call_log: CallLog
    update_context: UpdateContext
    refresher: Refresher


@dataclass(slots=True)
class GatewayAccount:
    """What the gateways of one account share until its row is read again.

    `revision`: of the row that held the credentials. `forbidden`: the resource and method that the provider
    refused last, None for none. `ends_at`: when the access token does, in seconds since 1970; None where
    nobody knows, or nothing can renew it. `http`: the account's way out, through the gate `gate_id`.
    """

    facts: AccountFacts
    integration: str
    definition: IntegrationConfig
    context: Mapping[str, Any]
    revision: int
    turnstile: Turnstile
    http: Sender
    gate_id: str | None = None
    forbidden: tuple[str, str] | None = None
    ends_at: float | None = None

    def __post_init__(self) -> None:
        self.take(self.context, self.revision)

    def take(self, context: Mapping[str, Any], revision: int) -> None:
        """Another context, of this revision of the row."""
        self.context, self.revision = context, revision
        end = expires_at(context)
        self.ends_at = end if end is not None and self.is_renewable else None

    @property
    def is_renewable(self) -> bool:
        return is_renewable(self.definition, self.facts.authentication_method, self.context)


class Gateway:
    """An `engine.ports.Upstream` over HTTP, for one call of one account. `may_renew`: False for the calls
    that renew its credentials."""

    __slots__ = ("_account", "_may_renew", "_parts", "_request_id")

    def __init__(
        self, parts: GatewayParts, account: GatewayAccount, request_id: str, *, may_renew: bool = True
    ) -> None:
        self._parts = parts
        self._account = account
        self._request_id = request_id
        self._may_renew = may_renew

    @property
    def context(self) -> Mapping[str, Any]:
        return self._account.context

    @property
    def account(self) -> AccountFacts:
        return self._account.facts

    async def send(self, request: OutgoingRequest) -> HttpResponse:
        started = self._parts.clock.monotonic()
        attempt = _Attempt()
        try:
            response = await self._send(request, attempt)
        except IsthmusError as failed:
            attempt.error = type(failed).__name__
            raise
        finally:
            self._record(request, attempt, started)
        return response

    async def update_context(self, patch: Mapping[str, Any]) -> None:
        account = self._account
        account.context = await self._parts.update_context(account, patch)

    async def _send(self, request: OutgoingRequest, attempt: _Attempt) -> HttpResponse:
        turnstile = self._account.turnstile
        may_repeat = _may_repeat(request)
        if not turnstile.is_free:
            await turnstile.enter(may_wait=may_repeat)
        response, wait = await self._pass(request, attempt)
        if wait is not None and wait <= PATIENCE and may_repeat:
            try:
                await turnstile.enter(may_wait=True)
            except RemoteError:  # the line is too long: the caller gets the refusal as the provider put it
                return response
            await _discard(response)
            attempt.retries += 1
            response, wait = await self._pass(request, attempt)
        if wait is None:
            await self._settle(request, response, attempt.revision)
        return response

    async def _pass(self, request: OutgoingRequest, attempt: _Attempt) -> tuple[HttpResponse, float | None]:
        """To the provider, past the turnstile: its answer, and the wait it asks for, if it does.

        Whatever happens, those who stand behind are let on, and no answer is left open.
        """
        turnstile = self._account.turnstile
        response = None
        try:
            attempt.host = urlsplit(request.http.url).hostname
            response = await self._let_in(request, attempt)
            attempt.status = response.status
            wait = await request.throttling.wait(response, self._parts.clock)
        except BaseException:
            turnstile.failed()
            if response is not None:
                await _discard(response)
            raise
        if wait is None and response.status < _SERVER_ERROR:
            turnstile.succeeded()
        elif wait is None:
            turnstile.failed()
        elif turnstile.close(wait):
            await self._parts.states.closed(self._account.facts, wait)
        return response, wait

    async def _let_in(self, request: OutgoingRequest, attempt: _Attempt) -> HttpResponse:
        """Sends with credentials that are good for a while, and once more with new ones after a 401."""
        account = self._account
        if account.ends_at is not None and self._may_renew:
            await self._renew_early(account.ends_at)
        response = await self._authorized(request, attempt)
        while (
            self._may_renew
            and await _meant(request, response) == _UNAUTHORIZED
            and not _left_origin(request, response)
        ):
            if attempt.token is None or not account.is_renewable:
                break
            try:
                renewed = await self.renew(attempt.token)
            except AccountNeedsReauth:
                break  # the provider's own words; the account says why it could not be helped
            except BaseException:
                await _discard(response)
                raise
            if not request.http.can_repeat:
                break
            await _discard(response)
            attempt.retries += 1
            response = await self._authorized(request, attempt)
            if renewed.was_asked:
                break
        return response

    async def _renew_early(self, ends_at: float) -> None:
        left = ends_at - self._parts.clock.now().timestamp()
        if left >= EARLY:
            return
        try:
            await self.renew(None)
        except UpstreamError:
            if left <= 0:
                raise
            # The token is good for this call still.

    async def renew(self, stale: str | None, *, revive: bool = False) -> Renewed:
        """As `Refresher.renew`; the calls of this process that come after it use what it got."""
        plain = Gateway(self._parts, self._account, self._request_id, may_renew=False)
        account = self._account
        whose = Renewable(account.facts, account.definition, account.http.send, plain, account.gate_id)
        renewed = await self._parts.refresher.renew(whose, stale, revive=revive)
        if renewed.revision >= self._account.revision:
            self._account.take(renewed.context, renewed.revision)
        return renewed

    async def _authorized(self, request: OutgoingRequest, attempt: _Attempt) -> HttpResponse:
        http, context = self._account.http, self._account.context
        attempt.revision, attempt.token = self._account.revision, access_token(context)
        return await http.send(await authorized(request, context, http.send))

    async def _settle(self, request: OutgoingRequest, response: HttpResponse, revision: int) -> None:
        """The account's state after an answer that was no throttling. `revision`: of the credentials that it
        answers; what a refusal means for those that are being renewed is for the renewal to say."""
        account, operation = self._account, request.operation
        here = (operation.resource, operation.method)
        status = await _meant(request, response)
        if status == _UNAUTHORIZED:
            if _left_origin(request, response) or not self._may_renew:
                return
            await self._parts.states.needs_reauth(account.facts, revision, _refused(response, here))
        elif status == _FORBIDDEN:
            if account.forbidden != here:
                account.forbidden = here
                missing = missing_scopes(request.scopes, account.context)
                record = forbidden_record(*here, missing, self._parts.clock.now())
                await self._parts.states.forbidden(account.facts, record)
        elif status < _ERROR and account.forbidden == here:
            account.forbidden = None
            await self._parts.states.permitted(account.facts)

    def _record(self, request: OutgoingRequest, attempt: _Attempt, started: float) -> None:
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
            )
        )


@dataclass(slots=True)
class _Attempt:
    """What the log line will say of a call that is under way. `token`, `revision`: what it was sent with."""

    host: str | None = None
    status: int | None = None
    retries: int = 0
    error: str | None = None
    token: str | None = field(default=None, repr=False)
    revision: int = 0


def _may_repeat(request: OutgoingRequest) -> bool:
    """Reads may be held back and sent again: by name, since some products list by POST, or by verb."""
    is_read = request.operation.kind in _READS or request.http.method in _READING_VERBS
    return is_read and request.http.can_repeat


async def _discard(response: HttpResponse) -> None:
    if response.stream is not None:
        await response.stream.close()


async def _meant(request: OutgoingRequest, response: HttpResponse) -> int:
    """The status of an answer, or the one that its body tells; a 401 in the status line is what it is."""
    if response.status == _UNAUTHORIZED or request.status_of is None:
        return response.status
    return await run_in_turns(request.status_of, response)


def _left_origin(request: OutgoingRequest, response: HttpResponse) -> bool:
    """Whether a redirect led elsewhere: credentials do not go there, so a 401 says nothing of them."""
    return response.url != request.http.url and origin(response.url) != origin(request.http.url)


def _refused(response: HttpResponse, here: tuple[str, str]) -> str:
    host = urlsplit(response.url).hostname
    return f"{host} refused the credentials (401) at {here[0]}.{here[1]}. Reconnect, or send new credentials."
