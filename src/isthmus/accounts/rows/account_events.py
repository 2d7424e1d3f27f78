"""What is told of integrated accounts, with the change and without their secrets (`events.md` §1.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.rows.account_views import account_rows, account_views
from isthmus.db.tables import integrated_account
from isthmus.definitions.secrets import split_context
from isthmus.events import Event, emit
from isthmus.events.catalogue import IntegratedAccountDeleted
from isthmus.events.outbox import emit_all

__all__ = ["tell_account", "tell_deleted"]

_COPIED: Final = (
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
_NEVER: Final = "environment_variables"


async def tell_account(
    conn: AsyncConnection, environment_id: str, account_id: str, *kinds: type[Event]
) -> None:
    """Emits events of these kinds, in this order, of the account as it is now in this transaction."""
    statement = account_rows(environment_id).where(integrated_account.c.id == account_id)
    row = (await conn.execute(statement)).mappings().one()
    view = (await account_views(conn, [dict(row)]))[0]
    for kind in kinds:
        payload = _payload(view)
        if "last_error" in kind.model_fields["payload"].annotation.model_fields:  # type: ignore[union-attr]  # a model
            payload["last_error"] = view["last_error"]
        await emit(conn, kind.model_validate({"environment_id": environment_id, "payload": payload}))


async def tell_deleted(conn: AsyncConnection, environment_id: str, account_ids: Iterable[str]) -> None:
    deleted = [
        IntegratedAccountDeleted.model_validate({"environment_id": environment_id, "payload": {"id": each}})
        for each in sorted(account_ids)
    ]
    await emit_all(conn, deleted)


def _payload(view: Mapping[str, Any]) -> dict[str, Any]:
    context = {key: value for key, value in view["context"].items() if key != _NEVER}
    shown, _ = split_context(context)
    face, install = view["integration"], view["environment_integration"]
    return {
        **{name: view[name] for name in _COPIED},
        "context": shown,
        "integration": {
            "id": face["id"],
            "name": face["name"],
            "config": {"label": face["config"]["label"]},
        },
        "environment_integration": {"id": install["id"], "is_active": install["is_active"]},
    }
