"""`/unified-model-resource-method`: the base mappings of a unified model (`api.md` §3.7)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import Field

from isthmus.api.resources.crud import add_reads, add_writes
from isthmus.api.resources.shapes import Body, Row
from isthmus.integrations import ModelMappings

__all__ = ["router"]

router = APIRouter(prefix="/unified-model-resource-method", tags=["mappings"])


class MappingOut(Row):
    unified_model_id: str
    integration_name: str
    resource_name: str
    method_name: str
    config: dict[str, Any]
    version: int


class MappingIn(Body):
    unified_model_id: str
    integration_name: str
    resource_name: str
    method_name: str
    config: dict[str, Any] = Field(description="The mapping; its expressions must compile.")


class MappingPatch(Body):
    integration_name: str | None = None
    resource_name: str | None = None
    method_name: str | None = None
    config: dict[str, Any] | None = Field(None, description="Merged deep; null removes a key.")
    version: int | None = Field(None, description="When sent, must be the stored version (409 otherwise).")


add_reads(router, "mapping", ModelMappings, MappingOut)
add_writes(
    router,
    "mapping",
    ModelMappings,
    MappingOut,
    create=MappingIn,
    update=MappingPatch,
)
