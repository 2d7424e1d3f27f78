"""Manages the static gates of an environment: egress proxies with a fixed address that providers can allow.

A request to a provider is sent to `https://<domain>/` instead, with its own URL and the gate's token in two
headers. The gate forwards it, follows redirects, and returns the provider's response.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.egress import GATE_TOKEN
from isthmus.db.database import current_time, get_key_ring
from isthmus.db.epochs import increment_epoch
from isthmus.db.listing import FilterColumns, ListQuery, Page, fetch_page
from isthmus.db.tables import integrated_account, static_gate
from isthmus.errors import Conflict, Forbidden, NotFound
from isthmus.integrations.rows.body_checks import Failures
from isthmus.integrations.rows.scope import Scope
from isthmus.integrations.rows.wire_rows import Row
from isthmus.kit.ids import new_id
from isthmus.kit.writable_fields import require_writable_field

__all__ = ["StaticGates"]

_WRITABLE_FIELDS: Final = frozenset({"name", "domain"})
_VISIBLE_COLUMNS: Final = tuple(
    column for column in static_gate.c if column.key not in {"api_token", "revision"}
)
_DOMAIN_PATTERN: Final = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?"
)
_TOKEN_PATTERN: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")
"""What a header carries as it is: printable ASCII that no space begins or ends."""


class StaticGates:
    """The gates of one environment. Each update and deletion increments the environment's epoch, because
    cached accounts hold their gate."""

    FILTERS: ClassVar[FilterColumns] = {column.key: column for column in _VISIBLE_COLUMNS}

    def __init__(self, conn: AsyncConnection, scope: Scope) -> None:
        self._conn = conn
        self._environment_id = scope.environment_id

    async def list(self, query: ListQuery) -> Page:
        """Return a page of the gates, without their tokens."""
        return await fetch_page(self._conn, self._select_gates(), self.FILTERS, query)

    async def get(self, id: str) -> Row:
        """Return the gate without its token. Raises NotFound."""
        row = (
            (await self._conn.execute(self._select_gates().where(static_gate.c.id == id)))
            .mappings()
            .one_or_none()
        )
        if row is None:
            raise NotFound(f"no static gate {id} in this environment. GET /static-gate lists them.")
        return dict(row)

    async def create(self, values: Mapping[str, Any], *, created_by: str | None = None) -> Row:
        """Return the new gate with its token, which is never shown again, as `api_token` and as
        `api_token_secret`, the name that clients send it by. It is that of `values`, or a random one. Raises
        BadRequest, and Forbidden for the `environment_id` of another environment."""
        if values.get("environment_id") not in (None, self._environment_id):
            raise Forbidden(
                f"environment {values['environment_id']} is not this token's. Leave environment_id out: "
                "the gate becomes one of the token's environment."
            )
        _check_values(values, creating=True)
        token = values.get("api_token_secret")
        if token is None:
            token = secrets.token_urlsafe(32)
        identity, now = new_id(), current_time(self._conn)
        await self._conn.execute(
            insert(static_gate).values(
                id=identity,
                created_at=now,
                updated_at=now,
                revision=1,
                environment_id=self._environment_id,
                name=values["name"],
                domain=values["domain"],
                api_token=GATE_TOKEN.encrypt(get_key_ring(self._conn), identity, token),
                created_by=created_by,
            )
        )
        return {**await self.get(identity), "api_token": token, "api_token_secret": token}

    async def update(self, id: str, changes: Mapping[str, Any]) -> Row:
        """Change the name or domain. Raises NotFound, BadRequest."""
        require_writable_field(changes, _WRITABLE_FIELDS)
        await self.get(id)
        values = {name: changes[name] for name in _WRITABLE_FIELDS & changes.keys()}
        _check_values(values, creating=False)
        await self._conn.execute(
            update(static_gate)
            .where(static_gate.c.id == id)
            .values(**values, revision=static_gate.c.revision + 1, updated_at=current_time(self._conn))
        )
        await increment_epoch(self._conn, self._environment_id)
        return await self.get(id)

    async def delete(self, id: str) -> str:
        """Delete the gate and return its id. Raises NotFound, and Conflict while accounts use it."""
        await self.get(id)
        using = select(func.count()).where(
            integrated_account.c.truto_static_gate_id == id,
            integrated_account.c.environment_id == self._environment_id,
        )
        count = (await self._conn.execute(using)).scalar_one()
        if count:
            raise Conflict(
                f"{count} integrated account{'s go' if count > 1 else ' goes'} out through this gate. "
                "Reconnect them with another one, or delete them, first.",
                details={"integrated_accounts": count},
            )
        await self._conn.execute(delete(static_gate).where(static_gate.c.id == id))
        await increment_epoch(self._conn, self._environment_id)
        return id

    def _select_gates(self) -> Any:
        """Return the SELECT of the environment's gates, without encrypted columns."""
        return select(*_VISIBLE_COLUMNS).where(static_gate.c.environment_id == self._environment_id)


def _check_values(values: Mapping[str, Any], *, creating: bool) -> None:
    """Raises BadRequest that lists all invalid values. `creating`: a name and a domain are required."""
    failures = Failures()
    for name in sorted(_WRITABLE_FIELDS) if creating else sorted(_WRITABLE_FIELDS & values.keys()):
        failures.check_text(name, values.get(name))
    domain = values.get("domain")
    if isinstance(domain, str) and domain and not _DOMAIN_PATTERN.fullmatch(domain):
        failures.add("domain", "must be a host name, with a port if it has one, and nothing else", "domain")
    token = values.get("api_token_secret")
    if token is not None and not (isinstance(token, str) and _TOKEN_PATTERN.fullmatch(token)):
        failures.add(
            "api_token_secret",
            "must be a text of printable ASCII characters, with no space at either end",
            "type",
        )
    failures.raise_if_any("the static gate is not valid")
