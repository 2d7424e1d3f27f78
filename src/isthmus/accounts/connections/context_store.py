"""Stores changes that the steps of a definition make to an account's context."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.connections.gateway import GatewayAccount
from isthmus.accounts.credentials.revocations import queue_orphan_revocation
from isthmus.accounts.rows.context import (
    CONTEXT_SECRETS,
    decrypt_context,
    list_encrypted_fields,
    list_secret_fields,
    patch_context,
    split_context,
)
from isthmus.db.database import Database, current_time, get_key_ring
from isthmus.db.epochs import get_epoch_group, increment_epoch
from isthmus.db.tables import integrated_account
from isthmus.definitions.integration import IntegrationConfig
from isthmus.engine.upstream import AccountFacts
from isthmus.errors import NotFound

__all__ = ["merge_context", "store_context"]


async def store_context(
    database: Database, account: GatewayAccount, patch: Mapping[str, Any]
) -> dict[str, Any]:
    """Patch the context in a transaction of its own, and return the whole new context. Raises NotFound for a
    deleted account; a token in the patch is queued for revocation then."""
    facts, definition = account.facts, account.definition
    try:
        async with database.write() as conn:
            return await merge_context(conn, facts, definition, patch)
    except NotFound:
        async with database.write() as conn:
            await queue_orphan_revocation(conn, facts, definition, account.context, account.gate_id, patch)
        raise


async def merge_context(
    conn: AsyncConnection, account: AccountFacts, definition: IntegrationConfig, patch: Mapping[str, Any]
) -> dict[str, Any]:
    """Patch the account's context, and return the whole new context. Raises NotFound for a deleted
    account."""
    own_row = (
        integrated_account.c.id == account.id,
        integrated_account.c.environment_id == account.environment_id,
    )
    columns = (integrated_account.c.id, integrated_account.c.context, integrated_account.c.context_secrets)
    row = (await conn.execute(select(*columns).where(*own_row).with_for_update())).mappings().one_or_none()
    if row is None:
        raise NotFound(f"the account {account.id} is gone, so its context cannot be kept.")
    keys = get_key_ring(conn)
    names = list_secret_fields(definition) | list_encrypted_fields(keys, dict(row))
    new_context = patch_context(decrypt_context(keys, dict(row)), patch, names)
    plain, secrets = split_context(new_context, names)
    await conn.execute(
        update(integrated_account)
        .where(*own_row)
        .values(
            context=plain,
            context_secrets=CONTEXT_SECRETS.encrypt(keys, account.id, secrets or None),
            revision=integrated_account.c.revision + 1,
            updated_at=current_time(conn),
        )
    )
    await increment_epoch(conn, get_epoch_group(account.id))
    return new_context
