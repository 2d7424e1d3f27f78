"""What callers may put into the query of a unified call, whatever the mapping expects there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from isthmus.authoring.contract.catalog_entry import CatalogEntry, MappedMethod
from isthmus.engine.unified.mapping_plans import merge_schemas

__all__ = ["cursors_of", "queries_of", "reads_query", "times_of"]

Pairs = list[tuple[str, str]]

_TEXTS: Final = (
    "",
    "0",
    "12",
    "2024",
    "nonsense",
    "true",
    "1e400",
    "2024-01-01 00:00:00",
    "9999-12-31T23:59:59-23:00",
    "0001-01-01T00:00:00+23:00",
    '\' OR "1" = \\1 {{context.api_key}} $(1) \0\u2028\N{GRINNING FACE}',
    "9" * 5_000,
)
_FEW_TEXTS: Final = ("", "nonsense", "9999-12-31T23:59:59-23:00")
_OF_ALL_LISTS: Final = ("created_at", "limit", "next_cursor", "search", "sort_by", "status")
_READ: Final = re.compile(r"\b(?:query|rawQuery)\.(\w+)(?:\.(\w+))?")


def queries_of(entry: CatalogEntry, mapped_method: MappedMethod) -> Iterator[str]:
    """Yields query strings: each parameter that the model or the mapping knows, alone beside those that the
    method requires: as any text, empty, sent twice, under operators and names that it has and has not, and
    nested too deep."""
    schema = _schema(entry, mapped_method)
    required = _required(schema)
    for name, inner in sorted(_names(mapped_method, schema).items()):
        others = [pair for pair in required if pair[0].partition("[")[0] != name]
        for pairs in _shapes(name, sorted(inner)):
            yield urlencode([*others, *pairs])


def cursors_of(entry: CatalogEntry, mapped_method: MappedMethod) -> Iterator[tuple[str, str]]:
    """Yields cursors that no answer gave, each with the query that it stands in."""
    required = _required(_schema(entry, mapped_method))
    for text in _TEXTS:
        yield text, urlencode([*required, ("next_cursor", text)])


def times_of(entry: CatalogEntry, mapped_method: MappedMethod, text: str) -> Iterator[str]:
    """Yields query strings with the text as each time that the model or the mapping knows, alone and under
    each operator."""
    schema = _schema(entry, mapped_method)
    for name in sorted(name for name in _names(mapped_method, schema) if name.endswith("_at")):
        for operator in ("", "[eq]", "[gt]", "[gte]", "[lt]", "[lte]"):
            yield urlencode([*_required(schema), (name + operator, text)])


def reads_query(mapping: object) -> bool:
    """Returns True if the mapping's expression reads a parameter of the query."""
    return bool(_READ.search(_source(mapping)))


def _source(mapping: object) -> str:
    """Returns the text of an expression."""
    return str(getattr(mapping, "text", None) or getattr(mapping, "source", None) or mapping)


def _schema(entry: CatalogEntry, mapped_method: MappedMethod) -> Mapping[str, Any]:
    """Returns the schema of the query: the model's, with the mapping's own merged in."""
    shared = (
        entry.models[mapped_method.model]
        .file.resources[mapped_method.resource]
        .query_schema.get(mapped_method.method)
    )
    return merge_schemas(shared, mapped_method.config.query_schema) or {}


def _names(mapped_method: MappedMethod, schema: Mapping[str, Any]) -> dict[str, set[str]]:
    """Returns each parameter, with the names below it."""
    names: dict[str, set[str]] = {name: set() for name in _OF_ALL_LISTS if mapped_method.method == "list"}
    for name, item in schema.get("properties", {}).items():
        names[name] = set(item.get("properties", {}))
    for name, inner in _READ.findall(str(mapped_method.config.model_dump())):
        names.setdefault(name, set()).update([inner] if inner else ())
    return names


def _required(schema: Mapping[str, Any]) -> Pairs:
    """Returns the required parameters, each with a value."""
    pairs: Pairs = []
    for name in schema.get("required", ()):
        inner = schema["properties"][name].get("required", ())
        pairs += [(f"{name}[{name_below}]", "1") for name_below in inner] or [(name, "1")]
    return pairs


def _shapes(name: str, inner: list[str]) -> Iterator[Pairs]:
    """Yields the ways in which a parameter can be sent, as name and value pairs. `inner`: the names below
    it."""
    for text in _TEXTS:
        yield [(name, text)]
    yield [(name, "one"), (name, "two")]
    for name_below in (*inner, "in", "lacking"):
        path = f"{name}[{name_below}]"
        for text in _TEXTS if name_below == (inner or [""])[0] else _FEW_TEXTS:
            yield [(path, text)]
        yield [(path, "one"), (path, "two")]
        yield [(f"{path}[deep]", "one")]
        yield [(f"{name}[0][{name_below}]", "one"), (f"{name}[1][{name_below}]", "two")]
        yield [(name, "one"), (path, "two")]
