"""The routes of `/sandbox-integrated-account`: the accounts that are read-only."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from isthmus.accounts import ReadOnlyFlags
from isthmus.api.dependencies import ApiPrincipal, Parts
from isthmus.api.resources.base_models import Body, DeletedOut, Row
from isthmus.api.resources.crud import add_read_routes
from isthmus.api.resources.integrated_accounts import AccountOut

__all__ = ["router"]

router = APIRouter(prefix="/sandbox-integrated-account", tags=["integrated accounts"])


class SandboxOut(Row):
    id: str = Field(description="Id of the account.")
    integrated_account: AccountOut


class SandboxIn(Body):
    ROW = SandboxOut

    id: str = Field(description="Id of the account to make read-only.")


add_read_routes(router, "sandbox_account", ReadOnlyFlags, SandboxOut, filters=ReadOnlyFlags.FILTERS)


@router.post("")
async def create_sandbox_account(parts: Parts, principal: ApiPrincipal, body: SandboxIn) -> SandboxOut:
    """Makes an account read-only: its writes are answered 405, its reads go on to the provider."""
    async with parts.database.write() as conn:
        return SandboxOut(**parts.format_row(await ReadOnlyFlags(conn, principal).create(body.id)))


@router.delete("/{id}")
async def delete_sandbox_account(parts: Parts, principal: ApiPrincipal, id: str) -> DeletedOut:
    """Makes an account writable again; the account itself is kept. 409 for an account that answers from
    examples."""
    async with parts.database.write() as conn:
        return DeletedOut(id=await ReadOnlyFlags(conn, principal).delete(id))
