"""FastAPI dependencies of platform routes: the authenticated caller, the application's parts, the list
query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Security
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from pydantic import BaseModel, BeforeValidator

from isthmus.accounts import Connections
from isthmus.api.authentication import Authentication, get_account_of_token
from isthmus.api.known_names import refuse_unknown_query_names
from isthmus.api.list_queries import (
    MAX_LIMIT,
    build_list_envelope,
    check_select,
    parse_list_query,
    require_own_environment,
)
from isthmus.api.request_limits import RequestLimits
from isthmus.api.timestamps import TimeFormat, format_times
from isthmus.db import Database
from isthmus.db.listing import ListQuery, Page
from isthmus.kit.call_warnings import CallWarning, make_warning_headers
from isthmus.kit.cursors import CursorSigner
from isthmus.tenancy import AccountTokens, Principal

__all__ = [
    "AccountPrincipal",
    "AnyCaller",
    "ApiPrincipal",
    "OptionalPrincipal",
    "ParsedListRequest",
    "Parts",
    "PartsOfApp",
    "Select",
    "parse_comma_list",
    "replace_empty",
]


@dataclass(frozen=True, slots=True)
class PartsOfApp:
    """Built once by the composition root and handed to each request as `request.state.parts`.
    `server_url`: the address of the API, for its document. `strict_version`: whether changes of definitions
    must name the version they change. `callback_url`: where providers redirect browsers after authorization.
    `tool_name_template`: of the names of tools, None for the default."""

    database: Database
    authentication: Authentication
    limits: RequestLimits
    cursors: CursorSigner
    account_tokens: AccountTokens
    time_format: TimeFormat
    connections: Connections
    server_url: str = "/"
    strict_version: bool = False
    callback_url: str = ""
    tool_name_template: str | None = None

    def format_row(self, row: Mapping[str, Any]) -> Any:
        """Returns the row with its times as text; FastAPI validates it against the route's model."""
        return format_times(row, self.time_format)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request. `account_id`: of an integrated account token; None for an API token."""

    principal: Principal
    account_id: str | None


async def _get_parts(request: Request) -> PartsOfApp:
    """Returns the application's parts that the dispatcher put on the request."""
    parts: PartsOfApp = request.state.parts
    return parts


Parts = Annotated[PartsOfApp, Depends(_get_parts)]

_bearer = HTTPBearer(auto_error=False, description="An API token of an environment.")


async def _require_api_token(
    request: Request, parts: Parts, _: Annotated[Any, Security(_bearer)]
) -> Principal:
    """Authenticates an API token, counts the request against its limit, and checks the names of its query.
    Raises Unauthorized, Forbidden, TooManyRequests, BadRequest."""
    principal = await parts.authentication.authenticate_api_token(request.headers.get("authorization"))
    parts.limits.take_token(principal)
    await refuse_unknown_query_names(request)
    return principal


ApiPrincipal = Annotated[Principal, Depends(_require_api_token)]

_account_bearer = HTTPBearer(
    scheme_name="IntegratedAccountToken",
    auto_error=False,
    description="An integrated account token, of POST /integrated-account/token.",
)


async def _require_account_token(
    request: Request, parts: Parts, _: Annotated[Any, Security(_account_bearer)]
) -> Principal:
    """Authenticates an integrated account token, counts the request against its limit, and checks the names
    of its query. Raises Unauthorized, Forbidden, TooManyRequests, BadRequest."""
    principal = await parts.authentication.authenticate_account_token(request.headers.get("authorization"))
    parts.limits.take_token(principal)
    await refuse_unknown_query_names(request)
    return principal


AccountPrincipal = Annotated[Principal, Depends(_require_account_token)]


async def _require_any_token(
    request: Request,
    parts: Parts,
    _: Annotated[Any, Security(_bearer)],
    __: Annotated[Any, Security(_account_bearer)],
) -> Caller:
    """Authenticates a token of either kind, counts the request against its limit, and checks the names of its
    query. Raises Unauthorized, Forbidden, TooManyRequests, BadRequest."""
    principal = await parts.authentication.authenticate_any_token(request.headers.get("authorization"))
    parts.limits.take_token(principal)
    await refuse_unknown_query_names(request)
    return Caller(principal, get_account_of_token(principal, request.scope["query_string"]))


AnyCaller = Annotated[Caller, Depends(_require_any_token)]
"""A caller with either kind of token. An integrated account token can name no account but its own."""


async def _accept_api_token(
    request: Request, parts: Parts, bearer: Annotated[Any, Security(_bearer)]
) -> Principal | None:
    """Returns the principal of an API token, or None if no token was sent. Raises Unauthorized and Forbidden
    for a token that is sent and not valid, and BadRequest for unknown names in the query."""
    if request.headers.get("authorization") is None:
        await refuse_unknown_query_names(request)
        return None
    return await _require_api_token(request, parts, bearer)


OptionalPrincipal = Annotated[Principal | None, Depends(_accept_api_token)]
"""The principal of an API token; None where no token was sent. A token that is sent must be valid."""


def parse_comma_list(request: Request, parameter: str) -> frozenset[str] | None:
    """Returns the items of a query parameter that is a comma list, repeated, or an array (`a[]=`, `a[0]=`);
    None if it was not sent or is empty. `parameter`: its name."""
    values = [
        part.strip()
        for key, value in request.query_params.multi_items()
        if key == parameter or (key.startswith(f"{parameter}[") and key.endswith("]"))
        for part in value.split(",")
    ]
    return frozenset(filter(None, values)) or None


def replace_empty(default: object) -> BeforeValidator:
    """Makes a validator that replaces an empty parameter with its default, because clients send null as
    empty."""
    return BeforeValidator(lambda value: default if value == "" else value)


Select = Annotated[
    str | None,
    Query(
        description="Comma list of fields to return; dotted names reach into objects. Unknown names are "
        "named in `Isthmus-Warning`; 400 if no name is known."
    ),
]


class ListRequest:
    """The parameters that every platform list takes; any other is a filter `field[op]=value`."""

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
        self._warnings: list[CallWarning] = []
        self._cursors = parts.cursors.for_list(request.url.path)
        self.query: ListQuery = parse_list_query(
            request.query_params.multi_items(),
            limit=limit,
            next_cursor=next_cursor,
            sort_by=sort_by,
            signer=self._cursors,
        )

    def check_select(self, out: type[BaseModel]) -> None:
        """Raises BadRequest where `select` names no field of `out`, the model of the rows. Unknown names
        beside a known one are told in a header of the response."""
        if self._select:
            self._warnings = check_select(self._select, out.model_fields)

    def respond(self, page: Page) -> Any:
        """Returns the list envelope of a page, whose rows have their wire names and hold datetimes.

        With `select` it is a response that FastAPI does not validate: rows without some of their fields do
        not match the route's model.
        """
        rows: Sequence[Mapping[str, Any]] = [self._parts.format_row(row) for row in page.rows]
        envelope = build_list_envelope(rows, page.after, self.query, self._select, self._cursors)
        return (
            JSONResponse(envelope, headers=make_warning_headers(self._warnings)) if self._select else envelope
        )


async def _parse_list_request(
    principal: ApiPrincipal, list_request: Annotated[ListRequest, Depends()]
) -> ListRequest:
    """Returns the list's parameters. Raises Forbidden for a filter by another environment, BadRequest for
    malformed parameters."""
    list_request.query = require_own_environment(list_request.query, principal.environment_id)
    return list_request


ParsedListRequest = Annotated[ListRequest, Depends(_parse_list_request)]
