"""Two teams, three environments, the small catalogue: what tests of both rooms stand on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import insert

from isthmus.db.database import Database, current_time
from isthmus.db.listing import Filter, ListQuery
from isthmus.db.tables import environment, team
from isthmus.integrations.rows.scope import EnvironmentScope
from isthmus.kit.ids import new_id

__all__ = ["World", "make_world", "query"]


@dataclass(frozen=True)
class World:
    """`mine` and `sibling` belong to one team, `foreign` to another."""

    mine: EnvironmentScope
    sibling: EnvironmentScope
    foreign: EnvironmentScope


async def make_world(database: Database) -> World:
    teams, environments = [new_id(), new_id()], [new_id(), new_id(), new_id()]
    owners = [teams[0], teams[0], teams[1]]
    async with database.write() as conn:
        times = {"created_at": current_time(conn), "updated_at": current_time(conn)}
        await conn.execute(insert(team), [{"id": each, "name": each[:4], **times} for each in teams])
        await conn.execute(
            insert(environment),
            [
                {"id": each, "team_id": owner, "name": each[:4], "settings": {}, **times}
                for each, owner in zip(environments, owners, strict=True)
            ],
        )
    mine, sibling, foreign = (
        EnvironmentScope(each, owner) for each, owner in zip(environments, owners, strict=True)
    )
    return World(mine, sibling, foreign)


def query(*filters: tuple[str, str], limit: int = 100) -> ListQuery:
    return ListQuery(tuple(Filter(name, "eq", (value,)) for name, value in filters), limit=limit)


def names(rows: Iterable[dict[str, object]]) -> list[object]:
    return [row["name"] for row in rows]
