"""What a platform route is given: the caller, the parts of the application, the list it asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Security
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel, BeforeValidator

from isthmus.accounts import Connections
from isthmus.api.authentication import Authentication, account_of_token
from isthmus.api.list_queries import (
    MAX_LIMIT,
    check_select,
    list_envelope,
    own_environment_only,
    read_list_query,
)
from isthmus.api.request_limits import RequestLimits
from isthmus.api.timestamps import TimeStyle, wire_times
from isthmus.db import Database
from isthmus.db.listing import ListQuery, Page
from isthmus.kit.cursors import CursorSigner
from isthmus.tenancy import AccountTokens, Principal

__all__ = [
    "AccountPrincipal",
    "AnyCaller",
    "ApiPrincipal",
    "Listed",
    "OptionalPrincipal",
    "Parts",
    "PartsOfApp",
    "Select",
    "comma_list",
    "empty_is",
]


@dataclass(frozen=True, slots=True)
class PartsOfApp:
    """Built once by the composition root and handed to each request as `request.state.parts`.
    `strict_version`: whether changes of definitions must name the version they change. `callback_url`: where
    providers send people back. `tool_name_template`: as of `integrations.tool_names`."""

    database: Database
    authentication: Authentication
    limits: RequestLimits
    cursors: CursorSigner
    account_tokens: AccountTokens
    time_style: TimeStyle
    connections: Connections
    strict_version: bool = False
    callback_url: str = ""
    tool_name_template: str | None = None

    def row(self, row: Mapping[str, Any]) -> Any:
        """A row in its wire form; FastAPI reads it into the route's model."""
        return wire_times(row, self.time_style)


@dataclass(frozen=True, slots=True)
class Caller:
    """`account_id`: of an account token; None for an API token."""

    principal: Principal
    account_id: str | None


async def _parts(request: Request) -> PartsOfApp:
    parts: PartsOfApp = request.state.parts
    return parts


Parts = Annotated[PartsOfApp, Depends(_parts)]

_bearer = HTTPBearer(auto_error=False, description="An API token of an environment.")


async def _principal(request: Request, parts: Parts, _: Annotated[Any, Security(_bearer)]) -> Principal:
    principal = await parts.authentication.principal(request.headers.get("authorization"))
    parts.limits.take_token(principal)
    return principal


ApiPrincipal = Annotated[Principal, Depends(_principal)]

_account_bearer = HTTPBearer(
    scheme_name="IntegratedAccountToken",
    auto_error=False,
    description="An integrated account token, of POST /integrated-account/token.",
)


async def _account_principal(
    request: Request, parts: Parts, _: Annotated[Any, Security(_account_bearer)]
) -> Principal:
    principal = await parts.authentication.account_principal(request.headers.get("authorization"))
    parts.limits.take_token(principal)
    return principal


AccountPrincipal = Annotated[Principal, Depends(_account_principal)]


async def _caller(
    request: Request,
    parts: Parts,
    _: Annotated[Any, Security(_bearer)],
    __: Annotated[Any, Security(_account_bearer)],
) -> Caller:
    principal = await parts.authentication.any_principal(request.headers.get("authorization"))
    parts.limits.take_token(principal)
    return Caller(principal, account_of_token(principal, request.scope["query_string"]))


AnyCaller = Annotated[Caller, Depends(_caller)]
"""Of an API token, or of an account token: then its account is the only one that can be named."""


async def _optional_principal(
    request: Request, parts: Parts, bearer: Annotated[Any, Security(_bearer)]
) -> Principal | None:
    if request.headers.get("authorization") is None:
        return None
    return await _principal(request, parts, bearer)


OptionalPrincipal = Annotated[Principal | None, Depends(_optional_principal)]
"""None where no token was sent; one that is sent must be valid."""


def comma_list(request: Request, name: str) -> frozenset[str] | None:
    """The names of a parameter that is a comma list, repeated, or an array (`a[]=`, `a[0]=`). None where it
    was not sent; one that is empty asks for nothing in particular either."""
    values = [
        part.strip()
        for key, value in request.query_params.multi_items()
        if key == name or (key.startswith(f"{name}[") and key.endswith("]"))
        for part in value.split(",")
    ]
    return frozenset(filter(None, values)) or None


def empty_is(default: object) -> BeforeValidator:
    """For a parameter that may be empty, as clients send null (`api.md` §1.2, Q4): then it is not sent."""
    return BeforeValidator(lambda sent: default if sent == "" else sent)


Select = Annotated[
    str | None,
    Query(
        description="Comma list of fields to return; dotted names reach into objects. Names of no field are "
        "left out; 400 where there is no other."
    ),
]


class ListedQuery:
    """The parameters every platform list takes; any other is a filter `field[op]=value` (`api.md` §1.4)."""

    def __init__(
        self,
        request: Request,
        parts: Parts,
        limit: Annotated[
            str | None, Query(description=f"Page size, 1 to {MAX_LIMIT}; default {MAX_LIMIT}.")
        ] = None,
        next_cursor: Annotated[
            str | None, Query(description="`next_cursor` of the page before; empty: the first page.")
        ] = None,
        select: Select = None,
        sort_by: Annotated[
            str | None, Query(description="`field`, `field:asc` or `field:desc`; default `created_at:desc`.")
        ] = None,
    ) -> None:
        self._parts = parts
        self._select = select
        self._cursors = parts.cursors.for_list(request.url.path)
        self.query: ListQuery = read_list_query(
            request.query_params.multi_items(),
            limit=limit,
            next_cursor=next_cursor,
            sort_by=sort_by,
            signer=self._cursors,
        )

    def check_select(self, out: type[BaseModel]) -> None:
        """Raises BadRequest where `select` names no field of the rows, whose model `out` is."""
        if self._select:
            check_select(self._select, out.model_fields)

    def answer(self, page: Page) -> Any:
        """The list envelope of a page whose rows are in their wire shape but for times.

        With `select` it is answered as it is: a row without some of its fields is not the route's model.
        """
        rows: Sequence[Mapping[str, Any]] = [self._parts.row(row) for row in page.rows]
        envelope = list_envelope(rows, page.after, self.query, self._select, self._cursors)
        return JSONResponse(envelope) if self._select else envelope


async def _listed(principal: ApiPrincipal, listed: Annotated[ListedQuery, Depends()]) -> ListedQuery:
    own_environment_only(listed.query, principal.environment_id)
    return listed


Listed = Annotated[ListedQuery, Depends(_listed)]
