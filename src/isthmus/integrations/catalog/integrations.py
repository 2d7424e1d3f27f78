"""Reads the integrations that a team owns, that are shipped or that other teams share, and changes its
own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from isthmus.db.database import get_key_ring
from isthmus.db.encryption import EncryptedJSON, KeyRing
from isthmus.db.listing import FilterColumns
from isthmus.db.tables import environment_integration, integration
from isthmus.definitions.layers import apply_patch
from isthmus.definitions.secrets import join_secrets, split_secrets
from isthmus.integrations.catalog.owned_definitions import OwnedDefinitions
from isthmus.integrations.catalog.renames import refuse_rename_of_integration
from isthmus.integrations.rows.body_checks import SHARING, Failures, check_version
from isthmus.integrations.rows.definition_checks import check_integration_config
from isthmus.integrations.rows.wire_rows import Row, integration_to_wire
from isthmus.kit.ids import new_id
from isthmus.kit.writable_fields import require_writable_field

__all__ = ["INTEGRATION_SECRETS", "Integrations", "build_usable_config"]

INTEGRATION_SECRETS: Final = EncryptedJSON(integration.c.secrets)
_WRITABLE: Final = frozenset({"name", "category", "is_beta", "sharing", "config"})
_DEFAULTS: Final[Mapping[str, Any]] = {
    "name": None,
    "category": None,
    "is_beta": False,
    "sharing": "deny",
    "config": None,
}


def build_usable_config(keys: KeyRing, row: Mapping[str, Any], *, is_owner: bool) -> dict[str, Any]:
    """Returns the config of an integration that calls of a team use: with its decrypted secrets only for the
    owner.

    Overrides of another team decide where requests go and what mappings read, so that team could read any
    secret that takes part in its calls. `row`: needs `id`, `config` and `secrets`.
    """
    if not is_owner:
        return dict(row["config"])
    return join_secrets(row["config"], INTEGRATION_SECRETS.decrypt(keys, row["id"], row["secrets"]) or {})


class Integrations(OwnedDefinitions):
    """The integrations a team sees: its own, the shipped ones, and those that other teams share."""

    _TABLE = integration
    FILTERS: ClassVar[FilterColumns] = {
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
    _NOUN = "integration"
    _NOUN_WITH_ARTICLE = "an integration"
    _ROUTE = "/integration"
    _HIDDEN = frozenset({"secrets"})
    _INSTALLS = environment_integration
    _INSTALLS_COLUMN = "integration_id"
    _INSTALL_ROUTE = "/environment-integration"

    async def create(self, values: Mapping[str, Any]) -> Row:
        """Creates an integration of this team and returns it.

        `values`: `name`, `config`, and optionally `category`, `is_beta`, `sharing`. Raises BadRequest with
        every failure of the config, Conflict if the name is taken.
        """
        row: Row = {**_DEFAULTS, **{name: values[name] for name in _WRITABLE & values.keys()}}
        _check_fields(row)
        self.warnings += check_integration_config(row["name"], row["config"])
        row["config"], secrets = split_secrets(row["config"])
        id = new_id()
        return await self._insert({**row, "id": id, "secrets": self._encrypt_secrets(id, secrets)})

    async def update(self, id: str, changes: Mapping[str, Any]) -> Row:
        """Changes an integration of this team and returns it. `config` is merged deeply, and null deletes a
        key; `version`, if sent, must be the current one.

        Raises Forbidden for an integration of another owner; Conflict for a stale version, for a taken name,
        and for a new name while mappings refer to the old one.
        """
        require_writable_field(changes, _WRITABLE)
        row = await self.lock_owned(id)
        check_version(changes.get("version"), row["version"])
        values = {name: changes[name] for name in _WRITABLE & changes.keys()}
        _check_fields(values)
        if values.get("name", row["name"]) != row["name"]:
            await refuse_rename_of_integration(self._conn, self._scope.team_id, row)
        if "config" in values:
            current = build_usable_config(get_key_ring(self._conn), row, is_owner=True)
            merged = apply_patch(current, values["config"])
            self.warnings += check_integration_config(str(values.get("name", row["name"])), merged)
            values["config"], secrets = split_secrets(merged)
            values["secrets"] = self._encrypt_secrets(row["id"], secrets)
        return await self._update(row, values)

    def _to_wire(self, row: Mapping[str, Any], installed: Sequence[str]) -> Row:
        """Returns the row in the shape of the API, with only the public config for other teams."""
        return integration_to_wire(row, self._scope.team_id, installed)

    def _encrypt_secrets(self, id: str, secrets: dict[str, Any]) -> bytes | None:
        """Returns the secrets of an integration, encrypted for its row; None if there are none."""
        return INTEGRATION_SECRETS.encrypt(get_key_ring(self._conn), id, secrets or None)


def _check_fields(values: Mapping[str, Any]) -> None:
    """Raises BadRequest listing every field whose value is not valid. Does not check that fields are
    present."""
    failures = Failures()
    checks = {
        "name": failures.check_slug,
        "category": failures.check_text_or_null,
        "is_beta": failures.check_boolean,
        "config": failures.check_object,
    }
    for name, check in checks.items():
        if name in values:
            check(name, values[name])
    if "sharing" in values:
        failures.check_one_of("sharing", values["sharing"], SHARING)
    failures.raise_if_any("the integration is not valid")
