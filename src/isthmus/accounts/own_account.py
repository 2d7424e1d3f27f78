"""An account as its own token sees it, from a browser (`connect.md` §1.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.accounts import Accounts
from isthmus.accounts.rows.connected_definition import ConnectedDefinition
from isthmus.accounts.rows.context import decrypt_context, list_encrypted_fields
from isthmus.db.database import get_key_ring
from isthmus.db.tables import integrated_account
from isthmus.definitions.secrets import PROTECTED_CONTEXT_PATHS, join_secrets
from isthmus.errors import BadRequest, failure
from isthmus.integrations.rows.scope import Scope
from isthmus.integrations.rows.wire_rows import Row

__all__ = ["OwnAccount"]

_SHOWN: Final = ("oauth", "token", "access_token")
_HOLDERS: Final = frozenset({("oauth",), ("oauth", "token")})
"""Null or a text in their place would sweep away the tokens below."""


class OwnAccount:
    """The one account `id`. Shown is what every reader of it sees, and the access token: file pickers of the
    product run in the browser with it."""

    def __init__(self, conn: AsyncConnection, scope: Scope, id: str) -> None:
        self._conn = conn
        self._environment_id = scope.environment_id
        self._accounts = Accounts(conn, scope)
        self._id = id

    async def get(self) -> Row:
        """Raises NotFound for an account that is gone."""
        row = await self._accounts.get(self._id)
        token = _at(decrypt_context(get_key_ring(self._conn), await self._stored()), _SHOWN)
        if token is not None:
            row["context"] = join_secrets(row["context"], _nested(_SHOWN, token))
        return row

    async def update(self, context: Mapping[str, Any]) -> Row:
        """`context` may be what `get` showed, changed: what is the same in it, the access token and the
        variables are passed over. Raises NotFound, and BadRequest for any other secret: credentials are not
        changed from a browser."""
        before = await self.get()
        stored = await self._stored()
        definition = await ConnectedDefinition.read(
            self._conn, self._environment_id, stored["environment_integration_id"]
        )
        hidden = definition.secret_fields | list_encrypted_fields(get_key_ring(self._conn), stored)
        _refuse_secrets(context, PROTECTED_CONTEXT_PATHS | {(name,) for name in hidden})
        shown = before["context"]
        changed = {key: value for key, value in context.items() if key not in shown or shown[key] != value}
        if not changed:
            return before
        await self._accounts.update(self._id, {"context": _without(changed, _SHOWN)})
        return await self.get()

    async def _stored(self) -> Mapping[str, Any]:
        """Columns of a row that `Accounts` has found."""
        columns = ("id", "environment_integration_id", "context", "context_secrets")
        statement = select(*(integrated_account.c[name] for name in columns)).where(
            integrated_account.c.id == self._id, integrated_account.c.environment_id == self._environment_id
        )
        return dict((await self._conn.execute(statement)).mappings().one())


def _refuse_secrets(context: Mapping[str, Any], protected: frozenset[tuple[str, ...]]) -> None:
    wrong = [path for path in protected - {_SHOWN} if _is_there(context, path)]
    wrong += [path for path in _HOLDERS if _is_there(context, path) and not _is_object(context, path)]
    if wrong:
        names = sorted(".".join(("context", *path)) for path in wrong)
        raise BadRequest(
            f"{names[0]} is a credential, which this token cannot change. Leave it out.",
            failures=[failure(name, "must be left out", "read_only") for name in names],
        )


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _is_there(value: Any, path: tuple[str, ...]) -> bool:
    parent = _at(value, path[:-1])
    return isinstance(parent, Mapping) and path[-1] in parent


def _is_object(value: Any, path: tuple[str, ...]) -> bool:
    return isinstance(_at(value, path), Mapping)


def _nested(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    for name in reversed(path):
        value = {name: value}
    nested: dict[str, Any] = value
    return nested


def _without(value: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    name, *rest = path
    if not rest:
        return {key: each for key, each in value.items() if key != name}
    if not isinstance(value.get(name), Mapping):
        return dict(value)
    return {**value, name: _without(value[name], tuple(rest))}
