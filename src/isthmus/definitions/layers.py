"""How layers become one definition (`definitions.md` §2, §3.8). Plain JSON in, plain JSON out; never mutates.

Three rules that are easy to confuse:

    merge_integration   read time: base <- install's override <- account's override
    merge_mapping       read time: base row <- environment row <- account's override
    deep_merge_patch    write time: what a PATCH does to a stored `config`
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any, Final, TypeGuard

from isthmus.definitions.credentials import (
    CREDENTIAL_FORMATS,
    normalise_credentials,
    resolve_credential_format,
)
from isthmus.definitions.load import DefinitionInvalid, check_depth
from isthmus.definitions.object_mapping import LITERAL_KEY
from isthmus.errors import failure

__all__ = [
    "OVERRIDE_SLOTS",
    "apply_patch",
    "find_account_mapping",
    "make_patch",
    "merge_integration",
    "merge_mapping",
]

Json = dict[str, Any]

OVERRIDE_SLOTS: Final = frozenset(
    {
        "authorization",
        "base_url",
        "credentials",
        "environment_variables",
        "error_expression",
        "headers",
        "pagination",
        "query",
        "rate_limit",
        "resources",
        "secret_environment_variables",
        "webhook",
    }
)
"""Keys of an integration's config that an upper layer may hold."""

_TAGGED: Final = frozenset({"authorization", "pagination"})


def merge_integration(base: Mapping[str, Any], *overrides: Mapping[str, Any] | None) -> Json:
    """The effective config. Null at a top slot of an override is as if it were absent; null deeper is kept
    and means "none". Tagged unions of another `format` replace the lower one whole.

    Raises DefinitionInvalid where an override's credential cannot be told to belong to one of several, and
    for what is nested too deeply.
    """
    _check_depth(base, *overrides)
    return reduce(_merge_override, (override for override in overrides if override), dict(base))


def _merge_override(low: Json, high: Mapping[str, Any]) -> Json:
    result = dict(low)
    for slot, value in high.items():
        if value is None:
            continue
        below = low.get(slot)
        if slot == "credentials":
            result[slot] = _merge_credentials(below, value)
        elif slot in _TAGGED:
            result[slot] = _merge_tagged(below, value)
        elif slot == "webhook":
            result[slot] = _merge_with_rules(below, value, {"signature_verification": _merge_tagged})
        elif slot == "resources":
            result[slot] = _merge_resources(below, value)
        else:
            result[slot] = _merge_values(below, value)
    return result


def _merge_values(low: Any, high: Any) -> Any:
    """Objects key by key; anything else, null included, is what `high` says."""
    if not isinstance(low, Mapping) or not isinstance(high, Mapping):
        return high
    return {**low, **{key: _merge_values(low.get(key), value) for key, value in high.items()}}


def _merge_with_rules(low: Any, high: Any, rules: Mapping[str, Any]) -> Any:
    """As `_deep`, with a rule of their own for some keys."""
    if not isinstance(low, Mapping) or not isinstance(high, Mapping):
        return high
    merged = {key: rules.get(key, _merge_values)(low.get(key), value) for key, value in high.items()}
    return {**low, **merged}


def _merge_tagged(low: Any, high: Any) -> Any:
    if not isinstance(low, Mapping) or not isinstance(high, Mapping):
        return high
    wanted = high.get("format")
    return _merge_values(low, high) if wanted is None or wanted == low.get("format") else high


def _merge_resources(low: Any, high: Any) -> Any:
    if not isinstance(low, Mapping) or not isinstance(high, Mapping):
        return high
    return {**low, **{name: _merge_methods(low.get(name), value) for name, value in high.items()}}


def _merge_methods(low: Any, high: Any) -> Any:
    if not isinstance(low, Mapping) or not isinstance(high, Mapping):
        return high
    rules = {"authorization": _merge_tagged, "pagination": _merge_tagged}
    return {**low, **{name: _merge_with_rules(low.get(name), value, rules) for name, value in high.items()}}


