"""Reads unified models with the overrides of one environment merged over them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.tables import environment_unified_model, unified_model
from isthmus.definitions.layers import apply_patch
from isthmus.errors import NotFound
from isthmus.integrations.catalog.owned_definitions import is_visible_to_team
from isthmus.integrations.effective.unified_names import model_not_installed_error
from isthmus.integrations.rows.scope import Scope
from isthmus.integrations.rows.unknown_names import make_unknown_name_error

__all__ = [
    "EnvironmentModel",
    "read_installed_names",
    "read_model",
    "read_model_names",
    "read_models",
    "read_models_revision",
]

_MERGED = ("resources", "scopes", "docs")


@dataclass(frozen=True, slots=True)
class EnvironmentModel:
    """A unified model with the environment's override. `install_id` is None if it is not installed there."""

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
    """Returns the models that the environment has installed, sorted by name.

    `scope` None selects the shipped models, without overrides. `only_installed` False adds the models that
    the team sees but has not installed. `names` selects models by name.
    """
    statement = _select_models(scope, only_installed)
    if names is not None:
        statement = statement.where(unified_model.c.name.in_(names))
    rows = (await conn.execute(statement)).mappings().all()
    return [_merge_override(dict(row)) for row in rows]


async def read_model_names(
    conn: AsyncConnection, scope: Scope | None, *, only_installed: bool = True
) -> list[str]:
    """Returns the names of the models that `read_models` returns."""
    statement = _select_models(scope, only_installed).with_only_columns(unified_model.c.name)
    return list((await conn.execute(statement)).scalars())


async def read_installed_names(conn: AsyncConnection, environment_id: str) -> frozenset[str]:
    """Returns the names of the models that the environment has installed."""
    installs = environment_unified_model
    statement = (
        select(unified_model.c.name)
        .join(installs, installs.c.unified_model_id == unified_model.c.id)
        .where(installs.c.environment_id == environment_id)
    )
    return frozenset((await conn.execute(statement)).scalars())


async def read_models_revision(conn: AsyncConnection, scope: Scope | None) -> tuple[Any, ...]:
    """Returns (id, revision) pairs of the installed models as one value; it changes whenever the result of
    `read_models` does."""
    table, install = unified_model, environment_unified_model
    statement = _select_models(scope, True).with_only_columns(
        table.c.id, table.c.revision, install.c.id, install.c.revision
    )
    return tuple(tuple(row) for row in (await conn.execute(statement)).all())


async def read_model(conn: AsyncConnection, scope: Scope | None, name: str) -> EnvironmentModel:
    """Returns an installed model (or shipped, if `scope` is None). Raises NotFound with names close to
    `name`."""
    models = await read_models(conn, scope, names=[name])
    if not models:
        raise _unknown_model_error(scope, name, await read_model_names(conn, scope))
    return models[0]


def _unknown_model_error(scope: Scope | None, name: str, known_names: list[str]) -> NotFound:
    """Returns the error for a model that is not installed, or not shipped if `scope` is None. `known`: the
    names there are."""
    if scope is None:
        return make_unknown_name_error(
            f"no unified model {name} is shipped", name, known_names, "GET /schemas lists them."
        )
    return model_not_installed_error(name, known_names)


def _select_models(scope: Scope | None, only_installed: bool) -> Any:
    """Returns the SELECT of `read_models`, sorted by name."""
    install = environment_unified_model
    statement = select(
        unified_model, install.c.id.label("install_id"), install.c.override.label("override")
    ).order_by(unified_model.c.name)
    if scope is None:
        never = install.c.id.is_(None)
        return statement.outerjoin(install, never).where(unified_model.c.team_id.is_(None))
    is_installed_here = (install.c.unified_model_id == unified_model.c.id) & (
        install.c.environment_id == scope.environment_id
    )
    if only_installed:
        return statement.join(install, is_installed_here)
    is_visible = is_visible_to_team(unified_model, scope.team_id) | install.c.id.is_not(None)
    return statement.outerjoin(install, is_installed_here).where(is_visible)


def _merge_override(row: Mapping[str, Any]) -> EnvironmentModel:
    """Returns the model of one row of `_select_models`, with its override merged in."""
    over = row["override"] or {}
    parts = {name: apply_patch(row[name], over.get(name) or {}) for name in _MERGED}
    return EnvironmentModel(
        id=row["id"],
        name=row["name"],
        category=row["category"],
        description=row["description"],
        install_id=row["install_id"],
        **parts,
    )
