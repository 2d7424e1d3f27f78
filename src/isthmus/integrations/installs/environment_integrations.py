"""Installs integrations in one environment, with the environment's overrides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import get_key_ring
from isthmus.db.encryption import EncryptedJSON
from isthmus.db.listing import FilterColumns
from isthmus.db.tables import environment_integration, integration
from isthmus.definitions.secrets import join_secrets, replace_config, split_secrets
from isthmus.events import Event, emit
from isthmus.events.catalogue import (
    EnvironmentIntegrationCreated,
    EnvironmentIntegrationDeleted,
    EnvironmentIntegrationUpdated,
)
from isthmus.integrations.catalog.integrations import build_usable_config
from isthmus.integrations.installs.installs import InstalledDefinitions
from isthmus.integrations.rows.body_checks import Failures
from isthmus.integrations.rows.definition_checks import check_integration_override
from isthmus.integrations.rows.wire_rows import (
    Row,
    environment_integration_to_wire,
    read_integration_summaries,
)
from isthmus.kit.browser_urls import split_web_url
from isthmus.kit.call_warnings import CallWarning
from isthmus.kit.ids import new_id
from isthmus.kit.writable_fields import require_writable_field

__all__ = ["OVERRIDE_SECRETS", "EnvironmentIntegrations", "list_enabled_names"]

OVERRIDE_SECRETS: Final = EncryptedJSON(environment_integration.c.override_secrets)
_CALLBACK_FIELD: Final = "isthmus_callback_url"
_WRITABLE: Final = frozenset({"is_enabled", "is_active", "show_in_catalog", "override", _CALLBACK_FIELD})
_DEFAULTS: Final = {"is_enabled": True, "show_in_catalog": True, "override": None, "callback_url": None}


async def list_enabled_names(conn: AsyncConnection, environment_id: str) -> Sequence[str]:
    """Returns the names of the integrations that are installed in an environment and enabled, in alphabetical
    order."""
    statement = (
        select(integration.c.name)
        .join(environment_integration, environment_integration.c.integration_id == integration.c.id)
        .where(
            environment_integration.c.environment_id == environment_id, environment_integration.c.is_enabled
        )
        .order_by(integration.c.name)
    )
    return (await conn.execute(statement)).scalars().all()


class EnvironmentIntegrations(InstalledDefinitions):
    """The integrations that one environment has installed.

    `isthmus_callback_url` of a row is None if the server's own address is used.
    """

    _TABLE = environment_integration
    FILTERS: ClassVar[FilterColumns] = {
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
    _DEFINITION = integration
    _PARENT_COLUMN = "integration_id"
    _NOUN = "environment integration"
    _ROUTE = "/environment-integration"
    _DEFINITION_NOUN = "integration"
    _DEFINITION_ROUTE = "/integration"
    _HIDDEN = frozenset({"override_secrets"})

    async def create(self, values: Mapping[str, Any]) -> Row:
        """Installs an integration and returns the install; an existing install is returned unchanged.

        `values`: `integration_id` (or its name), and optionally `is_enabled` (or `is_active`),
        `show_in_catalog`, `override`, `isthmus_callback_url`. Raises NotFound for an integration that this
        team does not see, Forbidden if its owner does not share it, BadRequest for an override that does not
        fit.
        """
        target = await self._lock_installable(str(values.get("integration_id")))
        existing = await self._find_row("integration_id", target["id"])
        if existing is not None:
            (installed,) = await self._to_wire_rows([existing])
            self._warn_of_unchanged(values, installed)
            return installed
        columns = {**_DEFAULTS, **_columns_from_body(values, bool(_DEFAULTS["is_enabled"]))}
        columns["override"] = columns["override"] or {}
        _check_columns(columns)
        identity = new_id()
        plain, secrets = split_secrets(columns["override"])
        if plain or secrets:
            self.warnings += self._check_override(target, plain, secrets)
        row, is_new = await self._insert_install(
            target["id"],
            {
                "id": identity,
                "is_enabled": columns["is_enabled"],
                "show_in_catalog": columns["show_in_catalog"],
                "callback_url": columns["callback_url"],
                "override": plain,
                "override_secrets": OVERRIDE_SECRETS.encrypt(
                    get_key_ring(self._conn), identity, secrets or None
                ),
            },
        )
        (installed,) = await self._to_wire_rows([row])
        if is_new:
            await self._emit_event(EnvironmentIntegrationCreated, environment_integration_to_wire(row))
        else:
            self._warn_of_unchanged(values, installed)
        return installed

    async def update(self, id: str, changes: Mapping[str, Any]) -> Row:
        """Changes an install and returns it. `override` replaces the stored one as a whole; secrets that it
        leaves out are kept. Raises NotFound, BadRequest, DefinitionInvalid."""
        require_writable_field(changes, _WRITABLE)
        row = await self._read_row(id, lock=True)
        values = _columns_from_body(changes, row["is_enabled"])
        _check_columns(values)
        if "override" in values:
            target = await self._read_integration(row["integration_id"])
            secrets = (
                OVERRIDE_SECRETS.decrypt(get_key_ring(self._conn), row["id"], row["override_secrets"]) or {}
            )
            plain, secrets = split_secrets(replace_config(row["override"], secrets, values["override"]))
            self.warnings += self._check_override(target, plain, secrets)
            values["override"] = plain
            values["override_secrets"] = OVERRIDE_SECRETS.encrypt(
                get_key_ring(self._conn), row["id"], secrets or None
            )
        changed = await self._update_row(row["id"], values)
        await self._emit_event(EnvironmentIntegrationUpdated, environment_integration_to_wire(changed))
        return (await self._to_wire_rows([changed]))[0]

    async def delete(self, id: str) -> str:
        """Uninstalls, deletes the install's accounts, and returns the install's id."""
        identity = await self._delete_row(id)
        await self._emit_event(EnvironmentIntegrationDeleted, {"id": identity})
        return identity

    async def _emit_event(self, kind: type[Event], payload: Mapping[str, Any]) -> None:
        """Emits an event of the environment in the same transaction."""
        event = {"environment_id": self._scope.environment_id, "payload": dict(payload)}
        await emit(self._conn, kind.model_validate(event))

    async def _to_wire_rows(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[Row]:
        """Returns the rows in the shape of the API, each with the summary of its integration."""
        summaries = await read_integration_summaries(self._conn, (row["integration_id"] for row in rows))
        return [
            {
                **environment_integration_to_wire({**row, "integration": summaries[row["integration_id"]]}),
                _CALLBACK_FIELD: row["callback_url"],
            }
            for row in rows
        ]

    def _select_installs(self) -> Select[Any]:
        """Returns the SELECT of the environment's installs, without secrets."""
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

    async def _read_integration(self, integration_id: str) -> Row:
        """Returns the row of an integration, whoever owns it."""
        statement = select(integration).where(integration.c.id == integration_id)
        return dict((await self._conn.execute(statement)).mappings().one())

    def _check_override(
        self, target: Mapping[str, Any], plain: Mapping[str, Any], secrets: Mapping[str, Any]
    ) -> list[CallWarning]:
        """Returns warnings on the override. Raises DefinitionInvalid if it does not fit the integration.
        `target`: its row."""
        is_owner = target["team_id"] == self._scope.team_id
        base = build_usable_config(get_key_ring(self._conn), target, is_owner=is_owner)
        return check_integration_override(
            target["name"], base, join_secrets(plain, secrets), field="override"
        )


