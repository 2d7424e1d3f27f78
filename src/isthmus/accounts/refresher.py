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
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.account_events import tell_account
from isthmus.accounts.context import effective_context, secret_field_names, split_context
from isthmus.accounts.refresh_journal import Lease, end_lease, extend_lease, take_lease
from isthmus.accounts.renewals import ACTION, Renewal, access_token, expires_at, renewal
from isthmus.accounts.sealed import CONTEXT_SECRETS, sealed_names, stored_context
from isthmus.db.database import Database, keys_of, now_of
from isthmus.db.epochs import group_of, raise_epoch
from isthmus.db.tables import integrated_account
from isthmus.definitions.integration import IntegrationConfig
from isthmus.engine.authorization.driving import drive
from isthmus.engine.authorization.grants import stored_token
from isthmus.engine.ports import AccountFacts, Upstream
from isthmus.engine.steps import action_runner
from isthmus.errors import (
    AccountError,
    AccountNeedsReauth,
    BadRequest,
    CredentialsRefused,
    IsthmusError,
    NotFound,
    RemoteError,
    TokenEndpointFailed,
    UpstreamError,
    UpstreamTimeout,
    failure,
)
from isthmus.events.catalogue import IntegratedAccountAuthenticationError, IntegratedAccountReactivated
from isthmus.http.messages import HttpRequest, HttpResponse
from isthmus.jobs import Run, defer
from isthmus.kit.clock import Clock
from isthmus.kit.ids import new_id

__all__ = [
    "AHEAD",
    "EARLY",
    "JOB",
    "Refresher",
    "Renewable",
    "Renewed",
    "give_up_renewing",
    "schedule_renewal",
]

log = logging.getLogger("isthmus.accounts")

JOB: Final = "account.refresh"
EARLY: Final = 60.0
"""Seconds before its end at which a token is renewed before a call."""
AHEAD: Final = timedelta(minutes=5)
"""Before its end, a token is renewed without a call."""
_PAUSES: Final = (1.0, 2.0, 4.0)
_LOOK_SECONDS: Final = 0.1
_LONGEST_WAIT: Final = 60.0
_QUIET_SECONDS: Final = 5.0
_REFUSED: Final = frozenset({400, 401, 403})


@dataclass(frozen=True, slots=True)
class Renewable:
    """Whose credentials. `send`: its way to a token endpoint; `upstream`: its way out that renews nothing,
    for an action."""

    facts: AccountFacts
    definition: IntegrationConfig
    send: Callable[[HttpRequest], Awaitable[HttpResponse]] = field(repr=False)
    upstream: Upstream = field(repr=False)


@dataclass(frozen=True, slots=True)
class Renewed:
    """`context`: the effective one. `revision`: of the row that holds it."""

    context: Mapping[str, Any] = field(repr=False)
    revision: int


@dataclass(slots=True)
class _Taken:
    """`may_be_lost`: an answer to the same credential may have been given, and never been kept."""

    lease: Lease
    renewal: Renewal
    context: Mapping[str, Any] = field(repr=False)
    may_be_lost: bool


