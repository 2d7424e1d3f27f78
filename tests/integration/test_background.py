"""What goes on without a request begins in order, and ends whole."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from isthmus.accounts.credentials.refresh_lease import take_lease
from isthmus.app import Application
from isthmus.config import Settings
from isthmus.events import Relay
from isthmus.jobs import Worker

pytestmark = pytest.mark.both_databases


def running() -> set[str]:
    """What runs in the background, `jobs` or `events`."""
    names = {task.get_name().partition(":")[0] for task in asyncio.all_tasks()}
    return names & {"jobs", "events"}


@pytest.mark.parametrize("part", [Relay, Worker])
async def test_a_start_that_fails_leaves_nothing_running(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, part: type[Any]
) -> None:
    async def fail(self: object) -> None:
        raise RuntimeError("not today")

    monkeypatch.setattr(part, "start", fail)
    with pytest.raises(RuntimeError, match="not today"):
        async with Application.open(settings):
            raise AssertionError
    assert running() == set()


async def test_events_are_handed_on_from_before_the_first_job_to_after_the_last(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[str]] = []
    start, stop = Worker.start, Worker.stop

    async def watched_start(self: Worker) -> None:
        seen.append(running())
        await start(self)

    async def watched_stop(self: Worker) -> None:
        await stop(self)
        seen.append(running())

    monkeypatch.setattr(Worker, "start", watched_start)
    monkeypatch.setattr(Worker, "stop", watched_stop)
    async with Application.open(settings):
        assert running() == {"jobs", "events"}
    assert seen == [{"events"}, {"events"}]
    assert running() == set()


async def test_a_start_ends_the_leases_of_a_process_that_is_gone_for_sure(settings: Settings) -> None:
    """On SQLite: one process serves it. On PostgreSQL another process may still hold its lease."""
    is_taken = []
    for owner in ("one that was killed", "its successor"):
        async with Application.open(settings) as application:
            account = application.sample_account
            assert account is not None
            async with application.database.write() as conn:
                is_taken.append(await take_lease(conn, account, owner, "rt-0") is not None)
    assert is_taken == [True, application.database.is_sqlite]
