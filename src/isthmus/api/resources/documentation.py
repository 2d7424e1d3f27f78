"""The routes of `/documentation` and `/category`."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import Field

from isthmus.api.dependencies import ApiPrincipal, ParsedListRequest, Parts
from isthmus.api.known_names import declare_filters
from isthmus.api.resources.base_models import Body, ListOut, Row
from isthmus.api.resources.crud import add_read_routes, add_write_routes
from isthmus.integrations.catalog.documentation import Categories, Documentation

__all__ = ["routers"]

router = APIRouter(prefix="/documentation", tags=["documentation"])
categories = APIRouter(prefix="/category", tags=["categories"])
routers = (router, categories)

EntityType = Literal["integration", "unified_model", "environment_integration", "environment_unified_model"]
_TYPE = (
    "`readme`, `note`, `end_user_guide`, `description`, `query_schema`, `body_schema`, `response_schema`, "
    "`oauth_…` or a type of your own."
)
_CONTENT = "Markdown, a link, or for the `…_schema` types a JSON Schema as YAML text."


class DocumentationOut(Row):
    entity_id: str = Field(description="What it is about.")
    entity_type: EntityType
    type: str = Field(description=_TYPE)
    content: str = Field(description=_CONTENT)
    resource: str | None
    method: str | None
    authentication_method: str | None
    integration_name: str | None


class _DocumentationSubject(Body):
    entity_id: str | None = Field(None, description="What it is about: its id, or one of the four below.")
    entity_type: EntityType | None = Field(None, description="Follows from `entity_id` where it is left out.")
    integration_id: str | None = None
    environment_integration_id: str | None = None
    unified_model_id: str | None = None
    environment_unified_model_id: str | None = None
    resource: str | None = None
    method: str | None = Field(None, description="With `resource`: about one method.")
    authentication_method: str | None = Field(None, description="Only for accounts connected this way.")
    integration_name: str | None = Field(None, description="For models: only about this integration.")


class DocumentationIn(_DocumentationSubject):
    ROW = DocumentationOut

    type: str = Field("readme", description=_TYPE)
    content: str = Field(description=_CONTENT)


class DocumentationPatch(_DocumentationSubject):
    ROW = DocumentationOut

    type: str | None = Field(None, description=_TYPE)
    content: str | None = Field(None, description=_CONTENT)


class CategoryOut(Row):
    name: str = Field(description="A slug, as `category` of integrations and unified models.")
    label: str


add_read_routes(
    router,
    "documentation",
    Documentation,
    DocumentationOut,
    filters=Documentation.FILTERS,
    descriptions={
        "list": "One of `integration_id`, `environment_integration_id`, `unified_model_id` and "
        "`environment_unified_model_id` is required."
    },
)
add_write_routes(
    router,
    "documentation",
    Documentation,
    DocumentationOut,
    create=DocumentationIn,
    update=DocumentationPatch,
    descriptions={
        "create": "About an integration or model of your team, or an install of your environment, whose rows "
        "override those of the integration or model that is installed."
    },
)


@categories.get("", response_model=ListOut[CategoryOut], openapi_extra=declare_filters(Categories.FILTERS))
async def list_categories(parts: Parts, principal: ApiPrincipal, list_request: ParsedListRequest) -> Any:
    list_request.check_select(CategoryOut)
    async with parts.database.read() as conn:
        return list_request.respond(await Categories(conn).list(list_request.query))
