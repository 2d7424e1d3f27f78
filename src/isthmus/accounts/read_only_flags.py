"""Makes accounts read-only and writable again: the resource of their sandbox flags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.accounts import Accounts
from isthmus.accounts.rows.account_checks import SANDBOX_METHOD
from isthmus.db.listing import ListQuery, Page
from isthmus.db.tables import integrated_account
from isthmus.errors import Conflict, NotFound
from isthmus.integrations.rows.scope import Scope
from isthmus.integrations.rows.wire_rows import Row

__all__ = ["ReadOnlyFlags"]

_IS_SANDBOX: Final[ColumnElement[bool]] = integrated_account.c.is_sandbox.is_(True)


class ReadOnlyFlags:
    """The sandbox flags of the accounts of one environment: a flagged account is read-only. A flag is
    identified by the account's id."""

    FILTERS = Accounts.FILTERS

    def __init__(self, conn: AsyncConnection, scope: Scope) -> None:
        self._accounts = Accounts(conn, scope)

    async def list(self, query: ListQuery) -> Page:
        """Return a page of sandbox flags. Filters and order are those of accounts."""
        page = await self._accounts.list(query, _IS_SANDBOX)
        return Page([_build_row(account) for account in page.rows], page.after)

    async def get(self, account_id: str) -> Row:
        """Return the sandbox flag of an account, a row with the account as `integrated_account`. Raises
        NotFound if the account is not flagged."""
        account = await self._accounts.get(account_id)
        if not account["is_sandbox"]:
            raise NotFound(
                f"the account {account_id} is no sandbox account. POST /sandbox-integrated-account makes it "
                "one."
            )
        return _build_row(account)

    async def create(self, account_id: str) -> Row:
        """Make an account read-only, and return its sandbox flag. Raises NotFound."""
        return _build_row(await self._accounts.set_sandbox_flag(account_id, True))

    async def delete(self, account_id: str) -> str:
        """Make a flagged account writable again, and return its id. Raises NotFound, and Conflict for an
        account that answers from recorded exchanges."""
        row = await self.get(account_id)
        if row["integrated_account"]["authentication_method"] == SANDBOX_METHOD:
            raise Conflict(
                f"the account {account_id} answers from examples, and has no provider to write to. Connect a "
                "real account, or delete this one with DELETE /integrated-account/{id}."
            )
        await self._accounts.set_sandbox_flag(account_id, False)
        return account_id


def _build_row(account: Mapping[str, Any]) -> Row:
    """Return the row of a sandbox flag, with the account as `integrated_account`."""
    return {
        "id": account["id"],
        "created_at": account["created_at"],
        "updated_at": account["updated_at"],
        "integrated_account": account,
    }
