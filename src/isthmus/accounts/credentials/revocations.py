"""Revokes the tokens of deleted accounts at their providers (RFC 7009).

The request is stored, encrypted, in the transaction that deletes the account, since nothing of the account is
left afterwards. A job sends it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.egress import Sender, select_sender
from isthmus.accounts.rows.connected_definition import ConnectedDefinition
from isthmus.accounts.rows.context import (
    OVERRIDE_SECRETS,
    build_effective_context,
    decrypt_context,
    get_oauth_token,
)
from isthmus.db.database import Database, current_time, get_key_ring
from isthmus.db.encryption import EncryptedJSON
from isthmus.db.tables import credential_revocation, environment, integrated_account
from isthmus.definitions.credentials import OAuth2Credential
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.layers import merge_integration
from isthmus.definitions.load import load_integration
from isthmus.definitions.secrets import join_secrets
from isthmus.engine.authorization.grants import revoke_token
from isthmus.engine.calls import NO_BODY
from isthmus.engine.evaluation import make_template_scope
from isthmus.engine.upstream import AccountFacts
from isthmus.errors import BadRequest, NotFound, TokenEndpointFailed
from isthmus.http.messages import HttpRequest
from isthmus.jobs import Handlers, JobKey, Run, defer, has_no_job
from isthmus.kit.ids import new_id

__all__ = ["REVOCATION_JOB", "Revocations", "queue_orphan_revocation", "queue_revocations"]

log = logging.getLogger("isthmus.accounts")

REVOCATION_JOB: Final = "account.revoke"
_FORMAT: Final = "oauth2"
_MAX_TRIES: Final = 6
_MAX_FOUND: Final = 100
_OVERDUE_AFTER: Final = timedelta(minutes=1)
_FIRST_PAUSE: Final = timedelta(seconds=30)
_TIMEOUT_SECONDS: Final = 30.0
_THROTTLED: Final = 429
_SERVER_ERROR: Final = 500
_REQUEST: Final = EncryptedJSON(credential_revocation.c.request)
_COLUMNS: Final = (
    "id",
    "environment_integration_id",
    "context",
    "context_secrets",
    "integration_override",
    "integration_override_secrets",
    "truto_static_gate_id",
)


async def queue_revocations(conn: AsyncConnection, environment_id: str, chosen: ColumnElement[bool]) -> None:
    """Queue a revocation for the OAuth 2 token of each chosen account, in the transaction that deletes them.
    The caller has locked the accounts. Providers without a revocation endpoint get none."""
    statement = (
        select(*(integrated_account.c[name] for name in _COLUMNS))
        .where(
            integrated_account.c.environment_id == environment_id,
            integrated_account.c.authentication_method == _FORMAT,
            chosen,
        )
        .order_by(integrated_account.c.id)
    )
    installs: dict[str, Mapping[str, Any]] = {}
    for row in (await conn.execute(statement)).mappings().all():
        install_id = row["environment_integration_id"]
        if install_id not in installs:
            installs[install_id] = await _read_merged_definition(conn, environment_id, install_id)
        request = _build_account_request(conn, dict(row), installs[install_id])
        if request is not None:
            await _queue_request(conn, environment_id, request)


async def queue_orphan_revocation(
    conn: AsyncConnection,
    account: AccountFacts,
    definition: IntegrationConfig,
    context: Mapping[str, Any],
    gate_id: str | None,
    late_patch: Mapping[str, Any],
) -> None:
    """Queue the revocation of a token that was issued after its account had been deleted.

    `context`: the account's former effective context. `late_patch`: the context patch with the new token.
    Does nothing if the environment was deleted too.
    """
    stays = select(environment.c.id).where(environment.c.id == account.environment_id)
    if (await conn.execute(stays.with_for_update(read=True, key_share=True))).one_or_none() is None:
        return
    if account.authentication_method != _FORMAT:
        return
    request = _build_request(definition, context, late_patch, gate_id)
    if request is not None:
        await _queue_request(conn, account.environment_id, request)


async def _read_merged_definition(
    conn: AsyncConnection, environment_id: str, install_id: str
) -> Mapping[str, Any]:
    """Return the definition of an install as plain JSON, empty if the install is gone."""
    try:
        return (await ConnectedDefinition.read(conn, environment_id, install_id)).merged
    except NotFound:
        return {}


def _build_account_request(
    conn: AsyncConnection, row: Mapping[str, Any], merged: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Return the revocation request of an account's row as JSON, None if there is nothing to revoke.
    `merged`: the definition of its install."""
    keys = get_key_ring(conn)
    secrets = OVERRIDE_SECRETS.decrypt(keys, row["id"], row["integration_override_secrets"])
    override = join_secrets(row["integration_override"] or {}, secrets or {})
    definition_json = merge_integration(merged, override) if override else merged
    names = ("credentials", "environment_variables", "secret_environment_variables")
    definition: IntegrationConfig = load_integration(
        {name: definition_json[name] for name in names if definition_json.get(name) is not None}
    )
    context = build_effective_context(decrypt_context(keys, row), definition.reveal_variables())
    return _build_request(definition, context, context, row["truto_static_gate_id"])