def _columns_from_body(values: Mapping[str, Any], is_enabled: bool) -> dict[str, Any]:
    """Returns the columns that a request body sets.

    `is_active` is another name of `is_enabled`. If both are sent and differ, the one that differs from the
    stored `is_enabled` counts, since clients change one of them and send the whole row back.
    """
    sent = {name: values[name] for name in _WRITABLE & values.keys()}
    if _CALLBACK_FIELD in sent:
        sent["callback_url"] = sent.pop(_CALLBACK_FIELD)
    alias = sent.pop("is_active", None)
    if alias is not None and sent.get("is_enabled", is_enabled) == is_enabled:
        sent["is_enabled"] = alias
    return sent


def _check_columns(values: Mapping[str, Any]) -> None:
    """Raises BadRequest with every failure."""
    failures = Failures()
    for name in ("is_enabled", "show_in_catalog"):
        if name in values:
            failures.check_boolean(name, values[name])
    if "override" in values:
        failures.check_object("override", values["override"])
    callback = values.get("callback_url")
    if callback is not None and ((parts := split_web_url(callback)) is None or parts.fragment):
        failures.add(
            _CALLBACK_FIELD,
            "must be an https address without a fragment (or http on this machine), or null",
            "bad_address",
        )
    failures.raise_if_any("the environment integration is not valid")
