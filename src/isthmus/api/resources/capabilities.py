"""The routes of capabilities, tools and unified APIs of an integration and of an account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from isthmus.accounts.described_account import describe_account
from isthmus.api.dependencies import ApiPrincipal, Parts, parse_comma_list, replace_empty
from isthmus.api.known_names import COMMA_LIST
from isthmus.api.list_queries import MAX_LIMIT
from isthmus.api.resources.base_models import ListOut
from isthmus.integrations.meta.capabilities import CapabilityFilter, build_capabilities, build_unified_apis
from isthmus.integrations.meta.integration_description import describe_integration
from isthmus.integrations.meta.mapped_resources import read_mapped_resources
from isthmus.integrations.meta.tools import ToolFilter, build_tools

__all__ = ["router"]

router = APIRouter(tags=["capabilities and tools"])

_METHODS_HELP = (
    "Comma list of names, and of the groups `read` (get, list), `write` (create, update, delete) and "
)


class ToolOut(BaseModel):
    name: str = Field(description="Unique in the account, at most 64 characters.")
    description: str
    resource: str = Field(description="Of the proxy API, as `method`.")
    method: str
    query_schema: dict[str, Any] = Field(
        description="JSON Schema of an object, like `body_schema` and `response_schema`."
    )
    body_schema: dict[str, Any]
    response_schema: dict[str, Any] = Field(description="Of one record.")
    required: list[str] = Field(description="Names from both schemas that a call must have.")
    tags: list[str]


class MethodOut(BaseModel):
    method: str
    name: str
    description: str | None
    has_description: bool
    has_query_schema: bool
    has_body_schema: bool
    has_response_schema: bool
    api_documentation_url: str | None


class ProxyResourceOut(BaseModel):
    resource: str
    methods: list[MethodOut]


class MappedResourceOut(BaseModel):
    resource: str
    description: str | None
    docs_url: str | None
    methods: list[str]


class UnifiedResourceOut(MappedResourceOut):
    model: str
    model_label: str
    env_overridden: bool = Field(description="Whether this environment has a mapping of its own for it.")


class UnifiedApiOut(BaseModel):
    id: str
    name: str
    label: str
    category: str
    description: str | None
    is_installed: bool = Field(description="Whether it can be called in this environment.")
    resources: list[MappedResourceOut]


class FaceOut(BaseModel):
    id: str
    name: str
    label: str
    category: str | None


class AuthOut(BaseModel):
    formats: list[str]
    fields: list[dict[str, Any]] = Field(
        description="`{name, label, type, required, format?, placeholder?}` of what the forms ask for."
    )
    documentation_link: str | None = None


class ReadinessOut(BaseModel):
    proxy_methods: int
    proxy_methods_with_descriptions: int
    ai_ready_score: float = Field(description="Share of methods that have a description, 0 to 1.")


class CapabilitiesOut(BaseModel):
    integration: FaceOut
    proxy: list[ProxyResourceOut]
    unified: list[UnifiedResourceOut]
    auth: AuthOut
    ai_readiness: ReadinessOut = Field(description="Counts all methods, whatever the parameters select.")


class AccountStateOut(BaseModel):
    id: str
    status: str
    authentication_method: str
    is_blocked: bool


class AccountCapabilitiesOut(CapabilitiesOut):
    environment_id: str
    account: AccountStateOut


def _parse_capability_filter(
    request: Request,
    type: Annotated[
        Literal["proxy", "unified", "all"], replace_empty("all"), Query(description="Which list to fill.")
    ] = "all",
    methods: Annotated[
        str | None,
        Query(description="Comma list of names of proxy methods.", json_schema_extra=COMMA_LIST),
    ] = None,
    resource: Annotated[str | None, Query(description="Only this resource, in both lists.")] = None,
    has_description: Annotated[
        bool, replace_empty(True), Query(description="`false`: also proxy methods without a description.")
    ] = True,
) -> CapabilityFilter:
    """Parses which capabilities the caller asks for. Each parameter narrows the lists, except that
    `has_description=false` adds the proxy methods without a description."""
    return CapabilityFilter(type, parse_comma_list(request, "methods"), resource or None, has_description)


def _parse_tool_filter(
    request: Request,
    methods: Annotated[
        str | None,
        Query(description=f"{_METHODS_HELP}`custom` (any other).", json_schema_extra=COMMA_LIST),
    ] = None,
    tags: Annotated[
        str | None,
        Query(description="Comma list; one tag in common is enough.", json_schema_extra=COMMA_LIST),
    ] = None,
) -> ToolFilter:
    """Parses which tools the caller asks for; None for a list that was not sent."""
    return ToolFilter(parse_comma_list(request, "methods"), parse_comma_list(request, "tags"))


CapabilityFilterParameters = Annotated[CapabilityFilter, Depends(_parse_capability_filter)]
ToolFilterParameters = Annotated[ToolFilter, Depends(_parse_tool_filter)]


@router.get(
    "/integration/{id}/capabilities",
    response_model=CapabilitiesOut,
    response_model_exclude_unset=True,
)
async def integration_capabilities(
    parts: Parts, principal: ApiPrincipal, id: str, capability_filter: CapabilityFilterParameters
) -> Any:
    """By id or name: its methods, the unified resources it is mapped to, and how it is connected. As this
    environment has it, where it is installed."""
    async with parts.database.read() as conn:
        description = await describe_integration(conn, principal, id)
        mapped = await read_mapped_resources(conn, principal, description.name, only_installed=False)
    return build_capabilities(description, mapped, capability_filter, name_template=parts.tool_name_template)


@router.get(
    "/integrated-account/{id}/capabilities",
    response_model=AccountCapabilitiesOut,
    response_model_exclude_unset=True,
)
async def account_capabilities(
    parts: Parts, principal: ApiPrincipal, id: str, capability_filter: CapabilityFilterParameters
) -> Any:
    """What can be called through the account, whatever the state of its connection; `account` has the
    state."""
    async with parts.database.read() as conn:
        account = await describe_account(conn, principal, id)
        mapped = await read_mapped_resources(
            conn,
            principal,
            account.integration.name,
            only_installed=True,
            account_override=account.mappings,
        )
    state = {
        "id": account.id,
        "status": account.status,
        "authentication_method": account.authentication_method,
        "is_blocked": account.is_blocked,
    }
    template = parts.tool_name_template
    capabilities = build_capabilities(account.integration, mapped, capability_filter, name_template=template)
    return {**capabilities, "environment_id": principal.environment_id, "account": state}


@router.get("/integration/{id}/tools", response_model=ListOut[ToolOut])
async def integration_tools(
    parts: Parts, principal: ApiPrincipal, id: str, tool_filter: ToolFilterParameters
) -> Any:
    """Its documented proxy methods as tools, by id or name; as this environment has it, where installed."""
    async with parts.database.read() as conn:
        description = await describe_integration(conn, principal, id)
    return _build_list_envelope(build_tools(description, tool_filter, name_template=parts.tool_name_template))


@router.get("/integrated-account/{id}/tools", response_model=ListOut[ToolOut])
async def account_tools(
    parts: Parts, principal: ApiPrincipal, id: str, tool_filter: ToolFilterParameters
) -> Any:
    """The documented proxy methods of the account as tools, for agents."""
    async with parts.database.read() as conn:
        description = (await describe_account(conn, principal, id)).integration
    return _build_list_envelope(build_tools(description, tool_filter, name_template=parts.tool_name_template))


@router.get("/integration/{id}/unified-apis", response_model=ListOut[UnifiedApiOut])
async def integration_unified_apis(parts: Parts, principal: ApiPrincipal, id: str) -> Any:
    """The unified models it is mapped to, by id or name."""
    async with parts.database.read() as conn:
        description = await describe_integration(conn, principal, id)
        mapped = await read_mapped_resources(conn, principal, description.name, only_installed=False)
    return _build_list_envelope(build_unified_apis(mapped))


def _build_list_envelope(rows: Sequence[Any]) -> dict[str, Any]:
    """Returns the envelope of a list that has no pages."""
    return {"result": rows, "next_cursor": None, "limit": MAX_LIMIT}
