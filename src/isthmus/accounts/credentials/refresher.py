"""Refreshes the credentials of accounts, once for all callers that wait for the same account.

Within a process, callers share one task for each account; between processes, one holds the lease and the
others poll the account's row. A new token is committed before anybody uses it.

    read, take the lease, commit -> ask the provider -> write token, status, event and lease, commit

After a crash, depending on where it happened:

    before the first commit    nothing has changed
    before the second commit   the lease is in state `started`: the provider may have replied. The next holder
                               submits the stored credential again, and blames the lost reply for a refusal
    after the second commit    everything is stored
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from isthmus.accounts.credentials.refresh_lease import LEASE_EXTENSION_INTERVAL_SECONDS, RefreshLease
from isthmus.accounts.credentials.refresh_store import (
    LeaseLost,
    RefreshAttempt,
    RefreshedCredentials,
    RefreshStore,
    RefreshTarget,
)
from isthmus.accounts.credentials.token_refresh import (
    REFRESH_ACTION,
    RefreshPlan,
    get_access_token,
    plan_refresh,
)
from isthmus.db.answer_limit import ANSWER_LIMIT
from isthmus.db.database import Database
from isthmus.db.outages import is_database_unavailable
from isthmus.engine.authorization.flows import drive_flow
from isthmus.engine.steps import Progress, make_action_runner
from isthmus.errors import (
    AccountError,
    AccountNeedsReauth,
    CredentialsRefused,
    EgressDenied,
    RemoteError,
    TokenEndpointFailed,
    UpstreamError,
    UpstreamTimeout,
)
from isthmus.kit.clock import Clock
from isthmus.kit.ids import new_id

__all__ = ["RefreshTarget", "RefreshedCredentials", "Refresher"]

log = logging.getLogger("isthmus.accounts")

_RETRY_PAUSES: Final = (1.0, 2.0, 4.0)
_POLL_SECONDS: Final = 0.1
_MAX_WAIT_SECONDS: Final = 60.0
_OUTAGE_PAUSE_SECONDS: Final = 5.0
_REFUSED_STATUSES: Final = frozenset({400, 401, 403})


class Refresher:
    """Refreshes credentials. There is one in each process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._store = RefreshStore(database, clock)
        self._clock = clock
        self._tasks: dict[str, asyncio.Task[RefreshedCredentials]] = {}
        self._outages: dict[str, tuple[float, UpstreamError]] = {}
        """By account: until when its provider counts as unavailable, and why; the earliest first."""

    async def refresh(
        self, account: RefreshTarget, rejected_token: str | None, *, force: bool = False
    ) -> RefreshedCredentials:
        """Return credentials with another access token than `rejected_token`, the one that the provider
        rejected; with None, credentials that are not about to expire.

        `force`: ask the provider in any case, also for an account whose credentials were refused before.
        Raises AccountNeedsReauth if the provider refuses, UpstreamError while it is unavailable (then it is
        not asked again for some seconds), BadRequest if the credentials cannot be refreshed.
        """
        identity = account.facts.id
        running = self._tasks.get(identity)
        if running is not None:
            refreshed = await asyncio.shield(running)
            if rejected_token is None or get_access_token(refreshed.context) != rejected_token:
                return refreshed
        task = self._tasks.get(identity)
        if task is None:
            self._require_no_outage(identity)
            task = asyncio.create_task(self._run_task(account, rejected_token, force=force))
            task.add_done_callback(consume_exception)
            self._tasks[identity] = task
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Wait for all refreshes that are under way, because a provider's reply would be lost with them."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())
            await asyncio.sleep(0)

    def _require_no_outage(self, account_id: str) -> None:
        """Raises the error of a recent outage again, so that callers within the next seconds do not wait for
        it anew."""
        self._forget_ended_outages()
        if account_id in self._outages:
            _, error = self._outages[account_id]
            raise _copy_bare(error)

    def _forget_ended_outages(self) -> None:
        """Removes the outages, of all accounts, that are some seconds old."""
        now = self._clock.monotonic()
        while self._outages:
            account_id, (until, _) = next(iter(self._outages.items()))
            if now < until:
                return
            del self._outages[account_id]

    async def _run_task(
        self, account: RefreshTarget, rejected_token: str | None, *, force: bool
    ) -> RefreshedCredentials:
        """Refresh and return the credentials, and remember an outage of the provider for a few seconds."""
        ANSWER_LIMIT.set(None)  # in this task, which is not only of the request that began it
        identity = account.facts.id
        try:
            return await self._refresh_or_wait(account, rejected_token, force=force)
        except UpstreamError as away:
            self._forget_ended_outages()
            self._outages.pop(identity, None)  # it goes to the end
            self._outages[identity] = (self._clock.monotonic() + _OUTAGE_PAUSE_SECONDS, _copy_bare(away))
            raise
        finally:
            self._tasks.pop(identity, None)

    async def _refresh_or_wait(
        self, account: RefreshTarget, rejected_token: str | None, *, force: bool
    ) -> RefreshedCredentials:
        """Take the lease and refresh or, while another process holds it, wait for its result; return the
        credentials. Raises UpstreamTimeout after _MAX_WAIT_SECONDS."""
        owner, started = new_id(), self._clock.monotonic()
        while True:
            outcome = await self._store.take_lease(account, rejected_token, owner, force=force)
            if isinstance(outcome, RefreshedCredentials):
                return outcome
            if outcome is not None:
                with suppress(LeaseLost):
                    return await self._refresh_holding_lease(account, outcome)
            if self._clock.monotonic() - started > _MAX_WAIT_SECONDS:
                raise UpstreamTimeout(
                    f"The credentials of account {account.facts.id} are still being refreshed."
                )
            await self._clock.sleep(_POLL_SECONDS)

    async def _refresh_holding_lease(
        self, account: RefreshTarget, attempt: RefreshAttempt
    ) -> RefreshedCredentials:
        """Ask the provider, by the grant or the action, store its reply and return the new credentials. A
        refusal sets `needs_reauth`; any other failure releases the lease."""
        try:
            if attempt.plan.action is not None:
                async with self._keep_extending(attempt.lease):
                    await self._run_action(account, attempt)
                return await self._store.finish_action(account, attempt)
            async with self._keep_extending(attempt.lease):
                reply, asked_at = await self._request_token(account, attempt)
        except AccountError as refused:
            message = _explain_refusal(attempt, refused.message)
            await self._store.mark_refused(account, attempt, message)
            facts = account.facts
            raise AccountNeedsReauth(
                f"{facts.product} does not refresh the credentials of account {facts.id}: {message}"
            ) from refused
        except LeaseLost:
            raise
        except Exception:
            await self._store.release_lease(attempt)
            raise
        return await self._store.store_reply(account, attempt, reply, asked_at)

    @asynccontextmanager
    async def _keep_extending(self, lease: RefreshLease) -> AsyncIterator[None]:
        """Extend the lease regularly while the body runs."""
        extending = asyncio.create_task(self._extend_repeatedly(lease))
        try:
            yield
        finally:
            extending.cancel()
            await asyncio.wait({extending})

    async def _extend_repeatedly(self, lease: RefreshLease) -> None:
        """Extend the lease every few seconds, until it is lost or the task is cancelled."""
        while True:
            await self._clock.sleep(LEASE_EXTENSION_INTERVAL_SECONDS)
            try:
                if not await self._store.extend_lease(lease):
                    return  # lost: the next write finds out
            except (SQLAlchemyError, OSError) as error:
                if is_database_unavailable(error):
                    self._database.outages.report("leases of token refreshes are not extended", error)
                else:
                    log.warning("the lease of a token refresh was not extended: %s", type(error).__name__)

    async def _request_token(
        self, account: RefreshTarget, attempt: RefreshAttempt
    ) -> tuple[dict[str, Any], datetime]:
        """Return (reply of the token endpoint, when it was asked). During an outage, retry after 1, 2 and 4
        seconds."""
        plan: RefreshPlan | None = attempt.plan
        for pause in (*_RETRY_PAUSES, None):
            assert plan is not None
            assert plan.grant is not None
            asked_at = self._clock.now()
            try:
                return await drive_flow(plan.grant, account.send), asked_at
            except UpstreamError as away:
                attempt.reply_may_be_lost |= _is_reply_possibly_lost(away)
                if pause is None or not _is_worth_retrying(away):
                    raise
                log.warning("refreshing the credentials of %s: %s", account.facts.id, away.message)
            await self._clock.sleep(pause)
            if not await self._store.extend_lease(attempt.lease):
                raise LeaseLost
            plan = plan_refresh(account.definition, account.facts.authentication_method, attempt.context)
        raise AssertionError("the last pause is none")

    async def _run_action(self, account: RefreshTarget, attempt: RefreshAttempt) -> None:
        """Run the steps of the action `refresh_token`, which store the new token themselves with
        `update_context`."""
        assert attempt.plan.action is not None
        runner = make_action_runner(account.upstream, account.definition, REFRESH_ACTION, clock=self._clock)
        progress = Progress()
        try:
            await runner.run(attempt.plan.action.steps, progress)
        except RemoteError as answered:
            if answered.status in _REFUSED_STATUSES:
                raise CredentialsRefused(answered.message, code=None) from answered
            attempt.reply_may_be_lost |= bool(progress.named)
            raise
        except Exception as failed:
            attempt.reply_may_be_lost |= bool(progress.named) or _is_reply_possibly_lost(failed)
            raise


