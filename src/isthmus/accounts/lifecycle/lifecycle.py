"""From saved to active (`connect.md` §6): post-install, then validation, as a job that a kill only delays.

    begin -> post_install: step, step, ... -> validation: step, step, ... -> active
                 \\-> post_install_error             \\-> validation_error -> (an outage: validation again)

What a step gave is committed before the next one starts. So a process that dies repeats one step at most:
the one whose answer it did not live to write down. Each transition is one transaction, with its event.
A provider that is away says nothing of the credentials: the same validation is tried again for a day.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.connections.account_states import make_action_result
from isthmus.accounts.connections.connections import Connection, Connections
from isthmus.accounts.lifecycle.account_jobs import (
    LIFECYCLE_JOB,
    due_lifecycles,
    running_lifecycles,
    schedule_actions,
)
from isthmus.accounts.lifecycle.outages import StageTooLong, again_at, is_outage, patiently
from isthmus.accounts.rows.account_events import emit_account_events
from isthmus.accounts.rows.connected_definition import Stage, list_action_schedules
from isthmus.db.database import Database, current_time, get_key_ring
from isthmus.db.encryption import EncryptedJSON
from isthmus.db.epochs import get_epoch_group, raise_epoch
from isthmus.db.tables import account_lifecycle, integrated_account
from isthmus.definitions.actions import Action, Step
from isthmus.engine.evaluation import truthy
from isthmus.engine.steps import Progress, StepRunner, action_runner
from isthmus.errors import AccountBlocked, Forbidden, IsthmusError, NotFound
from isthmus.events import Event
from isthmus.events.catalogue import (
    IntegratedAccountActive,
    IntegratedAccountPostInstallError,
    IntegratedAccountReactivated,
    IntegratedAccountValidationError,
)
from isthmus.expressions import UNDEFINED
from isthmus.jobs import Handlers, Run, defer
from isthmus.kit.clock import Clock
from isthmus.kit.ids import new_id

__all__ = ["Lifecycle"]

_SECONDS: Final[Mapping[Stage, int]] = {"post_install": 120, "validation": 60}
_FAILURES: Final[Mapping[Stage, tuple[str, type[Event]]]] = {
    "post_install": ("post_install_error", IntegratedAccountPostInstallError),
    "validation": ("validation_error", IntegratedAccountValidationError),
}
_HELD: Final = timedelta(minutes=2)
_PROGRESS: Final = EncryptedJSON(account_lifecycle.c.progress)


class _StageFailed(IsthmusError):
    """A stage ended without an error of a step."""

    status = 422


class _BegunAnew(Exception):
    """Somebody began it again meanwhile: the job of that beginning goes on."""


@dataclass(frozen=True, slots=True)
class _Standing:
    """A row of `account_lifecycle` whose stage is running. `started_at`: from when its time is counted;
    `since`: when it began, whatever was killed or tried again since then. `is_asked`: not a periodic
    validation."""

    account_id: str
    environment_id: str
    stage: Stage
    step: int
    progress: Progress
    started_at: datetime
    since: datetime
    is_reconnect: bool
    was_failed: bool
    revision: int
    is_asked: bool


class Lifecycle:
    """One for the process: does what `begin_lifecycle` began."""

    def __init__(self, database: Database, connections: Connections, clock: Clock) -> None:
        self._database = database
        self._connections = connections
        self._clock = clock

    def register(self, handlers: Handlers) -> None:
        handlers.register(LIFECYCLE_JOB, self.run)
        handlers.add_finder(running_lifecycles(LIFECYCLE_JOB))
        handlers.add_finder(due_lifecycles(LIFECYCLE_JOB))

    async def stage(self, conn: AsyncConnection, account_id: str) -> Stage:
        """What is running for an account that is `connecting`."""
        statement = select(account_lifecycle.c.stage).where(account_lifecycle.c.id == account_id)
        found = (await conn.execute(statement)).scalar_one_or_none()
        return "validation" if found == "validation" else "post_install"

    async def run(self, run: Run) -> None:
        """Continues one account; returns when there is nothing more to do for it."""
        standing = await self._standing(run)
        try:
            while standing is not None:
                standing = await self._go_on(run, standing)
        except _BegunAnew:
            return

    async def _standing(self, run: Run) -> _Standing | None:
        async with run.write() as conn:
            statement = select(account_lifecycle).where(account_lifecycle.c.id == run.key).with_for_update()
            row = (await conn.execute(statement)).mappings().one_or_none()
            if row is None:
                return None
            if row["stage"] is not None:
                return _read(conn, dict(row))
            now = current_time(conn)
            if row["due_at"] is None:
                return None
            if row["due_at"] > now:  # by this process's clock, or woken for nothing
                await defer(conn, LIFECYCLE_JOB, run.key, run_at=row["due_at"])
                return None
            values = {
                "stage": "validation",
                "step": 0,
                "progress": None,
                "started_at": now,
                "updated_at": now,
            }
            await conn.execute(
                update(account_lifecycle)
                .where(account_lifecycle.c.id == run.key)
                .values(**values, revision=account_lifecycle.c.revision + 1)
            )
            return _read(conn, {**row, **values, "revision": row["revision"] + 1})

    async def _go_on(self, run: Run, standing: _Standing) -> _Standing | None:
        """One step, or the end of a stage; None when all is done."""
        try:
            connection = await self._connections.open(
                standing.environment_id, standing.account_id, request_id=new_id()
            )
        except NotFound:
            return None
        except IsthmusError as closed:
            if not standing.is_asked:
                await self._put_off(run, standing)
            elif isinstance(closed, AccountBlocked | Forbidden):
                await self._hold(run, standing)
            else:
                await self._fail(run, standing, closed)
            return None
        action = connection.definition.actions.get(standing.stage)
        try:
            if action is not None and standing.step < len(action.steps):
                await self._step(connection, action, standing)
                return await self._keep(run, replace(standing, step=standing.step + 1))
            _require_passed(standing, action)
        except IsthmusError as failed:
            await self._fail(run, standing, failed)
            return None
        if standing.stage == "post_install":
            return await self._keep(run, _validating(standing, self._clock.now()), finished=action)
        await self._activate(run, standing, action, list_action_schedules(connection.definition))
        return None

    async def _step(self, connection: Connection, action: Action, standing: _Standing) -> None:
        limit = _SECONDS[standing.stage]
        spent = (self._clock.now() - standing.started_at).total_seconds()
        runner = action_runner(connection.upstream, connection.definition, standing.stage, clock=self._clock)
        step = action.steps[standing.step]
        attempt = asyncio.ensure_future(self._attempt(runner, step, standing))
        late = asyncio.ensure_future(self._clock.sleep(max(0.0, limit - spent)))
        try:
            await asyncio.wait((attempt, late), return_when=asyncio.FIRST_COMPLETED)
            if not attempt.done():
                raise StageTooLong(
                    f"{standing.stage} took longer than {limit} seconds (step {standing.step})."
                )
            try:
                attempt.result()
            except IsthmusError:
                if not step.ignore_error:
                    raise
        finally:
            late.cancel()
            attempt.cancel()
            await asyncio.wait((attempt, late))

    async def _attempt(self, runner: StepRunner, step: Step, standing: _Standing) -> None:
        async def attempt() -> bool:
            return await runner.attempt(step, standing.step, standing.progress)

        is_patient = standing.stage == "validation" and not step.ignore_error
        await (patiently(self._clock, attempt) if is_patient else attempt())

    async def _keep(self, run: Run, standing: _Standing, *, finished: Action | None = None) -> _Standing:
        """`finished`: the action that ended with this, for the account's record."""
        async with run.write() as conn:
            if finished is not None:
                await self._status(conn, standing)  # locked before the lifecycle, as everybody does
            await self._write(
                conn,
                standing,
                stage=standing.stage,
                step=standing.step,
                started_at=standing.since,
                progress=_sealed(conn, standing),
            )
            if finished is not None:
                await self._record(
                    conn, standing, {"last_action_run_result": self._result("post_install", None)}
                )
        return standing

    async def _activate(
        self, run: Run, standing: _Standing, action: Action | None, crons: Mapping[str, str]
    ) -> None:
        """The end. A periodic validation that passes tells nothing, unless the one before had failed."""
        values: dict[str, Any] = {"status": "active", "last_error": None}
        if action is not None:
            values["last_action_run_result"] = self._result("validation", None)
        async with run.write() as conn:
            status = await self._status(conn, standing)
            await self._end(conn, standing, action)
            if status not in _open_to(standing):
                return
            told: list[type[Event]] = []
            if standing.is_asked:
                await schedule_actions(conn, standing.account_id, crons)
                told.append(IntegratedAccountActive)
            if standing.is_reconnect or standing.was_failed or status == "validation_error":
                told.append(IntegratedAccountReactivated)
            await self._record(conn, standing, values, *told)

    async def _fail(self, run: Run, standing: _Standing, failed: IsthmusError) -> None:
        if not standing.is_asked and is_outage(failed):
            await self._put_off(run, standing)
            return
        status, told = _FAILURES[standing.stage]
        values = {
            "status": status,
            "last_error": failed.message,
            "last_action_run_result": self._result(standing.stage, failed),
        }
        async with run.write() as conn:
            before = await self._status(conn, standing)
            is_open = before in _open_to(standing)
            is_repeated = is_open and standing.stage == "validation" and is_outage(failed)
            again = again_at(standing.since, current_time(conn)) if is_repeated else None
            if again is None:
                await self._end(conn, standing, None)
            else:
                await self._wait(conn, standing, again)
            if is_open:
                await self._record(conn, standing, values, *(() if before == status else (told,)))

    async def _wait(self, conn: AsyncConnection, standing: _Standing, until: datetime) -> None:
        """The stage stays, and begins again then."""
        await self._write(conn, standing, step=0, progress=None)
        await defer(conn, LIFECYCLE_JOB, standing.account_id, run_at=until)

    async def _hold(self, run: Run, standing: _Standing) -> None:
        """An account that is blocked, or whose install is disabled: that says nothing of it either. It goes
        on from here once it may be called; the day for an outage is counted from then."""
        async with run.write() as conn:
            now = current_time(conn)
            await self._write(conn, standing, started_at=now)
            await defer(conn, LIFECYCLE_JOB, standing.account_id, run_at=now + _HELD)

    async def _put_off(self, run: Run, standing: _Standing) -> None:
        """A validation that nobody asked for, of an account that may not be called, or of a provider that is
        away: it says nothing of it."""
        async with run.write() as conn:
            await self._end(conn, standing, None)

    async def _status(self, conn: AsyncConnection, standing: _Standing) -> str | None:
        """None where the account is gone."""
        statement = select(integrated_account.c.status).where(
            integrated_account.c.id == standing.account_id,
            integrated_account.c.environment_id == standing.environment_id,
        )
        status: str | None = (await conn.execute(statement.with_for_update())).scalar_one_or_none()
        return status

    async def _end(self, conn: AsyncConnection, standing: _Standing, action: Action | None) -> None:
        """`action`: the validation, where it is to come back."""
        hours = None if action is None else action.validation_interval_hours
        due = None if hours is None else current_time(conn) + timedelta(hours=hours)
        if action is None and not standing.is_asked:
            due = current_time(conn) + timedelta(hours=1)  # a periodic one that failed is tried again
        await self._write(
            conn, standing, stage=None, step=0, progress=None, started_at=None, was_failed=False, due_at=due
        )
        if due is not None:
            await defer(conn, LIFECYCLE_JOB, standing.account_id, run_at=due)

    async def _write(self, conn: AsyncConnection, standing: _Standing, **values: Any) -> None:
        done = await conn.execute(
            update(account_lifecycle)
            .where(
                account_lifecycle.c.id == standing.account_id,
                account_lifecycle.c.revision == standing.revision,
            )
            .values(**values, updated_at=current_time(conn))
        )
        if not done.rowcount:
            raise _BegunAnew

    async def _record(
        self, conn: AsyncConnection, standing: _Standing, values: Mapping[str, Any], *told: type[Event]
    ) -> None:
        await conn.execute(
            update(integrated_account)
            .where(
                integrated_account.c.id == standing.account_id,
                integrated_account.c.environment_id == standing.environment_id,
            )
            .values(**values, updated_at=current_time(conn))
        )
        await raise_epoch(conn, get_epoch_group(standing.account_id))
        if told:
            await emit_account_events(conn, standing.environment_id, standing.account_id, *told)

    def _result(self, name: str, failed: IsthmusError | None) -> dict[str, Any]:
        return make_action_result(name, failed, self._clock.now())


