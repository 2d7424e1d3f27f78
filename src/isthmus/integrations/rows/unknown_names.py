"""Names that are not known, and those that come near."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from isthmus.errors import NotFound
from isthmus.integrations.rows.body_checks import Failures
from isthmus.kit.close_names import close_to

__all__ = ["check_resource_and_method", "match_either_separator", "suggest_names", "unknown_name_error"]


def suggest_names(name: str, known: Iterable[str]) -> str:
    """Those that come near, or all of them, to be chosen from."""
    every = sorted(set(known))
    return ", ".join(close_to(name, every) or every)


def check_resource_and_method(
    failures: Failures,
    model: str,
    resources: Mapping[str, Mapping[str, Any]],
    cell: tuple[str, str],
    paths: tuple[str, str],
) -> None:
    """Adds the first of a cell's two names, resource and method, that is none of the model's, at its path. A
    resource that lists no methods has any."""
    resource, method = cell
    found = resources.get(resource)
    if found is None:
        right = f"must be a resource of {model}: {suggest_names(resource, resources)}"
        failures.add(paths[0], right, "unknown_resource")
    elif (methods := found.get("methods")) and method not in methods:
        failures.add(paths[1], f"must be a method of {resource}: {', '.join(methods)}", "unknown_method")


def match_either_separator(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` means: itself, or with `-` for `_` or `_` for `-`; None for neither."""
    names = set(known)
    for candidate in (name, name.replace("-", "_"), name.replace("_", "-")):
        if candidate in names:
            return candidate
    return None


def unknown_name_error(what: str, name: str, known: Iterable[str], advice: str) -> NotFound:
    """NotFound for `name`; `what` says what was looked for and where, `advice` what to do."""
    close = close_to(name, known)
    hint = f" Close to it: {', '.join(close)}." if close else ""
    details = {"close_names": close} if close else None
    return NotFound(f"{what}.{hint} {advice}", details=details)
