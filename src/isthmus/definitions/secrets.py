"""Finds the secret values of a config or context, splits them off, and joins them again.

A row stores the plain part as it is and the secret part encrypted; the API shows the plain part only. Secrets
are nested like the config that they come from, so that joining is a deep merge.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from isthmus.definitions.json_values import merge_deep
from isthmus.expressions.placeholders import find_placeholders

__all__ = [
    "MASK",
    "PROTECTED_CONTEXT_PATHS",
    "find_secret_paths",
    "is_secret_name",
    "join_masked",
    "join_secrets",
    "replace_config",
    "split_context",
    "split_paths",
    "split_secrets",
]

MASK: Final = "***"
"""Shown in place of a secret."""

Json = dict[str, Any]
Path = tuple[str, ...]

PROTECTED_CONTEXT_PATHS: Final[frozenset[Path]] = frozenset(
    {
        ("oauth", "token", "access_token"),
        ("oauth", "token", "refresh_token"),
        ("oauth", "token", "access_token_secret"),
        ("oauth", "token", "id_token"),
        ("api_key",),
        ("api_token",),
        ("token",),
        ("password",),
        ("secret",),
        ("client_secret",),
        ("access_token",),
    }
)
"""Leaves of an account's context that no answer and no webhook payload contains."""

_OAUTH_APP: Final = ("config", "client", "secret")
_AUTHORIZATION: Final = (("config", "token"), ("config", "password"), ("config", "header_value"))
_SIGNATURE: Final = (("config", "secret"), ("config", "password"))
_ENTRIES: Final = ("headers", "query")
_SECRET_NAME: Final = re.compile(
    r"authorization|cookie|(?:api|access|subscription)[-_]?key|token|secret|password|signature"
    r"|\A(?:x-)?(?:auth|key)\Z",
    re.IGNORECASE,
)


def find_secret_paths(config: Mapping[str, Any]) -> frozenset[Path]:
    """Returns the paths of the secret leaves of a config.

    They are client secrets, `secret_environment_variables`, and literal values without a placeholder that are
    the key of an authorization or a signature, or that stand in headers or queries under a name like
    `Authorization`, `Cookie`, `X-Api-Key` or `access_token`.
    """
    return frozenset(_iterate_secret_paths(config))


def _iterate_secret_paths(config: Mapping[str, Any]) -> Iterator[Path]:
    """Yields the paths of `find_secret_paths`, some perhaps twice."""
    variables = config.get("secret_environment_variables")
    if isinstance(variables, Mapping):
        yield from (("secret_environment_variables", str(name)) for name in variables)
    credentials = config.get("credentials")
    if isinstance(credentials, Mapping):
        for prefix in ((), *((str(name),) for name in credentials)):
            path = ("credentials", *prefix, *_OAUTH_APP)
            if _get_at(config, path) is not None:
                yield path
    yield from _iterate_literals(config, ("authorization",), _AUTHORIZATION)
    yield from _iterate_literals(config, ("webhook", "signature_verification"), _SIGNATURE)
    yield from _iterate_secret_entries(config, ())
    resources = config.get("resources")
    for resource, methods in resources.items() if isinstance(resources, Mapping) else ():
        for method in methods if isinstance(methods, Mapping) else ():
            path = ("resources", resource, method)
            yield from _iterate_literals(config, (*path, "authorization"), _AUTHORIZATION)
            yield from _iterate_secret_entries(config, path)


def _iterate_secret_entries(config: Mapping[str, Any], prefix: Path) -> Iterator[Path]:
    """Yields the paths of secrets in the headers and query of the object at `prefix`."""
    for field in _ENTRIES:
        entries = _get_at(config, (*prefix, field))
        if isinstance(entries, Mapping):
            yield from _iterate_named_secrets(entries, (*prefix, field), is_secret=False)


def _iterate_named_secrets(entries: Mapping[str, Any], path: Path, *, is_secret: bool) -> Iterator[Path]:
    """Yields the paths of literal values that their own name, or one above them, makes secret."""
    for name, value in entries.items():
        secret = is_secret or is_secret_name(name)
        if isinstance(value, Mapping):
            yield from _iterate_named_secrets(value, (*path, name), is_secret=secret)
        elif secret and _is_literal(value):
            yield (*path, name)


