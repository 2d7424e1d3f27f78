"""Opens accounts for calls: what a call needs of an account is read once and cached until it changes."""

from __future__ import annotations

import hmac
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import select

from isthmus.accounts.connections.account_row import select_account
from isthmus.accounts.connections.account_states import AccountStates, make_action_result
from isthmus.accounts.connections.call_log import CallLog
from isthmus.accounts.connections.context_store import store_context
from isthmus.accounts.connections.explained_account import ExplainedAccount, read_explained_account
from isthmus.accounts.connections.gateway import BeforeWrite, Gateway, GatewayAccount, GatewayParts
from isthmus.accounts.connections.throttle import AccountThrottle
from isthmus.accounts.credentials.refresher import Refresher
from isthmus.accounts.credentials.token_refresh import find_job_moment, get_access_token, schedule_refresh
from isthmus.accounts.egress import AccountSender, Sender, SharedSender, select_sender
from isthmus.accounts.rows.account_checks import SANDBOX_METHOD, account_not_found_error
from isthmus.accounts.rows.context import OVERRIDE_SECRETS, build_effective_context, decrypt_context
from isthmus.accounts.sandbox.replay import SandboxUpstream
from isthmus.accounts.sandbox.sandbox_accounts import build_example_context
from isthmus.accounts.sandbox.stored_records import AccountRecords, StoredRecord, read_records
from isthmus.db.database import Database, get_key_ring
from isthmus.db.epochs import EpochCache, Epochs, get_epoch_group
from isthmus.db.outages import OutageReporter
from isthmus.db.tables import integrated_account
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.secrets import join_secrets
from isthmus.engine.upstream import AccountFacts, Upstream
from isthmus.errors import (
    AccountBlocked,
    AccountError,
    AccountNeedsReauth,
    Forbidden,
    IsthmusError,
    MethodNotAllowed,
    UpstreamError,
)
from isthmus.integrations.catalog.exchanges import Exchanges
from isthmus.integrations.effective.effective_definitions import EffectiveDefinitions, Layer, ResolvedMapping
from isthmus.integrations.effective.explanations import ExplainedMapping, explain_mappings
from isthmus.integrations.installs.environment_integrations import OVERRIDE_SECRETS as INSTALL_SECRETS
from isthmus.jobs import Run
from isthmus.kit.clock import Clock
from isthmus.tenancy.call_settings import refuses_unknown_names

__all__ = ["Connection", "Connections"]

_MAX_CACHED_ACCOUNTS: Final = 2_048
_EARLY_JOB: Final = timedelta(minutes=1)
"""How long before its moment a refresh job may run."""
_MAX_THROTTLES: Final = 8_192
_READ_METHODS: Final = frozenset({"list", "get"})
_OFFLINE_WRITES: Final = frozenset({"create", "update", "delete"})


def require_callable(integration: str, account_id: str, *, is_enabled: bool, is_blocked: bool) -> None:
    """Raises Forbidden for an account of a disabled install, AccountBlocked for one on the block list."""
    if not is_enabled:
        raise Forbidden(
            f"{integration} is disabled in this environment. Enable it with "
            "PATCH /environment-integration/{id} {is_enabled: true}."
        )
    if is_blocked:
        raise AccountBlocked(
            f"the account {account_id} is blocked by whoever operates this server, so nothing was sent. Do "
            "not retry; ask them."
        )


@dataclass(frozen=True, slots=True)
class _LoadedAccount:
    """What was read of one account for its calls. Valid until the epoch of its environment or of its group is
    incremented.

    `sandbox`: replays recorded exchanges, for an account without a provider; else None. `mappings`: those
    that were used so far, by model, resource and method. `refuses_unknown_names`: a setting of the
    environment, for unified calls.
    """

    gateway: GatewayAccount
    definition: IntegrationConfig
    mapping_layer: Layer
    is_enabled: bool
    is_blocked: bool
    sandbox: SandboxUpstream | None
    status: str
    last_error: str | None
    refuses_unknown_names: bool
    mappings: dict[tuple[str, str, str], ResolvedMapping] = field(default_factory=dict)

    def require_callable(self) -> None:
        """Raises Forbidden for a disabled install, AccountBlocked for a blocked account."""
        if not self.is_enabled or self.is_blocked:
            require_callable(
                self.gateway.integration,
                self.gateway.facts.id,
                is_enabled=self.is_enabled,
                is_blocked=self.is_blocked,
            )