class Refresher:
    """One for the process."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
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
            self._flights[identity] = flight
        return await asyncio.shield(flight)

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
            async with self._database.write() as conn:
                found = await self._take(conn, account, stale, owner, revive=revive)
            if isinstance(found, Renewed):
                return found
            if found is not None:
                break
            if self._clock.monotonic() - started > _LONGEST_WAIT:
                raise UpstreamTimeout(
                    f"The credentials of account {account.facts.id} are being renewed still."
                )
            await self._clock.sleep(_LOOK_SECONDS)
        try:
            if found.renewal.action is not None:
                return await self._by_action(account, found)
            return await self._by_grant(account, found)
        except AccountError as refused:
            raise await self._refused(account, found, refused) from refused
        except Exception as failed:
            await self._release(found, is_answered=isinstance(failed, TokenEndpointFailed))
            raise

    async def _take(
        self, conn: AsyncConnection, account: Renewable, stale: str | None, owner: str, *, revive: bool
    ) -> _Taken | Renewed | None:
        """The lease; or what somebody else has renewed meanwhile; None while somebody is at it."""
        row = await _row(conn, account.facts)
        whole = stored_context(keys_of(conn), row)
        context = effective_context(whole, account.definition.variables())
        is_refused = row["status"] == "needs_reauth"
        if is_refused and not revive:
            raise AccountNeedsReauth(
                f"the credentials of account {account.facts.id} are refused by the provider"
                f"{': ' + row['last_error'] if row['last_error'] else '.'}"
            )
        if not (revive and stale is None) and self._is_good(context, stale):
            return Renewed(context, row["revision"])
        way = renewal(account.definition, account.facts.authentication_method, context)
        if way is None:
            raise BadRequest(
                f"Nothing can renew the credentials of account {account.facts.id} "
                f"({account.facts.authentication_method}). Reconnect it, or send new ones with "
                "PATCH /integrated-account/{id}/credentials.",
                failures=[
                    failure("id", "has no refresh token, and no grant that can be repeated", "not_renewable")
                ],
            )
        lease = await take_lease(conn, account.facts.id, owner, way.handed_over)
        return None if lease is None else _Taken(lease, way, context, lease.is_after_loss)

    def _is_good(self, context: Mapping[str, Any], stale: str | None) -> bool:
        token = access_token(context)
        if stale is not None:
            return token is not None and token != stale
        end = expires_at(context)
        return end is not None and end - self._clock.now().timestamp() >= EARLY

    async def _by_grant(self, account: Renewable, taken: _Taken) -> Renewed:
        reply = await self._ask(account, taken)
        async with self._database.write() as conn:
            if not await end_lease(conn, taken.lease, "committed"):
                raise UpstreamTimeout(
                    f"Renewing the credentials of account {account.facts.id} took too long, and another "
                    "process has taken it over."
                )
            row = await _row(conn, account.facts)
            before = stored_context(keys_of(conn), row)
            oauth = stored_token(
                reply, now=now_of(conn), asked=taken.renewal.asked, previous=before.get("oauth")
            )
            oauth = {**(before.get("oauth") or {}), **oauth}
            return await self._store(conn, account, row, {**before, "oauth": oauth})

    async def _ask(self, account: Renewable, taken: _Taken) -> dict[str, Any]:
        """The provider's reply; an outage is met with patience (`connect.md` §9)."""
        way: Renewal | None = taken.renewal
        for pause in (*_PAUSES, None):
            assert way is not None
            assert way.grant is not None
            try:
                return await drive(way.grant, account.send)
            except UpstreamError as away:
                is_answered = isinstance(away, TokenEndpointFailed)
                taken.may_be_lost |= not is_answered
                if pause is None or (is_answered and not away.may_retry):  # type: ignore[attr-defined]  # as is_answered says
                    raise
                log.warning("renewing the credentials of %s: %s", account.facts.id, away.message)
            await self._clock.sleep(pause)
            async with self._database.write() as conn:
                if not await extend_lease(conn, taken.lease):
                    raise UpstreamTimeout("Another process renews these credentials now.")
            way = renewal(account.definition, account.facts.authentication_method, taken.context)
        raise AssertionError("the last pause is none")

    async def _by_action(self, account: Renewable, taken: _Taken) -> Renewed:
        """The steps of `refresh_token` keep the new token themselves, by `update_context`."""
        assert taken.renewal.action is not None
        runner = action_runner(account.upstream, account.definition, ACTION, clock=self._clock)
        try:
            await runner.run(taken.renewal.action.steps)
        except RemoteError as answered:
            if answered.status in _REFUSED:
                raise CredentialsRefused(answered.message, code=None) from answered
            raise
        async with self._database.write() as conn:
            row = await _row(conn, account.facts)
            whole = stored_context(keys_of(conn), row)
            context = effective_context(whole, account.definition.variables())
            before, after = access_token(taken.context), access_token(context)
            if after is None or (after == before and expires_at(context) == expires_at(taken.context)):
                raise CredentialsRefused(
                    "The action refresh_token left no new token in the context.", code=None
                )
            # Its steps have kept the token whether or not the lease still stands.
            await end_lease(conn, taken.lease, "committed")
            return await self._store(conn, account, row, whole)

    async def _store(
        self,
        conn: AsyncConnection,
        account: Renewable,
        row: Mapping[str, Any],
        whole: Mapping[str, Any],
    ) -> Renewed:
        """The new context, in the transaction that ends the lease."""
        keys, identity = keys_of(conn), account.facts.id
        names = secret_field_names(account.definition) | sealed_names(keys, row)
        plain, secrets = split_context(whole, names)
        is_back = row["status"] == "needs_reauth"
        await conn.execute(
            update(integrated_account)
            .where(integrated_account.c.id == identity)
            .values(
                context=plain,
                context_secrets=CONTEXT_SECRETS.seal(keys, identity, secrets or None),
                revision=row["revision"] + 1,
                updated_at=now_of(conn),
                **({"status": "active", "last_error": None} if is_back else {}),
            )
        )
        await raise_epoch(conn, group_of(identity))
        if is_back:
            await tell_account(conn, account.facts.environment_id, identity, IntegratedAccountReactivated)
        await schedule_renewal(conn, identity, whole)
        context = effective_context(whole, account.definition.variables())
        return Renewed(context, row["revision"] + 1)

    async def _refused(self, account: Renewable, taken: _Taken, refused: IsthmusError) -> AccountNeedsReauth:
        message = refused.message
        if taken.may_be_lost:
            message = (
                "A renewal was cut off before its answer was kept, and the provider does not take the old "
                f"refresh token any more. Reconnect the account. ({message})"
            )
        async with self._database.write() as conn:
            if await end_lease(conn, taken.lease, "refused"):
                row = await _row(conn, account.facts)
                context = effective_context(
                    stored_context(keys_of(conn), row), account.definition.variables()
                )
                is_same = access_token(context) == access_token(taken.context)
                if is_same and row["status"] != "needs_reauth":
                    await self._mark_refused(conn, account.facts, message)
        return AccountNeedsReauth(
            f"the credentials of account {account.facts.id} cannot be renewed: {message}"
        )

    async def _mark_refused(self, conn: AsyncConnection, facts: AccountFacts, message: str) -> None:
        await conn.execute(
            update(integrated_account)
            .where(integrated_account.c.id == facts.id)
            .values(status="needs_reauth", last_error=message, updated_at=now_of(conn))
        )
        await raise_epoch(conn, group_of(facts.id))
        await tell_account(conn, facts.environment_id, facts.id, IntegratedAccountAuthenticationError)

    async def _release(self, taken: _Taken, *, is_answered: bool) -> None:
        """For the next who asks. Without an answer the journal goes on saying `started`: there may be one."""
        async with self._database.write() as conn:
            await end_lease(conn, taken.lease, "failed" if is_answered else "started")


async def give_up_renewing(_: AsyncConnection, __: Run, ___: Exception) -> None:
    """A renewal ahead of time that failed is not repeated: the next call does it, or says what is wrong."""


async def schedule_renewal(conn: AsyncConnection, account_id: str, context: Mapping[str, Any]) -> None:
    """A job shortly before the token ends; none where nobody knows when, or it lives too short for it."""
    end = expires_at(context)
    if end is None:
        return
    moment = datetime.fromtimestamp(end, UTC) - AHEAD
    if moment > now_of(conn):
        await defer(conn, JOB, account_id, run_at=moment)


async def _row(conn: AsyncConnection, facts: AccountFacts) -> dict[str, Any]:
    columns = ("id", "status", "last_error", "context", "context_secrets", "revision")
    statement = (
        select(*(integrated_account.c[name] for name in columns))
        .where(
            integrated_account.c.id == facts.id, integrated_account.c.environment_id == facts.environment_id
        )
        .with_for_update()
    )
    row = (await conn.execute(statement)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"the account {facts.id} is gone.")
    return dict(row)
