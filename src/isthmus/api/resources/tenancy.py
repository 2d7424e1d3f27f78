"""The routes of `/environment`, `/team`, `/user`, `/api-token` and `/me`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from isthmus.api.dependencies import ApiPrincipal, Parts
from isthmus.api.resources.base_models import WARNING_RESPONSE, Body, Row
from isthmus.api.resources.crud import add_read_routes, add_warnings
from isthmus.errors import Forbidden, NotFound
from isthmus.tenancy import ApiTokens, Environments, Teams, Users

__all__ = ["routers"]

environments = APIRouter(prefix="/environment", tags=["environments"])
teams = APIRouter(prefix="/team", tags=["teams"])
users = APIRouter(prefix="/user", tags=["users"])
tokens = APIRouter(prefix="/api-token", tags=["API tokens"])
me = APIRouter(tags=["me"])
routers = (environments, teams, users, tokens, me)


class EnvironmentOut(Row):
    name: str
    team_id: str
    settings: dict[str, Any] = Field(description="The environment's own settings.")


class EnvironmentPatch(Body):
    ROW = EnvironmentOut

    name: str | None = None
    settings: dict[str, Any] | None = Field(
        None,
        description="Merged by key; null removes one. `unknown_names` (ours): `warn` or `refuse`, what "
        "becomes of unified calls that send a name which neither model nor mapping knows. `connect_theme` "
        "and `embedding_origins`: of the connect pages.",
    )


class TeamOut(Row):
    name: str
    domain: str | None
    logo: str | None


class TeamPatch(Body):
    ROW = TeamOut

    name: str | None = None
    domain: str | None = Field(None, description="A host name; null for none.")
    logo: str | None = None


class UserOut(Row):
    name: str
    email: str
    is_active: bool
    is_staff: bool
    last_login_at: str | None
    role: list[str]
    team: list[str]
    environment: list[str]


class TokenOut(Row):
    name: str
    environment_id: str
    created_by: str | None
    expires_at: str | None


class TokenFacts(BaseModel):
    id: str
    name: str
    expires_at: str | None


class MeOut(BaseModel):
    user: UserOut | None
    team: TeamOut
    environment: EnvironmentOut
    api_token: TokenFacts | None


add_read_routes(
    environments,
    "environment",
    lambda conn, principal: Environments(conn, principal.team_id, only=principal.environment_id),
    EnvironmentOut,
    filters=Environments.FILTERS,
)
add_read_routes(
    teams, "team", lambda conn, principal: Teams(conn, principal.team_id), TeamOut, filters=Teams.FILTERS
)
add_read_routes(
    users, "user", lambda conn, principal: Users(conn, principal.team_id), UserOut, filters=Users.FILTERS
)
add_read_routes(
    tokens,
    "api_token",
    lambda conn, principal: ApiTokens(conn, principal.environment_id),
    TokenOut,
    filters=ApiTokens.FILTERS,
)


@environments.patch("/{id}", responses=WARNING_RESPONSE)
async def update_environment(
    parts: Parts, principal: ApiPrincipal, id: str, body: EnvironmentPatch, response: Response
) -> EnvironmentOut:
    async with parts.database.write() as conn:
        own = Environments(conn, principal.team_id, only=principal.environment_id)
        row = parts.format_row(await own.update(id, body.get_sent_fields()))
    add_warnings(response, body, row)
    return EnvironmentOut(**row)


@teams.patch("/{id}", responses=WARNING_RESPONSE)
async def update_team(
    parts: Parts, principal: ApiPrincipal, id: str, body: TeamPatch, response: Response
) -> TeamOut:
    async with parts.database.write() as conn:
        row = parts.format_row(await Teams(conn, principal.team_id).update(id, body.get_sent_fields()))
    add_warnings(response, body, row)
    return TeamOut(**row)


@teams.post("/{id}/invite", status_code=403, response_model=None)
async def invite_to_team(principal: ApiPrincipal, id: str) -> None:
    """Not with an API token."""
    raise Forbidden("an API token belongs to an environment and cannot invite people to its team.")


@environments.post("", status_code=403, response_model=None)
async def create_environment(principal: ApiPrincipal) -> None:
    """Not with an API token: `isthmus environments create` makes one."""
    raise Forbidden(
        "an API token belongs to one environment and cannot create another. "
        "Use `isthmus environments create`."
    )


@environments.delete("/{id}", status_code=403, response_model=None)
async def delete_environment(principal: ApiPrincipal, id: str) -> None:
    """Not with an API token."""
    raise Forbidden("an API token cannot delete an environment.")


@tokens.post("", status_code=403, response_model=None)
async def create_token(principal: ApiPrincipal) -> None:
    """Not with an API token: `isthmus tokens create` makes one."""
    raise Forbidden("an API token cannot create another. Use `isthmus tokens create --environment <name>`.")


@tokens.delete("/{id}", status_code=403, response_model=None)
async def delete_token(principal: ApiPrincipal, id: str) -> None:
    """Not with an API token: `isthmus tokens revoke` does it."""
    raise Forbidden("an API token cannot revoke one. Use `isthmus tokens revoke <id>`.")


@me.get("/me")
async def who_am_i(parts: Parts, principal: ApiPrincipal) -> MeOut:
    """The user, team, environment and name of the token."""
    async with parts.database.read() as conn:
        team = parts.format_row(await Teams(conn, principal.team_id).get(principal.team_id))
        environment = parts.format_row(
            await Environments(conn, principal.team_id).get(principal.environment_id)
        )
        user = None
        if principal.user_id is not None:
            try:
                user = UserOut(
                    **parts.format_row(await Users(conn, principal.team_id).get(principal.user_id))
                )
            except NotFound:
                user = None
    token = parts.format_row({"expires_at": principal.expires_at})
    return MeOut(
        user=user,
        team=TeamOut(**team),
        environment=EnvironmentOut(**environment),
        api_token=TokenFacts(id=principal.token_id, name=principal.token_name, **token),
    )
