"""Limits of what is written of accounts and gates: the last value that is taken, the first that is not."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.accounts.conftest import Desk

from isthmus.accounts import Accounts
from isthmus.accounts.static_gates import StaticGates
from isthmus.db import Database
from isthmus.errors import BadRequest, NotFound
from isthmus.kit.ids import new_id


@pytest.mark.parametrize("is_change", [False, True])
async def test_a_tenant_id_has_at_most_500_characters(desk: Desk, is_change: bool) -> None:
    async def write(text: str) -> dict[str, Any]:
        if is_change:
            return await desk.update((await desk.connect())["id"], tenant_id=text)
        return await desk.connect(tenant_id=text)

    assert (await write("t" * 500))["tenant_id"] == "t" * 500
    with pytest.raises(BadRequest):
        await write("t" * 501)


async def test_at_most_500_accounts_are_deleted_at_once(desk: Desk, database: Database) -> None:
    id = (await desk.connect())["id"]
    ids = [new_id() for _ in range(500)]
    async with database.write() as conn:
        accounts = Accounts(conn, desk.scope)
        with pytest.raises(BadRequest, match="1 to 500"):
            await accounts.delete_many({"ids": [*ids, id]})
        await accounts.delete_many({"ids": [*ids[1:], id]})
    with pytest.raises(NotFound):
        await desk.get(id)


@pytest.mark.parametrize(
    "selection", [{}, {"ids": []}, {"ids": ["a"], "tenant_id": "t-1"}, {"tenant_id": ""}]
)
async def test_accounts_are_chosen_by_ids_or_by_tenant(
    desk: Desk, database: Database, selection: dict[str, Any]
) -> None:
    kept = await desk.connect()
    async with database.write() as conn:
        with pytest.raises(BadRequest):
            await Accounts(conn, desk.scope).delete_many(selection)
    assert (await desk.get(kept["id"]))["id"] == kept["id"]


@pytest.mark.parametrize(
    ("token", "is_taken"),
    [
        ("x", True),
        ("a pass phrase", True),
        ("é" * 16, False),
        ("two\nlines", False),
        ("x ", False),
        ("", False),
        (1234567890123456, False),
    ],
)
async def test_a_gates_token_is_what_a_header_carries(
    desk: Desk, database: Database, token: object, is_taken: bool
) -> None:
    values = {"name": "g", "domain": "gate.example", "api_token_secret": token}
    async with database.write() as conn:
        if is_taken:
            row = await StaticGates(conn, desk.scope).create(values)
            assert (row["api_token"], row["api_token_secret"]) == (token, token)
        else:
            with pytest.raises(BadRequest, match="static gate"):
                await StaticGates(conn, desk.scope).create(values)
