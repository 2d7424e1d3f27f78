"""The routes of `/integration`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import Field

from isthmus.api.resources.base_models import Body, OwnerOut, Row, Sharing
from isthmus.api.resources.crud import add_read_routes, add_write_routes
from isthmus.integrations.catalog.integrations import Integrations

__all__ = ["router"]

router = APIRouter(prefix="/integration", tags=["integrations"])


class IntegrationOut(Row):
    name: str
    category: str | None
    is_beta: bool
    sharing: Sharing
    config: dict[str, Any] = Field(
        description="Without client secrets; only its public parts for other teams."
    )
    team_id: str | None = Field(description="null: shipped with Isthmus.")
    team: OwnerOut
    can_install: bool
    installed_environment: list[str]
    version: int


class IntegrationIn(Body):
    ROW = IntegrationOut

    name: str = Field(min_length=1, max_length=100, description="A slug, unique on this server.")
    config: dict[str, Any] = Field(description="The integration definition.")
    category: str | None = None
    is_beta: bool = False
    sharing: Sharing = "deny"


class IntegrationPatch(Body):
    ROW = IntegrationOut

    name: str | None = Field(None, min_length=1, max_length=100)
    config: dict[str, Any] | None = Field(
        None, description="Merged deep into the stored one; null removes a key."
    )
    category: str | None = None
    is_beta: bool | None = None
    sharing: Sharing | None = None
    version: int | None = Field(None, description="When sent, must be the stored version (409 otherwise).")


add_read_routes(router, "integration", Integrations, IntegrationOut, filters=Integrations.FILTERS)
add_write_routes(
    router,
    "integration",
    Integrations,
    IntegrationOut,
    create=IntegrationIn,
    update=IntegrationPatch,
    descriptions={"delete": "409 while it is installed in an environment; `details` has the installs."},
    requires_version=True,
)
