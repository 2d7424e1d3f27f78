"""`/environment-unified-model`: installed models (`api.md` §3.8)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import Field

from isthmus.api.resources.base_models import Body, Row
from isthmus.api.resources.crud import add_reads, add_writes
from isthmus.integrations.installs.environment_unified_models import EnvironmentUnifiedModels

__all__ = ["router"]

router = APIRouter(prefix="/environment-unified-model", tags=["environment unified models"])


class EnvironmentUnifiedModelOut(Row):
    unified_model_id: str
    environment_id: str
    override: dict[str, Any] = Field(description="Changes schemas, docs and webhooks, never the mapping.")
    unified_model: dict[str, Any]


class ModelInstallIn(Body):
    unified_model_id: str = Field(description="Id or name of the unified model.")
    override: dict[str, Any] | None = None


class ModelInstallPatch(Body):
    override: dict[str, Any] = Field(description="Replaces the stored override whole.")


add_reads(router, "environment_unified_model", EnvironmentUnifiedModels, EnvironmentUnifiedModelOut)
add_writes(
    router,
    "environment_unified_model",
    EnvironmentUnifiedModels,
    EnvironmentUnifiedModelOut,
    create=ModelInstallIn,
    update=ModelInstallPatch,
    about={
        "create": "Installing twice answers the existing install.",
        "delete": "By the install's id or the unified model's.",
    },
)
