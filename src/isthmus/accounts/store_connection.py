"""Stores an account that a person has just connected or reconnected, in the transaction of the caller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.credentials.token_refresh import schedule_refresh
from isthmus.accounts.rows.account_events import emit_account_events
from isthmus.accounts.rows.connected_definition import lock_install
from isthmus.accounts.rows.context import (
    CONTEXT_SECRETS,
    decrypt_context,
    get_oauth_token,
    list_secret_fields,
    patch_context,
    split_context,
)
from isthmus.db.database import current_time, get_key_ring
from isthmus.db.epochs import get_epoch_group, increment_epoch
from isthmus.db.tables import integrated_account
from isthmus.definitions.integration import IntegrationConfig
from isthmus.errors import NotFound
from isthmus.events.catalogue import IntegratedAccountCreated, IntegratedAccountUpdated
from isthmus.kit.ids import new_id

__all__ = ["ConnectionResult", "connect_account", "reconnect_account"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionResult:
    """The result of a connection. `credential_format`: its name. `context`: the context from this
    connection."""

    environment_id: str
    install_id: str
    definition: IntegrationConfig
    credential_format: str
    context: Mapping[str, Any] = field(repr=False)


async def connect_account(
    conn: AsyncConnection,
    result: ConnectionResult,
    *,
    tenant_id: str,
    region: str,
    gate_id: str | None,
    is_sandbox: bool,
) -> str:
    """Create the account with status `connecting`, emit `created`, and return its id. `gate_id`: the static
    gate for its requests, or None. Raises NotFound for an install that was deleted meanwhile."""
    await lock_install(conn, result.environment_id, result.install_id)
    identity, now = new_id(), current_time(conn)
    await conn.execute(
        insert(integrated_account).values(
            id=identity,
            environment_id=result.environment_id,
            environment_integration_id=result.install_id,
            tenant_id=tenant_id,
            status="connecting",
            authentication_method=result.credential_format,
            region=region,
            is_sandbox=is_sandbox,
            truto_static_gate_id=gate_id,
            revision=1,
            created_at=now,
            updated_at=now,
            **_build_context_columns(conn, result, identity, result.context),
        )
    )
    await schedule_refresh(conn, identity, result.context)
    await increment_epoch(conn, get_epoch_group(identity))
    await emit_account_events(conn, result.environment_id, identity, IntegratedAccountCreated)
    return identity


async def reconnect_account(
    conn: AsyncConnection,
    result: ConnectionResult,
    account_id: str,
    *,
    merges_context: bool,
    gate_id: str | None,
) -> None:
    """Store new credentials of an account, set its status to `connecting`, and emit `updated`.

    `merges_context`: merge the new context into the old one, instead of replacing it. The old refresh token
    is kept if the provider issued no new one. Raises NotFound for an account that was deleted meanwhile.
    """
    own_row = (
        integrated_account.c.id == account_id,
        integrated_account.c.environment_id == result.environment_id,
        integrated_account.c.environment_integration_id == result.install_id,
    )
    row = (
        (await conn.execute(select(integrated_account).where(*own_row).with_for_update()))
        .mappings()
        .one_or_none()
    )
    if row is None:
        raise NotFound(f"the account {account_id} is gone, so it cannot be reconnected.")
    old = decrypt_context(get_key_ring(conn), dict(row))
    context = {**(old if merges_context else {}), **result.context}
    _keep_refresh_token(old, context)
    gate = {} if gate_id is None else {"truto_static_gate_id": gate_id}
    await conn.execute(
        update(integrated_account)
        .where(*own_row)
        .values(
            status="connecting",
            authentication_method=result.credential_format,
            last_error=None,
            last_forbidden_error=None,
            closed_until=None,
            closed_at=None,
            revision=integrated_account.c.revision + 1,
            updated_at=current_time(conn),
            **gate,
            **_build_context_columns(conn, result, account_id, context),
        )
    )
    await schedule_refresh(conn, account_id, context)
    await increment_epoch(conn, get_epoch_group(account_id))
    await emit_account_events(conn, result.environment_id, account_id, IntegratedAccountUpdated)


def _build_context_columns(
    conn: AsyncConnection, result: ConnectionResult, identity: str, context: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the columns `context` and `context_secrets` of a context, with its secrets encrypted for the
    account's row."""
    plain, secrets = split_context(patch_context({}, context), list_secret_fields(result.definition))
    return {
        "context": plain,
        "context_secrets": CONTEXT_SECRETS.encrypt(get_key_ring(conn), identity, secrets or None),
    }


def _keep_refresh_token(old: Mapping[str, Any], context: dict[str, Any]) -> None:
    """Copy the refresh token of the context `old` into `context`, if that has a token without one."""
    before, after = get_oauth_token(old), get_oauth_token(context)
    if before and after and before.get("refresh_token") and not after.get("refresh_token"):
        token = {**after, "refresh_token": before["refresh_token"]}
        context["oauth"] = {**context["oauth"], "token": token}
