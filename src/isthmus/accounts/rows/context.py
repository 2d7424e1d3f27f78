"""An account's context: what is stored plain, what sealed, and what is only there while it is read.

`definitions.md` §1.3.7, `api.md` §3.9. A context has four faces:

    stored     plain part and secret part, two columns
    whole      both joined: what a PATCH is laid over
    effective  whole, with the virtual keys: what templates, expressions and authorization see
    shown      the plain part, with `environment_variables`: what the API answers
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from isthmus.db.encryption import EncryptedJSON, KeyRing
from isthmus.db.tables import integrated_account
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.secrets import PROTECTED_CONTEXT_PATHS, join_secrets, split_context

__all__ = [
    "CONTEXT_SECRETS",
    "OVERRIDE_SECRETS",
    "effective_context",
    "object_store_fields",
    "patched_context",
    "sealed_names",
    "secret_field_names",
    "shown_context",
    "split_context",
    "stored_context",
]

_VIRTUAL: Final = "environment_variables"
_STORE_FLAG: Final = "truto_obj_store"
_PROTECTED: Final = frozenset(path[0] for path in PROTECTED_CONTEXT_PATHS if len(path) == 1)


def secret_field_names(definition: IntegrationConfig) -> frozenset[str]:
    """Names of the form fields whose widget is `password`, of every credential format."""
    return frozenset(
        field.name
        for credential in definition.credentials.values()
        for field in credential.config.fields
        if field.type == "password"
    )


def patched_context(
    whole: Mapping[str, Any], patch: Mapping[str, Any], secret_fields: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """`whole` after a PATCH: shallow by top-level keys, but `oauth`, which is merged deep.

    Null is stored as null, but removes a secret; `environment_variables` are never stored.
    """
    result = dict(whole)
    for key, value in patch.items():
        if key == _VIRTUAL:
            continue
        if value is None and (key in _PROTECTED or key in secret_fields):
            result.pop(key, None)
        elif key == "oauth" and isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = join_secrets(result[key], value)
        else:
            result[key] = value
    return result


def effective_context(whole: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """`variables`: both kinds of environment variables, from the effective definition."""
    context = {key: _rehydrated(value) for key, value in whole.items()}
    token = _at(context, "oauth", "token", "access_token")
    if token is not None and context.get("access_token") is None:
        context["access_token"] = token
    context[_VIRTUAL] = dict(variables)
    return context


def shown_context(plain: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """`override`: the plain part of the install's. Secret variables are not in it."""
    context = {key: _rehydrated(value) for key, value in plain.items()}
    variables = override.get(_VIRTUAL)
    if isinstance(variables, Mapping) and variables:
        context[_VIRTUAL] = dict(variables)
    return context


def object_store_fields(plain: Mapping[str, Any]) -> list[str]:
    """Keys sent as `{truto_obj_store: true, data}`; their values are kept beside the others all the same."""
    return sorted(key for key, value in plain.items() if _is_stored_apart(value))


def _is_stored_apart(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get(_STORE_FLAG) is True


def _rehydrated(value: Any) -> Any:
    return value.get("data") if _is_stored_apart(value) else value


def _at(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


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
