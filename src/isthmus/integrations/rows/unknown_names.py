"""Makes the errors for unknown names, with suggestions of known names that are close to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from isthmus.errors import NotFound
from isthmus.integrations.rows.body_checks import Failures
from isthmus.kit.close_names import find_close_names

__all__ = [
    "check_resource_and_method",
    "make_unknown_name_error",
    "suggest_names",
]


def suggest_names(name: str, known_names: Iterable[str]) -> str:
    """Returns the known names close to `name`, or all of them if none is close; joined by commas."""
    candidates = sorted(set(known_names))
    return ", ".join(find_close_names(name, candidates) or candidates)


def check_resource_and_method(
    failures: Failures,
    model_name: str,
    resources: Mapping[str, Mapping[str, Any]],
    resource_and_method: tuple[str, str],
    failure_paths: tuple[str, str],
) -> None:
    """Adds a failure if the resource, or else the method, is not one of the unified model's.

    `resources`: of the model; a resource that lists no methods allows every method. `failure_paths`:
    where the two names of `resource_and_method` stand in the request body.
    """
    resource, method = resource_and_method
    definition = resources.get(resource)
    if definition is None:
        message = f"must be a resource of {model_name}: {suggest_names(resource, resources)}"
        failures.add(failure_paths[0], message, "unknown_resource")
    elif (methods := definition.get("methods")) and method not in methods:
        failures.add(
            failure_paths[1], f"must be a method of {resource}: {', '.join(methods)}", "unknown_method"
        )


def make_unknown_name_error(problem: str, name: str, known_names: Iterable[str], advice: str) -> NotFound:
    """Returns a NotFound error that suggests known names close to `name`.

    `problem` says what was not found and where, `advice` what the caller can do.
    """
    close = find_close_names(name, known_names)
    hint = f" Close to it: {', '.join(close)}." if close else ""
    details = {"close_names": close} if close else None
    return NotFound(f"{problem}.{hint} {advice}", details=details)
