"""Takes an account from saved to active: post-install, then validation, as a job that survives crashes.

    start -> post_install: step, step, ... -> validation: step, step, ... -> active
                 \\-> post_install_error             \\-> validation_error -> (outage: again)

The result of each step is committed before the next step starts, so a process that crashes repeats one step
at most. Each transition is one transaction, with its event. While the provider is unavailable, the validation
is retried for a day.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.connections.account_states import make_action_result
from isthmus.accounts.connections.connections import Connection, Connections
from isthmus.accounts.lifecycle.account_jobs import (
    LIFECYCLE_JOB,
    find_due_validations,
    find_lost_lifecycles,
    schedule_actions,
)
from isthmus.accounts.lifecycle.causes import find_cause
from isthmus.accounts.lifecycle.outages import (
    StageTimeout,
    compute_next_retry,
    is_outage,
    retry_during_outage,
)
from isthmus.accounts.lifecycle.state import (
    LifecycleState,
    encrypt_progress,
    list_replaceable_statuses,
    parse_row,
    require_passed,
    start_validation,
)
from isthmus.accounts.rows.account_events import emit_account_events
from isthmus.accounts.rows.connected_definition import Stage, list_action_schedules
from isthmus.db.database import Database, current_time
from isthmus.db.epochs import get_epoch_group, increment_epoch
from isthmus.db.tables import account_lifecycle, integrated_account
from isthmus.definitions.actions import Action, Step
from isthmus.engine.steps import StepRunner, make_action_runner
from isthmus.errors import AccountBlocked, Forbidden, IsthmusError, NotFound
from isthmus.events import Event
from isthmus.events.catalogue import (
    IntegratedAccountActive,
    IntegratedAccountPostInstallError,
    IntegratedAccountReactivated,
    IntegratedAccountValidationError,
)
from isthmus.jobs import Handlers, Run, defer
from isthmus.kit.clock import Clock
from isthmus.kit.ids import new_id

__all__ = ["Lifecycle"]

_TIME_LIMITS: Final[Mapping[Stage, int]] = {"post_install": 120, "validation": 60}
_FAILURES: Final[Mapping[Stage, tuple[str, type[Event]]]] = {
    "post_install": ("post_install_error", IntegratedAccountPostInstallError),
    "validation": ("validation_error", IntegratedAccountValidationError),
}
_POSTPONED_FOR: Final = timedelta(minutes=2)


class _RestartedMeanwhile(Exception):
    """The lifecycle was started again meanwhile: the job of the new start continues it."""


class Lifecycle:
    """Runs the lifecycles that `start_lifecycle` started. There is one in each process."""

    def __init__(self, database: Database, connections: Connections, clock: Clock) -> None:
        self._database = database
        self._connections = connections
        self._clock = clock

    def register(self, handlers: Handlers) -> None:
        """Register the job of lifecycles, and the finders of those that lost it."""
        handlers.register(LIFECYCLE_JOB, self.run)
        handlers.add_finder(find_lost_lifecycles)
        handlers.add_finder(find_due_validations)

    async def find_stage(self, conn: AsyncConnection, account_id: str) -> Stage:
        """Return the stage that runs for an account whose status is `connecting`."""
        statement = select(account_lifecycle.c.stage).where(account_lifecycle.c.id == account_id)
        stage = (await conn.execute(statement)).scalar_one_or_none()
        return "validation" if stage == "validation" else "post_install"

    async def run(self, run: Run) -> None:
        """Continue the lifecycle of the account `run.key` until it ends or waits."""
        state = await self._load_state(run)
        try:
            while state is not None:
                state = await self._advance(run, state)
        except _RestartedMeanwhile:
            return

    async def _load_state(self, run: Run) -> LifecycleState | None:
        """Return the state of the running stage; start a periodic validation that is due. None if nothing is
        to be done now."""
        async with run.write() as conn:
            statement = select(account_lifecycle).where(account_lifecycle.c.id == run.key).with_for_update()
            row = (await conn.execute(statement)).mappings().one_or_none()
            if row is None:
                return None
            if row["stage"] is not None:
                return parse_row(conn, dict(row))
            now = current_time(conn)
            if row["due_at"] is None:
                return None
            # Too early by this process's clock; one that was set back since then does not count.
            if row["due_at"] > now >= row["updated_at"]:
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
            return parse_row(conn, {**row, **values, "revision": row["revision"] + 1})

    async def _advance(self, run: Run, state: LifecycleState) -> LifecycleState | None:
        """Run one step, or end the stage. Return the next state, None if there is nothing more to do now."""
        try:
            connection = await self._connections.open(
                state.environment_id, state.account_id, request_id=new_id()
            )
        except NotFound:
            return None
        except IsthmusError as closed:
            if not state.is_requested:
                await self._end_unchanged(run, state)
            elif isinstance(closed, AccountBlocked | Forbidden):
                await self._postpone(run, state)
            else:
                await self._fail(run, state, closed)
            return None
        action = connection.definition.actions.get(state.stage)
        try:
            if action is not None and state.step < len(action.steps):
                await self._run_step(connection, action, state)
                return await self._save_progress(run, replace(state, step=state.step + 1))
            require_passed(state, action)
        except IsthmusError as failed:
            await self._fail(run, state, failed)
            return None
        if state.stage == "post_install":
            return await self._save_progress(run, start_validation(state, self._clock.now()), finished=action)
        await self._activate(run, state, action, list_action_schedules(connection.definition))
        return None

    async def _run_step(self, connection: Connection, action: Action, state: LifecycleState) -> None:
        """Run the current step. Raises StageTimeout at the time limit of the stage, and what the step raises,
        unless its errors are ignored."""
        limit = _TIME_LIMITS[state.stage]
        spent = max(0.0, (self._clock.now() - state.started_at).total_seconds())
        runner = make_action_runner(
            connection.upstream, connection.definition, state.stage, clock=self._clock
        )
        step = action.steps[state.step]
        attempt = asyncio.ensure_future(self._attempt_step(runner, step, state))
        deadline = asyncio.ensure_future(self._clock.sleep(max(0.0, limit - spent)))
        try:
            await asyncio.wait((attempt, deadline), return_when=asyncio.FIRST_COMPLETED)
            if not attempt.done():
                raise StageTimeout(f"{state.stage} took longer than {limit} seconds (step {state.step}).")
            try:
                attempt.result()
            except IsthmusError:
                if not step.ignore_error:
                    raise
        finally:
            deadline.cancel()
            attempt.cancel()
            await asyncio.wait((attempt, deadline))

    async def _attempt_step(self, runner: StepRunner, step: Step, state: LifecycleState) -> None:
        """Run a step; during an outage, a step of a validation is tried several times."""

        async def attempt() -> bool:
            """Run the step once; return what `StepRunner.run_step` returns."""
            return await runner.run_step(step, state.step, state.progress)

        is_patient = state.stage == "validation" and not step.ignore_error
        await (retry_during_outage(self._clock, attempt) if is_patient else attempt())

    async def _save_progress(
        self, run: Run, state: LifecycleState, *, finished: Action | None = None
    ) -> LifecycleState:
        """Store the state, and return it. `finished`: the action of post-install if the state starts the
        validation; its success is stored with the account."""
        async with run.write() as conn:
            if finished is not None:
                await self._lock_status(conn, state)  # always locked before the lifecycle's row
            await self._update_lifecycle(
                conn,
                state,
                stage=state.stage,
                step=state.step,
                started_at=state.since,
                progress=encrypt_progress(conn, state),
            )
            if finished is not None:
                await self._update_account(
                    conn, state, {"last_action_run_result": self._make_result("post_install", None)}
                )
        return state

    async def _activate(
        self, run: Run, state: LifecycleState, action: Action | None, crons: Mapping[str, str]
    ) -> None:
        """End the lifecycle and set the account to `active`. A periodic validation that passes emits no
        event, unless the one before failed."""
        values: dict[str, Any] = {"status": "active", "last_error": None}
        if action is not None:
            values["last_action_run_result"] = self._make_result("validation", None)
        async with run.write() as conn:
            status = await self._lock_status(conn, state)
            await self._end_lifecycle(conn, state, action)
            if status not in list_replaceable_statuses(state):
                return
            events: list[type[Event]] = []
            if state.is_requested:
                await schedule_actions(conn, state.account_id, crons)
                events.append(IntegratedAccountActive)
            if state.is_reconnect or state.was_failed or status == "validation_error":
                events.append(IntegratedAccountReactivated)
            await self._update_account(conn, state, values, *events)

    async def _fail(self, run: Run, state: LifecycleState, error: IsthmusError) -> None:
        """Set the account to the error status of the stage. After an outage, a validation is
        retried later."""
        if not state.is_requested and is_outage(error):
            await self._end_unchanged(run, state)
            return
        status, event = _FAILURES[state.stage]
        values = {
            "status": status,
            "last_error": error.message,
            "last_action_run_result": self._make_result(state.stage, error),
        }
        async with run.write() as conn:
            before = await self._lock_status(conn, state)
            is_open = before in list_replaceable_statuses(state)
            is_repeated = is_open and state.stage == "validation" and is_outage(error)
            retry_at = compute_next_retry(state.since, current_time(conn)) if is_repeated else None
            if retry_at is None:
                await self._end_lifecycle(conn, state, None)
            else:
                await self._schedule_retry(conn, state, retry_at)
            if is_open:
                await self._update_account(conn, state, values, *(() if before == status else (event,)))

    async def _schedule_retry(self, conn: AsyncConnection, state: LifecycleState, until: datetime) -> None:
        """Start the same stage again at `until`."""
        await self._update_lifecycle(conn, state, step=0, progress=None)
        await defer(conn, LIFECYCLE_JOB, state.account_id, run_at=until)

    async def _postpone(self, run: Run, state: LifecycleState) -> None:
        """Try again in two minutes, for an account that is blocked or whose install is disabled. The day in
        which an outage is retried starts anew."""
        async with run.write() as conn:
            now = current_time(conn)
            await self._update_lifecycle(conn, state, started_at=now)
            await defer(conn, LIFECYCLE_JOB, state.account_id, run_at=now + _POSTPONED_FOR)

    async def _end_unchanged(self, run: Run, state: LifecycleState) -> None:
        """End a periodic validation without a result: the account may not be called now, or the provider is
        unavailable."""
        async with run.write() as conn:
            await self._end_lifecycle(conn, state, None)

    async def _lock_status(self, conn: AsyncConnection, state: LifecycleState) -> str | None:
        """Lock the account's row and return its status; None if the account is gone."""
        statement = select(integrated_account.c.status).where(
            integrated_account.c.id == state.account_id,
            integrated_account.c.environment_id == state.environment_id,
        )
        status: str | None = (await conn.execute(statement.with_for_update())).scalar_one_or_none()
        return status

    async def _end_lifecycle(
        self, conn: AsyncConnection, state: LifecycleState, action: Action | None
    ) -> None:
        """End the stage. `action`: the validation, whose interval says when it is repeated; None after a
        failure."""
        hours = None if action is None else action.validation_interval_hours
        due_at = None if hours is None else current_time(conn) + timedelta(hours=hours)
        if action is None and not state.is_requested:
            due_at = current_time(conn) + timedelta(hours=1)  # a periodic validation that failed is retried
        await self._update_lifecycle(
            conn, state, stage=None, step=0, progress=None, started_at=None, was_failed=False, due_at=due_at
        )
        if due_at is not None:
            await defer(conn, LIFECYCLE_JOB, state.account_id, run_at=due_at)

    async def _update_lifecycle(self, conn: AsyncConnection, state: LifecycleState, **values: Any) -> None:
        """Update the lifecycle's row. Raises _RestartedMeanwhile if its revision has changed."""
        result = await conn.execute(
            update(account_lifecycle)
            .where(
                account_lifecycle.c.id == state.account_id,
                account_lifecycle.c.revision == state.revision,
            )
            .values(**values, updated_at=current_time(conn))
        )
        if not result.rowcount:
            raise _RestartedMeanwhile

    async def _update_account(
        self, conn: AsyncConnection, state: LifecycleState, values: Mapping[str, Any], *events: type[Event]
    ) -> None:
        """Update the account's row, increment the epoch of its group, and emit the events."""
        await conn.execute(
            update(integrated_account)
            .where(
                integrated_account.c.id == state.account_id,
                integrated_account.c.environment_id == state.environment_id,
            )
            .values(**values, updated_at=current_time(conn))
        )
        await increment_epoch(conn, get_epoch_group(state.account_id))
        if events:
            await emit_account_events(conn, state.environment_id, state.account_id, *events)

    def _make_result(self, name: str, error: IsthmusError | None) -> dict[str, Any]:
        """Return the JSON value of `last_action_run_result`, with the `cause` of an error."""
        result = make_action_result(name, error, self._clock.now())
        if error is not None:
            result["error"]["cause"] = find_cause(error)
        return result
