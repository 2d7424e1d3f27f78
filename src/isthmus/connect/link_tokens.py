"""Link tokens: each lets one person connect one account, within seven days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.rows.account_checks import MAX_TENANT_ID_LENGTH, REGIONS, account_not_found_error
from isthmus.accounts.static_gates import StaticGates
from isthmus.connect.errors import InvalidToken
from isthmus.connect.redirect_uris import check_redirect_uri
from isthmus.db.database import current_time, get_key_ring
from isthmus.db.encryption import EncryptedJSON
from isthmus.db.tables import (
    environment_unified_model,
    integrated_account,
    link_token,
    unified_model,
)
from isthmus.errors import NotFound
from isthmus.integrations.rows.body_checks import Failures
from isthmus.integrations.rows.scope import Scope
from isthmus.kit.ids import new_id
from isthmus.kit.secret import Secret
from isthmus.tenancy.api_tokens import generate_token
from isthmus.tenancy.authentication import hash_token

__all__ = ["LINK_USED", "LinkToken", "LinkTokens", "consume_link", "delete_links", "open_link", "read_link"]

LIFETIME: Final = timedelta(days=7)
LINK_USED: Final = "This link was used already. Ask for a new one where you got it."
MAX_OPENS: Final = 500
_PAYLOAD: Final = EncryptedJSON(link_token.c.payload)
_MODEL_KEYS: Final = ("environment_unified_model_id", "unified_model_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkToken:
    """A link token as it was requested. `account_id`: the account to reconnect, None for a new one.

    `scopes`: None where the definition decides. `models`: ids of unified models that the integration has to
    be mapped to, empty for any. `context`: wins over what the user enters. `redirect_uri`: where the browser
    goes at the end.
    """

    id: str
    environment_id: str
    account_id: str | None
    tenant_id: str | None
    scopes: tuple[str, ...] | None
    models: tuple[str, ...]
    context: Mapping[str, Any] = field(repr=False)
    redirect_uri: str | None
    persist_previous_context: bool
    gate_id: str | None
    region: str
    is_sandbox: bool
    is_consumed: bool


class LinkTokens:
    """Creates the link tokens of one environment. They cannot be listed or read."""

    def __init__(self, conn: AsyncConnection, scope: Scope) -> None:
        self._conn = conn
        self._scope = scope
        self._environment_id = scope.environment_id

    async def create(self, values: Mapping[str, Any]) -> Secret[str]:
        """Creates a link token and returns its secret. `values`: the body of `POST /link-token`, where
        `integrated_account_id` wins over `tenant_id`. Raises BadRequest with every invalid field, NotFound
        for an account, gate or model that the environment does not have."""
        _check_values(values)
        account_id = values.get("integrated_account_id") or None
        if account_id is not None:
            await self._require_account(account_id)
        if values.get("truto_static_gate_id"):
            await StaticGates(self._conn, self._scope).get(values["truto_static_gate_id"])
        payload = {
            "tenant_id": values.get("tenant_id"),
            "scopes": values.get("scopes"),
            "models": await self._resolve_models(values),
            "context": values.get("context") or {},
            "redirect_uri": values.get("redirect_uri"),
            "persist_previous_context": bool(values.get("persist_previous_context")),
            "gate_id": values.get("truto_static_gate_id") or None,
            "region": values.get("region") or REGIONS[0],
            "is_sandbox": bool(values.get("is_sandbox")),
        }
        token, identity, now = generate_token(), new_id(), current_time(self._conn)
        await self._conn.execute(
            insert(link_token).values(
                id=identity,
                created_at=now,
                updated_at=now,
                environment_id=self._environment_id,
                digest=hash_token(token.reveal()),
                integrated_account_id=account_id,
                payload=_PAYLOAD.encrypt(get_key_ring(self._conn), identity, payload),
                expires_at=now + LIFETIME,
                opened=0,
            )
        )
        return token

    async def _require_account(self, id: str) -> None:
        """Checks that the environment has the account, and locks it against deletion until the commit. Raises
        NotFound."""
        account_query = select(integrated_account.c.id).where(
            integrated_account.c.id == id, integrated_account.c.environment_id == self._environment_id
        )
        locking = account_query.with_for_update(read=True, key_share=True)
        if (await self._conn.execute(locking)).scalar_one_or_none() is None:
            raise account_not_found_error(id)

    async def _resolve_models(self, values: Mapping[str, Any]) -> list[str]:
        """Returns the ids of the unified models that `values` names: by id of an install, by id or by name of
        a model. Raises NotFound."""
        names: list[str] = []
        for key in _MODEL_KEYS:
            sent = values.get(key) or []
            names.extend([sent] if isinstance(sent, str) else sent)
        return [await self._resolve_model(name) for name in dict.fromkeys(names)]

    async def _resolve_model(self, id_or_name: str) -> str:
        """Returns the id of one installed unified model. Raises NotFound."""
        statement = (
            select(unified_model.c.id)
            .join(
                environment_unified_model, environment_unified_model.c.unified_model_id == unified_model.c.id
            )
            .where(
                environment_unified_model.c.environment_id == self._environment_id,
                or_(
                    environment_unified_model.c.id == id_or_name,
                    unified_model.c.id == id_or_name,
                    unified_model.c.name == id_or_name,
                ),
            )
        )
        model_id = (await self._conn.execute(statement)).scalars().first()
        if model_id is None:
            raise NotFound(
                f"no unified model {id_or_name} is installed in this environment. "
                "GET /environment-unified-model lists what is installed."
            )
        return str(model_id)


async def open_link(conn: AsyncConnection, token: str) -> LinkToken:
    """Counts the link of a token as opened once more, and returns it. Raises InvalidToken for a token that is
    unknown, used, expired, or was opened MAX_OPENS times."""
    row = await _find_row(conn, link_token.c.digest == hash_token(token))
    if row is None:
        raise InvalidToken("This link is not valid. Ask for a new one where you got it.")
    link = _make_link(conn, row)
    if link.is_consumed:
        raise InvalidToken(LINK_USED, redirect_uri=link.redirect_uri)
    if row["expires_at"] <= current_time(conn) or row["opened"] >= MAX_OPENS:
        expired = "This link has expired. Ask for a new one where you got it."
        raise InvalidToken(expired, redirect_uri=link.redirect_uri)
    await conn.execute(
        update(link_token).where(link_token.c.id == row["id"]).values(opened=link_token.c.opened + 1)
    )
    return link


async def read_link(conn: AsyncConnection, id: str) -> LinkToken:
    """Reads the link of a session, even if it is used or expired."""
    row = await _find_row(conn, link_token.c.id == id)
    assert row is not None, "a session is deleted with its link"
    return _make_link(conn, row)


async def consume_link(conn: AsyncConnection, id: str, account_id: str) -> bool:
    """Marks the link as used, in the transaction that writes the account. Returns False if it was used or has
    expired."""
    now = current_time(conn)
    done = await conn.execute(
        update(link_token)
        .where(link_token.c.id == id, link_token.c.consumed_at.is_(None), link_token.c.expires_at > now)
        .values(consumed_at=now, consumed_by_account_id=account_id, updated_at=now)
    )
    return bool(done.rowcount)


async def delete_links(conn: AsyncConnection, before: datetime) -> int:
    """Deletes links that expired before this time, with their sessions; returns how many."""
    done = await conn.execute(delete(link_token).where(link_token.c.expires_at < before))
    return done.rowcount


async def _find_row(conn: AsyncConnection, condition: Any) -> Mapping[str, Any] | None:
    """Reads the link that meets a condition; returns None if there is none."""
    row = (await conn.execute(select(link_token).where(condition))).mappings().one_or_none()
    return None if row is None else dict(row)


def _make_link(conn: AsyncConnection, row: Mapping[str, Any]) -> LinkToken:
    """Builds the link from its row, whose payload it decrypts."""
    payload = _PAYLOAD.decrypt(get_key_ring(conn), row["id"], row["payload"])
    return LinkToken(
        id=row["id"],
        environment_id=row["environment_id"],
        account_id=row["integrated_account_id"],
        tenant_id=payload["tenant_id"],
        scopes=None if payload["scopes"] is None else tuple(payload["scopes"]),
        models=tuple(payload["models"]),
        context=payload["context"],
        redirect_uri=payload["redirect_uri"],
        persist_previous_context=payload["persist_previous_context"],
        gate_id=payload["gate_id"],
        region=payload["region"],
        is_sandbox=payload["is_sandbox"],
        is_consumed=row["consumed_at"] is not None,
    )


def _check_values(values: Mapping[str, Any]) -> None:
    """Checks the body of `POST /link-token`. Raises BadRequest with every invalid field."""
    failures = Failures()
    if not values.get("integrated_account_id") and not values.get("tenant_id"):
        failures.add(
            "tenant_id",
            "is needed to connect a new account (or integrated_account_id to reconnect one)",
            "required",
        )
    for name, max_length in (
        ("tenant_id", MAX_TENANT_ID_LENGTH),
        ("integrated_account_id", None),
        ("truto_static_gate_id", None),
    ):
        if values.get(name) is not None:
            failures.check_text(name, values[name], max_length=max_length)
    for name in ("persist_previous_context", "is_sandbox"):
        if values.get(name) is not None:
            failures.check_boolean(name, values[name])
    if values.get("context") is not None:
        failures.check_object("context", values["context"])
    if values.get("region") is not None:
        failures.check_one_of("region", values["region"], REGIONS)
    _check_text_list(failures, "scopes", values.get("scopes"))
    for name in _MODEL_KEYS:
        sent = values.get(name)
        _check_text_list(failures, name, [sent] if isinstance(sent, str) else sent)
    sent = values.get("redirect_uri")
    if sent is not None and check_redirect_uri(sent) is None:
        failures.add(
            "redirect_uri",
            "must be an https address, http on this machine, or an app's own scheme (myapp://…)",
            "bad_address",
        )
    failures.raise_if_any("the link token cannot be made")


def _check_text_list(failures: Failures, name: str, value: Any) -> None:
    """Adds a failure unless the value is missing or a list of texts, none of them empty."""
    if value is None:
        return
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    if not is_list or not all(isinstance(text, str) and text for text in value):
        failures.add(name, "must be a list of texts that are not empty", "type")