class Connection:
    """An account, opened for one call. `definition`: its effective definition. `upstream`: sends the call's
    requests to the provider. `refuses_unknown_names`: whether the environment refuses unified calls that send
    a name which nobody knows."""

    __slots__ = (
        "_cached",
        "_connections",
        "account",
        "definition",
        "integration_name",
        "refuses_unknown_names",
        "upstream",
    )

    def __init__(self, connections: Connections, cached: _LoadedAccount, upstream: Upstream) -> None:
        self._connections = connections
        self._cached = cached
        self.account: Final[AccountFacts] = cached.gateway.facts
        self.integration_name: Final[str] = cached.gateway.integration
        self.definition: Final[IntegrationConfig] = cached.definition
        self.refuses_unknown_names: Final[bool] = cached.refuses_unknown_names
        self.upstream: Final[Upstream] = upstream

    async def find_mapping(self, model: str, resource: str, method: str) -> ResolvedMapping:
        """Return the resource of the unified model, the effective mapping of the method, and its name.
        Raises NotFound."""
        key = (model, resource, method)
        mapping = self._cached.mappings.get(key)
        if mapping is None:
            mapping = await self._connections.effective.get_mapping(
                self.account.environment_id, self.integration_name, self._cached.mapping_layer, *key
            )
            self._cached.mappings[key] = mapping
        return mapping

    def with_before_write(self, before_write: BeforeWrite) -> Connection:
        """Return a connection whose upstream awaits `before_write` before each write that it sends."""
        upstream = self.upstream
        if isinstance(upstream, Gateway):
            upstream = upstream.with_before_write(before_write)
        return Connection(self._connections, self._cached, upstream)

    async def record_action_result(self, name: str, error: IsthmusError | None) -> None:
        """Store how an action ended, `error` None for a success. Its result is not stored: it may hold
        credentials."""
        await self._connections.record_action_result(self.account, name, error)

    def require_writable(self, method: str, label: str | None = None) -> None:
        """Raises MethodNotAllowed for a method that a sandbox account does not take: of one that answers from
        recorded exchanges any but the five, of another one any but list and get. `label`: what the message
        calls the method, if not by its name."""
        if not self.account.is_sandbox or method in _READ_METHODS:
            return
        if self._cached.sandbox is None:
            raise MethodNotAllowed(
                f"{label or method} is a write, and {self.account.id} is a sandbox account, which is "
                "read-only. Connect a real account to write.",
                headers={"allow": "GET, HEAD"},
            )
        if method not in _OFFLINE_WRITES:
            raise MethodNotAllowed(
                f"{label or method} is a write that the sandbox account {self.account.id} cannot carry out "
                "offline. It takes create, update and delete; connect a real account for the rest.",
                headers={"allow": "GET, HEAD, POST, PATCH, DELETE"},
            )


