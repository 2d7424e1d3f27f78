"""From (environment, account) to everything a call needs, without reading the database on the hot path."""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from isthmus.accounts.connections.account_row import account_statement, require_open
from isthmus.accounts.connections.account_states import AccountStates, action_record
from isthmus.accounts.connections.call_log import CallLog
from isthmus.accounts.connections.context_store import store_context
from isthmus.accounts.connections.explained_account import ExplainedAccount, read_account
from isthmus.accounts.connections.gateway import Gateway, GatewayAccount, GatewayParts
from isthmus.accounts.connections.throttle import Turnstile
from isthmus.accounts.credentials.refresh_writes import EARLY
from isthmus.accounts.credentials.refresher import Refresher
from isthmus.accounts.credentials.token_refresh import REFRESH_AHEAD, access_token
from isthmus.accounts.egress import Sender, select_sender
from isthmus.accounts.rows.account_checks import SANDBOX_METHOD
from isthmus.accounts.rows.context import OVERRIDE_SECRETS, build_effective_context, decrypt_context
from isthmus.accounts.sandbox.replay import SandboxUpstream
from isthmus.accounts.sandbox.sandbox_accounts import example_context
from isthmus.db.database import Database, get_key_ring
from isthmus.db.epochs import EpochCache, Epochs, get_epoch_group
from isthmus.db.tables import integrated_account
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.secrets import join_secrets
from isthmus.engine.upstream import AccountFacts, Upstream
from isthmus.errors import (
    AccountError,
    AccountNeedsReauth,
    IsthmusError,
    MethodNotAllowed,
    NotFound,
    UpstreamError,
)
from isthmus.integrations.catalog.exchanges import Exchanges
from isthmus.integrations.effective.effective_definitions import EffectiveDefinitions, Layer, ResolvedMapping
from isthmus.integrations.effective.explanations import ExplainedMapping, explain_mappings
from isthmus.integrations.installs.environment_integrations import OVERRIDE_SECRETS as INSTALL_SECRETS
from isthmus.jobs import Run
from isthmus.kit.clock import Clock

__all__ = ["Connection", "Connections"]

_ACCOUNTS: Final = 2_048
_TURNSTILES: Final = 8_192
_READS: Final = frozenset({"list", "get"})


@dataclass(frozen=True, slots=True)
class _Account:
    """What was read of one account; good until the epoch of its environment or of its group rises."""

    gateway: GatewayAccount
    definition: IntegrationConfig
    mapping_layer: Layer
    is_enabled: bool
    is_blocked: bool
    is_offline: bool
    status: str
    last_error: str | None

    def require_open(self) -> None:
        """Raises as `account_row.require_open`."""
        require_open(
            self.gateway.integration,
            self.gateway.facts.id,
            is_enabled=self.is_enabled,
            is_blocked=self.is_blocked,
        )


class Connection:
    """One call's hold on an account: made anew for each call, and cheap."""

    __slots__ = ("_connections", "_read", "_request_id")

    def __init__(self, connections: Connections, read: _Account, request_id: str) -> None:
        self._connections = connections
        self._read = read
        self._request_id = request_id

    @property
    def account(self) -> AccountFacts:
        return self._read.gateway.facts

    @property
    def integration_name(self) -> str:
        return self._read.gateway.integration

    @property
    def definition(self) -> IntegrationConfig:
        """All layers merged."""
        return self._read.definition

    @property
    def upstream(self) -> Upstream:
        """The way out for this call."""
        return self._connections.upstream(self._read, self._request_id)

    async def mapping(self, model: str, resource: str, method: str) -> ResolvedMapping:
        """Raises NotFound that names the tuple."""
        return await self._connections.effective.mapping(
            self.account.environment_id,
            self.integration_name,
            self._read.mapping_layer,
            model,
            resource,
            method,
        )

    async def record_action(self, name: str, failed: IsthmusError | None) -> None:
        """Keeps how an action ended; never what it gave, which may hold credentials."""
        await self._connections.record_action(self.account, name, failed)

    def require_writable(self, method: str, called: str | None = None) -> None:
        """Raises MethodNotAllowed for any method but list and get on a sandbox account. `called`: what the
        caller knows it as, where that is not the method's name."""
        if self.account.is_sandbox and method not in _READS:
            raise MethodNotAllowed(
                f"{called or method} is a write, and {self.account.id} is a sandbox account, which is "
                "read-only. Connect a real account to write.",
                headers={"allow": "GET, HEAD"},
            )


