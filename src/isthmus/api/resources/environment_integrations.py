"""The routes of `/environment-integration`: the integrations that an environment has installed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from pydantic import Field

from isthmus.accounts import Installs
from isthmus.api.dependencies import PartsOfApp
from isthmus.api.resources.base_models import Body, Row
from isthmus.api.resources.crud import add_read_routes, add_write_routes

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
        description="The redirect URI to allow in an OAuth app of yours that is registered with the provider."
    )


_CALLBACK: Any = Field(
    None,
    description="A redirect URI of yours, sent to the provider in place of the server's own. It must "
    "redirect browsers, with their whole query, to the server's own. null or the server's own URI: none of "
    "yours.",
)


class InstallIn(Body):
    ROW = EnvironmentIntegrationOut

    integration_id: str = Field(description="Id or name of the integration.")
    is_enabled: bool = True
    is_active: bool | None = Field(None, description="Another name of `is_enabled`.")
    show_in_catalog: bool = True
    override: dict[str, Any] | None = None
    isthmus_callback_url: str | None = _CALLBACK


class InstallPatch(Body):
    ROW = EnvironmentIntegrationOut

    is_enabled: bool | None = None
    is_active: bool | None = Field(None, description="Another name of `is_enabled`.")
    show_in_catalog: bool | None = None
    override: dict[str, Any] | None = Field(
        None, description="Replaces the stored override whole; secrets left out survive; {} clears all."
    )
    isthmus_callback_url: str | None = _CALLBACK


def _make_callback_url_field(parts: PartsOfApp, row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the field with the install's own callback URL, otherwise that of the server."""
    return {"isthmus_callback_url": row["isthmus_callback_url"] or parts.callback_url}


def _clear_own_callback_url(parts: PartsOfApp, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the body with null in place of the server's own callback URL, which a row shows if none is
    stored."""
    is_own = values.get("isthmus_callback_url") == parts.callback_url
    return {**values, "isthmus_callback_url": None} if is_own else values


add_read_routes(
    router,
    "environment_integration",
    Installs,
    EnvironmentIntegrationOut,
    filters=Installs.FILTERS,
    extra_fields=_make_callback_url_field,
)
add_write_routes(
    router,
    "environment_integration",
    Installs,
    EnvironmentIntegrationOut,
    create=InstallIn,
    update=InstallPatch,
    extra_fields=_make_callback_url_field,
    to_stored=_clear_own_callback_url,
    descriptions={
        "create": "Installing twice answers the existing install.",
        "delete": "By the install's id or the integration's. Deletes every account of the install.",
    },
)
