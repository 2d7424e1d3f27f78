"""Names of tools: what a method is called where each has to have one name of its own (`events.md` §7)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Final

__all__ = ["assign_tool_names", "to_singular"]

_MOST_CHARACTERS: Final = 64
_PATTERNS: Final = {
    "list": "list_all_{integration}_{resource}",
    "get": "get_single_{integration}_{one}_by_id",
    "create": "create_a_{integration}_{one}",
    "update": "update_a_{integration}_{one}_by_id",
    "delete": "delete_a_{integration}_{one}_by_id",
}
_CUSTOM: Final = "{integration}_{resource}_{method}"
_WORD_ENDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_OTHER: Final = re.compile(r"[^a-z0-9]+")
_KEPT: Final = re.compile(r"(?:ss|us|is|news|series|species)$")


def assign_tool_names(
    integration: str, methods: Iterable[tuple[str, str]], template: str | None = None
) -> Mapping[tuple[str, str], str]:
    """A name for each (resource, method), of at most 64 of `[a-zA-Z0-9_-]`, each different; the same for the
    same methods, in whatever order they come. `template`: in the place of the usual patterns, with
    `{integration}`, `{resource}`, `{one}` (of the resource) and `{method}`, each in snake_case."""
    names: dict[tuple[str, str], str] = {}
    taken: set[str] = set()
    for resource, method in sorted(methods):
        name = wanted = _format_name(integration, resource, method, template)
        count = 1
        while name in taken:
            count += 1
            ending = f"_{count}"
            name = wanted[: _MOST_CHARACTERS - len(ending)] + ending
        taken.add(name)
        names[resource, method] = name
    return names


def to_singular(noun: str) -> str:
    """`companies` -> `company`; a word that does not look like a plural stays."""
    if not noun.endswith("s") or _KEPT.search(noun):
        return noun
    if noun.endswith("ies") and len(noun) > 4:
        return noun[:-3] + "y"
    if re.search(r"(?:sses|shes|[nrt]ches|xes|zzes|tuses)$", noun):
        return noun[:-2]
    return noun[:-1]


def _format_name(integration: str, resource: str, method: str, template: str | None) -> str:
    product, thing = _to_snake_case(integration), _to_snake_case(resource)
    pattern = template or _PATTERNS.get(method, _CUSTOM)
    name = pattern.format(
        integration=product, resource=thing, one=to_singular(thing), method=_to_snake_case(method)
    )
    if len(name) <= _MOST_CHARACTERS:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{name[: _MOST_CHARACTERS - 7]}_{digest}"


def _to_snake_case(text: str) -> str:
    """A text without a letter or digit of its own becomes a hash of it."""
    words = _OTHER.sub("_", _WORD_ENDS.sub("_", text).lower()).strip("_")
    return words or hashlib.sha256(text.encode()).hexdigest()[:6]
