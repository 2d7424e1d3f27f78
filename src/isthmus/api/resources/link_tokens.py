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
    """Send `tenant_id` to connect a new account, or `integrated_account_id` to reconnect one; of both, the
    latter counts."""

    tenant_id: str | None = Field(None, description="Your own id of the customer who connects.")
    integrated_account_id: str | None = Field(
        None, description="The account whose credentials are replaced. It keeps its id."
    )
    scopes: list[str] | None = Field(None, description="Instead of the integration's OAuth scopes.")
    environment_unified_model_id: list[str] | str | None = Field(
        None,
        description="Only integrations that are mapped to these models are offered, and only the scopes that "
        "they need are requested.",
    )
    unified_model_id: list[str] | str | None = Field(None, description="The same, by the model's own id.")
    context: dict[str, Any] | None = Field(
        None, description="Merged over what the user enters; the form does not ask for its keys."
    )
    redirect_uri: str | None = Field(
        None,
        description="Where the browser is sent at the end, unless the page was opened in its own window.",
    )
    persist_previous_context: bool | None = Field(
        None,
        description="When reconnecting: whether the new context is merged over the old one. Default false.",
    )
    truto_static_gate_id: str | None = Field(
        None, description="Id of the static gate through which the account's requests leave."
    )
    region: str | None = Field(None, description="`wnam`, `enam`, `apac` or `eu`; a label.")
    is_sandbox: bool | None = Field(None, description="Whether the new account is read-only.")


class LinkTokenOut(BaseModel):
    link_token: str = Field(description="Valid for one connection, for 7 days. It is not shown again.")


@router.post("/link-token", tags=["link tokens"])
async def create_link_token(parts: Parts, principal: ApiPrincipal, body: LinkTokenIn) -> LinkTokenOut:
    """The secret that lets one person connect one account, on the page `/connect-account`."""
    async with parts.database.write() as conn:
        token = await LinkTokens(conn, principal).create(body.get_sent_fields())
    return LinkTokenOut(link_token=token.reveal())
