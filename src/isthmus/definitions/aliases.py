"""Reads the aliases of a unified resource: short names that callers may use for one entry of a list field.

`email: email_addresses[].email` stands for the `email` of one entry of `email_addresses`, and
`address: addresses[]` for a whole entry.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from isthmus.definitions.json_values import as_mapping

__all__ = [
    "TARGET_PATTERN",
    "FieldAlias",
    "add_aliases",
    "describe_aliases",
    "find_alias_fault",
    "list_aliases",
    "select_aliases",
]

_TARGET: Final = re.compile(r"([^\s.\[\]]+)\[\](?:\.([^\s.\[\]]+))?")
TARGET_PATTERN: Final = f"^{_TARGET.pattern}$"
"""What an alias may stand for: `list[].key`, or `list[]` for a whole entry."""


@dataclass(frozen=True, slots=True)
class FieldAlias:
    """A short name. `field`: the list field it stands for. `key`: the key of an entry of that list, None for
    the whole entry."""

    name: str
    field: str
    key: str | None

    @property
    def target(self) -> str:
        """What it stands for, as the model writes it: `email_addresses[].email`."""
        return f"{self.field}[]" if self.key is None else f"{self.field}[].{self.key}"


def list_aliases(aliases: Any, record_schema: Any) -> tuple[FieldAlias, ...]:
    """Returns the aliases of a resource that hold: an environment's override may have added a field of an
    alias's name, or taken its list away.

    `aliases`, `record_schema`: of the resource, typed or as stored; None for none.
    """
    return tuple(
        FieldAlias(name, match[1], match[2])
        for name, target in as_mapping(aliases).items()
        if (match := _TARGET.fullmatch(str(target))) and find_alias_fault(name, target, record_schema) is None
    )


def find_alias_fault(name: str, target: str, record_schema: Any) -> str | None:
    """Returns what is wrong with an alias, as the end of a sentence that begins with its path; None for
    nothing. `target`: what it stands for, of the form that `TARGET_PATTERN` describes."""
    properties = as_mapping(as_mapping(record_schema).get("properties"))
    if name in properties:
        return "is the name of a field of the record: an alias needs a name of its own"
    match = _TARGET.fullmatch(target)
    if match is None:
        return "must be of the form list[].key, or list[] for a whole entry"
    field, key = match[1], match[2]
    if field not in properties:
        return f"stands for a part of {field}, which is no field of the record"
    items = _find_entry_schema(properties[field])
    if items is None:
        return f"stands for a part of {field}, which is no list of objects"
    if key is not None and not _has_key(items, key):
        return f"stands for {key} of an entry of {field}, which has {', '.join(items['properties'])}"
    return None


def select_aliases(aliases: Iterable[FieldAlias], properties: Mapping[str, Any]) -> tuple[FieldAlias, ...]:
    """Returns the aliases that a body or a query takes. `properties`: the schemas of what it may hold, by
    name; the list of an alias is among them, and its name is not."""
    return tuple(
        alias
        for alias in aliases
        if alias.field in properties
        and alias.name not in properties
        and (alias.key is None or _has_key(properties[alias.field], alias.key))
    )


def describe_aliases(aliases: Iterable[FieldAlias], properties: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the schema of what each alias takes, by its name. `properties`: as in `select_aliases`."""
    return {
        alias.name: {
            **_find_schema(properties[alias.field], alias.key),
            "description": f"Short for `{alias.target}`. Send one of the two.",
            "x-alias-of": alias.target,
        }
        for alias in aliases
    }


def add_aliases(
    schema: Mapping[str, Any], aliases: Iterable[FieldAlias], entries: Mapping[str, Any] | None = None
) -> Mapping[str, Any]:
    """Returns the schema of a query or body with the aliases of the lists that it declares. `entries`: the
    schema that describes the entries of these lists; None for `schema` itself."""
    properties = as_mapping(schema.get("properties"))
    declared = select_aliases(aliases, properties)
    if not declared:
        return schema
    described = properties if entries is None else as_mapping(entries.get("properties"))
    return {**schema, "properties": {**properties, **describe_aliases(declared, described)}}


def _find_schema(schema: Any, key: str | None) -> Mapping[str, Any]:
    """Returns the schema of an entry of a list, or of its value under a key. `schema`: of the list in a body,
    or of the filter for it, which is an object."""
    entry = as_mapping(_find_entry_schema(schema) or schema)
    return entry if key is None else as_mapping(as_mapping(entry.get("properties")).get(key))


def _has_key(schema: Any, key: str) -> bool:
    """Returns True if the entries of a list may have a key. `schema`: as in `_find_schema`."""
    declared = as_mapping(_find_schema(schema, None).get("properties"))
    return not declared or key in declared


def _find_entry_schema(schema: Any) -> Mapping[str, Any] | None:
    """Returns the schema of the entries of a list of objects; None for any other schema."""
    if not _allows(schema, "array"):
        return None
    items = as_mapping(schema).get("items")
    return as_mapping(items) if _allows(items, "object") else None


def _allows(schema: Any, kind: str) -> bool:
    """Returns True if a schema names a JSON type among its own."""
    kinds = as_mapping(schema).get("type")
    return kind == kinds or (isinstance(kinds, list) and kind in kinds)
