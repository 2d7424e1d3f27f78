"""Reads and writes documentation rows, and lists categories.

A documentation row is a text about an integration or a unified model, or about an environment's install of
one. Here each of these four is called an entity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from sqlalchemy import Select, case, func, insert, or_, select, update
from sqlalchemy import delete as delete_from
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import current_time
from isthmus.db.listing import FilterColumns, ListQuery, Page, fetch_page
from isthmus.db.tables import (
    category,
    documentation,
    environment_integration,
    environment_unified_model,
    integration,
    unified_model,
)
from isthmus.definitions.authored_schemas import SCHEMA_TYPES, parse_schema
from isthmus.errors import BadRequest, Forbidden, NotFound, failure
from isthmus.integrations.catalog.owned_definitions import has_id_or_name, is_visible_to_team, resolve_names
from isthmus.integrations.rows.body_checks import Failures
from isthmus.integrations.rows.scope import Scope
from isthmus.integrations.rows.wire_rows import Row
from isthmus.kit.call_warnings import CallWarning
from isthmus.kit.ids import new_id
from isthmus.kit.writable_fields import require_writable_field

__all__ = ["ENTITY_TYPES", "Categories", "Documentation"]

_ENTITY_TABLES: Final = {
    "integration": integration,
    "unified_model": unified_model,
    "environment_integration": environment_integration,
    "environment_unified_model": environment_unified_model,
}
ENTITY_TYPES: Final = tuple(_ENTITY_TABLES)
_ENTITY_TYPE_BY_FIELD: Final = {f"{name}_id": name for name in _ENTITY_TABLES}
_DEFINITION_TYPES: Final = frozenset({"integration", "unified_model"})
_TEXT_FIELDS: Final = ("resource", "method", "authentication_method", "integration_name")
_PLAIN_FIELDS: Final = frozenset({"type", "content", *_TEXT_FIELDS})
_WRITABLE: Final = _PLAIN_FIELDS | {"entity_id", "entity_type", *_ENTITY_TYPE_BY_FIELD}
_MAX_TYPE_LENGTH: Final = 64

_ENTITY_ID: Final = func.coalesce(*(documentation.c[name] for name in _ENTITY_TYPE_BY_FIELD))
_ENTITY_TYPE: Final = case(
    *((documentation.c[column].is_not(None), name) for column, name in _ENTITY_TYPE_BY_FIELD.items())
)


class Categories:
    """The categories of integrations and unified models. They are shipped, and the same for all teams."""

    FILTERS: ClassVar[FilterColumns] = {
        name: category.c[name] for name in ("id", "name", "label", "created_at", "updated_at")
    }

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def list(self, query: ListQuery) -> Page:
        """Returns a page of the categories."""
        return await fetch_page(self._conn, select(category), self.FILTERS, query)


class Documentation:
    """The documentation of definitions that the team sees, and of the environment's installs.

    Rows of shipped or shared definitions are read-only; an environment writes rows about its install instead.
    """

    FILTERS: ClassVar[FilterColumns] = {
        **{
            name: documentation.c[name]
            for name in ("id", *_ENTITY_TYPE_BY_FIELD, "type", *_TEXT_FIELDS, "created_at", "updated_at")
        },
        "entity_id": _ENTITY_ID,
        "entity_type": _ENTITY_TYPE,
    }

    warnings: ClassVar[Sequence[CallWarning]] = ()
    """Nothing in a row is left out."""

    def __init__(self, conn: AsyncConnection, scope: Scope) -> None:
        self._conn = conn
        self._scope = scope

    async def list(self, query: ListQuery) -> Page:
        """Returns a page of documentation rows. Raises BadRequest if no filter names the entity whose rows to
        list."""
        if not any(
            query_filter.field in _ENTITY_TYPE_BY_FIELD and query_filter.operator in ("eq", "in")
            for query_filter in query.filters
        ):
            names = ", ".join(_ENTITY_TYPE_BY_FIELD)
            raise BadRequest(
                f"say whose documentation to list: send one of {names}.",
                failures=[
                    failure(name, "one of these four is required", "required")
                    for name in _ENTITY_TYPE_BY_FIELD
                ],
            )
        query = await resolve_names(self._conn, query)
        page = await fetch_page(self._conn, self._select_visible(), self.FILTERS, query)
        return Page([_to_wire(row) for row in page.rows], page.after)

    async def get(self, id: str) -> Row:
        """Returns a row. Raises NotFound."""
        return _to_wire(await self._read_row(id))

    async def create(self, values: Mapping[str, Any]) -> Row:
        """Creates a row and returns it.

        `values`: `content`, the entity (`entity_id` or the id of its type, such as `integration_id`), and
        optionally `type` (`readme`), `resource`, `method`, `authentication_method`, `integration_name`.
        Raises BadRequest with every failure, NotFound or Forbidden for the entity.
        """
        row: Row = {**dict.fromkeys(_TEXT_FIELDS), "type": "readme", "content": None}
        row |= {name: values[name] for name in _PLAIN_FIELDS & values.keys()}
        _check_columns(row)
        row |= await self._find_entity(values)
        now = current_time(self._conn)
        identity = new_id()
        await self._conn.execute(
            insert(documentation).values(**row, id=identity, is_inline=False, created_at=now, updated_at=now)
        )
        return await self.get(identity)

    async def update(self, id: str, changes: Mapping[str, Any]) -> Row:
        """Changes the fields that are sent and returns the row. It may move to another entity that the caller
        may write to. Raises NotFound, Forbidden, BadRequest."""
        require_writable_field(changes, _WRITABLE)
        row = await self._read_owned_row(id)
        values: Row = {name: changes[name] for name in _PLAIN_FIELDS & changes.keys()}
        _check_columns({**row, **values})
        if changes.keys() & {"entity_id", "entity_type", *_ENTITY_TYPE_BY_FIELD}:
            values |= await self._find_entity({**_to_wire(row), **_replace_entity(changes)})
        await self._conn.execute(
            update(documentation)
            .where(documentation.c.id == row["id"])
            .values(**values, updated_at=current_time(self._conn))
        )
        return await self.get(row["id"])

    async def delete(self, id: str) -> str:
        """Deletes a row and returns its id. Raises NotFound, or Forbidden if the caller may only read it."""
        row = await self._read_owned_row(id)
        await self._conn.execute(delete_from(documentation).where(documentation.c.id == row["id"]))
        return str(row["id"])

    def _select_visible(self) -> Select[Any]:
        """Returns the SELECT of the rows that the caller may read, with `entity_id` and `entity_type`."""
        environment_id = self._scope.environment_id
        statement = select(*documentation.c, _ENTITY_ID.label("entity_id"), _ENTITY_TYPE.label("entity_type"))
        for name, table in _ENTITY_TABLES.items():
            statement = statement.outerjoin(table, table.c.id == documentation.c[f"{name}_id"])
        return statement.where(
            or_(
                integration.c.id.is_not(None) & is_visible_to_team(integration, self._scope.team_id),
                unified_model.c.id.is_not(None) & is_visible_to_team(unified_model, self._scope.team_id),
                environment_integration.c.environment_id == environment_id,
                environment_unified_model.c.environment_id == environment_id,
            )
        )

    async def _read_row(self, identity: str) -> Row:
        """Returns a row that the caller may read. Raises NotFound."""
        statement = self._select_visible().where(documentation.c.id == identity)
        row = (await self._conn.execute(statement)).mappings().one_or_none()
        if row is None:
            raise NotFound(
                f"no documentation {identity}. GET /documentation?integration_id= lists an integration's."
            )
        return dict(row)

    async def _read_owned_row(self, identity: str) -> Row:
        """Returns a row that the caller may change. Raises NotFound, or Forbidden if it may only read it."""
        row = await self._read_row(identity)
        await self._lock_writable_entity(row["entity_type"], row["entity_id"])
        return row

    async def _find_entity(self, values: Mapping[str, Any]) -> Row:
        """Returns the four columns of entity ids, all but one None. Raises BadRequest, NotFound or
        Forbidden."""
        kind, identity = await self._parse_entity(values)
        identity = await self._lock_writable_entity(kind, identity)
        return {f"{name}_id": identity if name == kind else None for name in _ENTITY_TABLES}

    async def _parse_entity(self, values: Mapping[str, Any]) -> tuple[str, str]:
        """Returns (type, id) of the entity that a body names. Raises BadRequest unless it names exactly
        one."""
        aliases = [name for name in _ENTITY_TYPE_BY_FIELD if values.get(name) is not None]
        entity_id = values.get("entity_id")
        if len(aliases) + (entity_id is not None) != 1:
            raise BadRequest(
                f"say whom it is about by one id: entity_id, or one of {', '.join(_ENTITY_TYPE_BY_FIELD)}.",
                failures=[failure("entity_id", "exactly one such id is required", "required")],
            )
        kind = values.get("entity_type")
        if kind is not None and kind not in _ENTITY_TABLES:
            allowed = ", ".join(ENTITY_TYPES)
            raise BadRequest(
                f"entity_type must be one of {allowed}.",
                failures=[failure("entity_type", f"must be one of {allowed}", "enum")],
            )
        if aliases:
            return _ENTITY_TYPE_BY_FIELD[aliases[0]], str(values[aliases[0]])
        return kind or await self._find_entity_type(str(entity_id)), str(entity_id)

    async def _find_entity_type(self, identity: str) -> str:
        """Returns the type of the entity with an id, which is unique over all tables. Raises NotFound."""
        for name, table in _ENTITY_TABLES.items():
            if (await self._conn.execute(select(table.c.id).where(table.c.id == identity))).first():
                return name
        raise _entity_not_found("integration, unified model or install", identity)

    async def _lock_writable_entity(self, kind: str, identity: str) -> str:
        """Locks an entity that the caller may document against deletion until the commit, and returns its id.

        `kind`: its type. `identity`: its id, or the name of an integration or model. Raises NotFound or
        Forbidden.
        """
        table = _ENTITY_TABLES[kind]
        if kind not in _DEFINITION_TYPES:
            is_own = table.c.environment_id == self._scope.environment_id
            statement = select(table.c.id).where(table.c.id == identity, is_own)
            if (
                await self._conn.execute(statement.with_for_update(read=True, key_share=True))
            ).first() is None:
                raise _entity_not_found(kind.replace("_", " "), identity)
            return identity
        definitions = select(table.c.id, table.c.name, table.c.team_id).where(
            has_id_or_name(table, identity), is_visible_to_team(table, self._scope.team_id)
        )
        locked = definitions.with_for_update(read=True, key_share=True)
        row = (await self._conn.execute(locked)).one_or_none()
        if row is None:
            raise _entity_not_found(kind.replace("_", " "), identity)
        if row.team_id != self._scope.team_id:
            owner = "ships with Isthmus" if row.team_id is None else "belongs to another team"
            raise Forbidden(
                f"{row.name} {owner}; its documentation can only be read. Write this environment's own, with "
                f"environment_{kind}_id: it wins."
            )
        return str(row.id)


def _replace_entity(changes: Mapping[str, Any]) -> Row:
    """Returns the changes, with null for the stored fields of the entity that they replace."""
    if any(changes.get(name) is not None for name in _ENTITY_TYPE_BY_FIELD):
        return {"entity_id": None, "entity_type": None, **changes}
    if changes.get("entity_id") is not None:
        return {"entity_type": None, **changes}
    return dict(changes)


def _entity_not_found(noun: str, identity: str) -> NotFound:
    """Returns the error for an entity that the token does not see. `noun`: its type in words."""
    return NotFound(f"no {noun} {identity} that this token sees.")


def _to_wire(row: Mapping[str, Any]) -> Row:
    """Returns a documentation row in the shape of the API."""
    names = ("id", "entity_id", "entity_type", "type", "content", *_TEXT_FIELDS, "created_at", "updated_at")
    return {name: row[name] for name in names}


def _check_columns(row: Mapping[str, Any]) -> None:
    """Raises BadRequest with every failure; the content of a schema row must be a schema."""
    failures = Failures()
    failures.check_text("content", row["content"])
    failures.check_text("type", row["type"])
    if isinstance(row["type"], str) and len(row["type"]) > _MAX_TYPE_LENGTH:
        failures.add("type", f"must have at most {_MAX_TYPE_LENGTH} characters", "too_long")
    for name in _TEXT_FIELDS:
        failures.check_text_or_null(name, row[name])
    if row["method"] is not None and row["resource"] is None:
        failures.add("resource", "is required with method", "required")
    if row["type"] in SCHEMA_TYPES and isinstance(row["content"], str) and row["content"]:
        _, problems = parse_schema(row["content"])
        for path, message in problems:
            failures.add(f"content.{path}" if path else "content", message, "schema")
    failures.raise_if_any("the documentation is not valid")
