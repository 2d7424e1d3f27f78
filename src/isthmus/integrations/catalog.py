"""The shipped catalogue: where it is, what is in it, and how it gets into the database.

Its rows have ids derived from names and no team. They are written when the catalogue's hash differs from the
one stored with them, under a lock, so that of several processes that start at once one writes; a start with
the same catalogue parses no YAML. Environments' rows are never touched.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, delete, insert, select, text, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import Database, now_of
from isthmus.db.epochs import raise_epochs
from isthmus.db.tables import (
    catalog_state,
    category,
    documentation,
    environment,
    integration,
    unified_model,
    unified_model_resource_method,
)
from isthmus.definitions.yaml_source import Unreadable, read
from isthmus.errors import SetupError
from isthmus.integrations.catalog_documentation import (
    CATEGORIES,
    README,
    category_rows,
    documentation_rows,
)
from isthmus.kit.ids import derived_id

__all__ = ["Catalog", "find_catalog", "integration_id", "sync", "unified_model_id"]

_FORMAT: Final = b"2"
"""Raised when the same files must give other rows."""

_ADVISORY_LOCK: Final = 0x1574_CA7A
_STATE_ID: Final = derived_id("catalog-state")
_SCHEMA_SUFFIX: Final = ".schema.yaml"
Rows = dict[str, dict[str, Any]]


def integration_id(name: str) -> str:
    return derived_id("integration", name)


def unified_model_id(name: str) -> str:
    return derived_id("unified-model", name)


@dataclass(frozen=True, slots=True)
class Catalog:
    """A directory with `integrations/<name>/` and `unified/<model>/` (`definitions/files.py`)."""

    path: Path

    def digest(self) -> str:
        """Changes with the content of any file that rows are made of; exchanges and logos do not count."""
        hashed = hashlib.sha256(_FORMAT)
        for file in self._files():
            hashed.update(f"\x00{file.relative_to(self.path).as_posix()}\x00".encode())
            hashed.update(file.read_bytes())
        return hashed.hexdigest()

    def rows(self) -> tuple[Rows, Rows, Rows]:
        """`(integrations, models, mappings)` by id, without versions and times. Parses every file."""
        integrations = {}
        mappings: Rows = {}
        for directory in _directories(self.path / "integrations"):
            definition = _read(directory / "integration.yaml")
            integrations[integration_id(definition["name"])] = _integration_row(definition)
            for file in sorted((directory / "mappings").glob("*.yaml")):
                mappings.update(_mapping_rows(_read(file)))
        models = {}
        for directory in _directories(self.path / "unified"):
            model = _model_row(directory)
            models[unified_model_id(model["name"])] = model
        known = {identity: row for identity, row in mappings.items() if row["unified_model_id"] in models}
        return integrations, models, known

    def words(self) -> tuple[Rows, Rows]:
        """`(documentation, categories)` by id, of every integration there is. Parses every definition."""
        written: Rows = {}
        for directory in _directories(self.path / "integrations"):
            definition = _read(directory / "integration.yaml")
            written |= documentation_rows(integration_id(definition["name"]), definition, directory)
        categories = self.path / CATEGORIES
        return written, category_rows(_read(categories)) if categories.is_file() else {}

    def _files(self) -> Iterator[Path]:
        for directory in _directories(self.path / "integrations"):
            yield directory / "integration.yaml"
            yield from sorted((directory / "mappings").glob("*.yaml"))
            yield from directory.glob(README)
        for directory in _directories(self.path / "unified"):
            yield from sorted(directory.glob("*.yaml"))
        yield from self.path.glob(CATEGORIES)


def find_catalog() -> Catalog:
    """The catalogue of this installation: in the package, or in the checkout it is developed in."""
    package = Path(__file__).parents[1]
    for path in (package / "catalog", package.parents[1] / "catalog"):
        if (path / "integrations").is_dir():
            return Catalog(path)
    raise SetupError(
        f"the shipped catalogue is missing: neither {package / 'catalog'} nor a checkout's catalog "
        "is there. Install the isthmus wheel again."
    )


async def sync(database: Database, catalog: Catalog) -> bool:
    """Brings the catalogue's rows up to date. Whether anything had to be done."""
    digest = await asyncio.to_thread(catalog.digest)
    async with database.read() as conn:
        if await _stored_digest(conn) == digest:
            return False
    integrations, models, mappings = await asyncio.to_thread(catalog.rows)
    written, categories = await asyncio.to_thread(catalog.words)
    async with database.write() as conn:
        if not database.is_sqlite:
            await conn.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
        if await _stored_digest(conn) == digest:
            return False
        free = await _free(conn, integration, integrations)
        changed = await _apply(conn, integration, free)
        free_models = await _free(conn, unified_model, models)
        changed |= await _apply(conn, unified_model, free_models)
        kept = {key: row for key, row in mappings.items() if row["unified_model_id"] in free_models}
        mapped = unified_model_resource_method.c.unified_model_id.in_(list(free_models))
        changed |= await _replace(conn, unified_model_resource_method, mapped, kept)
        await _replace(
            conn,
            documentation,
            documentation.c.integration_id.in_(list(free)),
            {key: row for key, row in written.items() if row["integration_id"] in free},
        )
        await _replace(conn, category, true(), categories)
        await _store_digest(conn, digest)
        if changed:
            await raise_epochs(conn, (await conn.execute(select(environment.c.id))).scalars().all())
    return True


