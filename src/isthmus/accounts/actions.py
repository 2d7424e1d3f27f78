"""Actions that callers run by name: `POST /proxy/_/{action}` (`definitions.md` §1.12)."""

from __future__ import annotations

from isthmus.accounts.connections import Connection
from isthmus.definitions.actions import RESERVED_ACTIONS, Action
from isthmus.definitions.integration import IntegrationConfig
from isthmus.engine.calls import Call
from isthmus.engine.plans import close_names
from isthmus.engine.proxy import custom_id
from isthmus.engine.results import ValueResult
from isthmus.engine.steps import run_action
from isthmus.errors import BadRequest, IsthmusError, NotFound, failure

__all__ = ["custom_action", "run_custom_action"]


def custom_action(definition: IntegrationConfig, integration: str, name: str) -> Action:
    """Raises BadRequest for the actions that belong to the account's lifecycle, NotFound for an unknown one.
    `integration`: its name, for the message."""
    if name in RESERVED_ACTIONS:
        raise BadRequest(
            f"{name} belongs to the lifecycle of the account, and is not run by a call.",
            failures=[failure("action", f"must not be one of {', '.join(RESERVED_ACTIONS)}", "reserved")],
        )
    actions = {known: each for known, each in definition.actions.items() if known not in RESERVED_ACTIONS}
    action = actions.get(name)
    if action is None:
        label = definition.label or integration
        raise NotFound(
            f"{label} has no action {name!r}. {close_names(name, actions, 'Its actions')} "
            "Actions are defined in integration.config.actions.",
            details={"action": name, "available": sorted(actions)},
        )
    return action


async def run_custom_action(connection: Connection, name: str, call: Call) -> ValueResult:
    """`{result}` of its last step. How it ended is kept with the account, as `last_action_run_result`.

    Raises what `custom_action` raises, and what the steps raise.
    """
    action = custom_action(connection.definition, connection.integration_name, name)
    try:
        result = await run_action(
            connection.upstream,
            connection.definition,
            name,
            action,
            id=custom_id(call),
            query=call.query.nested,
            body=call.body,
        )
    except IsthmusError as failed:
        await connection.record_action(name, failed)
        raise
    await connection.record_action(name, None)
    return ValueResult({"result": result})
