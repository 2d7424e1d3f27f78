"""The server's own secrets, and keys that running processes are granted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.conftest import SECRET_KEY

from isthmus.config import Settings
from isthmus.db import Database, get_server_secret, open_database
from isthmus.db.encryption import compute_key_id
from isthmus.db.keys import grant_key, learn_granted_keys
from isthmus.kit.secret import Secret

pytestmark = pytest.mark.both_databases

NEW = "the-key-that-comes-next-0123456789-abcdef"
FOREIGN = "a-key-of-other-processes-0123456789-abcd"


async def test_each_secret_of_the_server_is_its_own_and_the_same_in_every_process(
    database: Database, settings: Settings
) -> None:
    first = await get_server_secret(database, "first")
    assert len(first) == 32
    assert await get_server_secret(database, "second") != first
    elsewhere = await open_database(settings)
    assert await get_server_secret(elsewhere, "first") == first
    await elsewhere.close()


async def test_a_grant_for_those_who_have_another_key_is_passed_over(
    database: Database, settings: Settings
) -> None:
    elsewhere = await open_database(replace(settings, secret_key=Secret((SECRET_KEY, FOREIGN))))
    async with elsewhere.write() as conn:
        for key in (FOREIGN, SECRET_KEY):
            await grant_key(conn, NEW, encryption_key_id=compute_key_id(key))
    await elsewhere.close()
    await learn_granted_keys(database)
    assert database.keys.ids == (compute_key_id(NEW), compute_key_id(SECRET_KEY))
