"""Lists and shows the events of the environment: the routes of `/events`.

An event is relayed once every subscriber inside Isthmus has handled it; one of them queues the deliveries to
webhooks, so `is_relayed` does not say that a webhook has received the event.
"""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from isthmus.api.dependencies import ApiPrincipal, ParsedListRequest, Parts
from isthmus.api.known_names import declare_filters
from isthmus.api.resources.base_models import ListOut
from isthmus.db import AsyncConnection
from isthmus.events import Events
from isthmus.tenancy import Principal

__all__ = ["router"]

router = APIRouter(prefix="/events", tags=["events"])


class EventOut(BaseModel):
    """An event as it is listed; the reference of events describes each payload."""

    model_config = ConfigDict(extra="allow")

    id: str = Field(description="`evt_` and a ULID; the same however often the event is delivered.")
    event: str = Field(description="Its name, for example `integrated_account:active`.")
    event_type: str = Field(description="The same as `event`.")
    environment_id: str
    resource_type: str = Field(description="What it is about, for example `integrated_account`.")
    resource_id: str
    payload: dict[str, Any] = Field(description="The resource as it was at that time, without secrets.")
    created_at: str
    is_relayed: bool = Field(description="Whether all its subscribers were notified.")


def _make_repository(conn: AsyncConnection, principal: Principal) -> Events:
    """Makes the repository of the caller's events."""
    return Events(conn, principal.environment_id)


@router.get("", response_model=ListOut[EventOut], openapi_extra=declare_filters(Events.FILTERS))
async def list_events(parts: Parts, principal: ApiPrincipal, list_request: ParsedListRequest) -> Any:
    """Of the last 30 days, the newest first.

    Isthmus's own route."""
    list_request.check_select(EventOut)
    async with parts.database.read() as conn:
        return list_request.respond(await _make_repository(conn, principal).list(list_request.query))


@router.get("/{id}", response_model=EventOut)
async def get_event(parts: Parts, principal: ApiPrincipal, id: str) -> Any:
    async with parts.database.read() as conn:
        return parts.format_row(await _make_repository(conn, principal).get(id))
