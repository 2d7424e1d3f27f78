"""The context of an account: how it is stored, patched, and shown (`docs/explanation/accounts.md`).

A context has four forms:

    stored     a plain part and an encrypted part, in two columns
    whole      both parts joined: a PATCH is merged into it
    effective  the whole context with `access_token` and `environment_variables` added: what templates,
               expressions and authorization read
    visible    the plain part with `environment_variables`: what the API returns
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
    "build_effective_context",
    "build_visible_context",
    "decrypt_context",
    "get_oauth_token",
    "get_path",
    "list_encrypted_fields",
    "list_object_store_fields",
    "list_secret_fields",
    "patch_context",
    "split_context",
]

_VARIABLES_KEY: Final = "environment_variables"
_OBJECT_STORE_FLAG: Final = "truto_obj_store"
_CREDENTIAL_KEYS: Final = frozenset(path[0] for path in PROTECTED_CONTEXT_PATHS if len(path) == 1)
CONTEXT_SECRETS: Final = EncryptedJSON(integrated_account.c.context_secrets)
OVERRIDE_SECRETS: Final = EncryptedJSON(integrated_account.c.integration_override_secrets)


def list_secret_fields(definition: IntegrationConfig) -> frozenset[str]:
    """Return the names of the form fields of type `password`, over all credential formats."""
    return frozenset(
        field.name
        for credential in definition.credentials.values()
        for field in credential.config.fields
        if field.type == "password"
    )


def patch_context(
    whole: Mapping[str, Any], patch: Mapping[str, Any], secret_fields: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """Return `whole` after a PATCH: top-level keys replace each other, only `oauth` is merged deeply.

    A null is stored as null, except that it removes credentials and `secret_fields`. `environment_variables`
    are never stored.
    """
    result = dict(whole)
    for key, value in patch.items():
        if key == _VARIABLES_KEY:
            continue
        if value is None and (key in _CREDENTIAL_KEYS or key in secret_fields):
            result.pop(key, None)
        elif key == "oauth" and isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = join_secrets(result[key], value)
        else:
            result[key] = value
    return result


def build_effective_context(whole: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
    """Return the context that templates and expressions read. `variables`: plain and secret environment
    variables of the effective definition. `access_token` is copied from `oauth.token` unless it is set."""
    context = {key: _unwrap_object_store_value(value) for key, value in whole.items()}
    token = get_path(context, ("oauth", "token", "access_token"))
    if token is not None and context.get("access_token") is None:
        context["access_token"] = token
    context[_VARIABLES_KEY] = dict(variables)
    return context


def build_visible_context(
    plain_context: Mapping[str, Any], install_override: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the context that the API shows: `plain_context`, with object-store values replaced by their
    data, and the `environment_variables` of the install's override. Both arguments are the unencrypted
    parts."""
    context = {key: _unwrap_object_store_value(value) for key, value in plain_context.items()}
    variables = install_override.get(_VARIABLES_KEY)
    if isinstance(variables, Mapping) and variables:
        context[_VARIABLES_KEY] = dict(variables)
    return context


def list_object_store_fields(plain: Mapping[str, Any]) -> list[str]:
    """Return the sorted keys whose value was sent as `{truto_obj_store: true, data}`. Their values are stored
    in the same column as all others."""
    return sorted(key for key, value in plain.items() if _is_object_store_value(value))


def _is_object_store_value(value: Any) -> bool:
    """Return True for a value that was sent as `{truto_obj_store: true, data}`."""
    return isinstance(value, Mapping) and value.get(_OBJECT_STORE_FLAG) is True


def _unwrap_object_store_value(value: Any) -> Any:
    """Return the `data` of an object-store value (`{truto_obj_store: true, data}`), any other value as it
    is."""
    return value.get("data") if _is_object_store_value(value) else value


def get_path(value: Any, path: tuple[str, ...]) -> Any:
    """Return the value at a path of nested objects, None if there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def decrypt_context(keys: KeyRing, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the whole context of an account's row: the plain part joined with the decrypted one."""
    secrets = CONTEXT_SECRETS.decrypt(keys, row["id"], row["context_secrets"])
    return join_secrets(row["context"], secrets or {})


def get_oauth_token(context: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `oauth.token` of a context, empty if it is missing or no object."""
    oauth = context.get("oauth")
    token = oauth.get("token") if isinstance(oauth, Mapping) else None
    return token if isinstance(token, Mapping) else {}


def list_encrypted_fields(keys: KeyRing, row: Mapping[str, Any]) -> frozenset[str]:
    """Return the top-level keys of the context that are stored encrypted. They stay encrypted even if a
    changed definition no longer has them as passwords: it must not reveal what was entered as a secret."""
    secrets = CONTEXT_SECRETS.decrypt(keys, row["id"], row["context_secrets"])
    return frozenset(secrets or ()) - {"oauth"}
