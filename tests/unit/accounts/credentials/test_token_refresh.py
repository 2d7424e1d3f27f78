"""What a context says of its token, and when the token is refreshed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select
from tests.unit.accounts.conftest import Desk, WatchedClock
from tests.unit.accounts.credentials.authority import ACTION, DEFINITION, Authority, call, connect

from isthmus.accounts import Connections
from isthmus.accounts.credentials.token_refresh import (
    REFRESH_AHEAD,
    complete_lifetime,
    get_access_token,
    get_expiry,
    get_submitted_credential,
    get_token_life,
    is_refreshable,
    plan_refresh,
)
from isthmus.accounts.rows.context import patch_context
from isthmus.db import Database
from isthmus.db.tables import job_timer
from isthmus.definitions import load_integration
from isthmus.kit.ids import new_id

STEPS = {"steps": [{"type": "request", "config": {"path": "/x"}}]}
OAUTH = {"auth": {"tokenHost": "https://a.test", "tokenPath": "/token"}, "client": {"id": "i", "secret": "s"}}
CLIENT = {"auth": {"tokenHost": "https://a.test", "tokenPath": "/token"}, "fields": [{"name": "client_id"}]}


def context(**token: Any) -> dict[str, Any]:
    return {"oauth": {"token": token}, "client_id": "c", "client_secret": "s"}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1_700_000_000, 1_700_000_000.0),
        (1.5, 1.5),
        (True, None),
        ("2026-01-02T00:00:00Z", 1767312000.0),
        ("2026-01-02T00:00:00", None),
        ("soon", None),
        (None, None),
        ([1], None),
        (-1, None),
        (1_700_000_000_000_000, None),
        ("9999-12-31T23:59:59-14:00", None),
        (float("nan"), None),
    ],
)
def test_an_expiry_is_a_number_or_a_time_with_its_zone(value: Any, expected: float | None) -> None:
    assert get_expiry(context(expires_at=value)) == expected


@pytest.mark.parametrize(
    ("lifetime", "margin"),
    [
        (3600, 60),
        (240, 60),
        (239, 59.75),
        (8, 2),
        ("8", 2),
        (0.4, 0.1),
        (None, 60),
        ("soon", 60),
        (0, None),
        (-1, None),
        ("0", None),
    ],
)
def test_a_call_refreshes_a_token_a_quarter_of_its_lifetime_before_its_end(
    lifetime: Any, margin: float | None
) -> None:
    life = get_token_life(context(expires_at=1000, expires_in=lifetime))
    assert (None if life is None else (life.expires_at, life.refresh_at)) == (
        None if margin is None else (1000, 1000 - margin)
    )


@pytest.mark.parametrize(
    ("whole", "expected"),
    [
        (context(access_token="a"), "a"),
        ({"access_token": "b"}, "b"),
        ({**context(access_token="a"), "access_token": "b"}, "a"),
        (context(access_token=7), None),
        ({"oauth": "x"}, None),
        ({"oauth": {"token": "x"}}, None),
        ({}, None),
    ],
)
def test_the_access_token_is_the_grants_or_the_accounts_own(whole: Any, expected: str | None) -> None:
    assert get_access_token(whole) == expected


@pytest.mark.parametrize(
    ("format", "actions", "token", "submitted", "refreshable"),
    [
        ("oauth2", {}, {"refresh_token": "r", "access_token": "a"}, "r", True),
        ("oauth2", {}, {"access_token": "a"}, "a", False),
        ("oauth2", {}, {"refresh_token": 7}, "7", False),
        ("oauth2", {"refresh_token": STEPS}, {"access_token": "a"}, "a", True),
        ("oauth2", {"refresh_token": {"steps": []}}, {"access_token": "a"}, "a", False),
        ("oauth2_client_credentials", {}, {}, "c\ns\n", True),
        ("oauth2_client_credentials", {"refresh_token": STEPS}, {"access_token": "a"}, "a", True),
        ("api_key", {}, {}, "", False),
        ("api_key", {"refresh_token": STEPS}, {}, "", True),
        (None, {}, {"refresh_token": "r"}, "r", False),
    ],
)
def test_what_is_submitted_for_a_new_token(
    format: str | None, actions: Any, token: Any, submitted: str, refreshable: bool
) -> None:
    credentials = {
        "oauth2": {"config": OAUTH},
        "oauth2_client_credentials": {"config": CLIENT},
        "api_key": {"config": {"fields": [{"name": "api_key"}]}},
    }
    definition = load_integration(
        {"base_url": "https://a.test", "credentials": credentials, "actions": actions}
    )
    whole = context(**token)
    assert get_submitted_credential(definition, format, whole) == submitted
    assert is_refreshable(definition, format, whole) is refreshable
    assert (plan_refresh(definition, format, whole) is not None) is refreshable


@pytest.mark.parametrize(("seconds", "refreshes"), [(60.0, 0), (59.999, 1)])
async def test_a_token_is_refreshed_within_its_last_minute(
    connections: Connections,
    desk: Desk,
    authority: Authority,
    clock: WatchedClock,
    seconds: float,
    refreshes: int,
) -> None:
    id = await connect(desk, clock, ends_in=seconds)
    await call(connections, desk, id)
    assert len(authority.refreshes) == refreshes


@pytest.mark.parametrize(("beyond", "timers"), [(0.0, 0), (0.001, 1)])
async def test_a_token_that_lives_no_longer_than_the_job_is_ahead_has_none(
    desk: Desk, database: Database, clock: WatchedClock, beyond: float, timers: int
) -> None:
    await connect(desk, clock, ends_in=REFRESH_AHEAD.total_seconds() + beyond)
    async with database.read() as conn:
        assert len((await conn.execute(select(job_timer.c.key))).all()) == timers


BEFORE = {"access_token": "at-0", "refresh_token": "rt-0", "expires_at": "2026-01-01T00:00:00.000Z"}
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kept", "written", "lifetime", "ends_after"),
    [
        ({"expires_in": 3600}, {"access_token": "a", "expires_at": "2026-01-01T00:00:20Z"}, 20.0, 20.0),
        ({"expires_in": 0}, {"access_token": "a", "expires_at": "2026-01-01T00:00:20Z"}, 20.0, 20.0),
        ({}, {"access_token": "a", "expires_at": "2026-01-01T00:00:20Z"}, 20.0, 20.0),
        ({"expires_in": 3600}, {"access_token": "a", "expires_in": 20}, 20, 20.0),
        ({"expires_in": 3600}, {"access_token": "a", "expires_in": 3600}, 3600, 3600.0),
        ({"expires_in": 3600}, {"access_token": "a"}, 3600, 3600.0),
        ({}, {"access_token": "a"}, None, None),
        ({"expires_in": 3600}, {"expires_in": 20}, 20, 20.0),
        ({}, {"access_token": "a", "expires_in": 20, "expires_at": "2026-01-01T00:00:19Z"}, 20, 19.0),
        ({"expires_in": 20}, {"refresh_token": "r"}, 20, 0.0),
        ({"expires_in": 20}, {"access_token": "a", "expires_at": None}, 20, 20.0),
    ],
)
def test_the_end_and_the_lifetime_that_an_action_leaves_are_of_one_token(
    kept: Any, written: Any, lifetime: Any, ends_after: float | None
) -> None:
    before = context(**BEFORE, **kept)
    left = complete_lifetime(before, patch_context(before, {"oauth": {"token": written}}), now=NOW)
    end = get_expiry(left)
    assert left["oauth"]["token"].get("expires_in") == lifetime
    assert (None if end is None else end - NOW.timestamp()) == ends_after


@pytest.mark.parametrize("definition", [DEFINITION + ACTION])
@pytest.mark.parametrize("lifetime", [0, 7200])
async def test_an_action_that_tells_the_lifetime_only_is_not_run_before_each_call(
    connections: Connections, desk: Desk, authority: Authority, clock: WatchedClock, lifetime: int
) -> None:
    id = await connect(desk, clock, ends_in=-1.0, expires_in=lifetime)
    authority.access = "at-other"
    for _ in range(3):
        await call(connections, desk, id)
    assert len(authority.refreshes) == 1
    await clock.advance(3_590.0)
    await call(connections, desk, id)
    assert len(authority.refreshes) == 2


TELLS_END = ACTION.replace("$previous }", "{'access_token': $previous.access_token, 'expires_at': END} }")


@pytest.mark.parametrize("definition", [DEFINITION + TELLS_END.replace("END", "'2030-01-01T00:00:20Z'")])
@pytest.mark.parametrize("lifetime", [0, 3600])
async def test_an_action_that_tells_the_end_only_replaces_the_lifetime(
    connections: Connections, desk: Desk, clock: WatchedClock, lifetime: int
) -> None:
    id = await connect(desk, clock, ends_in=-1.0, expires_in=lifetime)
    await connections.refresh_credentials(desk.scope.environment_id, id, request_id=new_id())
    stored = (await desk.get(id))["context"]
    end = datetime(2030, 1, 1, 0, 0, 20, tzinfo=UTC)
    assert stored["oauth"]["token"]["expires_in"] == round((end - clock.now()).total_seconds(), 3)