class Connections:
    """Opens accounts for calls, and refreshes their credentials. There is one in each process.

    `exchanges`: the recorded exchanges that sandbox accounts replay.
    `cursor_secret`: the same in every process; the key that signs an account's cursors is derived from it.
    `refreshes_ahead`: whether tokens are refreshed before they expire, without a call.
    `max_wait_seconds`: how long a provider may make an account wait.
    """

    def __init__(
        self,
        database: Database,
        epochs: Epochs,
        effective: EffectiveDefinitions,
        http: SharedSender,
        clock: Clock,
        call_log: CallLog,
        exchanges: Exchanges,
        *,
        cursor_secret: bytes = b"",
        refreshes_ahead: bool = True,
        max_wait_seconds: float = 3_600.0,
    ) -> None:
        self.effective = effective
        self._database = database
        self._clock = clock
        self._exchanges = exchanges
        self._cursor_secret = cursor_secret
        self._refreshes_ahead = refreshes_ahead
        self._accounts: EpochCache[str, _LoadedAccount] = EpochCache(
            epochs, _MAX_CACHED_ACCOUNTS, group=get_epoch_group
        )
        self._throttles: OrderedDict[str, AccountThrottle] = OrderedDict()
        self._parts = GatewayParts(
            http,
            clock,
            AccountStates(database),
            call_log,
            self._update_context,
            Refresher(database, clock),
            max_wait_seconds,
        )

    @property
    def outages(self) -> OutageReporter:
        """What is told of outages of the database."""
        return self._database.outages

    async def open(self, environment_id: str, account_id: str, *, request_id: str) -> Connection:
        """Open an account for one call. Raises, in this order: NotFound (also for an account of another
        environment), Forbidden for a disabled install, AccountBlocked, AccountNeedsReauth."""
        cached = await self._get_account(environment_id, account_id)
        cached.require_callable()
        if cached.status == "needs_reauth":
            raise AccountNeedsReauth(
                f"the credentials of account {account_id} are refused by {cached.gateway.facts.product}"
                + (f": {cached.last_error}" if cached.last_error else ". Reconnect it."),
            )
        upstream = cached.sandbox or Gateway(self._parts, cached.gateway, request_id)
        return Connection(self, cached, upstream)

    async def refresh_credentials(self, environment_id: str, account_id: str, *, request_id: str) -> None:
        """Refresh an account's credentials now; an account in `needs_reauth` is active afterwards.

        Raises NotFound, Forbidden, AccountBlocked, AccountNeedsReauth if the provider refuses, UpstreamError
        while it is unavailable, BadRequest if the credentials cannot be refreshed.
        """
        cached = self._accounts.get(environment_id, account_id)
        if cached is None:
            cached = await self._read_account_from_database(environment_id, account_id)
        cached.require_callable()
        if cached.sandbox is None:
            await Gateway(self._parts, cached.gateway, request_id).refresh(None, force=True)

    async def refresh_expiring_token(self, environment_id: str, account_id: str, *, request_id: str) -> None:
        """Refresh the account's token if it is about to expire, as a call would, for a caller that hands it
        out. If that fails, the stored token stays. Raises NotFound."""
        cached = await self._get_account(environment_id, account_id)
        life = cached.gateway.token_life
        if cached.sandbox or cached.is_blocked or cached.status == "needs_reauth" or life is None:
            return
        if self._clock.now().timestamp() > life.refresh_at:
            with suppress(AccountError, UpstreamError):
                await Gateway(self._parts, cached.gateway, request_id).refresh(None)

    async def close(self) -> None:
        """Wait for the refreshes that are under way. Call it before the HTTP client is closed."""
        await self._parts.refresher.close()

    async def run_refresh_job(self, run: Run) -> None:
        """Refresh the token of the account `run.key` before it expires, unless it was refreshed since the job
        was scheduled, or the account is blocked or refused."""
        if not self._refreshes_ahead:
            return
        async with self._database.read() as conn:
            statement = select(integrated_account.c.environment_id, integrated_account.c.status)
            row = (await conn.execute(statement.where(integrated_account.c.id == run.key))).one_or_none()
        if row is None or row.status == "needs_reauth":
            return
        cached = await self._read_account_from_database(row.environment_id, run.key)
        moment = find_job_moment(cached.gateway.context)
        if cached.is_blocked or cached.gateway.token_life is None or moment is None:
            return
        if moment - self._clock.now() > _EARLY_JOB:
            async with run.write() as conn:  # refreshed meanwhile, or too early by this process's clock
                await schedule_refresh(conn, run.key, cached.gateway.context)
            return
        current_token = get_access_token(cached.gateway.context)
        # A refusal is stored with the account.
        with suppress(AccountNeedsReauth):
            await Gateway(self._parts, cached.gateway, f"ahead-{run.job_id}").refresh(current_token)

    async def read_explained_account(self, environment_id: str, account_id: str) -> ExplainedAccount:
        """Read the account's layers, to describe a call without sending it. Raises NotFound."""
        async with self._database.read() as conn:
            return await read_explained_account(conn, environment_id, account_id)

    async def read_explained_mappings(
        self, account: ExplainedAccount, *, model: str, method: str
    ) -> list[ExplainedMapping]:
        """Read the account's mappings of one method of a model, one for each resource."""
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

    async def record_action_result(
        self, account: AccountFacts, name: str, error: IsthmusError | None
    ) -> None:
        """Store how an action ended, as `Connection.record_action_result` does."""
        record = make_action_result(name, error, self._clock.now())
        await self._parts.states.record_action_result(account, record)

    async def _get_account(self, environment_id: str, account_id: str) -> _LoadedAccount:
        """Return the account from the cache or, if it is not there or has changed, from the database. Raises
        NotFound."""
        cached = self._accounts.get(environment_id, account_id)
        if cached is None:
            cached = await self._accounts.load(
                environment_id,
                account_id,
                lambda: self._read_account_from_database(environment_id, account_id),
            )
        return cached

    async def _read_account_from_database(self, environment_id: str, account_id: str) -> _LoadedAccount:
        """Read an account from the database, and do not cache it. Raises NotFound."""
        read_at = self._clock.monotonic()
        async with self._database.read() as conn:
            statement = select_account(environment_id, account_id)
            first_row = (await conn.execute(statement)).mappings().one_or_none()
            if first_row is None:
                raise account_not_found_error(account_id)
            row = dict(first_row)
            keys = get_key_ring(conn)
            override = OVERRIDE_SECRETS.decrypt(keys, row["id"], row["integration_override_secrets"])
            installed = INSTALL_SECRETS.decrypt(keys, row["install_id"], row["install_secrets"])
            definition = await self.effective.get_definition(
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
            sender = AccountSender(self._parts.http, account_id)
            http = await select_sender(conn, sender, environment_id, gate_id)
            written = await read_records(conn, account_id) if _is_offline(row) else []
        account = self._build_account(environment_id, row, definition, context, http, written)
        account.gateway.throttle.follow_row(row["closed_until"], row["closed_at"], read_at=read_at)
        return account

    def _build_account(
        self,
        environment_id: str,
        row: Mapping[str, Any],
        definition: IntegrationConfig,
        context: Mapping[str, Any],
        http: Sender,
        written: Sequence[StoredRecord],
    ) -> _LoadedAccount:
        """Build the account for calls from its row, its definition and its decrypted context. `http`: sends
        directly or through the account's static gate. `written`: what was written to a sandbox account."""
        facts = AccountFacts(
            id=row["id"],
            tenant_id=row["tenant_id"],
            environment_id=environment_id,
            is_sandbox=row["is_sandbox"],
            authentication_method=row["authentication_method"],
            cursor_key=hmac.digest(self._cursor_secret, row["id"].encode(), "sha256"),
            product=definition.label or row["integration_name"],
        )
        if _is_offline(row):
            # Fields that the definition has got since the account was created have example values, too.
            context = {**build_example_context(definition), **context}
        forbidden = row["last_forbidden_error"]
        gateway = GatewayAccount(
            facts=facts,
            integration=row["integration_name"],
            definition=definition,
            context=build_effective_context(context, definition.reveal_variables()),
            revision=row["revision"],
            throttle=self._get_throttle(row["id"]),
            http=http,
            gate_id=row["truto_static_gate_id"],
            last_forbidden=None if forbidden is None else (forbidden["resource"], forbidden["method"]),
        )
        sandbox = None
        if _is_offline(row):
            sandbox = SandboxUpstream(
                facts,
                gateway.context,
                gateway.integration,
                definition,
                self._exchanges,
                AccountRecords(self._database, environment_id, row["id"], written),
            )
        return _LoadedAccount(
            gateway=gateway,
            definition=definition,
            mapping_layer=Layer(row["id"], row["revision"], row["unified_model_override"] or {}),
            is_enabled=row["is_enabled"],
            is_blocked=bool(row["is_blocked"]),
            sandbox=sandbox,
            status=row["status"],
            last_error=row["last_error"],
            refuses_unknown_names=refuses_unknown_names(row["environment_settings"]),
        )

    def _get_throttle(self, account_id: str) -> AccountThrottle:
        """Return the throttle of an account, which outlives the cached account. The least recently used are
        dropped."""
        throttle = self._throttles.get(account_id)
        if throttle is None:
            throttle = self._throttles[account_id] = AccountThrottle(self._clock)
            if len(self._throttles) > _MAX_THROTTLES:
                self._throttles.popitem(last=False)
        self._throttles.move_to_end(account_id)
        return throttle

    async def _update_context(self, account: GatewayAccount, patch: Mapping[str, Any]) -> Mapping[str, Any]:
        """Store a patch of the account's context and return the new effective context."""
        context = await store_context(self._database, account, patch)
        return build_effective_context(context, account.definition.reveal_variables())


def _is_offline(row: Mapping[str, Any]) -> bool:
    """Return True if the account of the row answers from recorded exchanges."""
    return bool(row["authentication_method"] == SANDBOX_METHOD)
