"""The routes of `/static-gate`."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field

from isthmus.accounts.static_gates import StaticGates
from isthmus.api.dependencies import ApiPrincipal, Parts
from isthmus.api.resources.base_models import Body, DeletedOut, Row
from isthmus.api.resources.crud import add_read_routes

__all__ = ["router"]

router = APIRouter(prefix="/static-gate", tags=["static gates"])


class StaticGateOut(Row):
    name: str
    domain: str = Field(description="Host of the gate: requests go to `https://<domain>/`.")
    environment_id: str
    created_by: str | None


class NewStaticGateOut(StaticGateOut):
    api_token: str = Field(description="The key with which requests pass the gate. It is not shown again.")
    api_token_secret: str = Field(description="The same key, by the name that it is sent by.")


class StaticGateIn(Body):
    name: str
    domain: str
    environment_id: str | None = Field(None, description="Only that of the token.")
    api_token_secret: str | None = Field(
        None, description="The gate's own key, if it has one already; a random one is made otherwise."
    )


class StaticGatePatch(Body):
    name: str | None = None
    domain: str | None = None


add_read_routes(router, "static_gate", StaticGates, StaticGateOut)


@router.post("")
async def create_static_gate(parts: Parts, principal: ApiPrincipal, body: StaticGateIn) -> NewStaticGateOut:
    """A gate that accounts can be connected through, by `truto_static_gate_id` of a link token."""
    async with parts.database.write() as conn:
        return NewStaticGateOut(
            **parts.format_row(await StaticGates(conn, principal).create(body.get_sent_fields()))
        )


@router.patch("/{id}")
async def update_static_gate(
    parts: Parts, principal: ApiPrincipal, id: str, body: StaticGatePatch
) -> StaticGateOut:
    async with parts.database.write() as conn:
        return StaticGateOut(
            **parts.format_row(await StaticGates(conn, principal).update(id, body.get_sent_fields()))
        )


@router.delete("/{id}")
async def delete_static_gate(parts: Parts, principal: ApiPrincipal, id: str) -> DeletedOut:
    """409 while accounts use it."""
    async with parts.database.write() as conn:
        return DeletedOut(id=await StaticGates(conn, principal).delete(id))
