"""What a provider's answers do to an account's row. Rare, off the hot path, each its own short transaction.

A state that cannot be written is logged and given up: the call that noticed it has its answer all the same.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Update, update
from sqlalchemy.exc import SQLAlchemyError

from isthmus.accounts.rows.account_events import emit_account_events
from isthmus.db.database import Database
from isthmus.db.epochs import get_epoch_group, raise_epoch
from isthmus.db.tables import integrated_account
from isthmus.engine.upstream import AccountFacts
from isthmus.errors import IsthmusError
from isthmus.events import Event
from isthmus.events.catalogue import IntegratedAccountAuthenticationError

__all__ = ["AccountStates", "action_record", "forbidden_record"]

_LOG: Final = logging.getLogger("isthmus.accounts")


def forbidden_record(
    resource: str, method: str, missing_scopes: Sequence[str], now: datetime
) -> dict[str, Any]:
    """`last_forbidden_error` (`api.md` §3.9); the time as ISO text, since it lives in a JSON column."""
    return {
        "resource": resource,
        "method": method,
        "missing_scopes": list(missing_scopes),
        "occurred_at": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


def action_record(name: str, failed: IsthmusError | None, now: datetime) -> dict[str, Any]:
    """`last_action_run_result`: how an action ended, and when."""
    record: dict[str, Any] = {
        "action": name,
        "status": "success" if failed is None else "error",
        "finished_at": now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    if failed is not None:
        record["error"] = {"statusCode": failed.status, "message": failed.message}
    return record


class AccountStates:
    """Writes that raise the epoch of the account's group, so that other processes see them within a second
    and keep what they read of its neighbours."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def needs_reauth(self, account: AccountFacts, revision: int, message: str) -> None:
        """`revision`: of the row whose credentials were refused; newer ones are left alone, and so is an
        account that is `connecting`: its own steps say how that ends."""
        await self._set(
            account,
            {"status": "needs_reauth", "last_error": message},
            only=(
                integrated_account.c.revision == revision,
                integrated_account.c.status.not_in(("needs_reauth", "connecting")),
            ),
            told=IntegratedAccountAuthenticationError,
        )

    async def forbidden(self, account: AccountFacts, record: Mapping[str, Any]) -> None:
        await self._set(account, {"last_forbidden_error": record})

    async def permitted(self, account: AccountFacts) -> None:
        await self._set(account, {"last_forbidden_error": None})

    async def action_ran(self, account: AccountFacts, record: Mapping[str, Any]) -> None:
        await self._set(account, {"last_action_run_result": record})

    async def closed(self, account: AccountFacts, seconds: float) -> None:
        """No process sends before this time; a later one that is stored stays."""
        until = self._database.clock.now() + timedelta(seconds=seconds)
        column = integrated_account.c.closed_until
        await self._set(account, {"closed_until": until}, only=(column.is_(None) | (column < until),))

    async def _set(
        self,
        account: AccountFacts,
        values: Mapping[str, Any],
        only: Sequence[Any] = (),
        told: type[Event] | None = None,
    ) -> None:
        """`told`: emitted with the change, if there is one."""
        statement: Update = (
            update(integrated_account)
            .where(
                integrated_account.c.id == account.id,
                integrated_account.c.environment_id == account.environment_id,
                *only,
            )
            .values(dict(values))
        )
        try:
            async with self._database.write() as conn:
                done = await conn.execute(statement)
                if done.rowcount:
                    await raise_epoch(conn, get_epoch_group(account.id))
                    if told is not None:
                        await emit_account_events(conn, account.environment_id, account.id, told)
        except (SQLAlchemyError, OSError):
            _LOG.exception("the state of account %s was not written: %s", account.id, sorted(values))