def _merge_credentials(low: Any, high: Any) -> Any:
    """Either shape over either shape; the result has the map form."""
    below = normalise_credentials(low)
    if not isinstance(below, Mapping) or not isinstance(high, Mapping):
        return normalise_credentials(high)
    if _is_single_credential(high) and "format" not in high:
        return _merge_credentials(below, {_require_only_format(below): high})
    above = normalise_credentials(high)
    assert isinstance(above, Mapping)
    replaces = _is_single_credential(high) and _is_single_credential(low)
    kept = {key: value for key, value in below.items() if key in above} if replaces else dict(below)
    return {**kept, **{key: _merge_values(below.get(key), value) for key, value in above.items()}}


def _is_single_credential(value: Any) -> bool:
    """One credential object, as opposed to a map of them: `format` names it, or it has only a `config`."""
    return isinstance(value, Mapping) and (
        isinstance(value.get("format"), str)
        or (
            "config" in value
            and not any(resolve_credential_format(key) in CREDENTIAL_FORMATS for key in value)
        )
    )


def _require_only_format(below: Mapping[str, Any]) -> str:
    if len(below) == 1:
        return str(next(iter(below)))
    raise DefinitionInvalid(
        "override",
        [
            failure(
                "credentials",
                f"the integration has {len(below)} ways to connect; put `config` under one of "
                f"{', '.join(below) or 'them'}",
                "ambiguous_credential",
            )
        ],
    )


def merge_mapping(base: Mapping[str, Any] | None, *overrides: Mapping[str, Any] | None) -> Json:
    """The effective mapping of one unified method. Null in an override removes what is below, at any depth;
    strings, arrays and the two forms of a field replace each other whole.

    Without a base row the first override is the whole mapping; the caller knows whether there was any.
    Raises DefinitionInvalid for what is nested too deeply.
    """
    _check_depth(base, *overrides)
    return reduce(_apply_patch, (override for override in overrides if override), dict(base or {}))


def find_account_mapping(
    override: Mapping[str, Any] | None, model: str, resource: str, method: str
) -> Mapping[str, Any] | None:
    """The mapping an account's `unified_model_override` holds for one method; None where it holds none."""
    value: Any = override
    for name in (model, resource, method):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else None


def apply_patch(stored: Mapping[str, Any], patch: Mapping[str, Any]) -> Json:
    """What a PATCH makes of a stored object: deep merge, arrays replaced, null deletes the key.

    Raises DefinitionInvalid for what is nested too deeply.
    """
    _check_depth(stored, patch)
    return _apply_patch(stored, patch)


def make_patch(stored: Mapping[str, Any], wanted: Mapping[str, Any]) -> Json:
    """The least PATCH that makes `wanted` of `stored`, as `deep_merge_patch` reads it; {} where it is.
    An object with `$literal` goes whole, as does what takes the place of one. A null of `wanted` cannot be
    stored by a PATCH: it takes away what is there."""
    found: Json = {name: None for name in stored if name not in wanted and stored[name] is not None}
    for name, value in wanted.items():
        before = stored.get(name)
        if _is_mergeable(value) and _is_mergeable(before):
            inner = make_patch(before, value)
            found |= {name: inner} if inner else {}
        elif before != value or name not in stored:
            found[name] = value
    return found


def _check_depth(*layers: Mapping[str, Any] | None) -> None:
    for layer in layers:
        check_depth(layer, source="definition")


def _apply_patch(low: Mapping[str, Any], high: Mapping[str, Any]) -> Json:
    result = dict(low)
    for key, value in high.items():
        if value is None:
            result.pop(key, None)
        elif _is_mergeable(value):
            below = result.get(key)
            result[key] = _apply_patch(below if _is_mergeable(below) else {}, value)
        else:
            result[key] = value
    return result


def _is_mergeable(value: Any) -> TypeGuard[Mapping[str, Any]]:
    """Whether it is merged key by key: `{"$literal": …}` is a value, and no keys to merge (§3.3)."""
    return isinstance(value, Mapping) and LITERAL_KEY not in value
