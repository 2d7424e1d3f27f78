"""Routes of base mappings, and of an environment's overrides of them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import Field

from isthmus.api.resources.base_models import Body, Row
from isthmus.api.resources.crud import add_read_routes, add_write_routes
from isthmus.integrations.mappings.mapping_repositories import EnvironmentMappings, ModelMappings

__all__ = ["routers"]

base_router = APIRouter(prefix="/unified-model-resource-method", tags=["mappings"])
environment_router = APIRouter(prefix="/environment-unified-model-resource-method", tags=["mappings"])
routers = (base_router, environment_router)


class _MappingRowOut(Row):
    integration_name: str
    resource_name: str
    method_name: str
    config: dict[str, Any]
    version: int


class MappingOut(_MappingRowOut):
    unified_model_id: str


class EnvironmentMappingOut(_MappingRowOut):
    environment_unified_model_id: str


class _MappingRowIn(Body):
    integration_name: str
    resource_name: str
    method_name: str


class MappingIn(_MappingRowIn):
    ROW = MappingOut

    unified_model_id: str
    config: dict[str, Any] = Field(description="The mapping; its expressions must compile.")


class EnvironmentMappingIn(_MappingRowIn):
    ROW = EnvironmentMappingOut

    environment_unified_model_id: str
    config: dict[str, Any] = Field(
        description="The differences from the base mapping; without one, the whole mapping."
    )


class _MappingPatch(Body):
    integration_name: str | None = None
    resource_name: str | None = None
    method_name: str | None = None
    config: dict[str, Any] | None = Field(None, description="Merged deep; null removes a key.")
    version: int | None = Field(None, description="When sent, must be the stored version (409 otherwise).")


class MappingPatch(_MappingPatch):
    ROW = MappingOut


class EnvironmentMappingPatch(_MappingPatch):
    ROW = EnvironmentMappingOut


add_read_routes(base_router, "mapping", ModelMappings, MappingOut, filters=ModelMappings.FILTERS)
add_write_routes(base_router, "mapping", ModelMappings, MappingOut, create=MappingIn, update=MappingPatch)
add_read_routes(
    environment_router,
    "environment_mapping",
    EnvironmentMappings,
    EnvironmentMappingOut,
    filters=EnvironmentMappings.FILTERS,
)
add_write_routes(
    environment_router,
    "environment_mapping",
    EnvironmentMappings,
    EnvironmentMappingOut,
    create=EnvironmentMappingIn,
    update=EnvironmentMappingPatch,
)
