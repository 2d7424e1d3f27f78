"""A model's base mappings, and what an environment lays over them (`api.md` §3.7, §3.8)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import Field

from isthmus.api.resources.base_models import Body, Row
from isthmus.api.resources.crud import add_reads, add_writes
from isthmus.integrations.mappings.mapping_repositories import EnvironmentMappings, ModelMappings

__all__ = ["routers"]

base = APIRouter(prefix="/unified-model-resource-method", tags=["mappings"])
environment = APIRouter(prefix="/environment-unified-model-resource-method", tags=["mappings"])
routers = (base, environment)


class CellOut(Row):
    integration_name: str
    resource_name: str
    method_name: str
    config: dict[str, Any]
    version: int


class MappingOut(CellOut):
    unified_model_id: str


class EnvironmentMappingOut(CellOut):
    environment_unified_model_id: str


class CellIn(Body):
    integration_name: str
    resource_name: str
    method_name: str


class MappingIn(CellIn):
    unified_model_id: str
    config: dict[str, Any] = Field(description="The mapping; its expressions must compile.")


class EnvironmentMappingIn(CellIn):
    environment_unified_model_id: str
    config: dict[str, Any] = Field(
        description="What is different here; without a base mapping, the whole mapping."
    )


class MappingPatch(Body):
    integration_name: str | None = None
    resource_name: str | None = None
    method_name: str | None = None
    config: dict[str, Any] | None = Field(None, description="Merged deep; null removes a key.")
    version: int | None = Field(None, description="When sent, must be the stored version (409 otherwise).")


add_reads(base, "mapping", ModelMappings, MappingOut)
add_writes(base, "mapping", ModelMappings, MappingOut, create=MappingIn, update=MappingPatch)
add_reads(environment, "environment_mapping", EnvironmentMappings, EnvironmentMappingOut)
add_writes(
    environment,
    "environment_mapping",
    EnvironmentMappings,
    EnvironmentMappingOut,
    create=EnvironmentMappingIn,
    update=MappingPatch,
)
