"""Runs the actions of an account: those that callers run by name, and those that have a schedule."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from isthmus.accounts.connections.connections import Connection, Connections
from isthmus.accounts.lifecycle.account_jobs import ACTION_JOB, format_schedule_name, schedule_actions
from isthmus.accounts.rows.connected_definition import list_action_schedules
from isthmus.db.database import Database
from isthmus.db.tables import integrated_account
from isthmus.definitions.actions import RESERVED_ACTIONS, Action
from isthmus.definitions.integration import IntegrationConfig
from isthmus.engine.calls import Call, ValueResult
from isthmus.engine.evaluation import evaluate_mapping, is_truthy
from isthmus.engine.method_plans import suggest_names
from isthmus.engine.steps import run_action
from isthmus.errors import BadRequest, IsthmusError, NotFound, failure
from isthmus.jobs import Handlers, Run, drop_schedule, get_schedule
from isthmus.kit.clock import Clock

__all__ = ["ScheduledActions", "find_custom_action", "run_custom_action"]


def find_custom_action(definition: IntegrationConfig, integration: str, name: str) -> Action:
    """Return the action `name` of a definition. Raises BadRequest for the actions of the lifecycle, NotFound
    for an unknown one. `integration`: its name, for the message."""
    if name in RESERVED_ACTIONS:
        raise BadRequest(
            f"{name} belongs to the lifecycle of the account, and is not run by a call.",
            failures=[failure("action", f"must not be one of {', '.join(RESERVED_ACTIONS)}", "reserved")],
        )
    actions = {
        action_name: each
        for action_name, each in definition.actions.items()
        if action_name not in RESERVED_ACTIONS
    }
    action = actions.get(name)
    if action is None:
        label = definition.label or integration
        raise NotFound(
            f"{label} has no action {name!r}. {suggest_names(name, actions, 'Its actions')} "
            "Actions are defined in integration.config.actions.",
            details={"action": name, "available": sorted(actions)},
        )
    return action


async def run_custom_action(connection: Connection, name: str, call: Call) -> ValueResult:
    """Run an action and return `{result: ...}` of its last step. How it ended is stored with the account, as
    `last_action_run_result`. Raises what `find_custom_action` and the steps raise."""
    action = find_custom_action(connection.definition, connection.integration_name, name)
    try:
        result = await run_action(
            connection.upstream,
            connection.definition,
            name,
            action,
            id=call.record_id,
            query=call.query.nested,
            body=call.body,
        )
    except IsthmusError as failed:
        await connection.record_action_result(name, failed)
        raise
    await connection.record_action_result(name, None)
    return ValueResult({"result": result})


class ScheduledActions:
    """Runs scheduled actions when they are due. There is one in each process."""

    def __init__(self, database: Database, connections: Connections, clock: Clock) -> None:
        self._database = database
        self._connections = connections
        self._clock = clock

    def register(self, handlers: Handlers) -> None:
        """Register the job that runs scheduled actions."""
        handlers.register(ACTION_JOB, self.run)

    async def run(self, run: Run) -> None:
        """Run the action `<account>:<action>` of `run.key`. An account that is not active skips this run. The
        result is stored with the account, as `last_action_run_result`; a failure is not retried before the
        next run."""
        account_id, _, name = run.key.partition(":")
        async with self._database.read() as conn:
            columns = (integrated_account.c.environment_id, integrated_account.c.status)
            rows = await conn.execute(select(*columns).where(integrated_account.c.id == account_id))
            row = rows.one_or_none()
        if row is None:
            return await self._drop_schedule(run)
        if row.status != "active":
            return None
        request_id = f"action-{run.job_id}"
        try:
            connection = await self._connections.open(row.environment_id, account_id, request_id=request_id)
        except IsthmusError:
            return None  # its install may be disabled
        cron = list_action_schedules(connection.definition).get(name)
        if cron is None:
            return await self._drop_schedule(run)
        if not await self._has_current_cron(run, cron):
            return None
        await self._run_action(connection, name)
        return None

    async def _run_action(self, connection: Connection, name: str) -> None:
        """Run the action if its `run_if` is truthy, and store how it ended."""
        action = connection.definition.actions[name]
        assert action.schedule is not None
        try:
            run_if = action.schedule.run_if
            if run_if is not None:
                context: dict[str, Any] = dict(connection.upstream.context)
                if not is_truthy(
                    await evaluate_mapping(f"actions.{name}.schedule.run_if", run_if, context, None)
                ):
                    return
            await run_action(connection.upstream, connection.definition, name, action, clock=self._clock)
        except IsthmusError as failed:
            await connection.record_action_result(name, failed)
            return
        await connection.record_action_result(name, None)

    async def _has_current_cron(self, run: Run, cron: str) -> bool:
        """Return True if the schedule has the cron expression of the definition. Otherwise, schedule the
        action by that one and return False."""
        async with run.write() as conn:
            stored = await get_schedule(conn, format_schedule_name(run.key), lock=True)
            if stored is None or stored.cron == cron:
                return True
            account_id, _, name = run.key.partition(":")
            await schedule_actions(conn, account_id, {name: cron})
            return False

    async def _drop_schedule(self, run: Run) -> None:
        """Delete the schedule of the run's action, which the definition does not have any more."""
        async with run.write() as conn:
            await drop_schedule(conn, format_schedule_name(run.key))
