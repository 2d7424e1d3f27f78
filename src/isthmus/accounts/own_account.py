"""Reads and changes the account of an integrated account token, from a browser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.accounts import Accounts
from isthmus.accounts.rows.connected_definition import ConnectedDefinition
from isthmus.accounts.rows.context import decrypt_context, get_path, list_encrypted_fields
from isthmus.db.database import get_key_ring
from isthmus.db.tables import integrated_account
from isthmus.definitions.secrets import PROTECTED_CONTEXT_PATHS, join_secrets
from isthmus.errors import BadRequest, failure
from isthmus.integrations.rows.scope import Scope
from isthmus.integrations.rows.wire_rows import Row

__all__ = ["OwnAccount"]

_VISIBLE_TOKEN_PATH: Final = ("oauth", "token", "access_token")
_TOKEN_PARENT_PATHS: Final = frozenset({("oauth",), ("oauth", "token")})
"""A value other than an object at these paths would remove the tokens below."""

_PICKED_ITEMS: Final = "drive_items"
_OUTDATED_FIELDS: Final = frozenset({"oauth", "environment_variables"})
"""A page sends them back as they were shown to it, perhaps before they changed."""


class OwnAccount:
    """The account `id`. Its JSON form has the access token, too, because file pickers of the provider use it
    in the browser."""

    def __init__(self, conn: AsyncConnection, scope: Scope, id: str) -> None:
        self._conn = conn
        self._environment_id = scope.environment_id
        self._accounts = Accounts(conn, scope)
        self._id = id

    async def get(self) -> Row:
        """Return the account with its access token. Raises NotFound for an account that was deleted."""
        row = await self._accounts.get(self._id)
        token = get_path(
            decrypt_context(get_key_ring(self._conn), await self._read_row()), _VISIBLE_TOKEN_PATH
        )
        if token is not None:
            row["context"] = join_secrets(row["context"], _nest_value(_VISIBLE_TOKEN_PATH, token))
        return row

    async def update(self, context: Mapping[str, Any]) -> Row:
        """Change what pages may change of the context (`drive_items` and the fields in
        `object_store_context_fields`), and return the account. `context` may be the one that `get` returned,
        with changes: unchanged values, `oauth` and environment variables are ignored.

        Raises NotFound, and BadRequest for any other field: it may be a credential, or decide where one is
        sent.
        """
        before = await self.get()
        stored = await self._read_row()
        definition = await ConnectedDefinition.read(
            self._conn, self._environment_id, stored["environment_integration_id"]
        )
        hidden = definition.secret_fields | list_encrypted_fields(get_key_ring(self._conn), stored)
        _refuse_secrets(context, PROTECTED_CONTEXT_PATHS | {(name,) for name in hidden})
        visible_context = before["context"]
        changed = {
            key: value
            for key, value in context.items()
            if key not in _OUTDATED_FIELDS and (key not in visible_context or visible_context[key] != value)
        }
        if not changed:
            return before
        _refuse_other_fields(changed, {_PICKED_ITEMS, *before["object_store_context_fields"]})
        await self._accounts.update(self._id, {"context": changed})
        return await self.get()

    async def _read_row(self) -> Mapping[str, Any]:
        """Read columns of the account's row. It must exist."""
        columns = ("id", "environment_integration_id", "context", "context_secrets")
        statement = select(*(integrated_account.c[name] for name in columns)).where(
            integrated_account.c.id == self._id, integrated_account.c.environment_id == self._environment_id
        )
        return dict((await self._conn.execute(statement)).mappings().one())


def _refuse_secrets(context: Mapping[str, Any], protected: frozenset[tuple[str, ...]]) -> None:
    """Raises BadRequest if the context has a value at a protected path, apart from the access token."""
    refused_paths = [path for path in protected - {_VISIBLE_TOKEN_PATH} if _has_path(context, path)]
    refused_paths += [
        path for path in _TOKEN_PARENT_PATHS if _has_path(context, path) and not _has_object_at(context, path)
    ]
    if refused_paths:
        names = sorted(".".join(("context", *path)) for path in refused_paths)
        raise BadRequest(
            f"{names[0]} is a credential, which this token cannot change. Leave it out.",
            failures=[failure(name, "must be left out", "read_only") for name in names],
        )


def _refuse_other_fields(changed: Mapping[str, Any], allowed: set[str]) -> None:
    """Raises BadRequest for changed fields that are not among those that pages may change: any other may be a
    part of the address to which credentials are sent."""
    refused = sorted(set(changed) - allowed)
    if refused:
        raise BadRequest(
            f"context.{refused[0]} cannot be changed with the token of an integrated account, which may "
            f"change {', '.join(sorted(allowed))}. Use an API token: PATCH /integrated-account/{{id}}.",
            failures=[failure(f"context.{name}", "must be left as it is", "read_only") for name in refused],
        )


def _has_path(value: Any, path: tuple[str, ...]) -> bool:
    """Return True if there is a value at `path`, even null."""
    parent = get_path(value, path[:-1])
    return isinstance(parent, Mapping) and path[-1] in parent


def _has_object_at(value: Any, path: tuple[str, ...]) -> bool:
    """Return True if there is an object at `path`."""
    return isinstance(get_path(value, path), Mapping)


def _nest_value(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Return nested objects that hold `value` at `path`."""
    for name in reversed(path):
        value = {name: value}
    nested: dict[str, Any] = value
    return nested
