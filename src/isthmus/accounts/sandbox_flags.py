"""The sandbox flag of accounts as a resource of its own: a flagged account is read-only."""

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

__all__ = ["SandboxFlags"]

_IS_SANDBOX: Final[ColumnElement[bool]] = integrated_account.c.is_sandbox.is_(True)


class SandboxFlags:
    """The accounts of one environment that have the sandbox flag, each identified by the account's id."""

    def __init__(self, conn: AsyncConnection, scope: Scope) -> None:
        self._accounts = Accounts(conn, scope)

    async def list(self, query: ListQuery) -> Page:
        """Return a page of flagged accounts. Filters and order are those of accounts."""
        page = await self._accounts.list(query, _IS_SANDBOX)
        return Page([_build_row(account) for account in page.rows], page.after)

    async def get(self, id: str) -> Row:
        """Return the row of a flagged account. Raises NotFound for any other."""
        account = await self._accounts.get(id)
        if not account["is_sandbox"]:
            raise NotFound(
                f"the account {id} is no sandbox account. POST /sandbox-integrated-account makes it one."
            )
        return _build_row(account)

    async def create(self, id: str) -> Row:
        """Make the account `id` read-only, and return its row. Raises NotFound."""
        return _build_row(await self._accounts.set_sandbox_flag(id, True))

    async def delete(self, id: str) -> str:
        """Make a flagged account writable again, and return its id. Raises NotFound, and Conflict for an
        account that answers from recorded exchanges."""
        row = await self.get(id)
        if row["integrated_account"]["authentication_method"] == SANDBOX_METHOD:
            raise Conflict(
                f"the account {id} answers from examples: there is nothing to write to. Connect a real "
                "account, or delete this one with DELETE /integrated-account/{id}."
            )
        await self._accounts.set_sandbox_flag(id, False)
        return id


def _build_row(account: Mapping[str, Any]) -> Row:
    return {
        "id": account["id"],
        "created_at": account["created_at"],
        "updated_at": account["updated_at"],
        "integrated_account": account,
    }
