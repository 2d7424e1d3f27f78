"""The routes `/unified/…/meta/…`: facts about unified methods, and about integrations in a unified model.

The platform application serves them; the dispatcher tells these paths from calls of the data plane.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field

from isthmus.accounts.described_account import describe_account
from isthmus.api.dependencies import AnyCaller, ApiPrincipal, Parts, replace_empty
from isthmus.api.integration_guides import render_guide_html, render_guide_markdown
from isthmus.errors import BadRequest, Forbidden, failure
from isthmus.integrations.meta.integration_description import describe_integration
from isthmus.integrations.meta.integration_guide import read_integration_guide
from isthmus.integrations.meta.unified_method_meta import read_method_meta

__all__ = ["router"]

router = APIRouter(prefix="/unified", tags=["unified API"])

_ACCOUNT_DESCRIPTION = "An integrated account, whose own mapping overrides that of the environment."


class GuideResourceOut(BaseModel):
    resource: str
    description: str | None
    methods: list[str]
    docs_url: str | None


class GuideOut(BaseModel):
    pricing_plan: list[str] = Field(description="Plans of the provider that it needs, as text for users.")
    user_role: list[str] = Field(description="Roles that may connect it, as text for users.")
    scopes: list[str] = Field(description="OAuth scopes that its calls need.")
    instructions: str | None = Field(description="Markdown.")
    resources: list[GuideResourceOut]


class MethodMetaOut(BaseModel):
    method: str
    resource_schema: dict[str, Any] = Field(alias="schema", description="JSON Schema of the unified record.")
    documentation_link: str | None
    response_mapping: Any = Field(description="All layers merged; null: the provider's record as it is.")
    query_schema: dict[str, Any]
    request_body_schema: dict[str, Any]
    used_query: list[str] | None = Field(
        description="Dotted paths of what the mapping uses of a query; null: of every name. Other names are "
        "named in the header `Isthmus-Warning`, or refused."
    )
    used_body: list[str] | None = Field(
        description="Dotted paths of what the mapping uses of a body, those of list items without their "
        "position; null: of every field."
    )
    default_query: dict[str, Any]
    default_body: Any


class MappingMetaOut(MethodMetaOut):
    response_schema: dict[str, Any] = Field(
        description="The fields of `schema` that the mapping fills; all fields where that is unknown."
    )


@router.get(
    "/meta/{model}/{integration}",
    response_model=GuideOut,
    responses={200: {"content": {"text/markdown": {}, "text/html": {}}}},
)
async def unified_guide(
    parts: Parts,
    principal: ApiPrincipal,
    model: str,
    integration: str,
    format: Annotated[
        Literal["json", "md", "html"], replace_empty("json"), Query(description="`html` is safe to show.")
    ] = "json",
    environment_id: Annotated[str | None, Query(description="That of the token, if any.")] = None,
) -> Any:
    """What people need to know before they connect an integration for a unified model."""
    if environment_id and environment_id != principal.environment_id:
        raise Forbidden(
            f"environment {environment_id} is not this token's. Leave environment_id out: a token sees its "
            "own environment only."
        )
    async with parts.database.read() as conn:
        described = await describe_integration(conn, principal, integration)
        guide = await read_integration_guide(conn, principal, described, model)
    title = f"{described.label}: {model}"
    if format == "md":
        return Response(render_guide_markdown(title, guide), media_type="text/markdown; charset=utf-8")
    if format == "html":
        return Response(render_guide_html(title, guide), media_type="text/html; charset=utf-8")
    return guide


@router.get("/{model}/{resource}/meta/{method}", response_model=MethodMetaOut)
async def unified_method_meta(
    parts: Parts,
    caller: AnyCaller,
    model: str,
    resource: str,
    method: str,
    integrated_account_id: Annotated[
        str | None, Query(description=f"Required. {_ACCOUNT_DESCRIPTION}")
    ] = None,
) -> Any:
    """The input and output of a unified method for one account, all layers merged."""
    account_id = caller.account_id or integrated_account_id
    if not account_id:
        raise BadRequest(
            "integrated_account_id is missing. Add ?integrated_account_id=<id>, or ask without an account: "
            "GET /unified/{model}/{resource}/{integration}/meta/{method}.",
            failures=[failure("integrated_account_id", "must be an integrated account's id", "required")],
        )
    async with parts.database.read() as conn:
        account = await describe_account(conn, caller.principal, account_id)
        meta = await read_method_meta(
            conn, caller.principal, account.integration.name, model, resource, method, account.mappings
        )
    meta.pop("response_schema")
    return JSONResponse(meta)


@router.get("/{model}/{resource}/{integration}/meta/{method}", response_model=MappingMetaOut)
async def unified_mapping_meta(
    parts: Parts,
    caller: AnyCaller,
    model: str,
    resource: str,
    integration: str,
    method: str,
    integrated_account_id: Annotated[str | None, Query(description=_ACCOUNT_DESCRIPTION)] = None,
) -> Any:
    """The input and output of a unified method for an integration, as this environment maps it."""
    override, principal = None, caller.principal
    account_id = caller.account_id or integrated_account_id
    async with parts.database.read() as conn:
        if account_id:
            account = await describe_account(conn, principal, account_id)
            if integration not in (account.integration.name, account.integration.id):
                raise BadRequest(
                    f"account {account.id} is one of {account.integration.name}, not of {integration}.",
                    failures=[
                        failure("integrated_account_id", f"must be an account of {integration}", "mismatch")
                    ],
                )
            name, override = account.integration.name, account.mappings
        else:
            name = (await describe_integration(conn, principal, integration)).name
        meta = await read_method_meta(conn, principal, name, model, resource, method, override)
    return JSONResponse(meta)
