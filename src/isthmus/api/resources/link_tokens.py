"""The route `/link-token`, with which a backend lets a person connect an account."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from isthmus.api.dependencies import ApiPrincipal, Parts
from isthmus.api.resources.base_models import Body
from isthmus.connect.link_tokens import LinkTokens

__all__ = ["router"]

router = APIRouter()


class LinkTokenIn(Body):
    """One of `tenant_id` (a new account) and `integrated_account_id` (to renew one, which wins)."""

    tenant_id: str | None = Field(None, description="Your own key of the customer who connects.")
    integrated_account_id: str | None = Field(
        None, description="The account whose credentials are replaced. It keeps its id."
    )
    scopes: list[str] | None = Field(None, description="Instead of the integration's OAuth scopes.")
    environment_unified_model_id: list[str] | str | None = Field(
        None,
        description="Only integrations that are mapped to these models are offered, and only the scopes that "
        "they need are asked for.",
    )
    unified_model_id: list[str] | str | None = Field(None, description="The same, by the model's own id.")
    context: dict[str, Any] | None = Field(
        None, description="Laid over what the user enters; its keys are not asked for."
    )
    redirect_uri: str | None = Field(
        None, description="Where the browser goes at the end, unless the page was opened in a window."
    )
    persist_previous_context: bool | None = Field(
        None, description="To renew: whether the old context stays below the new one. Default false."
    )
    truto_static_gate_id: str | None = Field(None, description="The way out of the account's calls.")
    region: str | None = Field(None, description="`wnam`, `enam`, `apac` or `eu`; a label.")
    is_sandbox: bool | None = Field(None, description="Whether the new account is read-only.")


class LinkTokenOut(BaseModel):
    link_token: str = Field(description="Good for one connection, for 7 days. It is not shown again.")


@router.post("/link-token", tags=["link tokens"])
async def create_link_token(parts: Parts, principal: ApiPrincipal, body: LinkTokenIn) -> LinkTokenOut:
    """The secret that lets one person connect one account, on the page `/connect-account`."""
    async with parts.database.write() as conn:
        token = await LinkTokens(conn, principal).create(body.sent())
    return LinkTokenOut(link_token=token.reveal())
