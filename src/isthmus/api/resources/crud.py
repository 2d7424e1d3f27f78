"""The routes every platform resource has (`api.md` §3): list, get, create, update, delete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from isthmus.api.dependencies import ApiPrincipal, Listed, Parts, PartsOfApp, Select
from isthmus.api.list_queries import check_select, project
from isthmus.api.resources.base_models import Body, DeletedOut, ListOut, Row
from isthmus.db import AsyncConnection
from isthmus.db.listing import ListQuery, Page
from isthmus.errors import BadRequest, failure
from isthmus.tenancy import Principal

__all__ = ["Reads", "Writes", "add_reads", "add_writes"]


Also = Callable[[PartsOfApp, Mapping[str, Any]], Mapping[str, Any]]


class Reads(Protocol):
    """A repository made for one caller; rows are in their wire shape but for times."""

    async def list(self, query: ListQuery) -> Page: ...

    async def get(self, id: str, /) -> Mapping[str, Any]: ...


class Writes(Protocol):
    """`values` and `changes` hold only the keys the client sent. `delete` gives the deleted row's id."""

    async def create(self, values: Mapping[str, Any]) -> Mapping[str, Any]: ...

    async def update(self, id: str, /, changes: Mapping[str, Any]) -> Mapping[str, Any]: ...

    async def delete(self, id: str, /) -> str: ...


def add_reads(
    router: APIRouter,
    noun: str,
    repository: Callable[[AsyncConnection, Principal], Reads],
    out: type[Row],
    *,
    about: Mapping[str, str] | None = None,
    also: Also | None = None,
) -> None:
    """`GET` of the list and of one row. `noun` names the operations: `list_<noun>s`, `get_<noun>`.
    `about`: descriptions by `list`, `get`. `also`: fields that a row has of this server, by the row."""
    about = about or {}
    more = also or _nothing

    async def list_rows(parts: Parts, principal: ApiPrincipal, listed: Listed) -> Any:
        listed.check_select(out)
        async with parts.database.read() as conn:
            page = await repository(conn, principal).list(listed.query)
        return listed.answer(replace(page, rows=[{**row, **more(parts, row)} for row in page.rows]))

    async def get_row(parts: Parts, principal: ApiPrincipal, id: str, select: Select = None) -> Any:
        if select:
            check_select(select, out.model_fields)
        async with parts.database.read() as conn:
            found = await repository(conn, principal).get(id)
        row = parts.row({**found, **more(parts, found)})
        return JSONResponse(project(row, select)) if select else row

    page: Any = ListOut[out]  # type: ignore[valid-type]  # the model is an argument
    for path, endpoint, name, model, key in (
        ("", list_rows, f"list_{noun}s", page, "list"),
        ("/{id}", get_row, f"get_{noun}", out, "get"),
    ):
        router.add_api_route(path, endpoint, name=name, response_model=model, description=about.get(key, ""))


def add_writes(
    router: APIRouter,
    noun: str,
    repository: Callable[[AsyncConnection, Principal], Writes],
    out: type[Row],
    *,
    create: type[Body],
    update: type[Body],
    about: Mapping[str, str] | None = None,
    may_need_version: bool = False,
    also: Also | None = None,
    meant: Also | None = None,
) -> None:
    """`POST`, `PATCH /{id}`, `DELETE /{id}`. `about`: descriptions by `create`, `update`, `delete`.
    `may_need_version`: an update must send `version` where the setting says so. `also`: as of the reads.
    `meant`: what is taken of a body; undoes `also` where a row is sent back as it was shown."""
    about = about or {}
    more = also or _nothing
    stored = meant or _as_sent

    async def create_row(parts: Parts, principal: ApiPrincipal, body: Body) -> Any:
        async with parts.database.write() as conn:
            row = await repository(conn, principal).create(stored(parts, body.sent()))
        return parts.row({**row, **more(parts, row)})

    async def update_row(parts: Parts, principal: ApiPrincipal, id: str, body: Body) -> Any:
        if may_need_version and parts.strict_version:
            _require_version(body)
        async with parts.database.write() as conn:
            row = await repository(conn, principal).update(id, stored(parts, body.sent()))
        return parts.row({**row, **more(parts, row)})

    async def delete_row(parts: Parts, principal: ApiPrincipal, id: str) -> Any:
        async with parts.database.write() as conn:
            return DeletedOut(id=await repository(conn, principal).delete(id))

    create_row.__annotations__["body"] = create
    update_row.__annotations__["body"] = update
    for path, endpoint, verb, model, key in (
        ("", create_row, "POST", out, "create"),
        ("/{id}", update_row, "PATCH", out, "update"),
        ("/{id}", delete_row, "DELETE", DeletedOut, "delete"),
    ):
        router.add_api_route(
            path,
            endpoint,
            methods=[verb],
            name=f"{key}_{noun}",
            response_model=model,
            description=about.get(key, ""),
        )


def _nothing(_: PartsOfApp, __: Mapping[str, Any]) -> Mapping[str, Any]:
    return {}


def _as_sent(_: PartsOfApp, values: Mapping[str, Any]) -> Mapping[str, Any]:
    return values


def _require_version(body: Body) -> None:
    if body.sent().get("version") is None:
        raise BadRequest(
            "version is missing. Send the version that was read with the row: this server changes no other.",
            failures=[failure("version", "must be the version that was read", "required")],
        )
