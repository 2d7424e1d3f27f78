"""Renews credentials, once for all who wait (`connect.md` §9).

In a process, callers share one flight an account; between processes, one holds the lease and the others watch
the row. A new token is committed before anybody uses it.

    read, take the lease, commit -> ask the provider -> token, status, event and journal, commit

What a crash leaves behind, by where it struck:

    before the first commit    nothing happened
    before the second commit   the journal says `started`: the provider may have answered. The next owner
                               tries the stored credential once more, and a refusal then says what happened
    after it                   nothing is missing
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, Final

from sqlalchemy.exc import SQLAlchemyError

from isthmus.accounts.credentials.refresh_lease import BEAT_SECONDS, Lease
from isthmus.accounts.credentials.refresh_writes import (
    EARLY,
    LeaseLost,
    RefreshWrites,
    Renewable,
    Renewed,
    Taken,
)
from isthmus.accounts.credentials.token_refresh import ACTION, Renewal, access_token, renewal
from isthmus.db.database import Database
from isthmus.engine.authorization.flows import drive
from isthmus.engine.steps import Progress, action_runner
from isthmus.errors import (
    AccountError,
    AccountNeedsReauth,
    CredentialsRefused,
    EgressDenied,
    RemoteError,
    TokenEndpointFailed,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from isthmus.kit.clock import Clock
from isthmus.kit.ids import new_id

__all__ = ["EARLY", "Refresher", "Renewable", "Renewed"]

log = logging.getLogger("isthmus.accounts")

_PAUSES: Final = (1.0, 2.0, 4.0)
_LOOK_SECONDS: Final = 0.1
_LONGEST_WAIT: Final = 60.0
_QUIET_SECONDS: Final = 5.0
_REFUSED: Final = frozenset({400, 401, 403})


class Refresher:
    """One for the process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._writes = RefreshWrites(database, clock)
        self._clock = clock
        self._flights: dict[str, asyncio.Task[Renewed]] = {}
        self._outages: dict[str, tuple[float, UpstreamError]] = {}

    async def renew(self, account: Renewable, stale: str | None, *, revive: bool = False) -> Renewed:
        """Credentials other than `stale`, the access token that did not do (None: any that is not about to
        end). `revive`: also of an account whose credentials were refused; with `stale` None, ask in any case.

        Raises AccountNeedsReauth where they are refused, UpstreamError while the provider is away, which
        changes nothing and for some seconds is not asked again, BadRequest where nothing can be renewed.
        """
        identity = account.facts.id
        joined = self._flights.get(identity)
        if joined is not None:
            renewed = await asyncio.shield(joined)
            if stale is None or access_token(renewed.context) != stale:
                return renewed
        flight = self._flights.get(identity)
        if flight is None:
            self._require_no_outage(identity)
            flight = asyncio.create_task(self._fly(account, stale, revive=revive))
            flight.add_done_callback(_seen)
            self._flights[identity] = flight
        return await asyncio.shield(flight)

    async def close(self) -> None:
        """Lets those end that have asked a provider: its answer would be lost with them."""
        while self._flights:
            await asyncio.wait(self._flights.values())
            await asyncio.sleep(0)

    def _require_no_outage(self, account_id: str) -> None:
        """An outage is one for all who ask within seconds: nobody waits it out anew."""
        until, error = self._outages.get(account_id, (0.0, None))
        if error is None:
            return
        if self._clock.monotonic() < until:
            raise error
        del self._outages[account_id]

    async def _fly(self, account: Renewable, stale: str | None, *, revive: bool) -> Renewed:
        identity = account.facts.id
        try:
            return await self._renew(account, stale, revive=revive)
        except UpstreamError as away:
            self._outages[identity] = (self._clock.monotonic() + _QUIET_SECONDS, away)
            raise
        finally:
            self._flights.pop(identity, None)

    async def _renew(self, account: Renewable, stale: str | None, *, revive: bool) -> Renewed:
        owner, started = new_id(), self._clock.monotonic()
        while True:
            found = await self._writes.take(account, stale, owner, revive=revive)
            if isinstance(found, Renewed):
                return found
            if found is not None:
                with suppress(LeaseLost):
                    return await self._with_lease(account, found)
            if self._clock.monotonic() - started > _LONGEST_WAIT:
                raise UpstreamTimeout(
                    f"The credentials of account {account.facts.id} are being renewed still."
                )
            await self._clock.sleep(_LOOK_SECONDS)

    async def _with_lease(self, account: Renewable, taken: Taken) -> Renewed:
        try:
            if taken.renewal.action is not None:
                async with self._held(taken.lease):
                    await self._run_action(account, taken)
                return await self._writes.keep_what_steps_kept(account, taken)
            async with self._held(taken.lease):
                reply, asked_at = await self._ask(account, taken)
        except AccountError as refused:
            message = _why(taken, refused.message)
            await self._writes.refuse(account, taken, message)
            raise AccountNeedsReauth(
                f"the credentials of account {account.facts.id} cannot be renewed: {message}"
            ) from refused
        except LeaseLost:
            raise
        except Exception:
            await self._writes.release(taken)
            raise
        return await self._writes.keep(account, taken, reply, asked_at)

    @asynccontextmanager
    async def _held(self, lease: Lease) -> AsyncIterator[None]:
        """The lease stays as long as this takes, and this process lives."""
        beating = asyncio.create_task(self._beat(lease))
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.wait({beating})

    async def _beat(self, lease: Lease) -> None:
        while True:
            await self._clock.sleep(BEAT_SECONDS)
            try:
                if not await self._writes.extend(lease):
                    return  # whoever writes next finds out
            except (SQLAlchemyError, OSError) as away:
                log.warning("a lease on renewing was not extended: %s", type(away).__name__)

    async def _ask(self, account: Renewable, taken: Taken) -> tuple[dict[str, Any], datetime]:
        """The provider's reply, and when it was asked; an outage is met with patience (`connect.md` §9)."""
        way: Renewal | None = taken.renewal
        for pause in (*_PAUSES, None):
            assert way is not None
            assert way.grant is not None
            asked_at = self._clock.now()
            try:
                return await drive(way.grant, account.send), asked_at
            except UpstreamError as away:
                taken.may_be_lost |= _may_be_answered(away)
                if pause is None or not _may_do_better(away):
                    raise
                log.warning("renewing the credentials of %s: %s", account.facts.id, away.message)
            await self._clock.sleep(pause)
            if not await self._writes.extend(taken.lease):
                raise LeaseLost
            way = renewal(account.definition, account.facts.authentication_method, taken.context)
        raise AssertionError("the last pause is none")

    async def _run_action(self, account: Renewable, taken: Taken) -> None:
        """The steps of `refresh_token` keep the new token themselves, by `update_context`."""
        assert taken.renewal.action is not None
        runner = action_runner(account.upstream, account.definition, ACTION, clock=self._clock)
        progress = Progress()
        try:
            await runner.run(taken.renewal.action.steps, progress)
        except RemoteError as answered:
            if answered.status in _REFUSED:
                raise CredentialsRefused(answered.message, code=None) from answered
            taken.may_be_lost |= bool(progress.named)
            raise
        except Exception as failed:
            taken.may_be_lost |= bool(progress.named) or _may_be_answered(failed)
            raise


def _why(taken: Taken, refusal: str) -> str:
    if not taken.may_be_lost or taken.renewal.is_repeatable:
        return refusal
    return (
        "A renewal was cut off before its answer was kept, and the provider does not take the old refresh "
        f"token any more. Reconnect the account. ({refusal})"
    )


def _may_be_answered(failed: Exception) -> bool:
    """Whether the provider may have given a token that nobody read."""
    if isinstance(failed, UpstreamUnreachable):
        return failed.may_have_arrived
    return isinstance(failed, UpstreamError) and not isinstance(
        failed, TokenEndpointFailed | RemoteError | EgressDenied
    )


def _may_do_better(failed: UpstreamError) -> bool:
    if isinstance(failed, TokenEndpointFailed):
        return failed.may_retry
    return not isinstance(failed, EgressDenied)


def _seen(flight: asyncio.Task[Renewed]) -> None:
    """Should every caller have given up, nobody else asks what became of it."""
    if not flight.cancelled():
        flight.exception()
