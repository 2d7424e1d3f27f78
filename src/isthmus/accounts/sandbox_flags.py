"""Which accounts are read-only (`api.md` §3.9, the side resource): a row for each, by the account's id."""

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
    """The accounts of one environment that are flagged; filters and order are those of accounts."""

    def __init__(self, conn: AsyncConnection, scope: Scope) -> None:
        self._accounts = Accounts(conn, scope)

    async def list(self, query: ListQuery) -> Page:
        page = await self._accounts.list(query, _IS_SANDBOX)
        return Page([_row(account) for account in page.rows], page.after)

    async def get(self, id: str) -> Row:
        """Raises NotFound for an account that is not flagged."""
        account = await self._accounts.get(id)
        if not account["is_sandbox"]:
            raise NotFound(
                f"the account {id} is no sandbox account. POST /sandbox-integrated-account makes it one."
            )
        return _row(account)

    async def create(self, id: str) -> Row:
        """The account `id` is read-only afterwards. Raises NotFound."""
        return _row(await self._accounts.flag_sandbox(id, True))

    async def delete(self, id: str) -> str:
        """The account may be written to again. Raises NotFound, and Conflict for one that has no product
        behind it."""
        row = await self.get(id)
        if row["integrated_account"]["authentication_method"] == SANDBOX_METHOD:
            raise Conflict(
                f"the account {id} answers from examples: there is nothing to write to. Connect a real "
                "account, or delete this one with DELETE /integrated-account/{id}."
            )
        await self._accounts.flag_sandbox(id, False)
        return id


def _row(account: Mapping[str, Any]) -> Row:
    return {
        "id": account["id"],
        "created_at": account["created_at"],
        "updated_at": account["updated_at"],
        "integrated_account": account,
    }
