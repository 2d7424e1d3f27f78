"""Carries out the calls of a batch request on one account, by the name of the resource."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isthmus.accounts.connections.connections import Connection, Connections
from isthmus.accounts.connections.gateway import BeforeWrite
from isthmus.accounts.rows.context import list_secret_fields, split_context
from isthmus.db.outages import find_outage
from isthmus.engine import proxy, unified
from isthmus.engine.batch import Admit
from isthmus.engine.calls import Call, CallResult
from isthmus.engine.unified import UnifiedTarget
from isthmus.engine.upstream import AccountFacts, OutgoingRequest, Upstream
from isthmus.http.messages import HttpResponse

__all__ = ["BatchCalls"]


class BatchCalls:
    """The calls of a batch request, an `engine.batch.NodeCaller`. The account is opened anew for each call,
    so that one that is refused, blocked or disabled meanwhile is not called any more.

    `opened`: the account as it was opened for the batch request. `before_write`: awaited before each write to
    the provider; None if nobody has to know. `can_refuse_names`: whether unified calls are refused for
    unknown names where the environment says so; False where a definition makes them, not a caller.
    """

    def __init__(
        self,
        connections: Connections,
        opened: Connection,
        request_id: str,
        before_write: BeforeWrite | None = None,
        *,
        can_refuse_names: bool = True,
    ) -> None:
        self._can_refuse_names = can_refuse_names
        self._before_write = before_write
        self._connections = connections
        self._opened = opened
        self._request_id = request_id

    @property
    def context(self) -> Mapping[str, Any]:
        """The effective context of the account, with secrets."""
        return self._opened.upstream.context

    @property
    def public_context(self) -> Mapping[str, Any]:
        """The context without secrets and environment variables."""
        names = list_secret_fields(self._opened.definition)
        plain, _ = split_context(self.context, names)
        plain.pop("environment_variables", None)  # secret ones are among them
        return plain

    async def call(self, resource: str, call: Call, admit: Admit) -> CallResult:
        """Make a proxy call of `resource`, or a unified call of `model/resource`. `admit` is awaited before
        each request to the provider. Raises DatabaseUnavailable during an outage of the database."""
        try:
            return await self._call(resource, call, admit)
        except Exception as error:  # of any kind: only those of an outage are changed
            outage = find_outage(error)
            if outage is None:
                raise
            self._connections.outages.report("nodes of batches fail", error)
            raise outage from error

    async def _call(self, resource: str, call: Call, admit: Admit) -> CallResult:
        """Make the call."""
        account = self._opened.account
        connection = await self._connections.open(
            account.environment_id, account.id, request_id=self._request_id
        )
        if self._before_write is not None:
            connection = connection.with_before_write(self._before_write)
        self._opened = connection
        connection.require_writable(call.method)
        upstream = _AdmittedUpstream(connection.upstream, admit)
        model, _, unified_resource = resource.partition("/")
        if not unified_resource:
            return await proxy.call_method(upstream, connection.definition, resource, call)
        schema, mapping, method = await connection.find_mapping(model, unified_resource, call.method)
        target = UnifiedTarget(model, unified_resource, schema, connection.integration_name)
        return await unified.call_method(
            upstream,
            connection.definition,
            target,
            mapping,
            call.with_method(method),
            refuses_unknown_names=self._can_refuse_names and connection.refuses_unknown_names,
        )


class _AdmittedUpstream:
    """An `Upstream` that waits for `admit` before each request."""

    __slots__ = ("_admit", "_upstream")

    def __init__(self, upstream: Upstream, admit: Admit) -> None:
        self._upstream = upstream
        self._admit = admit

    @property
    def context(self) -> Mapping[str, Any]:
        """The context of the inner upstream."""
        return self._upstream.context

    @property
    def account(self) -> AccountFacts:
        """The account of the inner upstream."""
        return self._upstream.account

    async def send(self, request: OutgoingRequest) -> HttpResponse:
        """Wait for `admit`, then send by the inner upstream."""
        await self._admit()
        return await self._upstream.send(request)

    async def update_context(self, patch: Mapping[str, Any]) -> None:
        """Store the patch by the inner upstream."""
        await self._upstream.update_context(patch)
