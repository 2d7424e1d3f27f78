"""The encrypted columns of an account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from isthmus.db.encryption import EncryptedJSON, KeyRing
from isthmus.db.tables import integrated_account
from isthmus.definitions.secrets import join_secrets

__all__ = ["CONTEXT_SECRETS", "OVERRIDE_SECRETS", "sealed_names", "stored_context"]

CONTEXT_SECRETS: Final = EncryptedJSON(integrated_account.c.context_secrets)
OVERRIDE_SECRETS: Final = EncryptedJSON(integrated_account.c.integration_override_secrets)


def stored_context(keys: KeyRing, row: Mapping[str, Any]) -> dict[str, Any]:
    """The whole context of a row: its plain and its secret part joined."""
    secrets = CONTEXT_SECRETS.open(keys, row["id"], row["context_secrets"])
    return join_secrets(row["context"], secrets or {})


def sealed_names(keys: KeyRing, row: Mapping[str, Any]) -> frozenset[str]:
    """Top-level names of the context that are sealed whole. They stay so, also where a changed definition no
    longer has them as passwords: it must not lay open what was handed over as a secret."""
    secrets = CONTEXT_SECRETS.open(keys, row["id"], row["context_secrets"])
    return frozenset(secrets or ()) - {"oauth"}
