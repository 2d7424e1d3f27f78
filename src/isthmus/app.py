"""The composition root: builds the parts of the program and connects them. Nothing else constructs these
parts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Final

from fastapi import FastAPI

from isthmus.accounts import Connections, JsonCallLog, install_everything
from isthmus.accounts.credentials.refresh_lease import end_all_leases
from isthmus.accounts.credentials.revocations import Revocations
from isthmus.accounts.credentials.token_refresh import REFRESH_JOB, ignore_failed_refresh
from isthmus.accounts.idempotency import IdempotencyKeys
from isthmus.accounts.lifecycle.actions import ScheduledActions
from isthmus.accounts.lifecycle.lifecycle import Lifecycle
from isthmus.accounts.sandbox.sandbox_accounts import find_sample_account
from isthmus.accounts.sandbox.stored_records import delete_expired_records
from isthmus.api.authentication import Authentication
from isthmus.api.batch import BatchRequests
from isthmus.api.data_plane import DataPlane
from isthmus.api.dependencies import PartsOfApp
from isthmus.api.dispatcher import Dispatcher
from isthmus.api.openapi.routes import make_document_cache
from isthmus.api.openapi.routes import router as documentation_page
from isthmus.api.outgoing_response import Receive, Scope, Send
from isthmus.api.platform_app import build_platform
from isthmus.api.readiness import Readiness
from isthmus.api.request_limits import RequestLimits
from isthmus.api.resources import ROUTERS
from isthmus.api.timestamps import get_time_format
from isthmus.config import Settings
from isthmus.connect.credential_exchange import CredentialExchange
from isthmus.connect.flow import Flow
from isthmus.connect.link_tokens import delete_links
from isthmus.connect.rapid_form import RapidForms
from isthmus.connect.redirect_uris import CALLBACK_PATH
from isthmus.connect.session_outcomes import SessionOutcomes
from isthmus.connect.sessions import delete_expired_sessions
from isthmus.db import Database, EpochWatcher, get_server_secret, is_embedded, open_database
from isthmus.db.presence import ProcessPresence
from isthmus.engine.batch import BatchLimits
from isthmus.engine.evaluation import EvaluationSettings, use_evaluation_settings
from isthmus.errors import SetupError
from isthmus.events import Relay, Subscribers, prune_events
from isthmus.expressions.operator_settings import make_limits, make_services
from isthmus.http import Guard, HttpClient, HttpLimits
from isthmus.integrations.catalog.catalog_sync import sync_catalog
from isthmus.integrations.catalog.exchanges import Exchanges
from isthmus.integrations.catalog.shipped_files import find_catalog
from isthmus.integrations.effective.effective_definitions import EffectiveDefinitions
from isthmus.jobs import Handlers, Run, Worker
from isthmus.kit.clock import Clock, SystemClock
from isthmus.kit.cursors import CursorSigner
from isthmus.tenancy import AccountTokens, Authenticator, FirstStart, bootstrap
from isthmus.ui import PageParts, build_pages

__all__ = ["Application", "Asgi", "Core", "open_core_for_command", "open_worker"]

Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

_SESSION_RETENTION: Final = timedelta(days=1)
"""How long ended link tokens and sessions are kept, so that a late visitor can be shown what became of
them."""

_DEFAULT_URL: Final = "http://127.0.0.1:8000"
_SAMPLE_RESOURCE: Final = ("crm", "contacts")


@dataclass(frozen=True, slots=True)
class Application:
    """A running server. `asgi`: the ASGI application. `first_start`: None unless this start created the first
    team.

    `sample_account`: the id of a sandbox account for a first call; None if none is installed. `begin_stop`:
    starts no more jobs from now on; those that run have their time while the last calls are answered.
    """

    asgi: Asgi
    database: Database
    first_start: FirstStart | None
    sample_account: str | None
    begin_stop: Callable[[], None]

    @staticmethod
    @asynccontextmanager
    async def open(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Application]:
        """Starts everything, and stops it in the opposite order when the block ends. Raises SetupError."""
        clock = clock or SystemClock()
        async with AsyncExitStack() as stack:
            database = await open_database(settings, serving=True, clock=clock)
            stack.push_async_callback(database.close)
            if database.is_sqlite:  # no other process serves it, so the owners of all leases are gone
                async with database.write() as conn:
                    await end_all_leases(conn)
            await sync_catalog(database, find_catalog())
            first_start = await bootstrap(database, settings, fill_environment=install_everything)
            core = await stack.enter_async_context(_open_core(settings, database, clock))
            account_tokens = AccountTokens(await get_server_secret(database, "account_tokens"), clock)
            cursors = CursorSigner(await get_server_secret(database, "cursors"))
            limits = RequestLimits(
                per_token=settings.token_rate_limit,
                per_account=settings.account_rate_limit,
                database=database,
                clock=clock,
            )
            await limits.start()
            stack.push_async_callback(limits.stop)
            parts = _build_api_parts(core, account_tokens, cursors, limits, settings)
            pages = _build_pages(core, account_tokens, settings)
            presence = ProcessPresence(database)
            await presence.start()
            stack.push_async_callback(presence.stop)
            keys = IdempotencyKeys(database, presence)
            dispatcher = _build_dispatcher(parts, core, settings, pages, keys)
            worker = await stack.enter_async_context(_run_background_work(core))
            async with database.read() as conn:
                sample = await find_sample_account(conn, *_SAMPLE_RESOURCE)
            yield Application(dispatcher, database, first_start, sample, worker.begin_stop)


@asynccontextmanager
async def open_worker(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Core]:
    """Runs a worker without an API, on PostgreSQL, until the block ends. Raises SetupError."""
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        if is_embedded(settings):
            raise SetupError(
                "isthmus worker needs PostgreSQL (ISTHMUS_DATABASE_URL): on SQLite the one process that "
                "serves, isthmus serve, has the worker inside."
            )
        database = await open_database(settings, clock=clock)
        stack.push_async_callback(database.close)
        core = await stack.enter_async_context(_open_core(settings, database, clock))
        await stack.enter_async_context(_run_background_work(core))
        yield core


@asynccontextmanager
async def open_core_for_command(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Core]:
    """Opens the core for a command on the database of this machine, which may run beside a server: without an
    API, and nothing runs in the background. Raises SetupError."""
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        database = await open_database(settings, existing=True, clock=clock)
        stack.push_async_callback(database.close)
        core = await stack.enter_async_context(_open_core(settings, database, clock))
        with use_evaluation_settings(core.evaluations):
            yield core


@dataclass(frozen=True, slots=True)
class Core:
    """The parts that requests and background work share."""

    database: Database
    epochs: EpochWatcher
    connections: Connections
    effective: EffectiveDefinitions
    http: HttpClient
    clock: Clock
    evaluations: EvaluationSettings


@asynccontextmanager
async def _open_core(settings: Settings, database: Database, clock: Clock) -> AsyncIterator[Core]:
    """Builds the core and closes it when the block ends. It notices what other processes change: rotated
    keys, definitions, accounts that are closed for a while."""
    async with AsyncExitStack() as stack:
        epochs = EpochWatcher(database, clock)
        await epochs.start()
        stack.push_async_callback(epochs.stop)
        http = await stack.enter_async_context(_build_http_client(settings))
        effective = EffectiveDefinitions(database, epochs)
        connections = Connections(
            database,
            epochs,
            effective,
            http,
            clock,
            JsonCallLog(),
            Exchanges(find_catalog()),
            cursor_secret=await get_server_secret(database, "address_cursors"),
            refreshes_ahead=settings.renew_ahead,
            max_wait_seconds=settings.max_provider_wait_seconds,
        )
        stack.push_async_callback(connections.close)
        evaluations = EvaluationSettings(make_limits(settings), make_services(settings, http, clock))
        yield Core(database, epochs, connections, effective, http, clock, evaluations)


def _register_background_work(core: Core, handlers: Handlers) -> None:
    """Registers all handlers of jobs and schedules, for `isthmus serve` and `isthmus worker` alike."""

    async def delete_old_events(_: Run) -> None:
        """Deletes events that were relayed long ago."""
        await prune_events(core.database)

    async def delete_old_connect_sessions(run: Run) -> None:
        """Deletes link tokens and sessions that ended longer than `_SESSION_RETENTION` ago."""
        async with run.write() as conn:
            before = core.clock.now() - _SESSION_RETENTION
            await delete_expired_sessions(conn, before)
            await delete_links(conn, before)

    async def delete_old_sandbox_records(run: Run) -> None:
        """Deletes what was written to sandbox accounts and has expired."""
        async with run.write() as conn:
            await delete_expired_records(conn)

    handlers.register_scheduled("sandbox.prune", "27 * * * *", delete_old_sandbox_records)
    handlers.register_scheduled("events.prune", "17 * * * *", delete_old_events)
    handlers.register_scheduled("connect.prune", "47 * * * *", delete_old_connect_sessions)
    Lifecycle(core.database, core.connections, core.clock).register(handlers)
    handlers.register(REFRESH_JOB, core.connections.run_refresh_job, on_failure=ignore_failed_refresh)
    Revocations(core.database, core.http).register(handlers)
    ScheduledActions(core.database, core.connections, core.clock).register(handlers)


@asynccontextmanager
async def _run_background_work(core: Core) -> AsyncIterator[Worker]:
    """Runs jobs, schedules and the relay of events until the block ends; yields the worker of the jobs."""
    handlers = Handlers()
    _register_background_work(core, handlers)
    worker, relay = Worker(core.database, handlers), Relay(core.database, Subscribers())
    async with AsyncExitStack() as stack:
        with use_evaluation_settings(core.evaluations):  # tasks keep the context that they were created in
            # The relay first: events that a job emits then reach every subscriber that this process knows.
            for part in (relay, worker):
                stack.push_async_callback(part.stop)
                await part.start()
        yield worker


def _build_http_client(settings: Settings) -> HttpClient:
    """Builds the HTTP client for requests to providers, with the egress guard and the limits of the
    settings."""
    limits = HttpLimits(
        response_bytes=settings.max_response_bytes,
        connect_seconds=settings.connect_timeout_seconds,
        host_connections=settings.host_connections,
        account_connections=settings.account_connections,
    )
    return HttpClient(Guard(settings.egress_allow), limits)


def _build_batch_limits(settings: Settings) -> BatchLimits:
    """Returns the limits of batch requests that are set."""
    return BatchLimits(
        nodes=settings.batch_max_nodes,
        calls=settings.batch_max_calls,
        pages=settings.batch_max_pages,
        records=settings.batch_max_records,
        seconds=settings.batch_seconds,
        at_once=settings.batch_concurrency,
    )


def _get_public_url(settings: Settings) -> str:
    """Returns the URL of the connect pages. Without settings, the address at which `isthmus serve` listens by
    default."""
    return settings.public_app_url or settings.public_api_url or _DEFAULT_URL


def _build_pages(core: Core, account_tokens: AccountTokens, settings: Settings) -> Asgi:
    """Builds the ASGI application of the pages that people see."""
    public_url = _get_public_url(settings)
    lifecycle = Lifecycle(core.database, core.connections, core.clock)
    rapid_forms = RapidForms(core.database, core.connections)
    credentials = CredentialExchange(Guard(settings.egress_allow), core.clock, public_url)
    flow = Flow(core.database, core.effective, core.http, credentials, lifecycle, rapid_forms)
    return build_pages(
        PageParts(
            database=core.database,
            flow=flow,
            outcomes=SessionOutcomes(core.database, core.effective, lifecycle, flow),
            rapid_forms=rapid_forms,
            account_tokens=account_tokens,
            clock=core.clock,
            catalog=find_catalog(),
            public_url=public_url,
        )
    )


@cache
def _get_platform() -> FastAPI:
    """Builds the FastAPI application of the platform routes, once per process, because that takes most of the
    time of a start."""
    return build_platform((*ROUTERS, documentation_page))


def _build_api_parts(
    core: Core,
    account_tokens: AccountTokens,
    cursors: CursorSigner,
    limits: RequestLimits,
    settings: Settings,
) -> PartsOfApp:
    """Builds the parts that the routes of the API need."""
    return PartsOfApp(
        database=core.database,
        authentication=Authentication(Authenticator(core.database, core.epochs, core.clock, account_tokens)),
        limits=limits,
        cursors=cursors,
        account_tokens=account_tokens,
        time_format=get_time_format(settings.datetime_style),
        connections=core.connections,
        server_url=settings.public_api_url or "/",
        strict_version=settings.strict_version,
        callback_url=_get_public_url(settings) + CALLBACK_PATH,
        tool_name_template=settings.tool_name_template,
    )


def _build_dispatcher(
    parts: PartsOfApp, core: Core, settings: Settings, pages: Asgi, idempotency_keys: IdempotencyKeys
) -> Dispatcher:
    """Builds the ASGI application that serves every request: it hands each to a handler of the data plane, to
    the pages, or to the FastAPI application of all other routes."""
    state = {
        "parts": parts,
        "readiness": Readiness(core.database, core.epochs),
        "documents": make_document_cache(),
    }
    plane = DataPlane(parts.authentication, parts.limits, core.connections, idempotency_keys)
    batch = BatchRequests(
        parts.authentication,
        parts.limits,
        core.connections,
        idempotency_keys,
        _build_batch_limits(settings),
        core.clock,
    )
    handlers = {
        "unified": plane.serve_unified,
        "proxy": plane.serve_proxy,
        "custom": plane.serve_custom,
        "batch-request": batch.serve,
    }
    return Dispatcher(
        handlers,
        _get_platform(),
        state=state,
        max_body_bytes=settings.max_request_bytes,
        evaluations=core.evaluations,
        outages=core.database.outages,
        pages=dict.fromkeys(("connect-account", "sdk"), pages),
    )
