"""What a renewal reads and writes, each in a transaction of its own; `refresher.py` says when.

Each locks the account's row first, then its lease, so that no two wait for each other.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import select, update
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.credentials.refresh_lease import Lease, end_lease, extend_lease, take_lease
from isthmus.accounts.credentials.revocations import revoke_late
from isthmus.accounts.credentials.token_refresh import (
    Renewal,
    access_token,
    expires_at,
    handed_over,
    renewal,
    schedule_renewal,
)
from isthmus.accounts.rows.account_events import emit_account_events
from isthmus.accounts.rows.context import (
    CONTEXT_SECRETS,
    build_effective_context,
    decrypt_context,
    list_encrypted_fields,
    list_secret_fields,
    split_context,
)
from isthmus.db.database import Database, current_time, get_key_ring
from isthmus.db.epochs import get_epoch_group, raise_epoch
from isthmus.db.tables import integrated_account
from isthmus.definitions.integration import IntegrationConfig
from isthmus.engine.authorization.grants import stored_token
from isthmus.engine.upstream import AccountFacts, Upstream
from isthmus.errors import AccountNeedsReauth, BadRequest, CredentialsRefused, NotFound, failure
from isthmus.events.catalogue import IntegratedAccountAuthenticationError, IntegratedAccountReactivated
from isthmus.http.messages import HttpRequest, HttpResponse
from isthmus.kit.clock import Clock

__all__ = ["EARLY", "LeaseLost", "RefreshWrites", "Renewable", "Renewed", "Taken"]

T = TypeVar("T")
log = logging.getLogger("isthmus.accounts")

EARLY: Final = 60.0
"""Seconds before its end at which a token is renewed before a call."""
_PATIENCE: Final = 300.0
_AGAIN_SECONDS: Final = 0.25
_AWAY: Final = (OperationalError, InterfaceError, PoolTimeout, OSError)


@dataclass(frozen=True, slots=True)
class Renewable:
    """Whose credentials. `send`: its way to a token endpoint; `upstream`: its way out that renews nothing,
    for an action; `gate_id`: the gate of both."""

    facts: AccountFacts
    definition: IntegrationConfig
    send: Callable[[HttpRequest], Awaitable[HttpResponse]] = field(repr=False)
    upstream: Upstream = field(repr=False)
    gate_id: str | None = None


@dataclass(frozen=True, slots=True)
class Renewed:
    """`context`: the effective one. `revision`: of the row that holds it. `was_asked`: the provider gave it
    just now; else somebody had renewed it before."""

    context: Mapping[str, Any] = field(repr=False)
    revision: int
    was_asked: bool


@dataclass(slots=True)
class Taken:
    """`may_be_lost`: an answer to the same credential may have been given, and never been kept."""

    lease: Lease
    renewal: Renewal
    context: Mapping[str, Any] = field(repr=False)
    may_be_lost: bool


class LeaseLost(Exception):
    """Somebody else renews meanwhile, or the account got other credentials: look again at what there is."""


class RefreshWrites:
    """What holds a provider's answer is tried again while the database is away: it cannot be asked for
    twice."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def take(
        self, account: Renewable, stale: str | None, owner: str, *, revive: bool
    ) -> Taken | Renewed | None:
        """The lease; or what somebody else has renewed meanwhile; None while somebody is at it."""
        async with self._database.write() as conn:
            row = await _row(conn, account.facts)
            context = _effective(conn, account, row)
            if row["status"] == "needs_reauth" and not revive:
                raise AccountNeedsReauth(
                    f"the credentials of account {account.facts.id} are refused by the provider"
                    f"{': ' + row['last_error'] if row['last_error'] else '.'}"
                )
            if not (revive and stale is None) and self._is_good(context, stale):
                return Renewed(context, row["revision"], was_asked=False)
            way = renewal(account.definition, account.facts.authentication_method, context)
            if way is None:
                raise _not_renewable(account.facts)
            lease = await take_lease(conn, account.facts.id, owner, way.handed_over)
            return None if lease is None else Taken(lease, way, context, lease.is_after_loss)

    def _is_good(self, context: Mapping[str, Any], stale: str | None) -> bool:
        """Neither the one that did not do, nor about to end as far as anybody knows."""
        token, end = access_token(context), expires_at(context)
        if token is None or token == stale:
            return False
        if end is None:
            return stale is not None
        return end - self._clock.now().timestamp() >= EARLY

    async def extend(self, lease: Lease) -> bool:
        async with self._database.write() as conn:
            return await extend_lease(conn, lease)

    async def keep(
        self, account: Renewable, taken: Taken, reply: Mapping[str, Any], asked_at: datetime
    ) -> Renewed:
        """The new token, its timer and the end of the journal. Raises LeaseLost with nothing kept, also where
        the account got other credentials while the provider was asked; NotFound where it is gone, and has the
        token revoked."""
        is_gone = False

        async def work(conn: AsyncConnection) -> Renewed | None:
            nonlocal is_gone
            row = await _found(conn, account.facts)
            is_gone = row is None
            if row is None:
                late = {"oauth": {"token": reply}}
                await revoke_late(
                    conn, account.facts, account.definition, taken.context, account.gate_id, late
                )
                return None
            if not await end_lease(conn, taken.lease, "committed"):
                return None
            before = decrypt_context(get_key_ring(conn), row)
            if not _hands_over_the_same(account, taken, before) and not _is_kept(before, reply):
                return None
            oauth = stored_token(reply, now=asked_at, asked=taken.renewal.asked, previous=before.get("oauth"))
            oauth = {**(before.get("oauth") or {}), **oauth}
            return await self._store(conn, account, row, {**before, "oauth": oauth})

        renewed = await self._surely(work)
        if is_gone:
            raise _gone(account.facts)
        if renewed is None:
            raise LeaseLost
        return renewed

    async def keep_what_steps_kept(self, account: Renewable, taken: Taken) -> Renewed:
        """After an action, which has kept the new token whether or not the lease still stands. Raises
        CredentialsRefused where it has not."""

        async def work(conn: AsyncConnection) -> Renewed:
            row = await _row(conn, account.facts)
            whole = decrypt_context(get_key_ring(conn), row)
            context = build_effective_context(whole, account.definition.variables())
            before, after = access_token(taken.context), access_token(context)
            if after is None or (after == before and expires_at(context) == expires_at(taken.context)):
                raise CredentialsRefused(
                    "The action refresh_token left no new token in the context.", code=None
                )
            await end_lease(conn, taken.lease, "committed")
            return await self._store(conn, account, row, whole)

        return await self._surely(work)

    async def refuse(self, account: Renewable, taken: Taken, message: str) -> None:
        """The provider takes them no more: `needs_reauth`, told once. An account that is `connecting` is left
        to its own steps. Raises LeaseLost where the refusal says nothing of what the account has now."""

        async def work(conn: AsyncConnection) -> bool:
            row = await _row(conn, account.facts)
            if not await end_lease(conn, taken.lease, "refused"):
                return False
            context = _effective(conn, account, row)
            is_same = access_token(context) == access_token(taken.context)
            if not is_same or not _hands_over_the_same(account, taken, context):
                return False
            if row["status"] not in {"needs_reauth", "connecting"}:
                await self._mark_refused(conn, account.facts, message)
            return True

        is_refused = await self._surely(work)
        if not is_refused:
            raise LeaseLost

    async def release(self, taken: Taken) -> None:
        """For the next who asks. Where an answer may be lost, the journal goes on saying `started`."""
        outcome = "started" if taken.may_be_lost else "failed"

        async def work(conn: AsyncConnection) -> None:
            await end_lease(conn, taken.lease, outcome)  # type: ignore[arg-type]  # one of both

        await self._surely(work)

    async def _surely(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        started = self._clock.monotonic()
        while True:
            try:
                async with self._database.write() as conn:
                    return await work(conn)
            except _AWAY as away:
                if self._clock.monotonic() - started > _PATIENCE:
                    raise
                log.warning("what came of a renewal is not written yet: %s", type(away).__name__)
            await self._clock.sleep(_AGAIN_SECONDS)

    async def _store(
        self, conn: AsyncConnection, account: Renewable, row: Mapping[str, Any], whole: Mapping[str, Any]
    ) -> Renewed:
        """The new context, in the transaction that ends the lease."""
        keys, identity = get_key_ring(conn), account.facts.id
        names = list_secret_fields(account.definition) | list_encrypted_fields(keys, row)
        plain, secrets = split_context(whole, names)
        is_back = row["status"] == "needs_reauth"
        await conn.execute(
            update(integrated_account)
            .where(integrated_account.c.id == identity)
            .values(
                context=plain,
                context_secrets=CONTEXT_SECRETS.seal(keys, identity, secrets or None),
                revision=row["revision"] + 1,
                updated_at=current_time(conn),
                **({"status": "active", "last_error": None} if is_back else {}),
            )
        )
        await raise_epoch(conn, get_epoch_group(identity))
        if is_back:
            await emit_account_events(
                conn, account.facts.environment_id, identity, IntegratedAccountReactivated
            )
        await schedule_renewal(conn, identity, whole)
        context = build_effective_context(whole, account.definition.variables())
        return Renewed(context, row["revision"] + 1, was_asked=True)

    async def _mark_refused(self, conn: AsyncConnection, facts: AccountFacts, message: str) -> None:
        await conn.execute(
            update(integrated_account)
            .where(integrated_account.c.id == facts.id)
            .values(status="needs_reauth", last_error=message, updated_at=current_time(conn))
        )
        await raise_epoch(conn, get_epoch_group(facts.id))
        await emit_account_events(conn, facts.environment_id, facts.id, IntegratedAccountAuthenticationError)


def _hands_over_the_same(account: Renewable, taken: Taken, context: Mapping[str, Any]) -> bool:
    method = account.facts.authentication_method
    return handed_over(account.definition, method, context) == taken.renewal.handed_over


def _is_kept(context: Mapping[str, Any], reply: Mapping[str, Any]) -> bool:
    """Whether a commit arrived after all, although its answer did not."""
    token = access_token(context)
    return token is not None and token == reply["access_token"]


def _effective(conn: AsyncConnection, account: Renewable, row: Mapping[str, Any]) -> dict[str, Any]:
    return build_effective_context(decrypt_context(get_key_ring(conn), row), account.definition.variables())


def _not_renewable(facts: AccountFacts) -> BadRequest:
    return BadRequest(
        f"Nothing can renew the credentials of account {facts.id} ({facts.authentication_method}). Reconnect "
        "it, or send new ones with PATCH /integrated-account/{id}/credentials.",
        failures=[failure("id", "has no refresh token, and no grant that can be repeated", "not_renewable")],
    )


async def _row(conn: AsyncConnection, facts: AccountFacts) -> dict[str, Any]:
    row = await _found(conn, facts)
    if row is None:
        raise _gone(facts)
    return row


def _gone(facts: AccountFacts) -> NotFound:
    return NotFound(f"the account {facts.id} is gone.")


async def _found(conn: AsyncConnection, facts: AccountFacts) -> dict[str, Any] | None:
    columns = ("id", "status", "last_error", "context", "context_secrets", "revision")
    statement = (
        select(*(integrated_account.c[name] for name in columns))
        .where(
            integrated_account.c.id == facts.id, integrated_account.c.environment_id == facts.environment_id
        )
        .with_for_update()
    )
    row = (await conn.execute(statement)).mappings().one_or_none()
    return None if row is None else dict(row)
