"""`isthmus_explain=true`: the plan of a data-plane call instead of its answer.

Nothing is sent and nothing is kept: no idempotency key is claimed, no limit counts the call, and steps write
to a copy of the account's context that ends with the plan.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from isthmus.accounts.connections.connections import Connection, Connections
from isthmus.accounts.connections.explained_account import ExplainedAccount
from isthmus.accounts.lifecycle.actions import custom_action
from isthmus.api.authentication import Authentication
from isthmus.api.call_parameters import parse_account_id, parse_flag
from isthmus.api.incoming_request import Incoming
from isthmus.api.outgoing_response import Answer, json_answer
from isthmus.api.request_bodies import read_custom_call, read_data_call
from isthmus.definitions.integration import IntegrationConfig
from isthmus.engine.call_plans import CallPlan, plan_action, plan_custom, plan_proxy, plan_unified
from isthmus.engine.dry_run import DryRun
from isthmus.engine.queries import parse
from isthmus.engine.unified import Target
from isthmus.integrations.effective.explanations import explain_definition
from isthmus.integrations.rows.unknown_names import either_separator

__all__ = ["CallPlans", "wants_plan"]

_PARAMETER: Final = "isthmus_explain"
_ELSEWHERE: Final = (
    "resources.", "credentials.", "actions.", "webhook.", "tool_tags.", "label", "logo", "icon",
)  # fmt: skip
"""Parts of a definition that take no part in a call of another resource or method."""


def wants_plan(query_string: bytes) -> bool:
    """Raises BadRequest where the parameter is neither true nor false."""
    return b"isthmus_" in query_string and parse_flag(parse(query_string).nested, _PARAMETER)


class CallPlans:
    def __init__(self, authentication: Authentication, connections: Connections) -> None:
        self._authentication = authentication
        self._connections = connections

    async def unified(
        self, incoming: Incoming, model: str, resource: str, method: str, identity: str | None
    ) -> Answer:
        work = await self._open(incoming)
        schema, mapping = await work.connection.mapping(model, resource, method)
        call = await read_data_call(incoming, method, identity)
        target = Target(model, resource, schema, work.connection.integration_name)
        plan = await plan_unified(work.dry, work.definition, target, mapping, call)
        found = await self._connections.explained_mappings(work.account, model=model, method=method)
        name = either_separator(resource, (each.resource for each in found))
        shown = next((each.body for each in found if each.resource == name), None)
        return work.answer(plan, mapping=shown)

    async def proxy(self, incoming: Incoming, resource: str, method: str, identity: str | None) -> Answer:
        work = await self._open(incoming)
        call = await read_data_call(incoming, method, identity)
        return work.answer(await plan_proxy(work.dry, work.definition, resource, call))

    async def custom(self, incoming: Incoming) -> Answer:
        work = await self._open(incoming)
        call = await read_custom_call(incoming, incoming.rest_of_path, is_trusted=True)
        return work.answer(await plan_custom(work.dry, work.definition, call))

    async def action(self, incoming: Incoming, name: str) -> Answer:
        work = await self._open(incoming)
        action = custom_action(work.definition, work.account.install.integration_name, name)
        call = await read_data_call(incoming, "custom", None)
        return work.answer(await plan_action(work.dry, work.definition, name, action, call))

    async def _open(self, incoming: Incoming) -> _Work:
        """Raises what a call raises for its token and account, and Forbidden for an account's own token: a
        plan shows how the integration is made."""
        principal = await self._authentication.principal(incoming.headers.get("authorization"))
        environment_id, identity = principal.environment_id, parse_account_id(incoming.query_string)
        connection = await self._connections.open(environment_id, identity, request_id=incoming.request_id)
        account = await self._connections.explained(environment_id, identity)
        definition = account.definition()
        return _Work(connection, account, definition, account.dry_run(definition, connection.account))


class _Work:
    __slots__ = ("account", "connection", "definition", "dry")

    def __init__(
        self, connection: Connection, account: ExplainedAccount, definition: IntegrationConfig, dry: DryRun
    ) -> None:
        self.connection = connection
        self.account = account
        self.definition = definition
        self.dry = dry

    def answer(self, plan: CallPlan, *, mapping: Mapping[str, Any] | None = None) -> Answer:
        body = plan.body
        install = self.account.install
        found = explain_definition(install, self.account.override)
        own = f"resources.{plan.resource}.{plan.method}."
        shown = [
            value
            for value in found.values
            if value["path"].startswith(own) or not value["path"].startswith(_ELSEWHERE)
        ]
        if install.shown.content != install.usable.content:
            # Another team's definition works, and is not told.
            body["definition"] = None
        return json_answer({"explain": {**body, "definition_values": shown, "mapping": mapping}})
