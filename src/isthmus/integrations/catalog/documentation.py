"""Documentation rows: what is written about an integration or a unified model, and about what an environment
has installed of it (`api.md` §3.12)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, case, func, insert, or_, select, update
from sqlalchemy import delete as delete_from
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import current_time
from isthmus.db.listing import ListQuery, Page, fetch_page
from isthmus.db.tables import (
    category,
    documentation,
    environment_integration,
    environment_unified_model,
    integration,
    unified_model,
)
from isthmus.definitions.schema_forms import SCHEMA_TYPES, read_schema
from isthmus.errors import BadRequest, Forbidden, NotFound, failure
from isthmus.integrations.catalog.owned_definitions import is_visible_to_team, resolve_names
from isthmus.integrations.rows.body_checks import Failures
from isthmus.integrations.rows.scope import Scope
from isthmus.integrations.rows.wire_rows import Row
from isthmus.kit.ids import is_uuid, new_id
from isthmus.kit.writable_fields import require_writable_field

__all__ = ["ENTITY_TYPES", "Categories", "Documentation"]

_ENTITIES: Final = {
    "integration": integration,
    "unified_model": unified_model,
    "environment_integration": environment_integration,
    "environment_unified_model": environment_unified_model,
}
ENTITY_TYPES: Final = tuple(_ENTITIES)
_ALIASES: Final = {f"{name}_id": name for name in _ENTITIES}
_OWNED: Final = frozenset({"integration", "unified_model"})
_TEXTS: Final = ("resource", "method", "authentication_method", "integration_name")
_PLAIN: Final = frozenset({"type", "content", *_TEXTS})
_WRITABLE: Final = _PLAIN | {"entity_id", "entity_type", *_ALIASES}
_LONGEST_TYPE: Final = 64

_ENTITY_ID: Final = func.coalesce(*(documentation.c[name] for name in _ALIASES))
_ENTITY_TYPE: Final = case(
    *((documentation.c[column].is_not(None), name) for column, name in _ALIASES.items())
)
_FIELDS: Final[Mapping[str, ColumnElement[Any]]] = {
    **{
        name: documentation.c[name] for name in ("id", *_ALIASES, "type", *_TEXTS, "created_at", "updated_at")
    },
    "entity_id": _ENTITY_ID,
    "entity_type": _ENTITY_TYPE,
}

_CATEGORY_FIELDS: Final = {
    name: category.c[name] for name in ("id", "name", "label", "created_at", "updated_at")
}


class Categories:
    """The same for everybody; they come with the catalogue."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def list(self, query: ListQuery) -> Page:
        return await fetch_page(self._conn, select(category), _CATEGORY_FIELDS, query)


