"""The routes of `/unified-model`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import Field

from isthmus.api.resources.base_models import Body, OwnerOut, Row, Sharing
from isthmus.api.resources.crud import add_read_routes, add_write_routes
from isthmus.integrations.catalog.unified_models import UnifiedModels

__all__ = ["router"]

router = APIRouter(prefix="/unified-model", tags=["unified models"])


class UnifiedModelOut(Row):
    name: str
    category: str
    description: str | None
    sharing: Sharing
    resources: dict[str, Any]
    scopes: dict[str, Any]
    docs: dict[str, Any]
    webhooks: dict[str, Any]
    team_id: str | None = Field(description="null: shipped with Isthmus.")
    team: OwnerOut
    installed_environment: list[str]
    version: int


class UnifiedModelIn(Body):
    ROW = UnifiedModelOut

    name: str = Field(min_length=1, max_length=64, description="A slug: the segment in /unified/{name}.")
    category: str
    description: str | None = None
    sharing: Sharing = "deny"
    resources: dict[str, Any] = Field(description="Resource -> {schema, description, methods}.")
    scopes: dict[str, Any] | None = None
    docs: dict[str, Any] | None = None
    webhooks: dict[str, Any] | None = None


class UnifiedModelPatch(Body):
    ROW = UnifiedModelOut

    name: str | None = Field(None, min_length=1, max_length=64)
    category: str | None = None
    description: str | None = None
    sharing: Sharing | None = None
    resources: dict[str, Any] | None = Field(None, description="Merged deep; null removes a key.")
    scopes: dict[str, Any] | None = None
    docs: dict[str, Any] | None = None
    webhooks: dict[str, Any] | None = None
    version: int | None = Field(None, description="When sent, must be the stored version (409 otherwise).")


add_read_routes(router, "unified_model", UnifiedModels, UnifiedModelOut, filters=UnifiedModels.FILTERS)
add_write_routes(
    router,
    "unified_model",
    UnifiedModels,
    UnifiedModelOut,
    create=UnifiedModelIn,
    update=UnifiedModelPatch,
    descriptions={"delete": "409 while it is installed in an environment; `details` has the installs."},
    requires_version=True,
)
