"""Processes that are there to be killed: forked from one that has imported everything, so that is quick."""

from __future__ import annotations

import asyncio
import fcntl
import multiprocessing
import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.config import Settings
from isthmus.db import Database, open_database
from isthmus.events import Occurrence, Relay, Subscribers, emit
from isthmus.events.catalogue import SyncJobRunUpdated
from isthmus.jobs import Handlers, Run, Superseded, Worker, WorkerOptions, defer
from isthmus.kit.secret import Secret
from tests.background import until

__all__ = ["CREATE", "PACE", "Place", "Victim", "start", "steps_of", "tell", "work"]

KEY = "a-key-for-tests-only-0123456789-abcdefghijk"
PACE = WorkerOptions(
    concurrency=4,
    poll_seconds=0.3,
    heartbeat_seconds=0.2,
    stalled_seconds=1.5,
    stable_seconds=0.6,
    requeue_seconds=0.2,
    graceful_seconds=1.0,
    restart_seconds=0.1,
)
CREATE = (
    "CREATE TABLE proof_run (key VARCHAR(20) PRIMARY KEY, step INTEGER NOT NULL)",
    "CREATE TABLE proof_step (key VARCHAR(20) NOT NULL, step INTEGER NOT NULL, attempt INTEGER NOT NULL)",
    "CREATE TABLE proof_change (resource VARCHAR(20) NOT NULL, number INTEGER NOT NULL)",
    "CREATE TABLE proof_seen (event VARCHAR(30) NOT NULL, resource VARCHAR(20), number INTEGER NOT NULL)",
)

_forkserver = multiprocessing.get_context("forkserver")
_forkserver.set_forkserver_preload(["tests.faults.processes", "isthmus.jobs.procrastinate_adapter.worker"])


@dataclass(frozen=True)
class Place:
    """Where a process works. `folder`: its locks and notes."""

    url: str
    folder: Path
    steps: int

    @property
    def settings(self) -> Settings:
        """The settings of a process on this database."""
        return Settings(
            data_dir=self.folder / "data", database_url=Secret(self.url), secret_key=Secret((KEY,))
        )

    @property
    def overlaps(self) -> Path:
        """Has a line for each time one thing was run by two."""
        return self.folder / "overlaps"

    @property
    def begun(self) -> Path:
        """Has a line for each step that began."""
        return self.folder / "begun"

    @property
    def held(self) -> Path:
        """While it is there, steps wait before they write."""
        return self.folder / "held"

    @property
    def refused(self) -> Path:
        """Has a line for each write that was refused: the process, and the thing it had lost."""
        return self.folder / "refused"

    @property
    def told(self) -> Path:
        """The file of what the subscriber saw, also of transactions that never came to an end."""
        return self.folder / "told"


