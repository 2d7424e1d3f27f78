"""The routes `/integrated-account/{id}/effective` and `/environment-integration/{id}/effective`: the
effective definition and mappings, with the layer that set each value."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from isthmus.accounts.connections.explained_account import explain_account, explain_install
from isthmus.api.dependencies import ApiPrincipal, Parts

__all__ = ["router"]

router = APIRouter(tags=["layers"])

_DESCRIPTION = (
    "404 for a path at which no layer has a value, and for a name that no installed model has. An empty "
    "parameter counts as absent."
)


class PartSelection:
    """The parameters that select a part of the definition and mappings."""

    def __init__(
        self,
        path: Annotated[
            str | None,
            Query(description="Only values of the definition at or below this path, e.g. `pagination`."),
        ] = None,
        model: Annotated[str | None, Query(description="Only mappings of this unified model.")] = None,
        resource: Annotated[str | None, Query(description="Only mappings of this unified resource.")] = None,
        method: Annotated[str | None, Query(description="Only mappings of this method.")] = None,
    ) -> None:
        self.names = {"path": path, "model": model, "resource": resource, "method": method}


Name = Literal["integration", "model", "environment", "account"]


class LayerOut(BaseModel):
    layer: Name
    id: str = Field(description="Id of the row that holds the layer.")
    content: dict[str, Any] = Field(description="The values of this layer alone; `***` for a secret.")


class ValueOut(BaseModel):
    path: str = Field(description='Dotted; a name that contains a dot is written `["a.b"]`.')
    value: Any = Field(description="The effective value; arrays are whole; `***` for a secret.")
    layer: Name = Field(description="The highest layer that sets it.")


class RemovedOut(BaseModel):
    path: str
    layer: Name = Field(description="The layer that removed the value of a lower layer.")


class LayeredOut(BaseModel):
    config: dict[str, Any] = Field(description="All layers merged.")
    values: list[ValueOut] = Field(description="Each leaf of `config`.")
    removed: list[RemovedOut]
    layers: list[LayerOut] = Field(description="The lowest first.")


class EffectiveMappingOut(LayeredOut):
    model: str
    resource: str
    method: str


class EffectiveOut(BaseModel):
    integration_name: str
    environment_id: str
    environment_integration_id: str
    integrated_account_id: str | None
    definition: LayeredOut
    mappings: list[EffectiveMappingOut] = Field(
        description="One for every method that is mapped to this integration."
    )


ReadEffective = Callable[..., Awaitable[dict[str, Any]]]


def _add_route(path: str, name: str, read_effective: ReadEffective, description: str) -> None:
    """Adds one of the two routes. `read_effective`: reads the layers, by environment, id and the names of the
    selection."""

    async def get_effective(
        parts: Parts, principal: ApiPrincipal, id: str, selection: Annotated[PartSelection, Depends()]
    ) -> EffectiveOut:
        async with parts.database.read() as conn:
            return EffectiveOut(**await read_effective(conn, principal.environment_id, id, **selection.names))

    router.add_api_route(path, get_effective, name=name, description=f"{description} {_DESCRIPTION}")


_add_route(
    "/integrated-account/{id}/effective",
    "get_effective_of_account",
    explain_account,
    "The definition and the mappings that calls of this account use, and which layer set each value.",
)
_add_route(
    "/environment-integration/{id}/effective",
    "get_effective_of_environment_integration",
    explain_install,
    "The same for accounts of this install that have no override.",
)
