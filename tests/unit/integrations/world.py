"""Two teams, three environments, the small catalogue: what tests of both rooms stand on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import insert

from isthmus.accounts import Installs
from isthmus.db.database import Database, current_time
from isthmus.db.listing import Filter, ListQuery
from isthmus.db.tables import environment, team
from isthmus.integrations.installs.environment_unified_models import EnvironmentUnifiedModels
from isthmus.integrations.rows.scope import EnvironmentScope
from isthmus.kit.ids import new_id

__all__ = ["World", "install_desk", "make_world", "query"]


@dataclass(frozen=True)
class World:
    """`mine` and `sibling` belong to one team, `foreign` to another."""

    mine: EnvironmentScope
    sibling: EnvironmentScope
    foreign: EnvironmentScope


async def make_world(database: Database) -> World:
    """Makes two teams with three environments."""
    teams, environments = [new_id(), new_id()], [new_id(), new_id(), new_id()]
    owners = [teams[0], teams[0], teams[1]]
    async with database.write() as conn:
        times = {"created_at": current_time(conn), "updated_at": current_time(conn)}
        await conn.execute(insert(team), [{"id": row, "name": row[:4], **times} for row in teams])
        await conn.execute(
            insert(environment),
            [
                {"id": row, "team_id": owner, "name": row[:4], "settings": {}, **times}
                for row, owner in zip(environments, owners, strict=True)
            ],
        )
    mine, sibling, foreign = (
        EnvironmentScope(row, owner) for row, owner in zip(environments, owners, strict=True)
    )
    return World(mine, sibling, foreign)


async def install_desk(database: Database, scope: EnvironmentScope) -> str:
    """Installs the integration and the model of the small catalogue; returns the id of the former's
    install."""
    async with database.write() as conn:
        row = await Installs(conn, scope).create({"integration_id": "brightfold"})
        await EnvironmentUnifiedModels(conn, scope).create({"unified_model_id": "desk"})
    return str(row["id"])


def query(*filters: tuple[str, str], limit: int = 100) -> ListQuery:
    """Builds the query of a list. `filters`: field and value."""
    return ListQuery(tuple(Filter(name, "eq", (value,)) for name, value in filters), limit=limit)


def names(rows: Iterable[dict[str, object]]) -> list[object]:
    """Returns the names of rows."""
    return [row["name"] for row in rows]