@dataclass
class Victim:
    """A process that a test kills, pauses and lets go on."""

    process: BaseProcess

    def kill(self) -> None:
        """Kills the process and waits for its end."""
        self._send(signal.SIGKILL)
        self.process.join()

    def pause(self) -> None:
        """Stops the process until it is told to go on."""
        self._send(signal.SIGSTOP)

    def go_on(self) -> None:
        """Lets a paused process go on."""
        self._send(signal.SIGCONT)

    def _send(self, number: int) -> None:
        """Sends a signal to the process."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)


@contextmanager
def start(target: Callable[..., None], *arguments: Any) -> Iterator[Victim]:
    """Runs `target` in a new process; yields the process, and kills it at the end."""
    process = _forkserver.Process(target=target, args=arguments, daemon=True)
    process.start()
    victim = Victim(process)
    try:
        yield victim
    finally:
        if process.is_alive():
            victim.kill()


def work(place: Place) -> None:
    """Runs a worker, whose runs have `steps` steps; each writes its effect, the cursor and its successor at
    once."""
    asyncio.run(_work(place))


async def _work(place: Place) -> None:
    """Opens the database and runs the worker, until the process is killed."""
    database = await _opened(place)
    handlers = Handlers()

    async def step(run: Run) -> None:
        """Runs a step, alone for its key."""
        with _alone(place, run.key):
            _note(place.begun, run.key)
            writing = asyncio.create_task(wait_and_write(run))
            while (
                not writing.done()
            ):  # it tries to write whoever cancels it, as one that cannot be interrupted would
                with suppress(asyncio.CancelledError):
                    await asyncio.shield(writing)
            await writing

    async def wait_and_write(run: Run) -> None:
        """Waits while steps are held, then writes the step. Raises Superseded if another worker has taken the
        job."""
        await until(lambda: not place.held.exists(), seconds=60)
        try:
            async with run.write() as conn:
                done = await steps_of(conn, run.key)
                if done == place.steps:
                    return  # killed after its last step, before its job was gone: the job came again
                await conn.execute(
                    text("INSERT INTO proof_step (key, step, attempt) VALUES (:key, :step, :attempt)"),
                    {"key": run.key, "step": done + 1, "attempt": run.attempts},
                )
                await conn.execute(
                    text("UPDATE proof_run SET step = :step WHERE key = :key"),
                    {"key": run.key, "step": done + 1},
                )
                if done + 1 < place.steps:
                    await defer(conn, "proof", run.key)
        except Superseded:
            _note(place.refused, f"{os.getpid()} {run.key}")
            raise

    handlers.register("proof", step)
    await Worker(database, handlers, PACE).start()
    await asyncio.Event().wait()


async def steps_of(conn: AsyncConnection, key: str) -> int:
    """Returns how many steps a run has done."""
    done = await conn.execute(text("SELECT step FROM proof_run WHERE key = :key"), {"key": key})
    number: int = done.scalar_one()
    return number


def tell(place: Place, environment_id: str, seed: int) -> None:
    """Changes four resources, with an event in each transaction, and relays the events meanwhile."""
    asyncio.run(_tell(place, environment_id, random.Random(seed)))


async def _tell(place: Place, environment_id: str, chance: random.Random) -> None:
    """Opens the database, runs the relay and changes resources, until the process is killed."""
    database = await _opened(place)
    subscribers = Subscribers()

    async def record(conn: AsyncConnection, occurrence: Occurrence) -> None:
        """Writes down what the subscriber saw; fails now and then."""
        number = int(occurrence.payload["status"])
        _note(place.told, f"{occurrence.id} {occurrence.resource_id} {number}")
        await conn.execute(
            text("INSERT INTO proof_seen (event, resource, number) VALUES (:event, :resource, :number)"),
            {"event": occurrence.id, "resource": occurrence.resource_id, "number": number},
        )
        if chance.random() < 0.02:
            raise ValueError("not this time")

    subscribers.subscribe("sync_job_run:updated", record)
    relay = Relay(database, subscribers, poll_seconds=0.05)
    await relay.start()
    await asyncio.gather(*(_change(database, environment_id, f"resource {name}") for name in range(4)))


async def _change(database: Database, environment_id: str, resource: str) -> None:
    """Changes a resource again and again, each time with an event."""
    while True:
        async with database.write() as conn:
            if not database.is_sqlite:  # what an UPDATE of the resource's own row would lock
                await conn.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": resource})
            counted = await conn.execute(
                text("SELECT count(*) FROM proof_change WHERE resource = :name"), {"name": resource}
            )
            number = counted.scalar_one() + 1
            await conn.execute(
                text("INSERT INTO proof_change (resource, number) VALUES (:name, :number)"),
                {"name": resource, "number": number},
            )
            await asyncio.sleep(0)
            payload = {
                "id": resource,
                "sync_job_id": "x",
                "integrated_account_id": None,
                "status": str(number),
            }
            await emit(
                conn,
                SyncJobRunUpdated.model_validate({"environment_id": environment_id, "payload": payload}),
            )
            await asyncio.sleep(0)


async def _opened(place: Place) -> Database:
    """Opens the database of the place."""
    return await open_database(place.settings, serving=place.url.startswith("sqlite"))


@contextmanager
def _alone(place: Place, key: str) -> Iterator[None]:
    """Notes an overlap where another process, or this one, is inside for the same key."""
    descriptor = os.open(place.folder / f"{key}.lock", os.O_RDWR | os.O_CREAT)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _note(place.overlaps, key)
        yield
    finally:
        os.close(descriptor)


def _note(path: Path, line: str) -> None:
    """Adds a line to a file."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{line}\n".encode())
    os.close(descriptor)