def _build_request(
    definition: IntegrationConfig,
    context: Mapping[str, Any],
    token_context: Mapping[str, Any],
    gate_id: str | None,
) -> dict[str, Any] | None:
    """Return the request that revokes the token in the context `token_context`, as JSON; None if the
    definition has no revocation endpoint or the context has no token. Templates are filled from `context`."""
    credential = definition.credentials.get(_FORMAT)
    token = _get_token_to_revoke(token_context)
    if token is None or not isinstance(credential, OAuth2Credential):
        return None
    flow = revoke_token(
        credential.config, make_template_scope(context, id=None, query={}, body=NO_BODY), token
    )
    if flow is None:
        return None
    with suppress(BadRequest):  # a value is missing: the token cannot have come this way
        request = next(flow)
        assert isinstance(request.body, bytes)
        return {
            "method": request.method,
            "url": request.url,
            "headers": dict(request.headers),
            "body": request.body.decode(),
            "gate": gate_id,
        }
    return None


def _get_token_to_revoke(context: Mapping[str, Any]) -> str | None:
    """Return the refresh token, whose revocation also ends its access tokens (RFC 7009, section 2.1); else
    the access token; None if there is neither."""
    token = get_oauth_token(context)
    find = token.get("refresh_token") or token.get("access_token")
    return find if isinstance(find, str) else None


async def _queue_request(conn: AsyncConnection, environment_id: str, request: Mapping[str, Any]) -> None:
    """Store a revocation request and the job that sends it."""
    identity, now = new_id(), current_time(conn)
    await conn.execute(
        insert(credential_revocation).values(
            id=identity,
            environment_id=environment_id,
            request=_REQUEST.encrypt(get_key_ring(conn), identity, request),
            created_at=now,
            updated_at=now,
        )
    )
    await defer(conn, REVOCATION_JOB, identity)


@dataclass(frozen=True, slots=True)
class Revocations:
    """Sends queued revocations. Any response but 429 and 5xx ends one; after those, and while the provider
    cannot be reached, it is tried again for about half an hour."""

    database: Database
    http: Sender

    def register(self, handlers: Handlers) -> None:
        """Register the job that sends revocations, and the finder of those that lost it."""
        handlers.register(REVOCATION_JOB, self.run, on_failure=self.retry_or_give_up)
        handlers.add_finder(find_overdue_revocations)

    async def run(self, run: Run) -> None:
        """Send one revocation, and delete it. Raises TokenEndpointFailed to be run again."""
        async with self.database.read() as conn:
            query = select(credential_revocation).where(credential_revocation.c.id == run.key)
            row = (await conn.execute(query)).mappings().one_or_none()
            if row is None:
                return
            request = _REQUEST.decrypt(get_key_ring(conn), row["id"], row["request"])
            http = await select_sender(conn, self.http, row["environment_id"], request["gate"])
        response = await http.send(
            HttpRequest(
                method=request["method"],
                url=request["url"],
                headers=request["headers"],
                body=request["body"].encode(),
                timeout_seconds=_TIMEOUT_SECONDS,
                max_redirects=0,
            )
        )
        if response.status == _THROTTLED or response.status >= _SERVER_ERROR:
            raise TokenEndpointFailed(f"a revocation was answered {response.status}.", is_retryable=True)
        async with run.write() as conn:
            await _delete_request(conn, run.key)

    async def retry_or_give_up(self, conn: AsyncConnection, run: Run, error: Exception) -> datetime | None:
        """Return when to try again; after the last try, delete the revocation and return None."""
        if run.failures + 1 < _MAX_TRIES:
            moment: datetime = current_time(conn) + _FIRST_PAUSE * 2**run.failures
            return moment
        log.warning("a token of an account that is gone was not revoked: %s", type(error).__name__)
        await _delete_request(conn, run.key)
        return None


async def _delete_request(conn: AsyncConnection, id: str) -> None:
    """Delete a revocation that is sent or given up."""
    await conn.execute(delete(credential_revocation).where(credential_revocation.c.id == id))


async def find_overdue_revocations(conn: AsyncConnection) -> list[JobKey]:
    """Return the jobs to queue for revocations that are older than a minute and have none, the oldest first.
    A finder of `Handlers.add_finder`."""
    row = credential_revocation.c
    is_overdue = row.created_at < current_time(conn) - _OVERDUE_AFTER
    query = select(row.id).where(is_overdue, has_no_job(REVOCATION_JOB, row.id)).order_by(row.created_at)
    ids = (await conn.execute(query.limit(_MAX_FOUND))).scalars()
    return [JobKey(REVOCATION_JOB, revocation_id) for revocation_id in ids]