class Connections:
    """One for the process.

    `exchanges`: what offline sandbox accounts answer with.
    `cursor_secret`: the same in every process; each account's key for its cursors comes of it.
    `renews_ahead`: whether tokens are renewed without a call.
    """

    def __init__(
        self,
        database: Database,
        epochs: Epochs,
        effective: EffectiveDefinitions,
        http: Sender,
        clock: Clock,
        call_log: CallLog,
        exchanges: Exchanges,
        *,
        cursor_secret: bytes = b"",
        renews_ahead: bool = True,
    ) -> None:
        self.effective = effective
        self._database = database
        self._clock = clock
        self._exchanges = exchanges
        self._cursor_secret = cursor_secret
        self._renews_ahead = renews_ahead
        self._accounts: EpochCache[str, _Account] = EpochCache(epochs, _ACCOUNTS, group=get_epoch_group)
        self._turnstiles: OrderedDict[str, Turnstile] = OrderedDict()
        self._parts = GatewayParts(
            http,
            clock,
            AccountStates(database),
            call_log,
            self._update_context,
            Refresher(database, clock),
        )

    async def open(self, environment_id: str, account_id: str, *, request_id: str) -> Connection:
        """Raises, in this order: NotFound (also for another environment's account), Forbidden for a disabled
        install, AccountBlocked, AccountNeedsReauth."""
        read = await self._read(environment_id, account_id)
        read.require_open()
        if read.status == "needs_reauth":
            raise AccountNeedsReauth(
                f"the credentials of account {account_id} are refused by the provider"
                + (f": {read.last_error}" if read.last_error else ". Reconnect it."),
            )
        return Connection(self, read, request_id)

    async def refresh_credentials(self, environment_id: str, account_id: str, *, request_id: str) -> None:
        """Renews an account's credentials now; one that was refused is active again.

        Raises NotFound, Forbidden, AccountBlocked, AccountNeedsReauth where the provider refuses,
        UpstreamError while it is away, BadRequest where nothing can renew them.
        """
        read = self._accounts.get(environment_id, account_id)
        if read is None:
            read = await self._load(environment_id, account_id)
        read.require_open()
        if read.is_offline:
            return
        await Gateway(self._parts, read.gateway, request_id).renew(None, revive=True)

    async def renew_early(self, environment_id: str, account_id: str, *, request_id: str) -> None:
        """Renews a token that is about to end, as a call would, for one who uses it elsewhere. Where that
        does not work the token stays what it is. Raises NotFound."""
        read = await self._read(environment_id, account_id)
        ends_at = read.gateway.ends_at
        if read.is_offline or read.is_blocked or read.status == "needs_reauth" or ends_at is None:
            return
        if ends_at - self._clock.now().timestamp() < EARLY:
            with suppress(AccountError, UpstreamError):
                await Gateway(self._parts, read.gateway, request_id).renew(None)

    async def _read(self, environment_id: str, account_id: str) -> _Account:
        read = self._accounts.get(environment_id, account_id)
        if read is None:
            read = await self._accounts.load(
                environment_id, account_id, lambda: self._load(environment_id, account_id)
            )
        return read

    async def close(self) -> None:
        """Before the way out is closed: renewals that have asked a provider come to their end."""
        await self._parts.refresher.close()

    async def renew_ahead(self, run: Run) -> None:
        """The job of an account whose token is about to end: it is renewed although nobody calls."""
        if not self._renews_ahead:
            return
        async with self._database.read() as conn:
            mine = select(integrated_account.c.environment_id, integrated_account.c.status)
            row = (await conn.execute(mine.where(integrated_account.c.id == run.key))).one_or_none()
        if row is None or row.status == "needs_reauth":
            return
        read = await self._load(row.environment_id, run.key)
        if read.is_blocked or read.gateway.ends_at is None:
            return
        if read.gateway.ends_at - self._clock.now().timestamp() > REFRESH_AHEAD.total_seconds() + EARLY:
            return  # somebody has, meanwhile
        try:
            stale = access_token(read.gateway.context)
            await Gateway(self._parts, read.gateway, f"ahead-{run.job_id}").renew(stale)
        except AccountNeedsReauth:
            return  # the account says so

    async def explained(self, environment_id: str, account_id: str) -> ExplainedAccount:
        """The account's layers, for a plan of a call. Raises NotFound."""
        async with self._database.read() as conn:
            return await read_account(conn, environment_id, account_id)

    async def explained_mappings(
        self, account: ExplainedAccount, *, model: str, method: str
    ) -> list[ExplainedMapping]:
        """The mappings of one method of a model, by resource."""
        install = account.install
        async with self._database.read() as conn:
            return await explain_mappings(
                conn,
                install.environment_id,
                install.integration_name,
                account.mappings,
                model=model,
                method=method,
            )

    async def record_action(self, account: AccountFacts, name: str, failed: IsthmusError | None) -> None:
        record = action_record(name, failed, self._clock.now())
        await self._parts.states.action_ran(account, record)

    def upstream(self, read: _Account, request_id: str) -> Upstream:
        if read.is_offline:
            account = read.gateway
            return SandboxUpstream(
                account.facts, account.context, account.integration, read.definition, self._exchanges
            )
        return Gateway(self._parts, read.gateway, request_id)

    async def _load(self, environment_id: str, account_id: str) -> _Account:
        async with self._database.read() as conn:
            found = (
                (await conn.execute(account_statement(environment_id, account_id))).mappings().one_or_none()
            )
            if found is None:
                raise NotFound(
                    f"no integrated account {account_id} in this environment. GET /integrated-account lists "
                    "its accounts."
                )
            row = dict(found)
            keys = get_key_ring(conn)
            override = OVERRIDE_SECRETS.open(keys, row["id"], row["integration_override_secrets"])
            installed = INSTALL_SECRETS.open(keys, row["install_id"], row["install_secrets"])
            definition = await self.effective.definition(
                conn,
                row["integration_id"],
                row["integration_revision"],
                Layer(
                    row["install_id"],
                    row["install_revision"],
                    join_secrets(row["install_override"], installed or {}),
                ),
                Layer(
                    row["id"],
                    row["revision"],
                    join_secrets(row["integration_override"] or {}, override or {}),
                ),
                is_owner=bool(row["is_owner"]),
            )
            context = decrypt_context(keys, row)
            gate_id = row["truto_static_gate_id"]
            http = await select_sender(conn, self._parts.http, environment_id, gate_id)
        return self._account(environment_id, row, definition, context, http)

    def _account(
        self,
        environment_id: str,
        row: Mapping[str, Any],
        definition: IntegrationConfig,
        context: Mapping[str, Any],
        http: Sender,
    ) -> _Account:
        facts = AccountFacts(
            id=row["id"],
            tenant_id=row["tenant_id"],
            environment_id=environment_id,
            is_sandbox=row["is_sandbox"],
            authentication_method=row["authentication_method"],
            cursor_key=hmac.digest(self._cursor_secret, row["id"].encode(), "sha256"),
        )
        is_offline = row["authentication_method"] == SANDBOX_METHOD
        if is_offline:
            # A field that the definition got since then has an example all the same.
            context = {**example_context(definition), **context}
        refused = row["last_forbidden_error"]
        gateway = GatewayAccount(
            facts=facts,
            integration=row["integration_name"],
            definition=definition,
            context=build_effective_context(context, definition.variables()),
            revision=row["revision"],
            turnstile=self._turnstile(row["id"]),
            http=http,
            gate_id=row["truto_static_gate_id"],
            forbidden=None if refused is None else (refused["resource"], refused["method"]),
        )
        if row["closed_until"] is not None:
            left = (row["closed_until"] - self._clock.now()).total_seconds()
            if left > 0:
                gateway.turnstile.learn_closed(left)
        return _Account(
            gateway=gateway,
            definition=definition,
            mapping_layer=Layer(row["id"], row["revision"], row["unified_model_override"] or {}),
            is_enabled=row["is_enabled"],
            is_blocked=bool(row["is_blocked"]),
            is_offline=is_offline,
            status=row["status"],
            last_error=row["last_error"],
        )

    def _turnstile(self, account_id: str) -> Turnstile:
        """One an account, whatever becomes of its row; the least recently connected are forgotten."""
        found = self._turnstiles.get(account_id)
        if found is None:
            found = self._turnstiles[account_id] = Turnstile(self._clock)
            if len(self._turnstiles) > _TURNSTILES:
                self._turnstiles.popitem(last=False)
        self._turnstiles.move_to_end(account_id)
        return found

    async def _update_context(self, account: GatewayAccount, patch: Mapping[str, Any]) -> Mapping[str, Any]:
        whole = await store_context(self._database, account, patch)
        return build_effective_context(whole, account.definition.variables())
