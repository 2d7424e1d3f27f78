"""The routes of `/integrated-account`."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from isthmus.accounts import Accounts, OwnAccount, empty_sandbox
from isthmus.api.dependencies import AccountPrincipal, ApiPrincipal, Parts
from isthmus.api.resources.base_models import PROVIDER_ERRORS, Body, Row, SuccessOut
from isthmus.api.resources.crud import add_read_routes, add_write_routes

__all__ = ["router"]

router = APIRouter(prefix="/integrated-account", tags=["integrated accounts"])

Region = Literal["wnam", "enam", "apac", "eu"]


class AccountOut(Row):
    tenant_id: str
    environment_id: str
    environment_integration_id: str
    status: Literal["connecting", "active", "post_install_error", "validation_error", "needs_reauth"]
    authentication_method: str
    region: Region
    is_sandbox: bool
    context: dict[str, Any] = Field(description="Without secrets.")
    object_store_context_fields: list[str]
    unified_model_override: dict[str, Any] | None
    integration_override: dict[str, Any] | None
    features: dict[str, Any]
    truto_static_gate_id: str | None
    last_error: str | None
    last_forbidden_error: dict[str, Any] | None
    last_action_run_result: Any = Field(description="How its latest action ended; null before the first.")
    last_action_result: Any = Field(description="Another name of `last_action_run_result`.")
    integration: dict[str, Any]
    environment_integration: dict[str, Any]


class AccountIn(Body):
    ROW = AccountOut

    tenant_id: str = Field(
        description="Your own id of the customer, at most 500 characters; several accounts may share one."
    )
    environment_integration_id: str
    authentication_method: str = Field(description="A credential format of the integration, e.g. `api_key`.")
    context: dict[str, Any] = Field(description="The credential fields of that format, and any other values.")
    region: Region = "wnam"
    unified_model_override: dict[str, Any] | None = None
    integration_override: dict[str, Any] | None = None


class AccountPatch(Body):
    ROW = AccountOut

    tenant_id: str | None = None
    status: str | None = None
    context: dict[str, Any] | None = Field(
        None, description="Merged by top-level keys; secrets left out survive; `oauth` is merged deep."
    )
    authentication_method: str | None = None
    region: Any = Field(None, description="Fixed after creation: sending another one is a 400.")
    is_sandbox: Any = Field(None, description="Fixed after creation: sending another one is a 400.")
    unified_model_override: dict[str, Any] | None = Field(None, description="Replaced whole; null clears.")
    integration_override: dict[str, Any] | None = Field(None, description="Replaced whole; null clears.")


class CredentialsPatch(Body):
    context: dict[str, Any] = Field(description="Credential keys only.")


class BulkDeleteIn(Body):
    ids: list[str] | None = Field(None, max_length=500)
    tenant_id: str | None = Field(None, description="Instead of `ids`: every account of this tenant.")


class TokenIn(Body):
    integrated_account_id: str


class AccountTokenOut(BaseModel):
    integrated_account_token: str = Field(description="Valid for 15 minutes, for this one account.")
    token: str = Field(description="The same.")


class AccountChoice(Body):
    id: str = Field(description="The integrated account.")


class SandboxEmptiedOut(BaseModel):
    id: str = Field(description="Id of the account.")
    deleted_records: int = Field(description="How many created, changed and deleted records were kept.")


class OwnPatch(Body):
    context: dict[str, Any] = Field(
        description="Its `drive_items` and the fields in `object_store_context_fields`; what `GET` showed "
        "may come back with them."
    )


@router.post("/token")
async def create_account_token(parts: Parts, principal: ApiPrincipal, body: TokenIn) -> AccountTokenOut:
    """A token for a browser: it calls `/unified`, `/proxy` and `/custom` for this account, and
    `GET` and `PATCH /integrated-account/me`; nothing else."""
    async with parts.database.read() as conn:
        account = await Accounts(conn, principal).get(body.integrated_account_id)
    token = parts.account_tokens.issue(
        environment_id=principal.environment_id, team_id=principal.team_id, account_id=account["id"]
    ).reveal()
    return AccountTokenOut(integrated_account_token=token, token=token)


@router.get("/me")
async def get_own_account(request: Request, parts: Parts, principal: AccountPrincipal) -> AccountOut:
    """The account of an integrated account token. Its access token is shown, but no other secret; an access
    token that expires soon is refreshed first."""
    await parts.connections.refresh_expiring_token(
        principal.environment_id, principal.account_id, request_id=request.scope["isthmus.request_id"]
    )
    async with parts.database.read() as conn:
        return AccountOut(**parts.format_row(await OwnAccount(conn, principal, principal.account_id).get()))


@router.patch("/me")
async def update_own_account(
    request: Request, parts: Parts, principal: AccountPrincipal, body: OwnPatch
) -> AccountOut:
    """Changes `drive_items`, and the fields in `object_store_context_fields`, in the context of an integrated
    account token's account; 400 for any other field. What `GET` showed may come back. An access token that
    expires soon is refreshed first."""
    await parts.connections.refresh_expiring_token(
        principal.environment_id, principal.account_id, request_id=request.scope["isthmus.request_id"]
    )
    async with parts.database.write() as conn:
        own = OwnAccount(conn, principal, principal.account_id)
        return AccountOut(**parts.format_row(await own.update(body.context)))


@router.post("/bulk-delete")
async def delete_accounts(parts: Parts, principal: ApiPrincipal, body: BulkDeleteIn) -> SuccessOut:
    """Unknown ids are skipped, so that a request whose response was lost can be repeated."""
    async with parts.database.write() as conn:
        await Accounts(conn, principal).delete_many(body.get_sent_fields())
    return SuccessOut(success=True)


@router.delete("/{id}/sandbox")
async def empty_account_sandbox(parts: Parts, principal: ApiPrincipal, id: str) -> SandboxEmptiedOut:
    """Deletes everything that was written to a sandbox account, so that it answers with its examples again.
    409 for an account that was connected to a provider."""
    async with parts.database.write() as conn:
        deleted = await empty_sandbox(conn, principal.environment_id, id)
    return SandboxEmptiedOut(id=id, deleted_records=deleted)


@router.post("/refresh-credentials", responses=PROVIDER_ERRORS)
async def refresh_credentials(
    request: Request, parts: Parts, principal: ApiPrincipal, body: AccountChoice
) -> SuccessOut:
    """Refreshes the account's access token now. An account whose credentials were refused becomes active
    again."""
    await parts.connections.refresh_credentials(
        principal.environment_id, body.id, request_id=request.scope["isthmus.request_id"]
    )
    return SuccessOut(success=True)


@router.post("/run-post-install-actions", responses=PROVIDER_ERRORS)
async def run_post_install_actions(parts: Parts, principal: ApiPrincipal, body: AccountChoice) -> SuccessOut:
    """Runs the post-install and validation actions again. The account is `connecting` until they end. An
    account whose credentials are refused needs new ones first."""
    async with parts.database.write() as conn:
        await Accounts(conn, principal).restart_lifecycle(body.id)
    return SuccessOut(success=True)


@router.patch("/{id}/credentials")
async def update_credentials(
    parts: Parts, principal: ApiPrincipal, id: str, body: CredentialsPatch
) -> AccountOut:
    async with parts.database.write() as conn:
        return AccountOut(
            **parts.format_row(await Accounts(conn, principal).update_credentials(id, body.get_sent_fields()))
        )


add_read_routes(router, "account", Accounts, AccountOut, filters=Accounts.FILTERS)
add_write_routes(
    router,
    "account",
    Accounts,
    AccountOut,
    create=AccountIn,
    update=AccountPatch,
)