def _explain_refusal(attempt: RefreshAttempt, refusal: str) -> str:
    """Return the message for a refused refresh; it mentions an earlier attempt whose reply may be lost."""
    if not attempt.reply_may_be_lost or attempt.plan.credential_is_reusable:
        return refusal
    return (
        "A token refresh was interrupted before its reply was stored, and the provider no longer accepts the "
        f"old refresh token. Reconnect the account. ({refusal})"
    )


def _is_reply_possibly_lost(error: Exception) -> bool:
    """Return True if the provider may have issued a token that was never received."""
    return isinstance(error, UpstreamError) and error.is_possibly_delivered


def _is_worth_retrying(error: UpstreamError) -> bool:
    """Return True unless the token endpoint or the egress guard refuses for good."""
    if isinstance(error, TokenEndpointFailed):
        return error.is_retryable
    return not isinstance(error, EgressDenied)


def _copy_bare(error: UpstreamError) -> UpstreamError:
    """Return a copy without traceback and cause, which keep the frames of the call that failed alive, with
    all their data."""
    bare: UpstreamError = type(error).__new__(type(error), *error.args)
    bare.__dict__.update(error.__dict__)
    return bare


def consume_exception(task: asyncio.Task[RefreshedCredentials]) -> None:
    """Retrieve the task's exception, so that asyncio does not warn if every caller has given up waiting."""
    if not task.cancelled():
        task.exception()
