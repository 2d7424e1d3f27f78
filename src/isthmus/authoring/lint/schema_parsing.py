"""Parses definitions into models, with findings for what is invalid (source `schema`)."""

from __future__ import annotations

import copy
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from isthmus.definitions.findings import Finding, find_section
from isthmus.definitions.load import pair_failures

__all__ = ["parse_model", "salvage_model"]

M = TypeVar("M", bound=BaseModel)

_MAX_ROUNDS: Final = 50


def parse_model(model: type[M], data: object) -> tuple[M | None, list[Finding]]:
    """Parses JSON into a model. Returns `(model, [])`, or `(None, findings)` for invalid JSON."""
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        return None, [
            Finding(
                severity="error",
                section=find_section(item["path"]),
                source="jsonata" if item["code"] == "expression" else "schema",
                path=item["path"],
                message=item["message"],
                position=(found.get("ctx") or {}).get("position"),
            )
            for found, item in pair_failures(error, data)
        ]


def salvage_model(model: type[M], data: Any, findings: list[Finding]) -> M | None:
    """Makes a model of an invalid document without its invalid parts, for rules that read models.

    Returns None if removing the parts with findings does not make it valid. `data`: the document. `findings`:
    those of `parse_model` for it.
    """
    rest = copy.deepcopy(data)
    for _ in range(_MAX_ROUNDS):
        if not findings or not _remove_at(rest, findings[0].path):
            return None
        parsed, findings = parse_model(model, rest)
        if parsed is not None:
            return parsed
    return None


def _remove_at(data: Any, path: str) -> bool:
    """Removes the value at the path, or the object that lacks it. Returns False if there was nothing to
    remove."""
    name, *inner_names = path.split(".")
    if not _has_item(data, name):
        return False
    place = data
    for inner_name in inner_names:
        inner = place[int(name)] if isinstance(place, list) else place[name]
        if not _has_item(inner, inner_name):
            break
        place, name = inner, inner_name
    del place[int(name) if isinstance(place, list) else name]
    return True


def _has_item(value: Any, name: str) -> bool:
    """Returns True if an object has the key, or an array the index."""
    if isinstance(value, dict):
        return name in value
    return isinstance(value, list) and name.isdigit() and int(name) < len(value)
