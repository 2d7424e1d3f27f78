"""Makes unique tool names for the methods of an integration."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Final

__all__ = ["assign_tool_names", "to_singular"]

_MAX_LENGTH: Final = 64
_PATTERNS: Final = {
    "list": "list_all_{integration}_{resource}",
    "get": "get_single_{integration}_{one}_by_id",
    "create": "create_a_{integration}_{one}",
    "update": "update_a_{integration}_{one}_by_id",
    "delete": "delete_a_{integration}_{one}_by_id",
}
_CUSTOM_PATTERN: Final = "{integration}_{resource}_{method}"
_WORD_BOUNDARY: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NOT_ALPHANUMERIC: Final = re.compile(r"[^a-z0-9]+")
_SINGULAR_IN_S: Final = re.compile(r"(?:ss|us|is|news|series|species)$")


def assign_tool_names(
    integration: str, methods: Iterable[tuple[str, str]], template: str | None = None
) -> Mapping[tuple[str, str], str]:
    """Returns a unique name for each (resource, method), of at most 64 characters of `[a-zA-Z0-9_-]`.

    The order of `methods` does not change the names. `template` replaces the default patterns; in it stand
    `{integration}`, `{resource}`, `{one}` (the singular of the resource) and `{method}`, each in snake_case.
    """
    names: dict[tuple[str, str], str] = {}
    taken_names: set[str] = set()
    for resource, method in sorted(methods):
        name = preferred_name = _format_name(integration, resource, method, template)
        count = 1
        while name in taken_names:
            count += 1
            ending = f"_{count}"
            name = preferred_name[: _MAX_LENGTH - len(ending)] + ending
        taken_names.add(name)
        names[resource, method] = name
    return names


def to_singular(noun: str) -> str:
    """Returns the singular of an English noun, such as `company` for `companies`; other words are
    unchanged."""
    if not noun.endswith("s") or _SINGULAR_IN_S.search(noun):
        return noun
    if noun.endswith("ies") and len(noun) > 4:
        return noun[:-3] + "y"
    if re.search(r"(?:sses|shes|[nrt]ches|xes|zzes|tuses)$", noun):
        return noun[:-2]
    return noun[:-1]


def _format_name(integration: str, resource: str, method: str, template: str | None) -> str:
    """Returns the name of one method by its pattern; a name over 64 characters is cut and ends in a hash."""
    resource = _to_snake_case(resource)
    pattern = template or _PATTERNS.get(method, _CUSTOM_PATTERN)
    name = pattern.format(
        integration=_to_snake_case(integration),
        resource=resource,
        one=to_singular(resource),
        method=_to_snake_case(method),
    )
    if len(name) <= _MAX_LENGTH:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:6]
    return f"{name[: _MAX_LENGTH - 7]}_{digest}"


def _to_snake_case(text: str) -> str:
    """Returns the text in snake_case; a hash of it if it has no letter or digit."""
    words = _NOT_ALPHANUMERIC.sub("_", _WORD_BOUNDARY.sub("_", text).lower()).strip("_")
    return words or hashlib.sha256(text.encode()).hexdigest()[:6]
