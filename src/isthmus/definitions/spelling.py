"""Keys of a definition that no field has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from isthmus.definitions.findings import Finding, Severity, section_of
from isthmus.kit.close_names import closest

__all__ = ["unknown_keys"]


def unknown_keys(model: BaseModel, *, top: Severity, path: str = "") -> Iterator[Finding]:
    """Keys that no field has: at the top with the severity `top`, below it a warning, since a misspelt
    field changes nothing silently."""
    names = {field.alias or name for name, field in type(model).model_fields.items()}
    for key in model.model_extra or {}:
        close = closest(key, names)
        below = f"{path}.{key}" if path else key
        yield Finding(
            severity=top,
            section=section_of(below),
            source="schema",
            path=below,
            message=f"{key} is not a field here and is not read",
            fix=f"did you mean {close}?" if close else None,
        )
    for name, field in type(model).model_fields.items():
        yield from _below(
            getattr(model, name), f"{path}.{field.alias or name}" if path else field.alias or name
        )


def _below(value: Any, path: str) -> Iterator[Finding]:
    if isinstance(value, BaseModel):
        yield from unknown_keys(value, top="warn", path=path)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _below(item, f"{path}.{key}")
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _below(item, f"{path}.{index}")
