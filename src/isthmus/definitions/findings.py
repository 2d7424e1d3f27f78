"""Defines findings, which checks report about a definition, and finds keys that no field has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel

from isthmus.kit.close_names import find_closest_name

__all__ = ["Finding", "Severity", "find_section", "find_unknown_keys"]

Severity: TypeAlias = Literal["error", "warn", "info"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One result of a check. `path`: dotted, from the top of the document. `line`: 1-based, None where the
    text is not known. `position`: 0-based in an expression's text. `section`: the part of the definition.
    `source`: the family of rules. `fix`: what would be right."""

    severity: Severity
    section: str
    source: str
    message: str
    path: str = ""
    fix: str | None = None
    resource: str | None = None
    method: str | None = None
    line: int | None = None
    position: int | None = None

    def as_json(self) -> dict[str, object]:
        """Returns the finding as JSON."""
        return asdict(self)


def find_section(path: str) -> str:
    """Returns the part of the definition that a dotted path belongs to: its first name, below `config`;
    `mapping` for cells."""
    names = path.removeprefix("config.").split(".")
    return "mapping" if names[0] == "cells" else names[0]


def find_unknown_keys(model: BaseModel, *, top: Severity, path: str = "") -> Iterator[Finding]:
    """Yields findings for keys that no field has, which are most likely misspelt. `top`: the severity for
    keys of the model itself; for those below it is a warning. `path`: of the model."""
    names = {field.alias or name for name, field in type(model).model_fields.items()}
    for key in model.model_extra or {}:
        close = find_closest_name(key, names)
        below = f"{path}.{key}" if path else key
        yield Finding(
            severity=top,
            section=find_section(below),
            source="schema",
            path=below,
            message=f"{key} is not a field here and is not read",
            fix=f"did you mean {close}?" if close else None,
        )
    for name, field in type(model).model_fields.items():
        yield from _find_unknown_below(
            getattr(model, name), f"{path}.{field.alias or name}" if path else field.alias or name
        )


def _find_unknown_below(value: Any, path: str) -> Iterator[Finding]:
    """Yields findings for unknown keys of the models in a value."""
    if isinstance(value, BaseModel):
        yield from find_unknown_keys(value, top="warn", path=path)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _find_unknown_below(item, f"{path}.{key}")
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _find_unknown_below(item, f"{path}.{index}")
