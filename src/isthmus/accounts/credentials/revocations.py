"""Tells providers that the tokens of an account which is gone are done with (RFC 7009).

What has to be sent is written with the deletion, sealed, since nothing of the account is left afterwards; a
job sends it.
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
from isthmus.accounts.rows.context import OVERRIDE_SECRETS, build_effective_context, decrypt_context
from isthmus.db.database import Database, current_time, get_key_ring
from isthmus.db.encryption import EncryptedJSON
from isthmus.db.tables import credential_revocation, environment, integrated_account
from isthmus.definitions.credentials import OAuth2Credential
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.layers import merge_integration
from isthmus.definitions.load import load_integration
from isthmus.definitions.secrets import join_secrets
from isthmus.engine.authorization.grants import revocation
from isthmus.engine.calls import NO_BODY
from isthmus.engine.evaluation import template_scope
from isthmus.engine.upstream import AccountFacts
from isthmus.errors import BadRequest, NotFound, TokenEndpointFailed
from isthmus.http.messages import HttpRequest
from isthmus.jobs import Finder, Handlers, Run, defer, without_job
from isthmus.kit.ids import new_id

__all__ = ["REVOCATION_JOB", "Revocations", "revoke_late", "revoke_tokens"]

log = logging.getLogger("isthmus.accounts")

REVOCATION_JOB: Final = "account.revoke"
_FORMAT: Final = "oauth2"
_TRIES: Final = 6
_MOST: Final = 100
_LATE: Final = timedelta(minutes=1)
_FIRST_PAUSE: Final = timedelta(seconds=30)
_SECONDS: Final = 30.0
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


async def revoke_tokens(conn: AsyncConnection, environment_id: str, chosen: ColumnElement[bool]) -> None:
    """Of the chosen accounts, which the caller holds, in the transaction that deletes them, before it does.
    Nothing for a provider that takes no such word, and for a token that came by another way than a grant of
    its owner."""
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
            installs[install_id] = await _merged(conn, environment_id, install_id)
        request = _request(conn, dict(row), installs[install_id])
        if request is not None:
            await _note(conn, environment_id, request)


async def revoke_late(
    conn: AsyncConnection,
    account: AccountFacts,
    definition: IntegrationConfig,
    context: Mapping[str, Any],
    gate_id: str | None,
    late: Mapping[str, Any],
) -> None:
    """A token that came when its account was gone already: nobody else knows of it.

    `context`: the account's, as it was; `late`: what came of a renewal, as it would have been kept there.
    """
    stays = select(environment.c.id).where(environment.c.id == account.environment_id)
    if (await conn.execute(stays.with_for_update(read=True, key_share=True))).one_or_none() is None:
        return
    if account.authentication_method != _FORMAT:
        return
    request = _request_of(definition, context, late, gate_id)
    if request is not None:
        await _note(conn, account.environment_id, request)


async def _merged(conn: AsyncConnection, environment_id: str, install_id: str) -> Mapping[str, Any]:
    try:
        return (await ConnectedDefinition.read(conn, environment_id, install_id)).merged
    except NotFound:
        return {}


def _request(
    conn: AsyncConnection, row: Mapping[str, Any], merged: Mapping[str, Any]
) -> dict[str, Any] | None:
    keys = get_key_ring(conn)
    secrets = OVERRIDE_SECRETS.open(keys, row["id"], row["integration_override_secrets"])
    override = join_secrets(row["integration_override"] or {}, secrets or {})
    whole = merge_integration(merged, override) if override else merged
    names = ("credentials", "environment_variables", "secret_environment_variables")
    definition: IntegrationConfig = load_integration(
        {name: whole[name] for name in names if whole.get(name) is not None}
    )
    context = build_effective_context(decrypt_context(keys, row), definition.variables())
    return _request_of(definition, context, context, row["truto_static_gate_id"])


def _request_of(
    definition: IntegrationConfig,
    context: Mapping[str, Any],
    holder: Mapping[str, Any],
    gate_id: str | None,
) -> dict[str, Any] | None:
    """What revokes the token of `holder`; its templates are filled from `context`."""
    credential = definition.credentials.get(_FORMAT)
    token = _token(holder)
    if token is None or not isinstance(credential, OAuth2Credential):
        return None
    flow = revocation(credential.config, template_scope(context, id=None, query={}, body=NO_BODY), token)
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


def _token(context: Mapping[str, Any]) -> str | None:
    """The refresh token, with which whatever came of it ends (RFC 7009 §2.1); else the access token."""
    oauth = context.get("oauth")
    token = oauth.get("token") if isinstance(oauth, Mapping) else None
    if not isinstance(token, Mapping):
        return None
    found = token.get("refresh_token") or token.get("access_token")
    return found if isinstance(found, str) else None


async def _note(conn: AsyncConnection, environment_id: str, request: Mapping[str, Any]) -> None:
    identity, now = new_id(), current_time(conn)
    await conn.execute(
        insert(credential_revocation).values(
            id=identity,
            environment_id=environment_id,
            request=_REQUEST.seal(get_key_ring(conn), identity, request),
            created_at=now,
            updated_at=now,
        )
    )
    await defer(conn, REVOCATION_JOB, identity)


@dataclass(frozen=True, slots=True)
class Revocations:
    """Sends what `revoke_tokens` noted. Whatever a provider answers is fine: the token is forgotten here all
    the same. One that is away is asked some times more, for about half an hour."""

    database: Database
    http: Sender

    def register(self, handlers: Handlers) -> None:
        handlers.on(REVOCATION_JOB, self.run, on_failure=self.put_off)
        handlers.reconcile(waiting_revocations(REVOCATION_JOB))

    async def run(self, run: Run) -> None:
        async with self.database.read() as conn:
            mine = select(credential_revocation).where(credential_revocation.c.id == run.key)
            row = (await conn.execute(mine)).mappings().one_or_none()
            if row is None:
                return
            noted = _REQUEST.open(get_key_ring(conn), row["id"], row["request"])
            http = await select_sender(conn, self.http, row["environment_id"], noted["gate"])
        response = await http.send(
            HttpRequest(
                method=noted["method"],
                url=noted["url"],
                headers=noted["headers"],
                body=noted["body"].encode(),
                timeout_seconds=_SECONDS,
                max_redirects=0,
            )
        )
        if response.status == _THROTTLED or response.status >= _SERVER_ERROR:
            raise TokenEndpointFailed(f"a revocation was answered {response.status}.", may_retry=True)
        async with run.write() as conn:
            await _forget(conn, run.key)

    async def put_off(self, conn: AsyncConnection, run: Run, error: Exception) -> datetime | None:
        if run.failures + 1 < _TRIES:
            moment: datetime = current_time(conn) + _FIRST_PAUSE * 2**run.failures
            return moment
        log.warning("a token of an account that is gone was not revoked: %s", type(error).__name__)
        await _forget(conn, run.key)
        return None


async def _forget(conn: AsyncConnection, id: str) -> None:
    await conn.execute(delete(credential_revocation).where(credential_revocation.c.id == id))


def waiting_revocations(what: str) -> Finder:
    """Tokens that their provider should have been told of a while ago."""
    row = credential_revocation.c

    async def found(conn: AsyncConnection) -> list[tuple[str, str]]:
        is_late = row.created_at < current_time(conn) - _LATE
        statement = select(row.id).where(is_late, without_job(what, row.id)).order_by(row.created_at)
        return [(what, each) for each in (await conn.execute(statement.limit(_MOST))).scalars()]

    return found
