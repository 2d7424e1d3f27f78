"""A key rotation beside a running server: every value is readable before, during and after."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update
from tests.conftest import SECRET_KEY as OLD
from tests.fakes.clock import VirtualClock

from isthmus.config import Settings
from isthmus.db import Database, EncryptedJSON, EpochWatcher, get_server_secret, open_database
from isthmus.db.encryption import KeyMissing, KeyRing, compute_key_id, read_encryption_key_id
from isthmus.db.key_file import read_key_file
from isthmus.db.key_rotation import (
    _reencrypt_rows,
    _select_encrypted_with_other_keys,
    choose_key,
    find_encrypted_columns,
    rotate_key,
)
from isthmus.db.tables import integration, key_grant
from isthmus.errors import SetupError
from isthmus.kit.ids import new_id
from isthmus.kit.secret import Secret

pytestmark = pytest.mark.both_databases

NEW = "the-key-that-comes-next-0123456789-abcdef"
NOW = datetime(2030, 1, 1, tzinfo=UTC)
SECRETS = EncryptedJSON(integration.c.secrets)


class Waits(VirtualClock):
    """A clock on which every wait lets the rest of the world do something."""

    def __init__(self, meanwhile: Callable[[], Awaitable[None]]) -> None:
        super().__init__()
        self._meanwhile = meanwhile

    async def sleep(self, seconds: float) -> None:
        await self._meanwhile()


class Server:
    """A running server: its own connection, its own ring, a watcher that looks."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.watcher = EpochWatcher(database, VirtualClock())

    async def add(self, value: object) -> str:
        identity = new_id()
        async with self.database.write() as conn:
            await conn.execute(
                insert(integration).values(
                    id=identity,
                    created_at=NOW,
                    updated_at=NOW,
                    name=identity,
                    config={},
                    secrets=SECRETS.encrypt(self.database.keys, identity, value),
                )
            )
        return identity

    async def change(self, identity: str, value: object) -> None:
        sealed = SECRETS.encrypt(self.database.keys, identity, value)
        async with self.database.write() as conn:
            await conn.execute(update(integration).where(integration.c.id == identity).values(secrets=sealed))

    async def sealed(self, identity: str) -> bytes:
        async with self.database.read() as conn:
            query = select(integration.c.secrets).where(integration.c.id == identity)
            sealed = (await conn.execute(query)).scalar_one()
        assert sealed is not None
        return bytes(sealed)

    async def read(self, identity: str) -> object:
        return SECRETS.decrypt(self.database.keys, identity, await self.sealed(identity))


@pytest.fixture
async def server(database: Database) -> AsyncIterator[Server]:
    running = Server(database)
    await running.watcher.poll()
    yield running
    await running.watcher.stop()


async def test_rows_are_readable_before_during_and_after(server: Server, settings: Settings) -> None:
    rows: dict[str, object] = {await server.add({"n": number}): {"n": number} for number in range(230)}
    seen = []

    async def meanwhile() -> None:
        await server.watcher.poll()
        for identity, value in list(rows.items())[:5]:
            assert await server.read(identity) == value
        late = await server.add("added during the rotation")
        rows[late] = "added during the rotation"
        seen.append(late)

    local = await open_database(settings, clock=Waits(meanwhile))
    secret = await get_server_secret(local, "cursors")
    rotated = await rotate_key(local, choose_key(local, NEW))
    assert rotated.encrypted >= 230
    assert rotated.unreadable == 0
    assert len(seen) >= 2
    for identity, value in rows.items():
        assert read_encryption_key_id(await server.sealed(identity)) == compute_key_id(NEW) == rotated.key_id
        assert await server.read(identity) == value
    assert await get_server_secret(server.database, "cursors") == secret
    await local.close()


async def test_a_row_changed_during_the_rotation_keeps_its_change(server: Server, settings: Settings) -> None:
    identity = await server.add("first")
    local = await open_database(settings)
    local.keys.add_primary(NEW)
    column, wanted = integration.c.secrets, bytes.fromhex(compute_key_id(NEW))
    rows = await _select_encrypted_with_other_keys(local, column, wanted, "")
    await server.change(identity, "second")
    await _reencrypt_rows(local, column, rows)
    assert await server.read(identity) == "second"
    await local.close()


async def test_values_that_another_key_sealed_are_looked_at_one_after_the_other(server: Server) -> None:
    first, second, third = sorted([await server.add(number) for number in range(3)])
    sealed = SECRETS.encrypt(KeyRing([NEW]), third, "sealed with the new key")
    async with server.database.write() as conn:
        await conn.execute(update(integration).where(integration.c.id == third).values(secrets=sealed))
        bare = {"id": new_id(), "created_at": NOW, "updated_at": NOW, "name": "bare", "config": {}}
        await conn.execute(insert(integration).values(**bare))
    column, wanted = integration.c.secrets, bytes.fromhex(compute_key_id(NEW))
    for last, found in (("", [first, second]), (first, [second]), (second, [])):
        rows = await _select_encrypted_with_other_keys(server.database, column, wanted, last)
        assert [row[0] for row in rows] == found


async def test_a_server_started_with_the_old_key_alone_learns_the_new_one(
    server: Server, settings: Settings
) -> None:
    identity = await server.add("kept")
    local = await open_database(settings, clock=VirtualClock(auto_advance=True))
    await rotate_key(local, choose_key(local, NEW))
    late = Server(await open_database(settings))
    assert await late.read(identity) == "kept"
    await late.database.close()
    await local.close()


