"""Integrations: the definitions an environment may install (`api.md` §3.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, insert, or_, select, update
from sqlalchemy import delete as delete_from
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import keys_of, now_of
from isthmus.db.encryption import EncryptedJSON, KeyRing
from isthmus.db.epochs import raise_epochs
from isthmus.db.listing import ListQuery, Page, fetch_page
from isthmus.db.tables import environment, environment_integration, integration, team
from isthmus.definitions.layers import deep_merge_patch
from isthmus.definitions.secrets import join_secrets, split_secrets
from isthmus.errors import Conflict, Forbidden, NotFound
from isthmus.integrations.checks import SHARING, Failures, check_version, conflict_of_name, sent_only
from isthmus.integrations.scope import Scope
from isthmus.integrations.validation import check_integration
from isthmus.integrations.views import Row, integration_view
from isthmus.kit.ids import is_uuid, new_id

__all__ = ["INTEGRATION_SECRETS", "Integrations", "usable_config"]

INTEGRATION_SECRETS: Final = EncryptedJSON(integration.c.secrets)
_WRITABLE: Final = frozenset({"name", "category", "is_beta", "sharing", "config"})
_DEFAULTS: Final[Mapping[str, Any]] = {
    "name": None,
    "category": None,
    "is_beta": False,
    "sharing": "deny",
    "config": None,
}
_FIELDS: Final[Mapping[str, ColumnElement[Any]]] = {
    name: integration.c[name]
    for name in (
        "id",
        "name",
        "category",
        "is_beta",
        "sharing",
        "team_id",
        "version",
        "created_at",
        "updated_at",
    )
}


def usable_config(keys: KeyRing, row: Mapping[str, Any], *, is_owner: bool) -> dict[str, Any]:
    """The config of an integration as a team that installs it may use it: whole for its owner, without the
    sealed secrets for any other. An installer's overrides say where requests go and what mappings read, so a
    secret that merely took part would be the installer's to have. `row`: `id`, `config` and `secrets`.
    """
    if not is_owner:
        return dict(row["config"])
    return join_secrets(row["config"], INTEGRATION_SECRETS.open(keys, row["id"], row["secrets"]) or {})


class Integrations:
    """The integrations a team sees: its own, the shipped ones, and those that other teams share.

    Reads work on any connection; writes need that of a `Database.write()`.
    """

    def __init__(self, conn: AsyncConnection, scope: Scope) -> None:
        self._conn = conn
        self._scope = scope

    async def list(self, query: ListQuery) -> Page:
        page = await fetch_page(self._conn, self._visible(), _FIELDS, query)
        return Page(await self._views(page.rows), page.after)

    async def get(self, id: str) -> Row:
        """Raises NotFound for an integration that this team does not see."""
        return (await self._views([await self._row(id)]))[0]

    async def create(self, values: Mapping[str, Any]) -> Row:
        """`values`: `name`, `config`, and if wanted `category`, `is_beta`, `sharing`.

        Raises BadRequest with every failure of the config, Conflict for a name that is taken.
        """
        row: Row = {**_DEFAULTS, **{name: values[name] for name in _WRITABLE & values.keys()}}
        _check(row)
        check_integration(row["name"], row["config"])
        plain, secrets = split_secrets(row["config"])
        now = now_of(self._conn)
        identity = new_id()
        statement = insert(integration).values(
            **{**row, "config": plain},
            id=identity,
            team_id=self._scope.team_id,
            secrets=self._seal(identity, secrets),
            version=1,
            revision=1,
            created_at=now,
            updated_at=now,
        )
        await self._write(statement, row["name"])
        return await self.get(identity)

    async def update(self, id: str, changes: Mapping[str, Any]) -> Row:
        """`config` is merged deep, null deletes a key; `version`, if sent, must be the current one.

        Raises Forbidden for a definition of another owner, Conflict for a stale version or a taken name.
        """
        sent_only(changes, _WRITABLE, {})
        row = await self._owned(id)
        check_version(changes.get("version"), row["version"])
        values = {name: changes[name] for name in _WRITABLE & changes.keys()}
        _check(values)
        if "config" in values:
            whole = usable_config(keys_of(self._conn), row, is_owner=True)
            merged = deep_merge_patch(whole, values["config"])
            check_integration(str(values.get("name", row["name"])), merged)
            values["config"], secrets = split_secrets(merged)
            values["secrets"] = self._seal(row["id"], secrets)
        statement = (
            update(integration)
            .where(integration.c.id == row["id"], integration.c.version == row["version"])
            .values(
                **values,
                version=row["version"] + 1,
                revision=integration.c.revision + 1,
                updated_at=now_of(self._conn),
            )
        )
        await self._write(statement, str(values.get("name", row["name"])))
        await raise_epochs(self._conn, await self._installed_in(row["id"]))
        return await self.get(row["id"])

    async def delete(self, id: str) -> str:
        """The id. Raises Conflict while any environment has it installed."""
        row = await self._owned(id)
        installed = await self._installed_in(row["id"])
        if installed:
            raise Conflict(
                f"{row['name']} is installed in {len(installed)} environment(s). Uninstall it there first: "
                "DELETE /environment-integration/{id}.",
            )
        await self._conn.execute(delete_from(integration).where(integration.c.id == row["id"]))
        return str(row["id"])

    def _visible(self) -> Select[Any]:
        return (
            select(
                *(column for column in integration.c if column.key != "secrets"),
                team.c.name.label("team_name"),
            )
            .outerjoin(team, team.c.id == integration.c.team_id)
            .where(
                or_(
                    integration.c.team_id.is_(None),
                    integration.c.team_id == self._scope.team_id,
                    integration.c.sharing != "deny",
                )
            )
        )

    async def _row(self, id_or_name: str, *, lock: bool = False) -> Row:
        column = integration.c.id if is_uuid(id_or_name) else integration.c.name
        statement = self._visible().where(column == id_or_name)
        if lock:
            statement = statement.add_columns(integration.c.secrets).with_for_update(of=integration)
        row = (await self._conn.execute(statement)).mappings().one_or_none()
        if row is None:
            raise NotFound(f"no integration {id_or_name}. GET /integration lists those this token sees.")
        return dict(row)

    async def _owned(self, id_or_name: str) -> Row:
        row = await self._row(id_or_name, lock=True)
        if row["team_id"] != self._scope.team_id:
            owner = "ships with Isthmus" if row["team_id"] is None else "belongs to another team"
            raise Forbidden(
                f"{row['name']} {owner} and is not edited in place. Change it for this environment with "
                "PATCH /environment-integration/{id} {override}, or create an integration of your own."
            )
        return row

    async def _write(self, statement: Any, name: str) -> None:
        try:
            await self._conn.execute(statement)
        except IntegrityError:
            raise conflict_of_name("an integration", name) from None

    async def _views(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Row]:
        installed: dict[str, list[str]] = {}
        statement = (
            select(environment_integration.c.integration_id, environment_integration.c.environment_id)
            .join(environment, environment.c.id == environment_integration.c.environment_id)
            .where(environment.c.team_id == self._scope.team_id)
        )
        for identity, place in (await self._conn.execute(statement)).all() if rows else ():
            installed.setdefault(identity, []).append(place)
        return [
            integration_view(row, self._scope.team_id, sorted(installed.get(row["id"], ()))) for row in rows
        ]

    async def _installed_in(self, integration_id: str) -> Sequence[str]:
        statement = select(environment_integration.c.environment_id).where(
            environment_integration.c.integration_id == integration_id
        )
        return (await self._conn.execute(statement)).scalars().all()

    def _seal(self, identity: str, secrets: dict[str, Any]) -> bytes | None:
        return INTEGRATION_SECRETS.seal(keys_of(self._conn), identity, secrets or None)


def _check(values: Mapping[str, Any]) -> None:
    failures = Failures()
    checks = {
        "name": failures.slug,
        "category": failures.text_or_null,
        "is_beta": failures.flag,
        "config": failures.object,
    }
    for name, check in checks.items():
        if name in values:
            check(name, values[name])
    if "sharing" in values:
        failures.one_of("sharing", values["sharing"], SHARING)
    failures.throw("the integration is not valid")
