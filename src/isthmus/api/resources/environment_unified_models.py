"""The routes of `/environment-unified-model`: the unified models that an environment has installed."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import Field

from isthmus.api.resources.base_models import Body, Row
from isthmus.api.resources.crud import add_read_routes, add_write_routes
from isthmus.integrations.installs.environment_unified_models import EnvironmentUnifiedModels

__all__ = ["router"]

router = APIRouter(prefix="/environment-unified-model", tags=["environment unified models"])


class EnvironmentUnifiedModelOut(Row):
    unified_model_id: str
    environment_id: str
    override: dict[str, Any] = Field(description="Changes schemas, docs and webhooks, never the mapping.")
    unified_model: dict[str, Any]


class ModelInstallIn(Body):
    ROW = EnvironmentUnifiedModelOut

    unified_model_id: str = Field(description="Id or name of the unified model.")
    override: dict[str, Any] | None = None


class ModelInstallPatch(Body):
    ROW = EnvironmentUnifiedModelOut

    override: dict[str, Any] = Field(description="Replaces the stored override whole.")


add_read_routes(
    router,
    "environment_unified_model",
    EnvironmentUnifiedModels,
    EnvironmentUnifiedModelOut,
    filters=EnvironmentUnifiedModels.FILTERS,
)
add_write_routes(
    router,
    "environment_unified_model",
    EnvironmentUnifiedModels,
    EnvironmentUnifiedModelOut,
    create=ModelInstallIn,
    update=ModelInstallPatch,
    descriptions={
        "create": "Installing twice answers the existing install.",
        "delete": "By the install's id or the unified model's.",
    },
)
