"""Merges the layers of a definition to the effective one. Takes and returns plain JSON, and changes no
argument.

Three rules that are easy to confuse:

    merge_integration   when read: base, the install's override, the account's override
    merge_mapping       when read: base row, environment row, the account's override
    apply_patch         when written: what a PATCH makes of a stored `config`
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
from isthmus.definitions.json_values import merge_deep
from isthmus.definitions.load import DefinitionInvalid, check_depth
from isthmus.definitions.object_mapping import LITERAL_KEY
from isthmus.errors import failure

__all__ = [
    "apply_patch",
    "find_account_mapping",
    "make_patch",
    "merge_integration",
    "merge_mapping",
]

Json = dict[str, Any]

_BLOCKS_WITH_FORMAT: Final = frozenset({"authorization", "pagination"})


def merge_integration(base: Mapping[str, Any], *overrides: Mapping[str, Any] | None) -> Json:
    """Merges the layers of an integration's config to the effective one. A null at the top of an override
    counts as absent; a null below it is kept, and means "none". A block of another `format` (authorization,
    pagination) replaces the lower one whole.

    Raises DefinitionInvalid where an override does not tell which of several credentials it changes, and for
    what is nested too deeply.
    """
    _check_depth(base, *overrides)
    return reduce(_merge_override, (override for override in overrides if override), dict(base))


def _merge_override(low: Json, high: Mapping[str, Any]) -> Json:
    """Merges one override into the config, each slot by its own rule."""
    result = dict(low)
    for slot, value in high.items():
        if value is None:
            continue
        below = low.get(slot)
        if slot == "credentials":
            result[slot] = _merge_credentials(below, value)
        elif slot in _BLOCKS_WITH_FORMAT:
            result[slot] = _merge_same_format(below, value)
        elif slot == "webhook":
            result[slot] = _merge_with_rules(below, value, {"signature_verification": _merge_same_format})
        elif slot == "resources":
            result[slot] = _merge_resources(below, value)
        else:
            result[slot] = _merge_values(below, value)
    return result


def _merge_values(low: Any, high: Any) -> Any:
    """Merges two objects by key at every depth; anything else in `low`, null included, is replaced by
    `high`."""
    if not isinstance(low, Mapping) or not isinstance(high, Mapping):
        return high
    return merge_deep(low, high)


def _merge_with_rules(low: Any, high: Any, rules: Mapping[str, Any]) -> Any:
    """Merges two objects as `_merge_values` does, some keys by a rule of their own. `rules`: the function
    that merges the values of a key."""
    if not isinstance(low, Mapping) or not isinstance(high, Mapping):
        return high
    merged = {key: rules.get(key, _merge_values)(low.get(key), value) for key, value in high.items()}
    return {**low, **merged}


def _merge_same_format(low: Any, high: Any) -> Any:
    """Merges `high` into `low` if `high` has the same `format` or none; otherwise `high` replaces `low`."""
    if not isinstance(low, Mapping) or not isinstance(high, Mapping):
        return high
    high_format = high.get("format")
    return _merge_values(low, high) if high_format is None or high_format == low.get("format") else high


def _merge_resources(low: Any, high: Any) -> Any:
    """Merges resources by name, and their methods by theirs."""
    if not isinstance(low, Mapping) or not isinstance(high, Mapping):
        return high
    return {**low, **{name: _merge_methods(low.get(name), value) for name, value in high.items()}}


def _merge_methods(low: Any, high: Any) -> Any:
    """Merges the methods of a resource by name, and each by its fields."""
    if not isinstance(low, Mapping) or not isinstance(high, Mapping):
        return high
    rules = {"authorization": _merge_same_format, "pagination": _merge_same_format}
    return {**low, **{name: _merge_with_rules(low.get(name), value, rules) for name, value in high.items()}}


def _merge_credentials(low: Any, high: Any) -> Any:
    """Merges credentials, whether one object or a map by format is written in either layer. Returns a map, or
    what is invalid as it is."""
    below = normalise_credentials(low)
    if not isinstance(below, Mapping) or not isinstance(high, Mapping):
        return normalise_credentials(high)
    if _is_single_credential(high) and "format" not in high:
        return _merge_credentials(below, {_require_only_format(below): high})
    above = normalise_credentials(high)
    assert isinstance(above, Mapping)
    replaces = _is_single_credential(high) and _is_single_credential(low)
    kept_credentials = (
        {key: value for key, value in below.items() if key in above} if replaces else dict(below)
    )
    return {**kept_credentials, **{key: _merge_values(below.get(key), value) for key, value in above.items()}}


def _is_single_credential(value: Any) -> bool:
    """Returns True for one credential object, as opposed to a map of them: it has a `format` that is a text,
    or a `config` and no key that is a format or an alias of one. False for anything else, a map or not."""
    return isinstance(value, Mapping) and (
        isinstance(value.get("format"), str)
        or (
            "config" in value
            and not any(resolve_credential_format(key) in CREDENTIAL_FORMATS for key in value)
        )
    )


def _require_only_format(below: Mapping[str, Any]) -> str:
    """Returns the format of the only credential. Raises DefinitionInvalid where there are several, or
    none."""
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
    """Merges the layers of the mapping of one unified method. A null in an override removes what is below, at
    any depth; strings, arrays and the two forms of a field replace each other whole.

    Without a base row the first override is the whole mapping, without any layer the result is {}. Raises
    DefinitionInvalid for what is nested too deeply.
    """
    _check_depth(base, *overrides)
    return reduce(_merge_patch, (override for override in overrides if override), dict(base or {}))


def find_account_mapping(
    override: Mapping[str, Any] | None, model: str, resource: str, method: str
) -> Mapping[str, Any] | None:
    """Returns the mapping an account's `unified_model_override` holds for one method; None where it holds
    none."""
    value: Any = override
    for name in (model, resource, method):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else None


def apply_patch(stored: Mapping[str, Any], patch: Mapping[str, Any]) -> Json:
    """Applies a PATCH to a stored object: objects are merged, arrays replaced, and null deletes the key.
    Returns a new object.

    Raises DefinitionInvalid for what is nested too deeply.
    """
    _check_depth(stored, patch)
    return _merge_patch(stored, patch)


def make_patch(stored: Mapping[str, Any], target: Mapping[str, Any]) -> Json:
    """Returns the smallest PATCH that changes `stored` into `target`, as `apply_patch` reads it; {} where
    they are equal.

    An object with `$literal`, and what replaces one, is sent whole. A null in `target` cannot be stored by a
    PATCH: it removes what is there.
    """
    patch: Json = {name: None for name in stored if name not in target and stored[name] is not None}
    for name, value in target.items():
        before = stored.get(name)
        if _is_mergeable(value) and _is_mergeable(before):
            inner = make_patch(before, value)
            patch |= {name: inner} if inner else {}
        elif before != value or name not in stored:
            patch[name] = value
    return patch


def _check_depth(*layers: Mapping[str, Any] | None) -> None:
    """Raises DefinitionInvalid for a layer that is nested too deeply."""
    for layer in layers:
        check_depth(layer, source="definition")


def _merge_patch(stored: Mapping[str, Any], patch: Mapping[str, Any]) -> Json:
    """Applies a PATCH as `apply_patch` does, without the check of the depth. Returns a new object."""
    result = dict(stored)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif _is_mergeable(value):
            below = result.get(key)
            result[key] = _merge_patch(below if _is_mergeable(below) else {}, value)
        else:
            result[key] = value
    return result


def _is_mergeable(value: Any) -> TypeGuard[Mapping[str, Any]]:
    """Returns True for an object that is merged by key. `{"$literal": …}` is a value, and is replaced
    whole."""
    return isinstance(value, Mapping) and LITERAL_KEY not in value
