"""The sandbox flag of accounts: who has it, and who can lose it."""

from __future__ import annotations

import pytest
from tests.unit.accounts.conftest import Desk
from tests.unit.integrations.world import query

from isthmus.accounts import ReadOnlyFlags
from isthmus.db import Database
from isthmus.errors import Conflict, NotFound


async def test_only_flagged_accounts_are_listed_and_found(desk: Desk, database: Database) -> None:
    flagged, plain = (await desk.connect())["id"], (await desk.connect())["id"]
    async with database.write() as conn:
        flags = ReadOnlyFlags(conn, desk.scope)
        assert (await flags.create(flagged))["id"] == flagged
        listed = [row["id"] for row in (await flags.list(query())).rows]
        assert flagged in listed
        assert plain not in listed
        for wrong in (flags.get, flags.delete):
            with pytest.raises(NotFound):
                await wrong(plain)
        assert await flags.delete(flagged) == flagged
        with pytest.raises(NotFound):
            await flags.get(flagged)


async def test_an_account_that_answers_from_examples_keeps_its_flag(desk: Desk, database: Database) -> None:
    async with database.write() as conn:
        flags = ReadOnlyFlags(conn, desk.scope)
        (row,) = (await flags.list(query())).rows
        with pytest.raises(Conflict):
            await flags.delete(row["id"])
        assert (await flags.get(row["id"]))["integrated_account"]["is_sandbox"] is True