def _read(conn: AsyncConnection, row: Mapping[str, Any]) -> _Standing:
    kept = _PROGRESS.open(get_key_ring(conn), row["id"], row["progress"]) or {}
    progress = Progress(dict(kept.get("named", {})), kept.get("last", UNDEFINED))
    return _Standing(
        account_id=row["id"],
        environment_id=row["environment_id"],
        stage=row["stage"],
        step=row["step"],
        progress=progress,
        started_at=current_time(conn),  # a process that was down took none of the provider's time
        since=row["started_at"],
        is_reconnect=row["is_reconnect"],
        was_failed=row["was_failed"],
        revision=row["revision"],
        is_asked=row["due_at"] is None,
    )


def _sealed(conn: AsyncConnection, standing: _Standing) -> bytes | None:
    progress = standing.progress
    kept: dict[str, Any] = {"named": progress.named}
    if progress.last is not UNDEFINED:
        kept["last"] = progress.last
    try:
        return _PROGRESS.seal(get_key_ring(conn), standing.account_id, kept)
    except TypeError:  # bytes, a function, a number beyond 64 bits
        raise _StageFailed(
            f"{standing.stage}: what step {standing.step - 1} gave cannot be kept, since it is no JSON. Take "
            "what is needed of it in the same step."
        ) from None


def _validating(standing: _Standing, now: datetime) -> _Standing:
    return replace(standing, stage="validation", step=0, progress=Progress(), started_at=now, since=now)


def _require_passed(standing: _Standing, action: Action | None) -> None:
    """A validation passes when the result of its last step is truthy, or it has none."""
    if standing.stage != "validation" or action is None or not action.steps:
        return
    last = standing.progress.last
    if last is UNDEFINED or not truthy(last):
        raise _StageFailed("The check of the connection did not pass. Check what was entered.")


def _open_to(standing: _Standing) -> frozenset[str]:
    """The statuses that what came of it may replace; another one was set meanwhile, and stays. A periodic
    validation tells nothing of an account that was not active, and a failure is told once."""
    return frozenset({"connecting" if standing.is_asked else "active", "validation_error"})
