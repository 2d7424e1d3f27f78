"""`Authenticator`: who a token stands for, and how soon a change counts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy import event, insert, select
from tests.fakes.clock import VirtualClock
from tests.unit.tenancy.conftest import Tenancy

from isthmus.config import Settings
from isthmus.db import Database, EpochWatcher, open_database
from isthmus.db.tables import api_token, link_token
from isthmus.errors import Forbidden
from isthmus.kit.ids import new_id
from isthmus.kit.secret import Secret
from isthmus.tenancy import AccountTokens, Administration, ApiTokens, Authenticator, Environments
from isthmus.tenancy.authentication import hash_token

pytestmark = pytest.mark.both_databases


@pytest.fixture
def account_tokens(clock: VirtualClock) -> AccountTokens:
    return AccountTokens(b"k" * 32, clock)


@pytest.fixture
def authenticator(
    database: Database, epochs: EpochWatcher, clock: VirtualClock, account_tokens: AccountTokens
) -> Authenticator:
    return Authenticator(database, epochs, clock, account_tokens)


@pytest.fixture
async def other_process(settings: Settings) -> AsyncIterator[Administration]:
    """Local administration beside the server: a database of its own on the same data."""
    opened = await open_database(settings)
    yield Administration(opened)
    await opened.close()


async def test_a_token_stands_for_its_environment_and_team(
    authenticator: Authenticator, tenancy: Tenancy
) -> None:
    principal = await authenticator.authenticate(tenancy.token)
    assert principal is not None
    assert (principal.kind, principal.environment_id, principal.team_id, principal.user_id) == (
        "api_token",
        tenancy.development,
        tenancy.team_id,
        tenancy.user_id,
    )


@pytest.mark.parametrize("token", ["", "isth_", "isth_" + "A" * 43, "x" * 5000, "' OR 1=1 --", "é"])
async def test_an_unknown_token_stands_for_nobody(
    authenticator: Authenticator, tenancy: Tenancy, token: str
) -> None:
    assert await authenticator.authenticate(token) is None


async def test_a_known_token_costs_no_query(
    authenticator: Authenticator, tenancy: Tenancy, database: Database
) -> None:
    first = await authenticator.authenticate(tenancy.token)
    statements: list[str] = []
    engine = database._engines.reader.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
    assert await authenticator.authenticate(tenancy.token) == first
    assert statements == []


async def test_a_token_revoked_in_this_process_is_refused_at_once(
    authenticator: Authenticator, tenancy: Tenancy, database: Database
) -> None:
    principal = await authenticator.authenticate(tenancy.token)
    assert principal is not None
    async with database.write() as conn:
        await ApiTokens(conn, tenancy.development).revoke(principal.token_id)
    assert await authenticator.authenticate(tenancy.token) is None


async def test_a_token_revoked_by_another_process_is_refused_after_one_look(
    authenticator: Authenticator, tenancy: Tenancy, other_process: Administration, epochs: EpochWatcher
) -> None:
    principal = await authenticator.authenticate(tenancy.token)
    assert principal is not None
    await other_process.revoke_token(principal.token_id)
    await epochs.poll()
    assert await authenticator.authenticate(tenancy.token) is None


async def test_a_token_made_by_another_process_works_at_its_first_call(
    authenticator: Authenticator, tenancy: Tenancy, other_process: Administration
) -> None:
    issued = await other_process.create_token("production", "ci")
    token = issued.token.reveal()
    principal = await authenticator.authenticate(token)
    assert principal is not None
    assert principal.environment_id == tenancy.production


async def test_an_unknown_token_is_looked_for_again_within_a_second(
    authenticator: Authenticator, tenancy: Tenancy, database: Database, clock: VirtualClock
) -> None:
    token = "isth_" + "k" * 43
    assert await authenticator.authenticate(token) is None
    async with database.write() as conn:
        await ApiTokens(conn, tenancy.development).create("late", token=Secret(token))
    await clock.advance(1.0)
    assert await authenticator.authenticate(token) is not None


async def test_an_expired_token_is_refused_even_from_memory(
    authenticator: Authenticator, tenancy: Tenancy, database: Database, clock: VirtualClock
) -> None:
    issued = await Administration(database).create_token(
        "development", "short", expires_at=clock.now() + timedelta(seconds=30)
    )
    token = issued.token.reveal()
    assert await authenticator.authenticate(token) is not None
    await clock.advance(29.9)
    assert await authenticator.authenticate(token) is not None
    await clock.advance(0.1)
    assert await authenticator.authenticate(token) is None


@pytest.mark.parametrize(("seconds", "is_named"), [(29.999, True), (30.0, False)])
async def test_a_link_token_is_named_until_it_expires(
    authenticator: Authenticator,
    tenancy: Tenancy,
    database: Database,
    clock: VirtualClock,
    seconds: float,
    is_named: bool,
) -> None:
    token, times = "islt_" + "k" * 43, {"created_at": clock.now(), "updated_at": clock.now()}
    async with database.write() as conn:
        await conn.execute(
            insert(link_token).values(
                id=new_id(),
                environment_id=tenancy.development,
                digest=hash_token(token),
                payload=b"sealed",
                expires_at=clock.now() + timedelta(seconds=30),
                opened=0,
                **times,
            )
        )
    await clock.advance(seconds)
    if is_named:
        with pytest.raises(Forbidden, match="link token"):
            await authenticator.authenticate(token)
    else:
        assert await authenticator.authenticate(token) is None


@pytest.mark.parametrize(("seconds", "is_found"), [(0.499, False), (0.5, True)])
async def test_an_unknown_token_is_refused_from_memory_for_half_a_second(
    authenticator: Authenticator,
    tenancy: Tenancy,
    database: Database,
    clock: VirtualClock,
    seconds: float,
    is_found: bool,
) -> None:
    token = "isth_" + "k" * 43
    assert await authenticator.authenticate(token) is None
    async with database.write() as conn:
        await ApiTokens(conn, tenancy.development).create("late", token=Secret(token))
    await clock.advance(seconds)
    assert (await authenticator.authenticate(token) is not None) is is_found


async def test_a_token_that_expired_before_its_first_call_is_refused(
    authenticator: Authenticator, tenancy: Tenancy, database: Database, clock: VirtualClock
) -> None:
    issued = await Administration(database).create_token("development", "short", expires_at=clock.now())
    assert await authenticator.authenticate(issued.token.reveal()) is None


async def test_tokens_of_a_deleted_environment_are_refused(
    authenticator: Authenticator, tenancy: Tenancy, database: Database
) -> None:
    assert await authenticator.authenticate(tenancy.token) is not None
    async with database.write() as conn:
        await Environments(conn, tenancy.team_id).delete(tenancy.development)
    assert await authenticator.authenticate(tenancy.token) is None


async def test_memory_is_bounded(
    database: Database,
    epochs: EpochWatcher,
    clock: VirtualClock,
    tenancy: Tenancy,
    account_tokens: AccountTokens,
) -> None:
    authenticator = Authenticator(database, epochs, clock, account_tokens, capacity=3)
    for number in range(10):
        await authenticator.authenticate(f"isth_{number}")
    assert len(authenticator._unknown) == 3
    assert await authenticator.authenticate(tenancy.token) is not None


async def test_the_database_holds_no_token(tenancy: Tenancy, database: Database) -> None:
    async with database.read() as conn:
        row = (await conn.execute(select(api_token))).mappings().one()
    assert tenancy.token not in str(dict(row))
    assert tenancy.token.startswith(row["prefix"])
    assert len(row["prefix"]) <= 9


async def test_a_process_that_lost_the_database_does_not_go_on_trusting_what_it_knew(
    authenticator: Authenticator,
    tenancy: Tenancy,
    other_process: Administration,
    clock: VirtualClock,
    epochs: EpochWatcher,
) -> None:
    principal = await authenticator.authenticate(tenancy.token)
    assert principal is not None
    await epochs.stop()
    await other_process.revoke_token(principal.token_id)
    assert await authenticator.authenticate(tenancy.token) == principal
    await clock.advance(6.0)
    assert await authenticator.authenticate(tenancy.token) is None


async def test_an_account_token_stands_for_one_account_for_a_quarter_of_an_hour(
    authenticator: Authenticator, account_tokens: AccountTokens, clock: VirtualClock
) -> None:
    environment_id, team_id, account_id = new_id(), new_id(), new_id()
    token = account_tokens.issue(environment_id=environment_id, team_id=team_id, account_id=account_id)
    principal = await authenticator.authenticate(token.reveal())
    assert principal is not None
    assert (principal.kind, principal.environment_id, principal.team_id, principal.integrated_account_id) == (
        "account_token",
        environment_id,
        team_id,
        account_id,
    )
    await clock.advance(14 * 60 + 59)
    assert await authenticator.authenticate(token.reveal()) == principal
    await clock.advance(1)
    assert await authenticator.authenticate(token.reveal()) is None


async def test_an_account_token_that_anybody_touched_stands_for_nobody(
    authenticator: Authenticator, account_tokens: AccountTokens, clock: VirtualClock
) -> None:
    ids = {"environment_id": new_id(), "team_id": new_id(), "account_id": new_id()}
    token = account_tokens.issue(**ids).reveal()
    other = account_tokens.issue(**ids | {"account_id": new_id()}).reveal()
    foreign = AccountTokens(b"x" * 32, clock).issue(**ids).reveal()
    changed = [
        token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        for place in range(len("isat_"), len(token), 7)
    ]
    for wrong in (
        *changed, foreign, token[:-1], token + "A", token[:-4] + "====", token[:60] + other[60:],
        token[:20] + " \n" + token[22:], "isat_", "isat_" + "é" * 128,
    ):  # fmt: skip
        assert await authenticator.authenticate(wrong) is None, wrong
    assert token != account_tokens.issue(**ids).reveal()
