"""Emits the events of integrated accounts in the transaction of the change. Payloads hold no secrets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.rows.account_views import build_account_views, select_accounts
from isthmus.db.tables import integrated_account
from isthmus.definitions.secrets import split_context
from isthmus.events import Event, emit
from isthmus.events.catalogue import IntegratedAccountDeleted
from isthmus.events.outbox import emit_all

__all__ = ["emit_account_events", "emit_accounts_deleted"]

_COPIED_FIELDS: Final = (
    "id",
    "tenant_id",
    "environment_id",
    "environment_integration_id",
    "status",
    "is_sandbox",
    "authentication_method",
    "region",
    "object_store_context_fields",
    "created_at",
    "updated_at",
)
_VARIABLES_KEY: Final = "environment_variables"


async def emit_account_events(
    conn: AsyncConnection, environment_id: str, account_id: str, *kinds: type[Event]
) -> None:
    """Emit events of these kinds, in this order, with the account as this transaction sees it."""
    statement = select_accounts(environment_id).where(integrated_account.c.id == account_id)
    row = (await conn.execute(statement)).mappings().one()
    view = (await build_account_views(conn, [dict(row)]))[0]
    for kind in kinds:
        payload = _build_payload(view)
        if "last_error" in kind.model_fields["payload"].annotation.model_fields:  # type: ignore[union-attr]  # a model
            payload["last_error"] = view["last_error"]
        await emit(conn, kind.model_validate({"environment_id": environment_id, "payload": payload}))


async def emit_accounts_deleted(
    conn: AsyncConnection, environment_id: str, account_ids: Iterable[str]
) -> None:
    """Emit one `deleted` event for each account, in the order of the ids."""
    deleted = [
        IntegratedAccountDeleted.model_validate(
            {"environment_id": environment_id, "payload": {"id": account_id}}
        )
        for account_id in sorted(account_ids)
    ]
    await emit_all(conn, deleted)


def _build_payload(view: Mapping[str, Any]) -> dict[str, Any]:
    """Return the payload of an event from the JSON form of an account, without secrets."""
    context = {key: value for key, value in view["context"].items() if key != _VARIABLES_KEY}
    visible_context, _ = split_context(context)
    integration, install = view["integration"], view["environment_integration"]
    return {
        **{name: view[name] for name in _COPIED_FIELDS},
        "context": visible_context,
        "integration": {
            "id": integration["id"],
            "name": integration["name"],
            "config": {"label": integration["config"]["label"]},
        },
        "environment_integration": {"id": install["id"], "is_active": install["is_active"]},
    }
