"""Unified models as one environment has them: its overrides laid over them (`definitions.md` §3.2)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.tables import environment_unified_model, unified_model
from isthmus.definitions.layers import deep_merge_patch
from isthmus.errors import NotFound
from isthmus.integrations.catalog.owned_definitions import is_visible_to_team
from isthmus.integrations.rows.scope import Scope
from isthmus.integrations.rows.unknown_names import unknown_name_error

__all__ = ["EnvironmentModel", "read_model", "read_model_names", "read_models", "read_models_revision"]

_MERGED = ("resources", "scopes", "docs")


@dataclass(frozen=True, slots=True)
class EnvironmentModel:
    """`install_id` None: seen, and not installed here."""

    id: str
    name: str
    category: str
    description: str | None
    install_id: str | None
    resources: Mapping[str, Mapping[str, Any]] = field(repr=False)
    scopes: Mapping[str, Any] = field(repr=False)
    docs: Mapping[str, Any] = field(repr=False)


async def read_models(
    conn: AsyncConnection,
    scope: Scope | None,
    *,
    only_installed: bool = True,
    names: Collection[str] | None = None,
) -> list[EnvironmentModel]:
    """By name. `scope` None: the shipped ones, as they are shipped. `names`: those and no others."""
    statement = _select_models(scope, only_installed)
    if names is not None:
        statement = statement.where(unified_model.c.name.in_(names))
    rows = (await conn.execute(statement)).mappings().all()
    return [_merge_override(dict(row)) for row in rows]


async def read_model_names(
    conn: AsyncConnection, scope: Scope | None, *, only_installed: bool = True
) -> list[str]:
    """Of all that `read_models` gives, without reading them."""
    statement = _select_models(scope, only_installed).with_only_columns(unified_model.c.name)
    return list((await conn.execute(statement)).scalars())


async def read_models_revision(conn: AsyncConnection, scope: Scope | None) -> tuple[Any, ...]:
    """What identifies the state of the models that `read_models` gives: it differs when any of them does."""
    table, install = unified_model, environment_unified_model
    statement = _select_models(scope, True).with_only_columns(
        table.c.id, table.c.revision, install.c.id, install.c.revision
    )
    return tuple(tuple(row) for row in (await conn.execute(statement)).all())


async def read_model(conn: AsyncConnection, scope: Scope | None, name: str) -> EnvironmentModel:
    """Raises NotFound with names that come near."""
    found = await read_models(conn, scope, names=[name])
    if not found:
        raise _unknown_model_error(scope, name, await read_model_names(conn, scope))
    return found[0]


def _unknown_model_error(scope: Scope | None, name: str, known: list[str]) -> NotFound:
    if scope is None:
        return unknown_name_error(
            f"no unified model {name} is shipped", name, known, "GET /schemas lists them."
        )
    return unknown_name_error(
        f"no unified model {name} is installed in this environment",
        name,
        known,
        "GET /environment-unified-model lists what is installed; POST there installs another.",
    )


def _select_models(scope: Scope | None, only_installed: bool) -> Any:
    install = environment_unified_model
    statement = select(
        unified_model, install.c.id.label("install_id"), install.c.override.label("override")
    ).order_by(unified_model.c.name)
    if scope is None:
        never = install.c.id.is_(None)
        return statement.outerjoin(install, never).where(unified_model.c.team_id.is_(None))
    here = (install.c.unified_model_id == unified_model.c.id) & (
        install.c.environment_id == scope.environment_id
    )
    if only_installed:
        return statement.join(install, here)
    seen = is_visible_to_team(unified_model, scope.team_id) | install.c.id.is_not(None)
    return statement.outerjoin(install, here).where(seen)


def _merge_override(row: Mapping[str, Any]) -> EnvironmentModel:
    over = row["override"] or {}
    parts = {name: deep_merge_patch(row[name], over.get(name) or {}) for name in _MERGED}
    return EnvironmentModel(
        id=row["id"],
        name=row["name"],
        category=row["category"],
        description=row["description"],
        install_id=row["install_id"],
        **parts,
    )
