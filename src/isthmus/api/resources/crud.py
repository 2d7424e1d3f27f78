"""Adds the routes that platform resources share: list, get, create, update, delete."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from isthmus.api.dependencies import ApiPrincipal, ParsedListRequest, Parts, PartsOfApp, Select
from isthmus.api.known_names import declare_filters
from isthmus.api.list_queries import check_select, select_fields
from isthmus.api.resources.base_models import WARNING_RESPONSE, Body, DeletedOut, ListOut, Row
from isthmus.db import AsyncConnection
from isthmus.db.listing import FilterColumns, ListQuery, Page
from isthmus.errors import BadRequest, failure
from isthmus.kit.call_warnings import CallWarning, make_warning_headers
from isthmus.tenancy import Principal

__all__ = [
    "ReadableRepository",
    "WritableRepository",
    "add_read_routes",
    "add_warnings",
    "add_write_routes",
]

RowHook = Callable[[PartsOfApp, Mapping[str, Any]], Mapping[str, Any]]
"""Given the application's parts and a row, gives the fields to add to it; given a body, the values to
store."""


class ReadableRepository(Protocol):
    """A repository for one caller. Rows have their wire names, and times are datetimes."""

    async def list(self, query: ListQuery) -> Page:
        """Lists the page of rows that the query asks for."""
        ...

    async def get(self, id: str, /) -> Mapping[str, Any]:
        """Returns a row by its id. Raises NotFound."""
        ...


class WritableRepository(Protocol):
    """A repository for one caller. `values` and `changes` hold only the keys that the client sent. `delete`
    returns the deleted row's id."""

    @property
    def warnings(self) -> Sequence[CallWarning]:
        """What of the values that were written has no effect."""
        ...

    async def create(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Stores a row and returns it. Raises BadRequest, Conflict."""
        ...

    async def update(self, id: str, /, changes: Mapping[str, Any]) -> Mapping[str, Any]:
        """Changes a row and returns it whole. Raises NotFound, BadRequest, Conflict."""
        ...

    async def delete(self, id: str, /) -> str:
        """Deletes a row and returns its id. Raises NotFound."""
        ...


def add_read_routes(
    router: APIRouter,
    noun: str,
    make_repository: Callable[[AsyncConnection, Principal], ReadableRepository],
    out: type[Row],
    *,
    filters: FilterColumns,
    descriptions: Mapping[str, str] | None = None,
    extra_fields: RowHook | None = None,
    get_extra: Mapping[str, Any] | None = None,
) -> None:
    """Adds `GET` of the list and of one row. `noun`: for the operation ids `list_<noun>s`, `get_<noun>`.
    `make_repository`: makes the repository of one request from its connection and its caller. `out`: the
    model of a row in the response. `filters`: those of the list, as the repository has them. `descriptions`:
    by `list` and `get`. `extra_fields`: gives fields to add to a row; they replace stored ones of the same
    name. `get_extra`: the `openapi_extra` of the route of one row."""
    descriptions = descriptions or {}
    more_fields = extra_fields or _add_no_fields

    async def list_rows(parts: Parts, principal: ApiPrincipal, list_request: ParsedListRequest) -> Any:
        list_request.check_select(out)
        async with parts.database.read() as conn:
            page = await make_repository(conn, principal).list(list_request.query)
        return list_request.respond(
            replace(page, rows=[{**row, **more_fields(parts, row)} for row in page.rows])
        )

    async def get_row(parts: Parts, principal: ApiPrincipal, id: str, select: Select = None) -> Any:
        warnings = check_select(select, out.model_fields) if select else []
        async with parts.database.read() as conn:
            stored = await make_repository(conn, principal).get(id)
        row = parts.format_row({**stored, **more_fields(parts, stored)})
        if not select:
            return row
        return JSONResponse(select_fields(row, select), headers=make_warning_headers(warnings))

    page: Any = ListOut[out]  # type: ignore[valid-type]  # the model is an argument
    for path, endpoint, name, model, key, extra in (
        ("", list_rows, f"list_{noun}s", page, "list", declare_filters(filters)),
        ("/{id}", get_row, f"get_{noun}", out, "get", dict(get_extra or {})),
    ):
        router.add_api_route(
            path,
            endpoint,
            name=name,
            response_model=model,
            description=descriptions.get(key, ""),
            openapi_extra=extra,
        )


def add_write_routes(
    router: APIRouter,
    noun: str,
    make_repository: Callable[[AsyncConnection, Principal], WritableRepository],
    out: type[Row],
    *,
    create: type[Body],
    update: type[Body],
    descriptions: Mapping[str, str] | None = None,
    requires_version: bool = False,
    extra_fields: RowHook | None = None,
    to_stored: RowHook | None = None,
) -> None:
    """Adds `POST`, `PATCH /{id}` and `DELETE /{id}`. `descriptions`: by `create`, `update`, `delete`.
    `requires_version`: whether an update must send `version` where the setting requires it. `extra_fields`:
    as of `add_read_routes`. `to_stored`: turns a body into the values to store, so that a client can send
    back a row with its extra fields."""
    descriptions = descriptions or {}
    more_fields = extra_fields or _add_no_fields
    to_values = to_stored or _return_unchanged

    async def create_row(parts: Parts, principal: ApiPrincipal, body: Body, response: Response) -> Any:
        async with parts.database.write() as conn:
            repository = make_repository(conn, principal)
            row = await repository.create(to_values(parts, body.get_sent_fields()))
        shown = parts.format_row({**row, **more_fields(parts, row)})
        add_warnings(response, body, shown, repository.warnings)
        return shown

    async def update_row(
        parts: Parts, principal: ApiPrincipal, id: str, body: Body, response: Response
    ) -> Any:
        if requires_version and parts.strict_version:
            _require_version(body)
        async with parts.database.write() as conn:
            repository = make_repository(conn, principal)
            row = await repository.update(id, to_values(parts, body.get_sent_fields()))
        shown = parts.format_row({**row, **more_fields(parts, row)})
        add_warnings(response, body, shown, repository.warnings)
        return shown

    async def delete_row(parts: Parts, principal: ApiPrincipal, id: str) -> Any:
        async with parts.database.write() as conn:
            return DeletedOut(id=await make_repository(conn, principal).delete(id))

    create_row.__annotations__["body"] = create
    update_row.__annotations__["body"] = update
    for path, endpoint, verb, model, key, responses in (
        ("", create_row, "POST", out, "create", WARNING_RESPONSE),
        ("/{id}", update_row, "PATCH", out, "update", WARNING_RESPONSE),
        ("/{id}", delete_row, "DELETE", DeletedOut, "delete", None),
    ):
        router.add_api_route(
            path,
            endpoint,
            methods=[verb],
            name=f"{key}_{noun}",
            response_model=model,
            responses=responses,
            description=descriptions.get(key, ""),
        )


def add_warnings(
    response: Response, body: Body, row: Mapping[str, Any], warnings: Sequence[CallWarning] = ()
) -> None:
    """Tells in a header what of a body was not stored, or has no effect. `row`: as it is sent. `warnings`:
    those of the repository."""
    response.headers.update(make_warning_headers([*body.find_unread_fields(row), *warnings]))


def _add_no_fields(_: PartsOfApp, __: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns no fields: for rows without extra ones."""
    return {}


def _return_unchanged(_: PartsOfApp, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns the values unchanged: for bodies that are stored as they are."""
    return values


def _require_version(body: Body) -> None:
    """Raises BadRequest if the body does not name the version that it changes."""
    if body.get_sent_fields().get("version") is None:
        raise BadRequest(
            "version is missing. Send the version that was read with the row: this server changes no other.",
            failures=[failure("version", "must be the version that was read", "required")],
        )
