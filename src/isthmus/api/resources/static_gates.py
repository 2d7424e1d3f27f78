"""The routes of `/static-gate`."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Response
from pydantic import Field

from isthmus.accounts.static_gates import StaticGates
from isthmus.api.dependencies import ApiPrincipal, Parts
from isthmus.api.known_names import declare_unread_parameters
from isthmus.api.resources.base_models import WARNING_RESPONSE, Body, DeletedOut, Row
from isthmus.api.resources.crud import add_read_routes, add_warnings

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
    ROW = NewStaticGateOut

    name: str
    domain: str
    environment_id: str | None = Field(None, description="Only that of the token.")
    api_token_secret: str | None = Field(
        None, description="The gate's own key, if it has one already; a random one is made otherwise."
    )


class StaticGatePatch(Body):
    ROW = NewStaticGateOut

    name: str | None = None
    domain: str | None = None


_UNREAD: Final = declare_unread_parameters("name", "created_by", "environment_id")

add_read_routes(
    router, "static_gate", StaticGates, StaticGateOut, filters=StaticGates.FILTERS, get_extra=_UNREAD
)


@router.post("", openapi_extra=_UNREAD, responses=WARNING_RESPONSE)
async def create_static_gate(
    parts: Parts, principal: ApiPrincipal, body: StaticGateIn, response: Response
) -> NewStaticGateOut:
    """A gate that accounts can be connected through, by `truto_static_gate_id` of a link token."""
    async with parts.database.write() as conn:
        row = parts.format_row(await StaticGates(conn, principal).create(body.get_sent_fields()))
    add_warnings(response, body, row)
    return NewStaticGateOut(**row)


@router.patch("/{id}", openapi_extra=_UNREAD, responses=WARNING_RESPONSE)
async def update_static_gate(
    parts: Parts, principal: ApiPrincipal, id: str, body: StaticGatePatch, response: Response
) -> StaticGateOut:
    async with parts.database.write() as conn:
        row = parts.format_row(await StaticGates(conn, principal).update(id, body.get_sent_fields()))
    add_warnings(response, body, row)
    return StaticGateOut(**row)


@router.delete("/{id}", openapi_extra=_UNREAD)
async def delete_static_gate(parts: Parts, principal: ApiPrincipal, id: str) -> DeletedOut:
    """409 while accounts use it."""
    async with parts.database.write() as conn:
        return DeletedOut(id=await StaticGates(conn, principal).delete(id))
