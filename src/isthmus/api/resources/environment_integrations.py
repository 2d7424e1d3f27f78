"""`/environment-integration`: installs (`api.md` §3.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from pydantic import Field

from isthmus.accounts import Installs
from isthmus.api.dependencies import PartsOfApp
from isthmus.api.resources.base_models import Body, Row
from isthmus.api.resources.crud import add_reads, add_writes

__all__ = ["router"]

router = APIRouter(prefix="/environment-integration", tags=["environment integrations"])


class EnvironmentIntegrationOut(Row):
    integration_id: str
    environment_id: str
    is_enabled: bool
    is_active: bool = Field(description="The same as `is_enabled`.")
    show_in_catalog: bool
    override: dict[str, Any] = Field(description="Laid over the integration's config; secrets are absent.")
    integration: dict[str, Any]
    isthmus_callback_url: str = Field(
        description="What an OAuth app of yours, registered with the product, allows as its redirect address."
    )


_CALLBACK: Any = Field(
    None,
    description="An address of yours that sends browsers on to the server's own callback with their whole "
    "query, and is told to the product in its place; null, or what is shown for it, for the server's own.",
)


class InstallIn(Body):
    integration_id: str = Field(description="Id or name of the integration.")
    is_enabled: bool = True
    is_active: bool | None = Field(None, description="Another name of `is_enabled`.")
    show_in_catalog: bool = True
    override: dict[str, Any] | None = None
    isthmus_callback_url: str | None = _CALLBACK


class InstallPatch(Body):
    is_enabled: bool | None = None
    is_active: bool | None = Field(None, description="Another name of `is_enabled`.")
    show_in_catalog: bool | None = None
    override: dict[str, Any] | None = Field(
        None, description="Replaces the stored override whole; secrets left out survive; {} clears all."
    )
    isthmus_callback_url: str | None = _CALLBACK


def _callback(parts: PartsOfApp, row: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"isthmus_callback_url": row["isthmus_callback_url"] or parts.callback_url}


def _own_as_null(parts: PartsOfApp, sent: Mapping[str, Any]) -> Mapping[str, Any]:
    is_own = sent.get("isthmus_callback_url") == parts.callback_url
    return {**sent, "isthmus_callback_url": None} if is_own else sent


add_reads(router, "environment_integration", Installs, EnvironmentIntegrationOut, also=_callback)
add_writes(
    router,
    "environment_integration",
    Installs,
    EnvironmentIntegrationOut,
    create=InstallIn,
    update=InstallPatch,
    also=_callback,
    meant=_own_as_null,
    about={
        "create": "Installing twice answers the existing install.",
        "delete": "By the install's id or the integration's. Deletes every account of the install.",
    },
)
