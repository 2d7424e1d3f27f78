"""Pages of rows: each row once, in order, whatever the page size and however many share a sort value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from isthmus.db import Database
from isthmus.db.listing import Filter, ListQuery, Page, fetch_page
from isthmus.db.tables import integration, team
from isthmus.errors import BadRequest
from isthmus.kit.ids import derive_id

pytestmark = pytest.mark.both_databases

NOW = datetime(2030, 1, 1, tzinfo=UTC)
FIELDS = {each.key: each for each in team.c}
TEAMS: list[dict[str, Any]] = [
    {
        "id": derive_id(str(number)),
        "created_at": NOW + timedelta(seconds=number // 4),  # four rows share each moment
        "updated_at": NOW,
        "name": f"team {number % 3}",
    }
    for number in range(10)
]


@pytest.fixture
async def teams(database: Database) -> Database:
    async with database.write() as conn:
        await conn.execute(insert(team), TEAMS)
    return database


async def page(database: Database, query: ListQuery) -> Page:
    async with database.read() as conn:
        return await fetch_page(conn, select(team), FIELDS, query)


async def walk(database: Database, **query: Any) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = []
    after = None
    while True:
        found = await page(database, ListQuery(after=after, **query))
        rows.extend(found.rows)
        assert len(rows) <= len(TEAMS), "a page repeats rows"
        after = found.after
        if after is None:
            return rows


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 10, 11])
@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("sort_by", ["created_at", "name"])
async def test_a_walk_sees_each_row_once_in_order(
    teams: Database, limit: int, descending: bool, sort_by: str
) -> None:
    rows = await walk(teams, limit=limit, descending=descending, sort_by=sort_by)
    wanted = sorted(TEAMS, key=lambda row: (row[sort_by], row["id"]), reverse=descending)
    assert [row["id"] for row in rows] == [row["id"] for row in wanted]


@pytest.mark.parametrize(
    ("operator", "values", "count"),
    [
        ("eq", ("2030-01-01T00:00:01Z",), 4),
        ("gt", ("2030-01-01 00:00:01",), 2),
        ("gte", ("2030-01-01T01:00:01+01:00",), 6),
        ("lt", ("2030-01-01T00:00:01",), 4),
        ("nin", ("2030-01-01T00:00:00Z", "2030-01-01T00:00:02Z"), 4),
    ],
)
async def test_times_are_compared_as_times_in_any_zone(
    teams: Database, operator: str, values: tuple[str, ...], count: int
) -> None:
    found = await page(teams, ListQuery(filters=(Filter("created_at", operator, values),)))
    assert len(found.rows) == count


@pytest.mark.parametrize(
    ("operator", "text", "names"),
    [
        ("eq", "2030-01-01 00:00:00", ["a", "b"]),
        ("eq", "2030-01-01T01:00:00+01:00", ["a", "b"]),
        ("eq", "2030-01-01T00:00:00.250Z", ["b"]),
        ("eq", "2030-01-01T00:00:00.250000", []),
        ("eq", "2030-01-01T00:00:00.250700", ["b"]),
        ("ne", "2030-01-01 00:00:00", ["c"]),
        ("in", "2030-01-01 00:00:00", ["a", "b"]),
        ("nin", "2030-01-01 00:00:00", ["c"]),
        ("eq", "9999-12-31 23:59:59", []),
        ("gt", "2030-01-01 00:00:00", ["b", "c"]),
        ("lte", "2030-01-01 00:00:00", ["a"]),
    ],
)
async def test_a_time_as_it_is_shown_finds_the_rows_that_show_it(
    database: Database, operator: str, text: str, names: list[str]
) -> None:
    kept = {"a": NOW, "b": NOW + timedelta(microseconds=250_700), "c": NOW + timedelta(seconds=1)}
    rows = [
        {"id": derive_id(name), "name": name, "created_at": moment, "updated_at": NOW}
        for name, moment in kept.items()
    ]
    async with database.write() as conn:
        await conn.execute(insert(team), rows)
    found = await page(database, ListQuery((Filter("created_at", operator, (text,)),), "name", False))
    assert [row["name"] for row in found.rows] == names


async def test_the_last_second_that_a_time_can_have_is_found(database: Database) -> None:
    row = {"id": derive_id("a"), "name": "a", "created_at": datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)}
    async with database.write() as conn:
        await conn.execute(insert(team), [{**row, "updated_at": NOW}])
    found = await page(database, ListQuery((Filter("created_at", "eq", ("9999-12-31 23:59:59",)),)))
    assert len(found.rows) == 1


async def test_a_time_that_is_none_is_refused(teams: Database) -> None:
    with pytest.raises(BadRequest, match="ISO 8601"):
        await page(teams, ListQuery(filters=(Filter("created_at", "gt", ("yesterday",)),)))


@pytest.mark.parametrize(("limit", "is_last"), [(9, False), (10, True), (11, True)])
async def test_a_page_that_holds_the_last_row_is_the_last(teams: Database, limit: int, is_last: bool) -> None:
    assert ((await page(teams, ListQuery(limit=limit))).after is None) is is_last


@pytest.mark.parametrize("unknown", [Filter("colour", "eq", ("red",)), Filter("creator", "colour", ("red",))])
async def test_no_filter_on_what_is_no_field_is_left_out(teams: Database, unknown: Filter) -> None:
    with pytest.raises(KeyError, match="colour"):
        await page(teams, ListQuery((unknown,)))


async def test_a_list_is_walked_in_the_order_of_a_relation(teams: Database) -> None:
    statement = select(team, team.c.name.label("creator_name"))
    fields = {**FIELDS, "creator.name": team.c.name}
    names: list[str] = []
    after = None
    async with teams.read() as conn:
        for limit in (4, 10):
            query = ListQuery(sort_by="creator.name", descending=False, limit=limit, after=after)
            found = await fetch_page(conn, statement, fields, query)
            names += [row["creator_name"] for row in found.rows]
            after = found.after
    assert names == sorted(row["name"] for row in TEAMS)


@pytest.mark.parametrize(
    "given", [Filter("creator", "name", ("team 1",)), Filter("creator.name", "eq", ("team 1",))]
)
async def test_a_filter_on_a_relation_may_be_nested_or_dotted(teams: Database, given: Filter) -> None:
    fields = {**FIELDS, "creator.name": team.c.name}
    async with teams.read() as conn:
        found = await fetch_page(conn, select(team), fields, ListQuery(filters=(given,)))
    assert {row["name"] for row in found.rows} == {"team 1"}


@pytest.mark.parametrize(
    ("field", "operator", "value"),
    [
        *(("is_beta", operator, "true") for operator in ("gt", "gte", "lt", "lte")),
        ("is_beta", "eq", "yes"),
        ("version", "eq", "one"),
        ("version", "eq", "9" * 20),
        ("version", "in", "-" + "9" * 20),
        ("created_at", "gt", "0001-01-01T00:00:00+14:00"),
    ],
)
async def test_a_value_that_no_column_holds_is_a_bad_request(
    database: Database, field: str, operator: str, value: str
) -> None:
    query = ListQuery(filters=(Filter(field, operator, (value,)),))
    async with database.read() as conn:
        with pytest.raises(BadRequest):
            await fetch_page(conn, select(integration), {each.key: each for each in integration.c}, query)