async def test_the_rotation_is_finished_once_the_setting_has_the_new_key(
    server: Server, settings: Settings
) -> None:
    identity = await server.add("kept")
    local = await open_database(settings, clock=VirtualClock(auto_advance=True))
    await rotate_key(local, choose_key(local, NEW))
    await local.close()
    both = replace(settings, secret_key=Secret((NEW, OLD)))
    local = await open_database(both, clock=VirtualClock(auto_advance=True))
    chosen = choose_key(local, None)
    assert (chosen.key.reveal(), chosen.is_generated, chosen.is_granted) == (NEW, False, False)
    assert (await rotate_key(local, chosen)).encrypted == 0
    async with local.read() as conn:
        assert (await conn.execute(select(key_grant))).all() == []
    await local.close()
    with pytest.raises(KeyMissing, match=compute_key_id(NEW)):
        await open_database(settings)
    alone = Server(await open_database(replace(settings, secret_key=Secret((NEW,)))))
    assert await alone.read(identity) == "kept"
    await alone.database.close()


async def test_a_rotation_broken_off_can_be_repeated(server: Server, settings: Settings) -> None:
    identity = await server.add("kept")

    async def stop() -> None:
        raise KeyboardInterrupt

    local = await open_database(settings, clock=Waits(stop))
    with pytest.raises(KeyboardInterrupt):
        await rotate_key(local, choose_key(local, NEW))
    await local.close()
    local = await open_database(settings, clock=Waits(server.watcher.poll))
    await rotate_key(local, choose_key(local, NEW))
    await local.close()
    assert read_encryption_key_id(await server.sealed(identity)) == compute_key_id(NEW)
    assert await server.read(identity) == "kept"


async def count_unreadable(settings: Settings) -> int:
    """Rotates to the new key; returns how many values no key opened."""
    local = await open_database(settings, clock=VirtualClock(auto_advance=True))
    async with asyncio.timeout(20):
        rotated = await rotate_key(local, choose_key(local, NEW))
    await local.close()
    return rotated.unreadable


async def test_a_value_copied_from_another_row_is_counted_and_left(
    server: Server, settings: Settings
) -> None:
    identity, copy = await server.add("kept"), await server.add("lost")
    sealed = await server.sealed(identity)
    async with server.database.write() as conn:
        await conn.execute(update(integration).where(integration.c.id == copy).values(secrets=sealed))
    assert await count_unreadable(settings) == 1
    assert await server.sealed(copy) == sealed
    assert read_encryption_key_id(await server.sealed(identity)) == compute_key_id(NEW)


async def test_a_value_no_key_opens_is_counted_and_left(server: Server, settings: Settings) -> None:
    identity = await server.add("lost")
    sealed = await server.sealed(identity)
    async with server.database.write() as conn:
        broken = sealed[:-1] + bytes([sealed[-1] ^ 1])
        await conn.execute(update(integration).where(integration.c.id == identity).values(secrets=broken))
    assert await count_unreadable(settings) == 1
    assert await server.sealed(identity) == broken


async def test_a_value_of_a_key_that_is_gone_is_counted_and_left(server: Server, settings: Settings) -> None:
    gone = KeyRing(["a-key-that-nobody-has-any-more-0123456789"])
    identity = await server.add("kept")
    lost = await server.add("lost")
    sealed = SECRETS.encrypt(gone, lost, "lost")
    async with server.database.write() as conn:
        await conn.execute(update(integration).where(integration.c.id == lost).values(secrets=sealed))
    assert await count_unreadable(settings) == 1
    assert await server.sealed(lost) == sealed
    assert read_encryption_key_id(await server.sealed(identity)) == compute_key_id(NEW)


async def test_a_key_file_gets_the_new_key_first_and_keeps_the_old(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    server = Server(await open_database(settings, serving=True))
    identity = await server.add("kept")
    (old,) = read_key_file(settings.key_file)
    local = await open_database(settings, clock=VirtualClock(auto_advance=True))
    chosen = choose_key(local, None)
    await rotate_key(local, chosen)
    await local.close()
    assert read_key_file(settings.key_file) == (chosen.key.reveal(), old)
    assert await server.read(identity) == "kept"
    await server.change(identity, "changed")
    assert read_encryption_key_id(await server.sealed(identity)) == compute_key_id(chosen.key.reveal())
    await server.database.close()
    again = Server(await open_database(settings, serving=True))
    assert await again.read(identity) == "changed"
    await again.database.close()


async def test_beside_the_one_key_of_the_setting_a_new_one_is_made(database: Database) -> None:
    chosen = choose_key(database, None)
    assert chosen.key.reveal() != OLD
    assert (chosen.is_generated, chosen.is_granted, chosen.key_file) == (True, True, None)


async def test_a_weak_key_is_refused_before_anything_changes(database: Database) -> None:
    with pytest.raises(SetupError, match="at least 32"):
        choose_key(database, "hunter2")
    assert database.keys.primary_id == compute_key_id(OLD)


def test_every_sealed_column_is_found_and_has_a_row_id() -> None:
    found = {f"{column.table.name}.{column.name}" for column in find_encrypted_columns()}
    assert {
        "integration.secrets",
        "environment_integration.override_secrets",
        "integrated_account.context_secrets",
        "integrated_account.integration_override_secrets",
        "server_secret.value",
    } <= found
    assert all("id" in column.table.c for column in find_encrypted_columns())
