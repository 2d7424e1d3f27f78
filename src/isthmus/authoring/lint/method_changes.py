"""Finds methods that were added or removed since an earlier definition (source `method_coverage`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from isthmus.definitions.findings import Finding
from isthmus.definitions.json_values import as_mapping

__all__ = ["check_method_changes"]


def check_method_changes(config: Mapping[str, Any], earlier: Mapping[str, Any]) -> Iterator[Finding]:
    """Yields a finding for each removed and each new method. `config`: the newer of two configs of an
    integration, `earlier`: the older."""
    now, before = _list_methods(config), _list_methods(earlier)
    for resource, method in sorted(before - now):
        yield Finding(
            severity="warn",
            section="resources",
            source="method_coverage",
            path=f"resources.{resource}",
            message=f"had {resource}.{method}, and has it no more: whoever calls it is answered with 404",
            fix="keep it, or tell those who call it",
            resource=resource,
            method=method,
        )
    for resource, method in sorted(now - before):
        yield Finding(
            severity="info",
            section="resources",
            source="method_coverage",
            path=f"resources.{resource}.{method}",
            message="is new",
            resource=resource,
            method=method,
        )


def _list_methods(config: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Returns `(resource, method)` of each method in a config; one whose body is null does not exist."""
    return {
        (str(resource), str(name))
        for resource, methods in as_mapping(config.get("resources")).items()
        for name, body in as_mapping(methods).items()
        if body is not None
    }
