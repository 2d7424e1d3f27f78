"""Writes what the responses of a provider mean for an account: refused credentials, a 403, a wait for its
rate limit, the result of an action.

Each write is a short transaction of its own. If it fails, that is logged, and the call that caused it
continues.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Update, update
from sqlalchemy.exc import SQLAlchemyError

from isthmus.accounts.rows.account_events import emit_account_events
from isthmus.db.database import Database
from isthmus.db.epochs import get_epoch_group, increment_epoch
from isthmus.db.outages import is_database_unavailable
from isthmus.db.tables import integrated_account
from isthmus.engine.upstream import AccountFacts
from isthmus.errors import IsthmusError
from isthmus.events import Event
from isthmus.events.catalogue import IntegratedAccountAuthenticationError

__all__ = ["AccountStates", "make_action_result", "make_forbidden_error"]

_LOG: Final = logging.getLogger("isthmus.accounts")


def make_forbidden_error(
    resource: str, method: str, missing_scopes: Sequence[str], now: datetime
) -> dict[str, Any]:
    """Return the JSON value of `last_forbidden_error`. The time is ISO text."""
    return {
        "resource": resource,
        "method": method,
        "missing_scopes": list(missing_scopes),
        "occurred_at": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def make_action_result(name: str, error: IsthmusError | None, now: datetime) -> dict[str, Any]:
    """Return the JSON value of `last_action_run_result`: how an action ended, and when. `error`: None for a
    success."""
    result: dict[str, Any] = {
        "action": name,
        "status": "success" if error is None else "error",
        "finished_at": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    if error is not None:
        result["error"] = {"statusCode": error.status, "message": error.message}
    return result


class AccountStates:
    """Updates single columns of an account, and increments the epoch of its group, so that other processes
    see the change within a second."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def mark_needs_reauth(self, account: AccountFacts, revision: int, message: str) -> None:
        """Set the status to `needs_reauth` and emit the event. Does nothing if the account needs it already,
        has newer credentials than those of `revision`, or is `connecting`: then its lifecycle decides its
        status."""
        await self._update(
            account,
            {"status": "needs_reauth", "last_error": message},
            conditions=(
                integrated_account.c.revision == revision,
                integrated_account.c.status.not_in(("needs_reauth", "connecting")),
            ),
            event_type=IntegratedAccountAuthenticationError,
        )

    async def record_forbidden(self, account: AccountFacts, forbidden: Mapping[str, Any]) -> None:
        """Store the last 403. `forbidden`: see `make_forbidden_error`."""
        await self._update(account, {"last_forbidden_error": forbidden})

    async def clear_forbidden(self, account: AccountFacts) -> None:
        """Remove the stored 403, because the same call has succeeded."""
        await self._update(account, {"last_forbidden_error": None})

    async def record_action_result(self, account: AccountFacts, result: Mapping[str, Any]) -> None:
        """Store how an action ended. `result`: see `make_action_result`."""
        await self._update(account, {"last_action_run_result": result})

    async def record_rate_limit_wait(self, account: AccountFacts, seconds: float) -> datetime | None:
        """Store that no process sends for the next `seconds`, and return until when. None if nothing was
        stored, because a later time is; unless that is of a clock which was set back since."""
        now = self._database.clock.now()
        until = now + timedelta(seconds=seconds)
        stored = integrated_account.c
        is_later = stored.closed_until.is_(None) | (stored.closed_until < until) | (stored.closed_at > now)
        is_stored = await self._update(
            account, {"closed_until": until, "closed_at": now}, conditions=(is_later,)
        )
        return until if is_stored else None

    async def _update(
        self,
        account: AccountFacts,
        values: Mapping[str, Any],
        conditions: Sequence[ColumnElement[bool]] = (),
        event_type: type[Event] | None = None,
    ) -> bool:
        """Write `values` to the columns of the account's row, if all `conditions` hold for it; then increment
        the epoch of the account, and emit an event of `event_type`. Return whether it was written. Logs a
        database error, and raises nothing for it."""
        statement: Update = (
            update(integrated_account)
            .where(
                integrated_account.c.id == account.id,
                integrated_account.c.environment_id == account.environment_id,
                *conditions,
            )
            .values(dict(values))
        )
        try:
            async with self._database.write() as conn:
                result = await conn.execute(statement)
                if result.rowcount:
                    await increment_epoch(conn, get_epoch_group(account.id))
                    if event_type is not None:
                        await emit_account_events(conn, account.environment_id, account.id, event_type)
            return bool(result.rowcount)
        except (SQLAlchemyError, OSError) as error:
            if is_database_unavailable(error):
                self._database.outages.report("states of accounts are not written", error)
            else:
                _LOG.exception("the state of account %s was not written: %s", account.id, sorted(values))
            return False