def _is_literal(value: Any) -> bool:
    """Returns True for a number and for a text without placeholders, also for an array that holds one of
    these."""
    if isinstance(value, list):
        return any(map(_is_literal, value))
    if isinstance(value, str):
        return bool(value) and not any(find_placeholders(value))
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _iterate_literals(config: Mapping[str, Any], prefix: Path, leaves: tuple[Path, ...]) -> Iterator[Path]:
    """Yields the paths of those leaves below `prefix` that hold literal text."""
    for leaf in leaves:
        value = _get_at(config, (*prefix, *leaf))
        if isinstance(value, str) and value and not any(find_placeholders(value)):
            yield (*prefix, *leaf)


def _get_at(value: Any, path: Path) -> Any:
    """Returns the value at a path; None where there is none."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def split_secrets(config: Mapping[str, Any]) -> tuple[Json, Json]:
    """Returns a config as `(plain, secrets)`. Objects that only held secrets are left out of `plain`."""
    return split_paths(config, find_secret_paths(config))


def join_secrets(plain: Mapping[str, Any], secrets: Mapping[str, Any]) -> Json:
    """Returns the whole config, from its plain part and its secrets."""
    return merge_deep(plain, secrets)


def join_masked(plain: Mapping[str, Any], secrets: Mapping[str, Any]) -> Json:
    """Returns the whole config, as `join_secrets` does, with the mask in place of each secret."""
    return join_secrets(plain, _mask_all(secrets))


def _mask_all(secrets: Mapping[str, Any]) -> Json:
    """Returns a copy of the secrets with the mask in place of each value."""
    return {key: _mask_all(value) if isinstance(value, Mapping) else MASK for key, value in secrets.items()}


def is_secret_name(name: str) -> bool:
    """Returns True if the value of a header or query parameter of this name is a secret."""
    return _SECRET_NAME.search(name) is not None


def split_context(
    context: Mapping[str, Any], password_fields: frozenset[str] = frozenset()
) -> tuple[Json, Json]:
    """Returns an account's context as `(plain, secrets)`. Secret are the protected paths, and the credential
    fields of the type `password` (`password_fields`)."""
    return split_paths(context, PROTECTED_CONTEXT_PATHS | {(name,) for name in password_fields})


def split_paths(value: Mapping[str, Any], paths: frozenset[Path]) -> tuple[Json, Json]:
    """Returns an object without the values at these paths, and an object of those values. Paths that it does
    not have are ignored."""
    plain: Json = {}
    split_off: Json = {}
    for key, item in value.items():
        below = frozenset(path[1:] for path in paths if path[0] == key)
        if () in below:
            split_off[key] = item
            continue
        if not below or not isinstance(item, Mapping):
            plain[key] = item
            continue
        inner_plain, inner_split_off = split_paths(item, below)
        if inner_plain or not inner_split_off:
            plain[key] = inner_plain
        if inner_split_off:
            split_off[key] = inner_split_off
    return plain, split_off


def replace_config(plain: Mapping[str, Any], secrets: Mapping[str, Any], new: Mapping[str, Any]) -> Json:
    """Returns the config that replaces a stored one, where `new` was written by somebody who could not see
    the secrets.

    `plain` and `secrets`: what is stored. A secret that `new` leaves out is kept, as long as the visible
    object that it belongs to is still there, with the same `format`. Null removes a secret; `{}`, for the
    whole or for an object, removes all below it. In headers and queries a null is kept, since there it means
    that the request has none; and `format` is a name like any other.
    """
    return _replace(plain, secrets, new, are_entries=False)


def _replace(
    plain: Mapping[str, Any], secrets: Mapping[str, Any], new: Mapping[str, Any], *, are_entries: bool
) -> Json:
    """Makes the config of `replace_config`, for an object at any depth. `are_entries`: the objects hold
    headers or query parameters."""
    if not new:
        return {}
    result = dict(new)
    for key, secret in secrets.items():
        if key not in new:
            if key not in plain:
                result[key] = secret
        elif new[key] is None:
            if not are_entries:
                del result[key]
        elif isinstance(secret, Mapping) and isinstance(new[key], Mapping):
            visible = plain.get(key)
            visible_object = visible if isinstance(visible, Mapping) else {}
            below = are_entries or key in _ENTRIES
            if below or _has_same_format(visible_object, new[key]):
                result[key] = _replace(visible_object, secret, new[key], are_entries=below)
    return result


def _has_same_format(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Returns True if `after` keeps the `format` of the object `before`, which may have none."""
    return "format" not in before or after.get("format", before["format"]) == before["format"]