async def _stored_digest(conn: AsyncConnection) -> str | None:
    statement = select(catalog_state.c.hash).where(catalog_state.c.id == _STATE_ID)
    found: str | None = (await conn.execute(statement)).scalar_one_or_none()
    return found


async def _store_digest(conn: AsyncConnection, digest: str) -> None:
    now = now_of(conn)
    done = await conn.execute(
        update(catalog_state).where(catalog_state.c.id == _STATE_ID).values(hash=digest, updated_at=now)
    )
    if not done.rowcount:
        await conn.execute(
            insert(catalog_state).values(id=_STATE_ID, hash=digest, created_at=now, updated_at=now)
        )


async def _free(conn: AsyncConnection, table: Table, rows: Rows) -> Rows:
    """Without those whose name a team's own row has taken: that one was here first."""
    statement = select(table.c.name).where(table.c.team_id.is_not(None))
    taken = set((await conn.execute(statement)).scalars().all())
    return {identity: row for identity, row in rows.items() if row["name"] not in taken}


async def _apply(conn: AsyncConnection, table: Table, rows: Rows) -> bool:
    """Inserts and updates what differs. Whether anything did."""
    if not rows:
        return False
    statement = select(table).where(table.c.id.in_(list(rows)))
    stored = {row["id"]: row for row in (await conn.execute(statement)).mappings().all()}
    now = now_of(conn)
    counters = [name for name in ("version", "revision") if name in table.c]
    new = [
        {**row, **dict.fromkeys(counters, 1), "id": identity, "created_at": now, "updated_at": now}
        for identity, row in rows.items()
        if identity not in stored
    ]
    if new:
        await conn.execute(insert(table), new)
    changed = [
        identity
        for identity, row in rows.items()
        if identity in stored and any(stored[identity][name] != value for name, value in row.items())
    ]
    raised = {name: table.c[name] + 1 for name in counters}
    for identity in changed:
        values = {**rows[identity], **raised, "updated_at": now}
        await conn.execute(update(table).where(table.c.id == identity).values(values))
    return bool(new or changed)


async def _replace(conn: AsyncConnection, table: Table, own: ColumnElement[bool], rows: Rows) -> bool:
    """As `_apply`, and the catalogue's `own` rows that it has no more go. Whether anything changed."""
    statement = select(table.c.id).where(own)
    gone = [each for each in (await conn.execute(statement)).scalars().all() if each not in rows]
    if gone:
        await conn.execute(delete(table).where(table.c.id.in_(gone)))
    return await _apply(conn, table, rows) or bool(gone)


def _integration_row(definition: Mapping[str, Any]) -> dict[str, Any]:
    config = dict(definition["config"])
    config.setdefault("label", definition.get("label", definition["name"]))
    return {
        "team_id": None,
        "name": definition["name"],
        "category": definition.get("category"),
        "is_beta": definition.get("is_beta", False),
        "sharing": definition.get("sharing", "allow"),
        "config": config,
    }


def _model_row(directory: Path) -> dict[str, Any]:
    model = _read(directory / "model.yaml")
    resources = {name: dict(content) for name, content in (model.get("resources") or {}).items()}
    for file in sorted(directory.glob(f"*{_SCHEMA_SUFFIX}")):
        resources.setdefault(file.name.removesuffix(_SCHEMA_SUFFIX), {})["schema"] = _read(file)
    return {
        "team_id": None,
        "name": model["name"],
        "category": model.get("category") or model["name"],
        "description": model.get("description"),
        "sharing": model.get("sharing", "allow"),
        "resources": resources,
        "scopes": model.get("scopes") or {},
        "docs": model.get("docs") or {},
        "webhooks": model.get("webhooks") or {},
    }


def _mapping_rows(file: Mapping[str, Any]) -> Rows:
    model, name = file["unified_model"], file["integration"]
    return {
        derived_id("mapping", model, name, cell["resource_name"], cell["method_name"]): {
            "unified_model_id": unified_model_id(model),
            "integration_name": name,
            "resource_name": cell["resource_name"],
            "method_name": cell["method_name"],
            "config": cell["config"],
        }
        for cell in file["cells"]
    }


def _directories(path: Path) -> list[Path]:
    """Those that hold something: one in the making, without its main file, is no entry yet."""
    if not path.is_dir():
        return []
    mains = ("integration.yaml", "model.yaml")
    return sorted(each for each in path.iterdir() if any((each / main).is_file() for main in mains))


def _read(path: Path) -> Any:
    try:
        return read(path).data
    except Unreadable as error:
        raise SetupError(f"{path} cannot be read: {error}") from None
