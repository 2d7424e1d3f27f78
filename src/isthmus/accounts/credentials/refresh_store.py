"""Reads and writes the accounts whose credentials are refreshed: each step is one transaction, called by
`refresher.py`.

Every transaction locks the account's row first and its lease second, so that two never deadlock.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.credentials.refresh_lease import RefreshLease, end_lease, extend_lease, take_lease
from isthmus.accounts.credentials.revocations import queue_orphan_revocation
from isthmus.accounts.credentials.token_refresh import (
    RefreshPlan,
    add_lifetime,
    complete_lifetime,
    get_access_token,
    get_submitted_credential,
    get_token_life,
    has_same_lifetime,
    plan_refresh,
    schedule_refresh,
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
from isthmus.db.epochs import get_epoch_group, increment_epoch
from isthmus.db.retries import write_with_retries
from isthmus.db.tables import integrated_account
from isthmus.definitions.integration import IntegrationConfig
from isthmus.engine.authorization.grants import make_oauth_context
from isthmus.engine.upstream import AccountFacts, Upstream
from isthmus.errors import AccountNeedsReauth, BadRequest, CredentialsRefused, NotFound, failure
from isthmus.events.catalogue import IntegratedAccountAuthenticationError, IntegratedAccountReactivated
from isthmus.http.messages import HttpRequest, HttpResponse
from isthmus.kit.clock import Clock

__all__ = [
    "LeaseLost",
    "RefreshAttempt",
    "RefreshStore",
    "RefreshTarget",
    "RefreshedCredentials",
]

T = TypeVar("T")

_MAX_RETRY_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class RefreshTarget:
    """The account to refresh. `send`: sends a request to a token endpoint. `upstream`: what the steps of an
    action call the provider through, without refreshing. `gate_id`: the static gate of both."""

    facts: AccountFacts
    definition: IntegrationConfig
    send: Callable[[HttpRequest], Awaitable[HttpResponse]] = field(repr=False)
    upstream: Upstream = field(repr=False)
    gate_id: str | None = None


@dataclass(frozen=True, slots=True)
class RefreshedCredentials:
    """Usable credentials. `context`: the effective context. `revision`: of the account's row that holds it.
    `is_new`: the provider issued the token just now; False if it had been refreshed before."""

    context: Mapping[str, Any] = field(repr=False)
    revision: int
    is_new: bool


@dataclass(slots=True)
class RefreshAttempt:
    """A refresh by the holder of the lease. `context`: the effective context at its start.
    `reply_may_be_lost`: the provider may have replied to the same credential without the reply being
    stored."""

    lease: RefreshLease
    plan: RefreshPlan
    context: Mapping[str, Any] = field(repr=False)
    reply_may_be_lost: bool


class LeaseLost(Exception):
    """Another process refreshes now, or the account got other credentials: read the account again."""


class RefreshStore:
    """Reads and writes accounts for the refresher. A write that holds a provider's reply is retried while the
    database is unavailable, because the provider cannot be asked for it again."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def take_lease(
        self, account: RefreshTarget, rejected_token: str | None, owner: str, *, force: bool
    ) -> RefreshAttempt | RefreshedCredentials | None:
        """Return an attempt that holds the lease; or the credentials, if the stored ones are usable; or None
        while another process refreshes. Parameters as of `Refresher.refresh`. Raises AccountNeedsReauth,
        BadRequest and NotFound."""
        async with self._database.write() as conn:
            row = await _lock_account(conn, account.facts)
            context = _build_context(conn, account, row)
            if row["status"] == "needs_reauth" and not force:
                raise AccountNeedsReauth(
                    f"the credentials of account {account.facts.id} are refused by {account.facts.product}"
                    f"{': ' + row['last_error'] if row['last_error'] else '.'}"
                )
            if not force and self._is_usable(context, rejected_token):
                return RefreshedCredentials(context, row["revision"], is_new=False)
            plan = plan_refresh(account.definition, account.facts.authentication_method, context)
            if plan is None:
                raise _not_refreshable_error(account.facts)
            lease = await take_lease(conn, account.facts.id, owner, plan.submitted_credential)
            return (
                None
                if lease is None
                else RefreshAttempt(lease, plan, context, lease.follows_unfinished_attempt)
            )

    def _is_usable(self, context: Mapping[str, Any], rejected_token: str | None) -> bool:
        """Return True if the token differs from the rejected one and is not about to expire. A token whose
        expiry is unknown is usable only if another one was rejected."""
        token, life = get_access_token(context), get_token_life(context)
        if token is None or token == rejected_token:
            return False
        if life is None:
            return rejected_token is not None
        return self._clock.now().timestamp() <= life.refresh_at

    async def extend_lease(self, lease: RefreshLease) -> bool:
        """Extend the lease by LEASE_DURATION. Return False if it was lost."""
        async with self._database.write() as conn:
            return await extend_lease(conn, lease)

    async def store_reply(
        self, account: RefreshTarget, attempt: RefreshAttempt, reply: Mapping[str, Any], asked_at: datetime
    ) -> RefreshedCredentials:
        """Store the provider's reply, schedule the next refresh and end the lease.

        Raises LeaseLost, with nothing stored, if the lease was lost or the account got other credentials
        meanwhile; NotFound if the account was deleted: then the new token is queued for revocation."""
        is_gone = False

        async def work(conn: AsyncConnection) -> RefreshedCredentials | None:
            """Store the reply; return None if the lease was lost or the credentials are others now, or the
            account is gone."""
            nonlocal is_gone
            row = await _lock_account_if_exists(conn, account.facts)
            is_gone = row is None
            if row is None:
                late_patch = {"oauth": {"token": reply}}
                await queue_orphan_revocation(
                    conn, account.facts, account.definition, attempt.context, account.gate_id, late_patch
                )
                return None
            if not await end_lease(conn, attempt.lease, "committed"):
                return None
            before = decrypt_context(get_key_ring(conn), row)
            if not _submits_same_credential(account, attempt, before) and not _is_already_stored(
                before, reply
            ):
                return None
            oauth = make_oauth_context(
                reply, now=asked_at, requested=attempt.plan.requested_scopes, previous=before.get("oauth")
            )
            oauth = {**(before.get("oauth") or {}), **oauth}
            renewed = add_lifetime({**before, "oauth": oauth}, now=asked_at)
            return await self._store_context(conn, account, row, renewed)

        refreshed = await self._write_with_retries(work)
        if is_gone:
            raise _account_deleted_error(account.facts)
        if refreshed is None:
            raise LeaseLost
        return refreshed

    async def finish_action(self, account: RefreshTarget, attempt: RefreshAttempt) -> RefreshedCredentials:
        """End a refresh by an action, whose steps stored the new token themselves, even if the lease was
        lost. Raises CredentialsRefused if they stored none."""

        async def work(conn: AsyncConnection) -> RefreshedCredentials:
            """End the lease, and return the credentials that the action stored."""
            row = await _lock_account(conn, account.facts)
            stored_context = decrypt_context(get_key_ring(conn), row)
            context = build_effective_context(stored_context, account.definition.reveal_variables())
            before, after = get_access_token(attempt.context), get_access_token(context)
            if after is None or (after == before and has_same_lifetime(attempt.context, context)):
                raise CredentialsRefused(
                    "The action refresh_token left no new token in the context.", code=None
                )
            await end_lease(conn, attempt.lease, "committed")
            renewed = complete_lifetime(attempt.context, stored_context, now=self._clock.now())
            return await self._store_context(conn, account, row, renewed)

        return await self._write_with_retries(work)

    async def mark_refused(self, account: RefreshTarget, attempt: RefreshAttempt, message: str) -> None:
        """Set the account to `needs_reauth` because the provider refused its credentials, and emit the event
        once. An account that is `connecting` keeps its status. Raises LeaseLost if the account has other
        credentials now."""

        async def work(conn: AsyncConnection) -> bool:
            """Set the status; return False if the lease was lost or the credentials are others now."""
            row = await _lock_account(conn, account.facts)
            if not await end_lease(conn, attempt.lease, "refused"):
                return False
            context = _build_context(conn, account, row)
            is_same = get_access_token(context) == get_access_token(attempt.context)
            if not is_same or not _submits_same_credential(account, attempt, context):
                return False
            if row["status"] not in {"needs_reauth", "connecting"}:
                await self._write_needs_reauth(conn, account.facts, message)
            return True

        is_refused = await self._write_with_retries(work)
        if not is_refused:
            raise LeaseLost

    async def release_lease(self, attempt: RefreshAttempt) -> None:
        """End the lease after a failure. If a reply may be lost, its state stays `started`."""
        outcome = "started" if attempt.reply_may_be_lost else "failed"

        async def work(conn: AsyncConnection) -> None:
            """End the lease with its outcome."""
            await end_lease(conn, attempt.lease, outcome)  # type: ignore[arg-type]  # one of both

        await self._write_with_retries(work)

    async def _write_with_retries(self, transaction: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Run `transaction` in a write and return its result, again and again for _MAX_RETRY_SECONDS while
        the database is unavailable."""
        return await write_with_retries(
            self._database, transaction, seconds=_MAX_RETRY_SECONDS, label="the result of a token refresh"
        )

    async def _store_context(
        self,
        conn: AsyncConnection,
        account: RefreshTarget,
        row: Mapping[str, Any],
        new_context: Mapping[str, Any],
    ) -> RefreshedCredentials:
        """Write the new context, schedule the next refresh, and return the credentials. An account in
        `needs_reauth` is active again."""
        keys, identity = get_key_ring(conn), account.facts.id
        names = list_secret_fields(account.definition) | list_encrypted_fields(keys, row)
        plain, secrets = split_context(new_context, names)
        is_back = row["status"] == "needs_reauth"
        await conn.execute(
            update(integrated_account)
            .where(integrated_account.c.id == identity)
            .values(
                context=plain,
                context_secrets=CONTEXT_SECRETS.encrypt(keys, identity, secrets or None),
                revision=row["revision"] + 1,
                updated_at=current_time(conn),
                **({"status": "active", "last_error": None} if is_back else {}),
            )
        )
        await increment_epoch(conn, get_epoch_group(identity))
        if is_back:
            await emit_account_events(
                conn, account.facts.environment_id, identity, IntegratedAccountReactivated
            )
        await schedule_refresh(conn, identity, new_context)
        context = build_effective_context(new_context, account.definition.reveal_variables())
        return RefreshedCredentials(context, row["revision"] + 1, is_new=True)

    async def _write_needs_reauth(self, conn: AsyncConnection, facts: AccountFacts, message: str) -> None:
        """Set the account's status to `needs_reauth` with the message as its last error, and emit the
        event."""
        await conn.execute(
            update(integrated_account)
            .where(integrated_account.c.id == facts.id)
            .values(status="needs_reauth", last_error=message, updated_at=current_time(conn))
        )
        await increment_epoch(conn, get_epoch_group(facts.id))
        await emit_account_events(conn, facts.environment_id, facts.id, IntegratedAccountAuthenticationError)


def _submits_same_credential(
    account: RefreshTarget, attempt: RefreshAttempt, context: Mapping[str, Any]
) -> bool:
    """Return True if a refresh with this context would submit the same secret as the attempt did."""
    method = account.facts.authentication_method
    return get_submitted_credential(account.definition, method, context) == attempt.plan.submitted_credential


def _is_already_stored(context: Mapping[str, Any], reply: Mapping[str, Any]) -> bool:
    """Return True if the token of the reply is stored already: an earlier commit succeeded, but its
    confirmation was lost."""
    token = get_access_token(context)
    return token is not None and token == reply["access_token"]


def _build_context(conn: AsyncConnection, account: RefreshTarget, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the effective context of an account's row."""
    return build_effective_context(
        decrypt_context(get_key_ring(conn), row), account.definition.reveal_variables()
    )


def _not_refreshable_error(facts: AccountFacts) -> BadRequest:
    """Return the error for an account whose credentials nothing can refresh."""
    return BadRequest(
        f"Nothing can refresh the credentials of account {facts.id} ({facts.authentication_method}). "
        "Reconnect it, or send new ones with PATCH /integrated-account/{id}/credentials.",
        failures=[failure("id", "has no refresh token, and no grant that can be repeated", "not_renewable")],
    )


async def _lock_account(conn: AsyncConnection, facts: AccountFacts) -> dict[str, Any]:
    """Lock the account's row and return it. Raises NotFound."""
    row = await _lock_account_if_exists(conn, facts)
    if row is None:
        raise _account_deleted_error(facts)
    return row


def _account_deleted_error(facts: AccountFacts) -> NotFound:
    """Return the error for an account that was deleted meanwhile."""
    return NotFound(f"the account {facts.id} is gone.")


async def _lock_account_if_exists(conn: AsyncConnection, facts: AccountFacts) -> dict[str, Any] | None:
    """Lock the account's row and return it; None if the account was deleted."""
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
