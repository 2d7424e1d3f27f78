"""The routes of `/schemas`: JSON Schemas for editors and tools.

The schemas of definition files are the same for everybody; those of unified records are as the token's
environment has them, or as shipped where no token is sent.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from isthmus.api.dependencies import OptionalPrincipal, Parts
from isthmus.api.known_names import refuse_unknown_query_names
from isthmus.api.list_queries import MAX_LIMIT
from isthmus.api.resources.base_models import ListOut
from isthmus.definitions.json_schema import PUBLISHED, make_published_schema
from isthmus.definitions.schema_examples import make_example
from isthmus.integrations.effective.environment_models import read_model, read_models
from isthmus.integrations.rows.unknown_names import make_unknown_name_error
from isthmus.kit.close_names import find_name_ignoring_separator

__all__ = ["router"]

router = APIRouter(prefix="/schemas", tags=["schemas"])

_SUFFIX = ".schema.json"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"


class SchemaResponse(JSONResponse):
    media_type = "application/schema+json"


class SchemaOut(BaseModel):
    name: str
    path: str = Field(description="Below this server's address.")
    description: str | None


@cache
def _load_definition_schema(name: str) -> dict[str, Any]:
    """Loads the JSON Schema of a file that definitions are written in, and keeps it."""
    return make_published_schema(name)


@router.get("", response_model=ListOut[SchemaOut])
async def list_schemas(parts: Parts, principal: OptionalPrincipal) -> Any:
    """The list of schemas. No token is needed; with one, unified models are those of its environment.

    Isthmus's own route."""
    files = [
        {"name": name, "path": f"/schemas/{name}{_SUFFIX}", "description": about}
        for name, about in PUBLISHED.items()
    ]
    async with parts.database.read() as conn:
        models = await read_models(conn, principal)
    records = [
        {
            "name": f"unified/{model.name}/{resource}",
            "path": f"/schemas/unified/{model.name}/{resource}{_SUFFIX}",
            "description": definition.get("description"),
        }
        for model in models
        for resource, definition in sorted(model.resources.items())
    ]
    return {"result": [*files, *records], "next_cursor": None, "limit": MAX_LIMIT}


@router.get("/{name}", response_class=SchemaResponse, dependencies=[Depends(refuse_unknown_query_names)])
async def get_schema(name: str) -> SchemaResponse:
    """The schema of a file that definitions are written in, for completion in editors. `name` may end in
    `.schema.json`. No token is needed.

    Isthmus's own route."""
    known = name.removesuffix(_SUFFIX)
    if known not in PUBLISHED:
        raise make_unknown_name_error(f"no schema {name}", known, PUBLISHED, "GET /schemas lists them.")
    headers = {"cache-control": "public, max-age=3600"}
    return SchemaResponse(_load_definition_schema(known), headers=headers)


@router.get("/unified/{model}/{resource}", response_class=SchemaResponse)
async def get_unified_schema(
    parts: Parts, principal: OptionalPrincipal, model: str, resource: str
) -> SchemaResponse:
    """The schema of a unified record, with an example. No token is needed; with one, it is as its environment
    has it.

    Isthmus's own route."""
    async with parts.database.read() as conn:
        model_definition = await read_model(conn, principal, model)
    resource_name = resource.removesuffix(_SUFFIX)
    name = find_name_ignoring_separator(resource_name, model_definition.resources)
    if name is None:
        known = ", ".join(sorted(model_definition.resources))
        raise make_unknown_name_error(
            f"the unified model {model} has no resource {resource_name}",
            resource_name,
            model_definition.resources,
            f"Its resources: {known}.",
        )
    schema = model_definition.resources[name].get("schema") or {}
    whole = {"$schema": _DIALECT, "title": name, **schema}
    return SchemaResponse(whole | {"examples": [make_example(schema)]})
