"""Installs: an integration in one environment, with that environment's override (`api.md` §3.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, or_, select, update
from sqlalchemy import delete as delete_from
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import keys_of, now_of
from isthmus.db.encryption import EncryptedJSON
from isthmus.db.epochs import raise_epoch
from isthmus.db.listing import ListQuery, Page, fetch_page
from isthmus.db.tables import environment_integration, integration
from isthmus.db.upsert import insert_into
from isthmus.definitions.secrets import join_secrets, replace_config, split_secrets
from isthmus.errors import Forbidden, NotFound
from isthmus.events import Event, emit
from isthmus.events.catalogue import (
    EnvironmentIntegrationCreated,
    EnvironmentIntegrationDeleted,
    EnvironmentIntegrationUpdated,
)
from isthmus.integrations.checks import Failures, own_environment_only, sent_only
from isthmus.integrations.faces import integration_faces
from isthmus.integrations.integrations import usable_config
from isthmus.integrations.scope import Scope
from isthmus.integrations.validation import check_override
from isthmus.integrations.views import Row, environment_integration_view
from isthmus.kit.ids import is_uuid, new_id

__all__ = ["OVERRIDE_SECRETS", "EnvironmentIntegrations"]

OVERRIDE_SECRETS: Final = EncryptedJSON(environment_integration.c.override_secrets)
_WRITABLE: Final = frozenset({"is_enabled", "is_active", "show_in_catalog", "override"})
_DEFAULTS: Final = {"is_enabled": True, "show_in_catalog": True, "override": None}
_FIELDS: Final[Mapping[str, ColumnElement[Any]]] = {
    **{
        name: environment_integration.c[name]
        for name in (
            "id",
            "environment_id",
            "integration_id",
            "is_enabled",
            "show_in_catalog",
            "created_at",
            "updated_at",
        )
    },
    "is_active": environment_integration.c.is_enabled,
    "integration.name": integration.c.name,
    "integration.category": integration.c.category,
}


class EnvironmentIntegrations:
    """What one environment has installed. Each write raises the environment's epoch."""

    def __init__(self, conn: AsyncConnection, scope: Scope) -> None:
        self._conn = conn
        self._scope = scope

    async def list(self, query: ListQuery) -> Page:
        own_environment_only(query, self._scope.environment_id)
        page = await fetch_page(self._conn, self._mine(), _FIELDS, query)
        return Page(await self._views(page.rows), page.after)

    async def get(self, id: str) -> Row:
        """`id`: an install, or (`api.md` Q9) an integration installed here. Raises NotFound."""
        return (await self._views([await self._row(id)]))[0]

    async def hold(self, id: str) -> str:
        """The id of the install, which until the commit nobody else changes, removes or connects accounts to.
        `id`: as for `get`. Raises NotFound."""
        return str((await self._row(id, lock=True))["id"])

    async def create(self, values: Mapping[str, Any]) -> Row:
        """Installs: `values` has `integration_id` (or its name), and if wanted `is_enabled` (or `is_active`),
        `show_in_catalog`, `override`. An install that is there already comes back as it is.

        Raises NotFound for an integration that this team does not see, Forbidden where its owner does not
        share it, BadRequest for an override that does not fit.
        """
        target = await self._installable(str(values.get("integration_id")))
        existing = await self._find(integration_id=target["id"])
        if existing is not None:
            return (await self._views([existing]))[0]
        given = {**_DEFAULTS, **_sent(values)}
        given["override"] = given["override"] or {}
        _check(given)
        identity = new_id()
        plain, secrets = split_secrets(given["override"])
        if plain or secrets:
            self._check_override(target, plain, secrets)
        now = now_of(self._conn)
        statement: Any = insert_into(self._conn, environment_integration).values(
            id=identity,
            environment_id=self._scope.environment_id,
            integration_id=target["id"],
            is_enabled=given["is_enabled"],
            show_in_catalog=given["show_in_catalog"],
            override=plain,
            override_secrets=OVERRIDE_SECRETS.seal(keys_of(self._conn), identity, secrets or None),
            revision=1,
            created_at=now,
            updated_at=now,
        )
        done = await self._conn.execute(statement.on_conflict_do_nothing())
        await raise_epoch(self._conn, self._scope.environment_id)
        row = await self._find(integration_id=target["id"])
        assert row is not None  # just written, here or by whom it conflicted with
        if done.rowcount:
            await self._tell(EnvironmentIntegrationCreated, environment_integration_view(row))
        return (await self._views([row]))[0]

    async def update(self, id: str, changes: Mapping[str, Any]) -> Row:
        """`override` takes the place of the whole stored one; secrets that it leaves out survive."""
        sent_only(changes, _WRITABLE, {})
        row = await self._row(id, lock=True)
        values = _sent(changes)
        _check(values)
        if "override" in values:
            target = await self._installed(row["integration_id"])
            secrets = OVERRIDE_SECRETS.open(keys_of(self._conn), row["id"], row["override_secrets"]) or {}
            plain, secrets = split_secrets(replace_config(row["override"], secrets, values["override"]))
            self._check_override(target, plain, secrets)
            values["override"] = plain
            values["override_secrets"] = OVERRIDE_SECRETS.seal(
                keys_of(self._conn), row["id"], secrets or None
            )
        await self._conn.execute(
            update(environment_integration)
            .where(environment_integration.c.id == row["id"])
            .values(**values, revision=environment_integration.c.revision + 1, updated_at=now_of(self._conn))
        )
        await raise_epoch(self._conn, self._scope.environment_id)
        changed = await self._row(row["id"])
        await self._tell(EnvironmentIntegrationUpdated, environment_integration_view(changed))
        return (await self._views([changed]))[0]

    async def delete(self, id: str) -> str:
        """The install's id. `id`: an install, or (`api.md` Q9) an integration installed here.

        Its accounts go with it.
        """
        identity = await self.hold(id)
        await self._conn.execute(
            delete_from(environment_integration).where(environment_integration.c.id == identity)
        )
        await raise_epoch(self._conn, self._scope.environment_id)
        await self._tell(EnvironmentIntegrationDeleted, {"id": identity})
        return identity

    async def _tell(self, kind: type[Event], payload: Mapping[str, Any]) -> None:
        happened = {"environment_id": self._scope.environment_id, "payload": dict(payload)}
        await emit(self._conn, kind.model_validate(happened))

    async def _views(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Row]:
        faces = await integration_faces(self._conn, (row["integration_id"] for row in rows))
        return [
            environment_integration_view({**row, "integration": faces[row["integration_id"]]}) for row in rows
        ]

    def _mine(self) -> Select[Any]:
        return (
            select(
                *(column for column in environment_integration.c if column.key != "override_secrets"),
                environment_integration.c.is_enabled.label("is_active"),
                integration.c.name.label("integration_name"),
                integration.c.category.label("integration_category"),
            )
            .join(integration, integration.c.id == environment_integration.c.integration_id)
            .where(environment_integration.c.environment_id == self._scope.environment_id)
        )

    async def _find(
        self, *, id: str | None = None, integration_id: str | None = None, lock: bool = False
    ) -> Any:
        statement = self._mine()
        if id is not None:
            statement = statement.where(environment_integration.c.id == id)
        if integration_id is not None:
            statement = statement.where(environment_integration.c.integration_id == integration_id)
        if lock:
            statement = statement.add_columns(environment_integration.c.override_secrets).with_for_update(
                of=environment_integration
            )
        return (await self._conn.execute(statement)).mappings().one_or_none()

    async def _row(self, identity: str, *, lock: bool = False) -> Row:
        row = await self._find(id=identity, lock=lock) or await self._find(integration_id=identity, lock=lock)
        if row is None:
            raise NotFound(
                f"no environment integration {identity} in this environment. GET /environment-integration "
                "lists what is installed."
            )
        return dict(row)

    async def _installable(self, integration_id: str) -> Row:
        column = integration.c.id if is_uuid(integration_id) else integration.c.name
        statement = select(integration).where(
            column == integration_id,
            or_(
                integration.c.team_id.is_(None),
                integration.c.team_id == self._scope.team_id,
                integration.c.sharing != "deny",
            ),
        )
        row = (await self._conn.execute(statement)).mappings().one_or_none()
        if row is None:
            raise NotFound(f"no integration {integration_id}. GET /integration lists those to install.")
        if row["team_id"] not in (None, self._scope.team_id) and row["sharing"] != "allow":
            raise Forbidden(
                f"{row['name']} belongs to another team, which has not allowed others to install it. "
                "Ask its owner to set sharing to allow."
            )
        return dict(row)

    async def _installed(self, integration_id: str) -> Row:
        statement = select(integration).where(integration.c.id == integration_id)
        return dict((await self._conn.execute(statement)).mappings().one())

    def _check_override(
        self, target: Mapping[str, Any], plain: Mapping[str, Any], secrets: Mapping[str, Any]
    ) -> None:
        is_owner = target["team_id"] == self._scope.team_id
        base = usable_config(keys_of(self._conn), target, is_owner=is_owner)
        check_override(target["name"], base, join_secrets(plain, secrets), field="override")


def _sent(values: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that a body names; `is_active` is another name of `is_enabled` (`api.md` A10)."""
    sent = {name: values[name] for name in _WRITABLE & values.keys()}
    alias = sent.pop("is_active", None)
    if alias is not None:
        sent.setdefault("is_enabled", alias)
    return sent


def _check(values: Mapping[str, Any]) -> None:
    failures = Failures()
    for name in ("is_enabled", "show_in_catalog"):
        if name in values:
            failures.flag(name, values[name])
    if "override" in values:
        failures.object("override", values["override"])
    failures.throw("the environment integration is not valid")
