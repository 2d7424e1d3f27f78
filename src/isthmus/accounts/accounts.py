"""Reads, creates, changes and deletes the integrated accounts of an environment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from sqlalchemy import ColumnElement, Text, cast, delete, insert, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.connections.account_row import select_account
from isthmus.accounts.connections.connections import require_callable
from isthmus.accounts.credentials.token_refresh import schedule_refresh
from isthmus.accounts.lifecycle.account_jobs import prepare_deletion, schedule_actions, start_lifecycle
from isthmus.accounts.rows.account_checks import (
    FAILED_STATUSES,
    REGIONS,
    SANDBOX_METHOD,
    account_not_found_error,
    check_fields,
    check_mapping_overrides,
    find_credential_format,
    validate_credentials,
)
from isthmus.accounts.rows.account_events import emit_account_events, emit_accounts_deleted
from isthmus.accounts.rows.account_views import build_account_views, select_accounts
from isthmus.accounts.rows.connected_definition import ConnectedDefinition, lock_install
from isthmus.accounts.rows.context import (
    CONTEXT_SECRETS,
    OVERRIDE_SECRETS,
    decrypt_context,
    list_encrypted_fields,
    patch_context,
    split_context,
)
from isthmus.db.database import current_time, get_key_ring
from isthmus.db.epochs import get_epoch_group, increment_epoch
from isthmus.db.listing import FilterColumns, ListQuery, Page, fetch_page
from isthmus.db.tables import integrated_account, integration
from isthmus.definitions.secrets import replace_config, split_secrets
from isthmus.errors import AccountNeedsReauth, BadRequest, failure
from isthmus.events import Event
from isthmus.events.catalogue import (
    IntegratedAccountActive,
    IntegratedAccountCreated,
    IntegratedAccountReactivated,
    IntegratedAccountUpdated,
)
from isthmus.integrations.rows.body_checks import Failures
from isthmus.integrations.rows.scope import Scope
from isthmus.integrations.rows.wire_rows import Row
from isthmus.kit.call_warnings import CallWarning
from isthmus.kit.ids import new_id
from isthmus.kit.writable_fields import require_writable_field

__all__ = ["Accounts"]

_WRITABLE_FIELDS: Final = frozenset(
    {
        "tenant_id",
        "status",
        "context",
        "authentication_method",
        "unified_model_override",
        "integration_override",
    }
)
_FIXED_FIELDS: Final = ("region", "is_sandbox")
_MAX_DELETED_AT_ONCE: Final = 500
_STATUSES_BEFORE_POST_INSTALL: Final = frozenset({"connecting", "post_install_error"})


class Accounts:
    """The accounts of one environment. Accounts of other environments are not found. A write of one account
    increments the epoch of its group, a write of many increments the environment's. `warnings`: on the
    overrides that it has written."""

    FILTERS: ClassVar[FilterColumns] = {
        **{
            name: integrated_account.c[name]
            for name in (
                "id",
                "tenant_id",
                "environment_id",
                "environment_integration_id",
                "status",
                "authentication_method",
                "region",
                "is_sandbox",
                "created_at",
                "updated_at",
            )
        },
        "integration.name": integration.c.name,
        "integration.category": integration.c.category,
        "integration.id": integration.c.id,
        "features.super_query": cast(null(), Text),
    }

    def __init__(self, conn: AsyncConnection, scope: Scope) -> None:
        self._conn = conn
        self._scope = scope
        self._environment_id = scope.environment_id
        self.warnings: list[CallWarning] = []

    async def list(self, query: ListQuery, *only: ColumnElement[bool]) -> Page:
        """Return a page of the accounts that match the query and the conditions `only`."""
        rows = select_accounts(self._environment_id).where(*only)
        page = await fetch_page(self._conn, rows, self.FILTERS, query)
        return Page(await build_account_views(self._conn, page.rows), page.after)

    async def get(self, id: str) -> Row:
        """Return an account. Raises NotFound."""
        statement = select_accounts(self._environment_id).where(integrated_account.c.id == id)
        row = (await self._conn.execute(statement)).mappings().one_or_none()
        if row is None:
            raise account_not_found_error(id)
        return (await build_account_views(self._conn, [row]))[0]

    async def create(self, values: Mapping[str, Any]) -> Row:
        """Create an account with credentials that the caller has already, and return it. It is active at
        once, unless its integration has a `post_install` or `validation` action, which is started.

        `values`: `tenant_id`, `environment_integration_id`, `authentication_method`, `context` and,
        optionally, `region`, `unified_model_override`, `integration_override`. Raises NotFound for the
        install, BadRequest that lists all invalid fields.
        """
        check_fields(values, creating=True)
        await lock_install(self._conn, self._environment_id, values["environment_integration_id"])
        definition = await ConnectedDefinition.read(
            self._conn, self._environment_id, values["environment_integration_id"]
        )
        method = find_credential_format(definition.credentials, values["authentication_method"])
        context = patch_context({}, values["context"])
        context = validate_credentials(definition.credentials, method, context, complete=True)
        plain, secrets = split_context(context, definition.secret_fields)
        override, override_secrets = split_secrets(values.get("integration_override") or {})
        if override or override_secrets:
            self.warnings += definition.check_override(values["integration_override"])
        self.warnings += await check_mapping_overrides(
            self._conn, self._scope, values.get("unified_model_override")
        )
        identity, now = new_id(), current_time(self._conn)
        stages = definition.list_stages(values.get("integration_override") or {})
        await self._conn.execute(
            insert(integrated_account).values(
                id=identity,
                environment_id=self._environment_id,
                environment_integration_id=definition.install_id,
                tenant_id=values["tenant_id"],
                status="connecting" if stages else "active",
                authentication_method=method,
                region=values.get("region") or REGIONS[0],
                is_sandbox=False,
                context=plain,
                context_secrets=self._encrypt(CONTEXT_SECRETS, identity, secrets),
                unified_model_override=values.get("unified_model_override") or None,
                integration_override=override or None,
                integration_override_secrets=self._encrypt(OVERRIDE_SECRETS, identity, override_secrets),
                revision=1,
                created_at=now,
                updated_at=now,
            )
        )
        await schedule_refresh(self._conn, identity, context)
        if not stages:
            crons = definition.list_schedules(values.get("integration_override") or {})
            await schedule_actions(self._conn, identity, crons)
            return await self._finish_write(identity, IntegratedAccountCreated, IntegratedAccountActive)
        row = await self._finish_write(identity, IntegratedAccountCreated)
        await start_lifecycle(self._conn, self._environment_id, identity, stage=stages[0])
        return row

    async def update(self, id: str, changes: Mapping[str, Any]) -> Row:
        """Change an account, and return it. `context` is merged by top-level keys and keeps secrets that it
        leaves out; overrides are replaced. Raises NotFound, and BadRequest for invalid values, for fields
        that are fixed after creation, and for another `status` of an account whose credentials were
        refused."""
        row = await self._lock_account(id)
        _refuse_fixed_fields(row, changes)
        require_writable_field(changes, _WRITABLE_FIELDS)
        check_fields(changes, creating=False)
        definition = await ConnectedDefinition.read(
            self._conn, self._environment_id, row["environment_integration_id"]
        )
        values: dict[str, Any] = {
            name: changes[name]
            for name in ("tenant_id", "status", "unified_model_override")
            if name in changes
        }
        if "unified_model_override" in changes:
            self.warnings += await check_mapping_overrides(
                self._conn, self._scope, changes["unified_model_override"], row["unified_model_override"]
            )
        if values.get("status") == "active":
            values["last_error"] = None
        if "authentication_method" in changes or "context" in changes:
            values |= self._build_context_columns(row, definition, changes)
        if "integration_override" in changes:
            values |= self._build_override_columns(row, definition, changes["integration_override"] or {})
        return await self._update_row(row, values)

    async def update_credentials(self, id: str, values: Mapping[str, Any]) -> Row:
        """Replace credential fields in the context, and nothing else; return the account. It is active
        afterwards. If the integration has a validation, that is run first, after post-install if that has not
        succeeded yet. Raises NotFound, BadRequest."""
        context = values.get("context")
        if not isinstance(context, Mapping) or not context:
            raise BadRequest(
                "context must hold the credential fields to replace.",
                failures=[failure("context", "must be an object that is not empty", "required")],
            )
        row = await self._lock_account(id)
        definition = await ConnectedDefinition.read(
            self._conn, self._environment_id, row["environment_integration_id"]
        )
        allowed = definition.list_credential_keys(row["authentication_method"])
        foreign = [
            failure(f"context.{key}", f"must be one of {', '.join(sorted(allowed))}", "not_a_credential")
            for key in context
            if key not in allowed
        ]
        if foreign:
            raise BadRequest(
                f"{foreign[0]['path']} is no credential of {row['authentication_method']}. Change it with "
                "PATCH /integrated-account/{id}.",
                failures=foreign,
            )
        changed = self._build_context_columns(row, definition, {"context": context})
        changed |= {"closed_until": None, "closed_at": None}  # the wait was that of the old credentials
        stages = definition.list_stages(row["integration_override"] or {})
        if row["status"] not in _STATUSES_BEFORE_POST_INSTALL:
            stages = tuple(stage for stage in stages if stage == "validation")
        if not stages:
            return await self._update_row(row, {**changed, "status": "active", "last_error": None})
        # Started first, so that the event shows the account as it will be committed.
        await start_lifecycle(self._conn, self._environment_id, row["id"], stage=stages[0])
        return await self._update_row(row, changed)

    async def restart_lifecycle(self, id: str) -> None:
        """Run post-install and validation again, as jobs. Does nothing for a sandbox account. Raises
        NotFound; Forbidden for a disabled install; AccountBlocked; AccountNeedsReauth for an account in
        `needs_reauth`."""
        row = await self._lock_account(id)
        statement = select_account(self._environment_id, id)
        account_row = (await self._conn.execute(statement)).one()
        require_callable(
            account_row.integration_name,
            id,
            is_enabled=account_row.is_enabled,
            is_blocked=bool(account_row.is_blocked),
        )
        if row["status"] == "needs_reauth":
            raise AccountNeedsReauth(
                f"the credentials of account {id} are refused by the provider, so nothing was run. "
                "Reconnect it, or send new ones with PATCH /integrated-account/{id}/credentials."
            )
        if row["authentication_method"] == SANDBOX_METHOD:  # it has no provider
            return
        await start_lifecycle(self._conn, self._environment_id, row["id"])
        if row["status"] != "connecting":
            await emit_account_events(self._conn, self._environment_id, row["id"], IntegratedAccountUpdated)

    async def set_sandbox_flag(self, id: str, is_sandbox: bool) -> Row:
        """Make an account read-only, or writable again, and return it. Raises NotFound."""
        row = await self._lock_account(id)
        if row["is_sandbox"] == is_sandbox:
            return await self.get(id)
        return await self._update_row(row, {"is_sandbox": is_sandbox})

    async def delete(self, id: str) -> str:
        """Delete an account, queue the revocation of its token, and return its id. Raises NotFound."""
        row = await self._lock_account(id)
        this = integrated_account.c.id == row["id"]
        await prepare_deletion(self._conn, self._environment_id, this)
        await self._conn.execute(delete(integrated_account).where(this))
        await increment_epoch(self._conn, get_epoch_group(row["id"]))
        await emit_accounts_deleted(self._conn, self._environment_id, [row["id"]])
        return str(row["id"])

    async def delete_many(self, values: Mapping[str, Any]) -> None:
        """Delete several accounts. `values`: either `ids` (at most 500) or `tenant_id`. Unknown ids are
        ignored. Raises BadRequest."""
        ids, tenant_id = values.get("ids"), values.get("tenant_id")
        if bool(ids) == bool(tenant_id) or (ids and len(ids) > _MAX_DELETED_AT_ONCE):
            raise BadRequest(
                f"send ids (1 to {_MAX_DELETED_AT_ONCE}), or tenant_id for every account of one tenant.",
                failures=[
                    failure("ids", f"must hold 1 to {_MAX_DELETED_AT_ONCE} account ids", "bad_selection")
                ],
            )
        chosen = integrated_account.c.id.in_(ids) if ids else integrated_account.c.tenant_id == tenant_id
        await prepare_deletion(self._conn, self._environment_id, chosen)
        deletion = delete(integrated_account).where(
            integrated_account.c.environment_id == self._environment_id, chosen
        )
        deleted = (await self._conn.execute(deletion.returning(integrated_account.c.id))).scalars().all()
        await increment_epoch(self._conn, self._environment_id)
        await emit_accounts_deleted(self._conn, self._environment_id, deleted)

    def _build_context_columns(
        self, row: Mapping[str, Any], definition: ConnectedDefinition, changes: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the columns to update for a changed context or credential format, by column name. `row`: the
        locked row. Raises BadRequest."""
        method = row["authentication_method"]
        switched = changes.get("authentication_method", method) != method
        if switched:
            method = find_credential_format(definition.credentials, changes["authentication_method"])
        patch = changes.get("context") or {}
        new_context = decrypt_context(get_key_ring(self._conn), row)
        hidden = definition.secret_fields | list_encrypted_fields(get_key_ring(self._conn), row)
        if switched:
            merged = patch_context(new_context, patch, hidden)
            merged = validate_credentials(definition.credentials, method, merged, complete=True)
        else:
            sent = validate_credentials(definition.credentials, method, patch, complete=False)
            merged = patch_context(new_context, sent, hidden)
        plain, secrets = split_context(merged, hidden)
        return {
            "authentication_method": method,
            "context": plain,
            "context_secrets": self._encrypt(CONTEXT_SECRETS, row["id"], secrets),
        }

    def _build_override_columns(
        self, row: Mapping[str, Any], definition: ConnectedDefinition, sent: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the columns to update for a new `integration_override`, by column name. `sent`: the changes
        of the request. Raises BadRequest."""
        stored = OVERRIDE_SECRETS.decrypt(
            get_key_ring(self._conn), row["id"], row["integration_override_secrets"]
        )
        new_override = replace_config(row["integration_override"] or {}, stored or {}, sent)
        self.warnings += definition.check_override(new_override)
        plain, secrets = split_secrets(new_override)
        return {
            "integration_override": plain or None,
            "integration_override_secrets": self._encrypt(OVERRIDE_SECRETS, row["id"], secrets),
        }

    async def _lock_account(self, id: str) -> Mapping[str, Any]:
        """Lock the row of an account until the end of the transaction, and return it. Raises NotFound."""
        statement = (
            select(integrated_account)
            .where(integrated_account.c.id == id, integrated_account.c.environment_id == self._environment_id)
            .with_for_update()
        )
        row = (await self._conn.execute(statement)).mappings().one_or_none()
        if row is None:
            raise account_not_found_error(id)
        return dict(row)

    async def _update_row(self, row: Mapping[str, Any], values: Mapping[str, Any]) -> Row:
        """Update a locked row, emit the events, and return the account."""
        await self._conn.execute(
            update(integrated_account)
            .where(integrated_account.c.id == row["id"])
            .values(**values, revision=integrated_account.c.revision + 1, updated_at=current_time(self._conn))
        )
        if "context_secrets" in values:
            await schedule_refresh(
                self._conn, row["id"], decrypt_context(get_key_ring(self._conn), {**row, **values})
            )
        is_back = values.get("status") == "active" and row["status"] in FAILED_STATUSES
        more = (IntegratedAccountReactivated,) if is_back else ()
        return await self._finish_write(row["id"], IntegratedAccountUpdated, *more)

    async def _finish_write(self, identity: str, *kinds: type[Event]) -> Row:
        """Increment the epoch and emit events of these kinds; return the account as it is now."""
        await increment_epoch(self._conn, get_epoch_group(identity))
        await emit_account_events(self._conn, self._environment_id, identity, *kinds)
        return await self.get(identity)

    def _encrypt(self, column: Any, identity: str, secrets: Mapping[str, Any]) -> Any:
        """Return `secrets` encrypted for the account's row, None if there are none. `column`: an
        `EncryptedJSON`."""
        return column.encrypt(get_key_ring(self._conn), identity, dict(secrets) or None)


def _refuse_fixed_fields(row: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
    """Raises BadRequest for changes of fields that are fixed, or whose new value the account may not get."""
    failures = Failures()
    for name in _FIXED_FIELDS:
        if name in changes and changes[name] != row[name]:
            failures.add(name, f"is fixed after creation (it is {json.dumps(row[name])})", "read_only")
    method = changes.get("authentication_method", row["authentication_method"])
    if row["authentication_method"] == SANDBOX_METHOD and method != SANDBOX_METHOD:
        failures.add(
            "authentication_method", "is fixed for a sandbox account; connect a real one", "read_only"
        )
    is_refused = row["status"] == "needs_reauth" and row["authentication_method"] != SANDBOX_METHOD
    if is_refused and changes.get("status", "needs_reauth") != "needs_reauth":
        failures.add(
            "status",
            "stays needs_reauth until the account has credentials that work: reconnect it, or send new ones "
            "with PATCH /integrated-account/{id}/credentials",
            "read_only",
        )
    failures.raise_if_any("the account cannot be changed so")
