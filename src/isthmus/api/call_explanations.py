"""Answers data-plane calls that have `isthmus_explain=true` with an explanation of the call.

Nothing is sent or stored for it: no idempotency key is claimed, no limit counts the call, and steps write
to a copy of the account's context that is dropped afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from isthmus.accounts.connections.connections import Connection, Connections
from isthmus.accounts.connections.explained_account import ExplainedAccount
from isthmus.accounts.lifecycle.actions import find_custom_action
from isthmus.api.authentication import Authentication
from isthmus.api.call_parsing import parse_account_id, read_custom_call, read_data_call
from isthmus.api.incoming_request import IncomingRequest
from isthmus.api.outgoing_response import OutgoingResponse, make_json_response
from isthmus.definitions.integration import IntegrationConfig
from isthmus.engine.explain.dry_run import DryRun
from isthmus.engine.explain.explanations import (
    CallExplanation,
    explain_action,
    explain_custom,
    explain_proxy,
    explain_unified,
)
from isthmus.engine.unified import UnifiedTarget
from isthmus.integrations.effective.explanations import explain_definition
from isthmus.kit.close_names import find_name_ignoring_separator

__all__ = ["CallExplanations"]

_IRRELEVANT_PATHS: Final = (
    "resources.", "credentials.", "actions.", "webhook.", "tool_tags.", "label", "logo", "icon",
)  # fmt: skip
"""Parts of a definition that take no part in a call, except those of its own resource and method."""


class CallExplanations:
    """Explains data-plane calls; each method answers one kind of call with its explanation."""

    def __init__(self, authentication: Authentication, connections: Connections) -> None:
        self._authentication = authentication
        self._connections = connections

    async def explain_unified(
        self, request: IncomingRequest, model: str, resource: str, method: str, record_id: str | None
    ) -> OutgoingResponse:
        """Explains a unified call: the request it would send, and the mapping behind it. `record_id`: None if
        the path has none."""
        dry_call = await self._open_account(request)
        schema, mapping, method = await dry_call.connection.find_mapping(model, resource, method)
        call = await read_data_call(request, method, record_id)
        target = UnifiedTarget(model, resource, schema, dry_call.connection.integration_name)
        explanation = await explain_unified(
            dry_call.dry_run,
            dry_call.definition,
            target,
            mapping,
            call,
            refuses_unknown_names=dry_call.connection.refuses_unknown_names,
        )
        explained = await self._connections.read_explained_mappings(
            dry_call.account, model=model, method=method
        )
        name = find_name_ignoring_separator(
            resource, {explained_mapping.resource for explained_mapping in explained}
        )
        body = next(
            (explained_mapping.body for explained_mapping in explained if explained_mapping.resource == name),
            None,
        )
        return dry_call.respond(explanation, mapping=body)

    async def explain_proxy(
        self, request: IncomingRequest, resource: str, method: str, record_id: str | None
    ) -> OutgoingResponse:
        """Explains a proxy call. `record_id`: None if the path has none."""
        dry_call = await self._open_account(request)
        call = await read_data_call(request, method, record_id)
        return dry_call.respond(await explain_proxy(dry_call.dry_run, dry_call.definition, resource, call))

    async def explain_custom(self, request: IncomingRequest) -> OutgoingResponse:
        """Explains a custom call."""
        dry_call = await self._open_account(request)
        call = await read_custom_call(request, request.rest_of_path, is_trusted=True)
        return dry_call.respond(await explain_custom(dry_call.dry_run, dry_call.definition, call))

    async def explain_action(self, request: IncomingRequest, name: str) -> OutgoingResponse:
        """Explains a run of an action of the integration."""
        dry_call = await self._open_account(request)
        action = find_custom_action(dry_call.definition, dry_call.account.install.integration_name, name)
        call = await read_data_call(request, "custom", None)
        explanation = await explain_action(dry_call.dry_run, dry_call.definition, name, action, call)
        return dry_call.respond(explanation)

    async def _open_account(self, request: IncomingRequest) -> _DryCall:
        """Opens the account that the query names, for a call that sends nothing. Raises what a call raises
        for its token and account, and Forbidden for an integrated account token, because an explanation shows
        how the integration is defined."""
        principal = await self._authentication.authenticate_api_token(request.headers.get("authorization"))
        environment_id, account_id = principal.environment_id, parse_account_id(request.query)
        connection = await self._connections.open(environment_id, account_id, request_id=request.request_id)
        account = await self._connections.read_explained_account(environment_id, account_id)
        definition = account.merge_definition()
        return _DryCall(
            connection, account, definition, account.start_dry_run(definition, connection.account)
        )


class _DryCall:
    """The account of a call that is explained, with its definition and the upstream that sends nothing."""

    __slots__ = ("account", "connection", "definition", "dry_run")

    def __init__(
        self,
        connection: Connection,
        account: ExplainedAccount,
        definition: IntegrationConfig,
        dry_run: DryRun,
    ) -> None:
        self.connection = connection
        self.account = account
        self.definition = definition
        self.dry_run = dry_run

    def respond(
        self, explanation: CallExplanation, *, mapping: Mapping[str, Any] | None = None
    ) -> OutgoingResponse:
        """Builds the response: the explanation, the values of the definition that take part in the call, and
        the mapping if any."""
        body = explanation.body
        install = self.account.install
        explained = explain_definition(install, self.account.override)
        own_path = f"resources.{explanation.resource}.{explanation.method}."
        values = [
            value
            for value in explained.values
            if value["path"].startswith(own_path) or not value["path"].startswith(_IRRELEVANT_PATHS)
        ]
        if install.shown.content != install.usable.content:
            # The definition of another team can be used, but not read.
            body["definition"] = None
        return make_json_response({"explain": {**body, "definition_values": values, "mapping": mapping}})