class Documentation:
    """The rows a caller sees: those of integrations and models that its team sees, and of its environment's
    installs. Those of shipped or shared definitions can be read; an environment writes its own beside them.
    """

    def __init__(self, conn: AsyncConnection, scope: Scope) -> None:
        self._conn = conn
        self._scope = scope

    async def list(self, query: ListQuery) -> Page:
        """Raises BadRequest unless it is asked for the rows of one integration, model or install."""
        if not any(each.field in _ALIASES and each.operator in ("eq", "in") for each in query.filters):
            names = ", ".join(_ALIASES)
            raise BadRequest(
                f"say whose documentation to list: send one of {names}.",
                failures=[failure(name, "one of these four is required", "required") for name in _ALIASES],
            )
        query = await resolve_names(self._conn, query)
        page = await fetch_page(self._conn, self._select_visible(), _FIELDS, query)
        return Page([_to_wire(row) for row in page.rows], page.after)

    async def get(self, id: str) -> Row:
        return _to_wire(await self._read_row(id))

    async def create(self, values: Mapping[str, Any]) -> Row:
        """`values`: `content`, whom it is about (`entity_id`, or one of the four ids), and if wanted `type`
        (`readme`), `resource`, `method`, `authentication_method`, `integration_name`.

        Raises BadRequest with every failure, NotFound or Forbidden for the entity.
        """
        row: Row = {**dict.fromkeys(_TEXTS), "type": "readme", "content": None}
        row |= {name: values[name] for name in _PLAIN & values.keys()}
        _check_columns(row)
        row |= await self._find_entity(values)
        now = current_time(self._conn)
        identity = new_id()
        await self._conn.execute(
            insert(documentation).values(**row, id=identity, is_inline=False, created_at=now, updated_at=now)
        )
        return await self.get(identity)

    async def update(self, id: str, changes: Mapping[str, Any]) -> Row:
        """Only what is sent; whom it is about may change to another entity that the caller may write to."""
        require_writable_field(changes, _WRITABLE)
        row = await self._read_owned_row(id)
        values: Row = {name: changes[name] for name in _PLAIN & changes.keys()}
        _check_columns({**row, **values})
        if changes.keys() & {"entity_id", "entity_type", *_ALIASES}:
            values |= await self._find_entity({**_to_wire(row), **_replace_entity(changes)})
        await self._conn.execute(
            update(documentation)
            .where(documentation.c.id == row["id"])
            .values(**values, updated_at=current_time(self._conn))
        )
        return await self.get(row["id"])

    async def delete(self, id: str) -> str:
        row = await self._read_owned_row(id)
        await self._conn.execute(delete_from(documentation).where(documentation.c.id == row["id"]))
        return str(row["id"])

    def _select_visible(self) -> Select[Any]:
        here = self._scope.environment_id
        statement = select(*documentation.c, _ENTITY_ID.label("entity_id"), _ENTITY_TYPE.label("entity_type"))
        for name, table in _ENTITIES.items():
            statement = statement.outerjoin(table, table.c.id == documentation.c[f"{name}_id"])
        return statement.where(
            or_(
                integration.c.id.is_not(None) & is_visible_to_team(integration, self._scope.team_id),
                unified_model.c.id.is_not(None) & is_visible_to_team(unified_model, self._scope.team_id),
                environment_integration.c.environment_id == here,
                environment_unified_model.c.environment_id == here,
            )
        )

    async def _read_row(self, identity: str) -> Row:
        statement = self._select_visible().where(documentation.c.id == identity)
        row = (await self._conn.execute(statement)).mappings().one_or_none()
        if row is None:
            raise NotFound(
                f"no documentation {identity}. GET /documentation?integration_id= lists an integration's."
            )
        return dict(row)

    async def _read_owned_row(self, identity: str) -> Row:
        row = await self._read_row(identity)
        await self._lock_writable_entity(row["entity_type"], row["entity_id"])
        return row

    async def _find_entity(self, values: Mapping[str, Any]) -> Row:
        """The four columns, one of them filled. Raises BadRequest, NotFound or Forbidden."""
        kind, identity = await self._named(values)
        identity = await self._lock_writable_entity(kind, identity)
        return {f"{name}_id": identity if name == kind else None for name in _ENTITIES}

    async def _named(self, values: Mapping[str, Any]) -> tuple[str, str]:
        aliases = [name for name in _ALIASES if values.get(name) is not None]
        given = values.get("entity_id")
        if len(aliases) + (given is not None) != 1:
            raise BadRequest(
                f"say whom it is about by one id: entity_id, or one of {', '.join(_ALIASES)}.",
                failures=[failure("entity_id", "exactly one such id is required", "required")],
            )
        kind = values.get("entity_type")
        if kind is not None and kind not in _ENTITIES:
            allowed = ", ".join(ENTITY_TYPES)
            raise BadRequest(
                f"entity_type must be one of {allowed}.",
                failures=[failure("entity_type", f"must be one of {allowed}", "enum")],
            )
        if aliases:
            return _ALIASES[aliases[0]], str(values[aliases[0]])
        return kind or await self._kind_of(str(given)), str(given)

    async def _kind_of(self, identity: str) -> str:
        """Ids are unique over all tables, so the type need not be sent."""
        for name, table in _ENTITIES.items():
            if (await self._conn.execute(select(table.c.id).where(table.c.id == identity))).first():
                return name
        raise _entity_not_found("integration, unified model or install", identity)

    async def _lock_writable_entity(self, kind: str, identity: str) -> str:
        """Its id; until the commit nobody deletes it. `identity`: of an integration or a model its name does,
        too."""
        table = _ENTITIES[kind]
        if kind not in _OWNED:
            mine = table.c.environment_id == self._scope.environment_id
            held = select(table.c.id).where(table.c.id == identity, mine)
            if (await self._conn.execute(held.with_for_update(read=True, key_share=True))).first() is None:
                raise _entity_not_found(kind.replace("_", " "), identity)
            return identity
        column = table.c.id if is_uuid(identity) else table.c.name
        statement = select(table.c.id, table.c.name, table.c.team_id).where(
            column == identity, is_visible_to_team(table, self._scope.team_id)
        )
        held = statement.with_for_update(read=True, key_share=True)
        row = (await self._conn.execute(held)).one_or_none()
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
    """What a PATCH says of the entity, so that the stored one does not stand beside it."""
    if any(changes.get(name) is not None for name in _ALIASES):
        return {"entity_id": None, "entity_type": None, **changes}
    if changes.get("entity_id") is not None:
        return {"entity_type": None, **changes}
    return dict(changes)


def _entity_not_found(noun: str, identity: str) -> NotFound:
    return NotFound(f"no {noun} {identity} that this token sees.")


def _to_wire(row: Mapping[str, Any]) -> Row:
    names = ("id", "entity_id", "entity_type", "type", "content", *_TEXTS, "created_at", "updated_at")
    return {name: row[name] for name in names}


def _check_columns(row: Mapping[str, Any]) -> None:
    failures = Failures()
    failures.check_text("content", row["content"])
    failures.check_text("type", row["type"])
    if isinstance(row["type"], str) and len(row["type"]) > _LONGEST_TYPE:
        failures.add("type", f"must have at most {_LONGEST_TYPE} characters", "too_long")
    for name in _TEXTS:
        failures.check_text_or_null(name, row[name])
    if row["method"] is not None and row["resource"] is None:
        failures.add("resource", "is required with method", "required")
    if row["type"] in SCHEMA_TYPES and isinstance(row["content"], str) and row["content"]:
        _, problems = read_schema(row["content"])
        for path, message in problems:
            failures.add(f"content.{path}" if path else "content", message, "schema")
    failures.raise_if_any("the documentation is not valid")
