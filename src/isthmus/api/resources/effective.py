"""`/integrated-account/{id}/effective`, `/environment-integration/{id}/effective`: layers, told apart."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from isthmus.accounts.effective import effective_of_account, effective_of_install
from isthmus.api.dependencies import ApiPrincipal, Parts

__all__ = ["router"]

router = APIRouter(tags=["layers"])

Path = Annotated[
    str | None, Query(description="Only values of the definition at or below this path, e.g. `pagination`.")
]
Model = Annotated[str | None, Query(description="Only mappings of this unified model.")]
Resource = Annotated[str | None, Query(description="Only mappings of this unified resource.")]
Method = Annotated[str | None, Query(description="Only mappings of this method.")]

Name = Literal["integration", "model", "environment", "account"]


class LayerOut(BaseModel):
    layer: Name
    id: str = Field(description="Of the row that holds it.")
    content: dict[str, Any] = Field(description="What it says by itself; `***` for a secret.")


class ValueOut(BaseModel):
    path: str = Field(description='Dotted; a name with a dot of its own as `["a.b"]`.')
    value: Any = Field(description="Effective; arrays whole; `***` for a secret.")
    layer: Name = Field(description="The highest layer that says it.")


class RemovedOut(BaseModel):
    path: str
    layer: Name = Field(description="The layer that took the value below away.")


class LayeredOut(BaseModel):
    config: dict[str, Any] = Field(description="All layers merged.")
    values: list[ValueOut] = Field(description="Each leaf of `config`.")
    removed: list[RemovedOut]
    layers: list[LayerOut] = Field(description="The lowest first.")


class MappingOut(LayeredOut):
    model: str
    resource: str
    method: str


class EffectiveOut(BaseModel):
    integration_name: str
    environment_id: str
    environment_integration_id: str
    integrated_account_id: str | None
    definition: LayeredOut
    mappings: list[MappingOut] = Field(description="Of every method that is mapped to this integration.")


@router.get("/integrated-account/{id}/effective")
async def get_effective_of_account(
    parts: Parts,
    principal: ApiPrincipal,
    id: str,
    path: Path = None,
    model: Model = None,
    resource: Resource = None,
    method: Method = None,
) -> EffectiveOut:
    """The definition and the mappings that calls of this account run on, and which layer set each value."""
    async with parts.database.read() as conn:
        found = await effective_of_account(
            conn, principal.environment_id, id, path=path, model=model, resource=resource, method=method
        )
    return EffectiveOut(**found)


@router.get("/environment-integration/{id}/effective")
async def get_effective_of_environment_integration(
    parts: Parts,
    principal: ApiPrincipal,
    id: str,
    path: Path = None,
    model: Model = None,
    resource: Resource = None,
    method: Method = None,
) -> EffectiveOut:
    """The same for accounts of this install that override nothing."""
    async with parts.database.read() as conn:
        found = await effective_of_install(
            conn, principal.environment_id, id, path=path, model=model, resource=resource, method=method
        )
    return EffectiveOut(**found)
